// What a thief in an account can do, for the makers of attacks (detect_attacks.cc: the families the
// tables know; detect_strangers.cc: attacks written after them).
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/mail_address.h"
#include "bench/detect_people.h"
#include "bench/detect_world.h"

namespace sekimori::bench {

// What an attack knows of its victim: the past only.
struct Victim {
  std::size_t account = 0;
  std::vector<std::string> contacts;        // written to; sorted
  std::vector<std::string> correspondents;  // who wrote to the victim
  std::vector<std::string> of_the_house;    // whom other accounts wrote to
  std::vector<std::int64_t> day_time;       // seconds of the day of the owner's messages
  Sighting desk;                            // where the owner's last message came from
};

// One attack's plan while it is written down.
class Thief {
 public:
  Thief(World& out, const World& benign, Random& r, const WorldOptions& o, Victim victim,
        AttackKind kind)
      : out_(out),
        benign_(benign),
        r_(r),
        o_(o),
        victim_(std::move(victim)),
        account_(benign.accounts[victim_.account]),
        own_domain_(domain_of(account_)),
        id_(static_cast<std::int32_t>(out.attacks.size())),
        borrowed_(draw_person(r)),
        complainers_(complainers_of(o, kind, out.attacks.size())) {
    out.attacks.push_back({victim_.account, kind, 0, {}});
    base_size_ = static_cast<double>(size_of(r, borrowed_.size_mu));
    alike_ = log_uniform(r, .005, .5);
    bounce_share_ = uniform(r, .05, .3);
    const auto addresses = static_cast<std::size_t>(log_uniform(r, 50, 400));
    const auto countries = static_cast<std::size_t>(log_uniform(r, 5, k_countries));
    std::vector<std::size_t> from;
    for (std::size_t i = 0; i < countries; ++i) from.push_back(pick(r, k_countries));
    for (std::size_t i = 0; i < addresses; ++i) {
      const std::size_t op =
          uniform(r) < .33 ? home_op() : 3 * from[pick(r, countries)] + pick(r, 3);
      botnet_.push_back({address_of(op, pick(r, 4000), pick(r, 200)), place_of(op)});
    }
    move(false);
  }
  // A new address: of the victim's providers (a third, or always when `local`), else anywhere.
  void move(bool local) {
    const std::size_t op = local || uniform(r_) < .33 ? home_op() : pick(r_, k_operators);
    seen_ = {address_of(op, pick(r_, 4000), pick(r_, 200)), place_of(op)};
  }
  // Where the owner sits: a program on the owner's own computer.
  void move_to_the_desk() { seen_ = victim_.desk; }
  // Nobody tells where the mail comes from, as behind a webmail that keeps it to itself.
  void hide() { seen_ = {}; }
  void move_in_botnet() { seen_ = botnet_[pick(r_, botnet_.size())]; }
  void login(double t) {
    if (!o_.logins) return;
    Login l;
    l.ip = seen_.ip;
    if (o_.places) l.place = seen_.place;
    push(t, l);
  }
  void set_forward(double t) {
    if (o_.logins) push(t, SettingsChange{SettingKind::forward, ""});
  }
  // All of the mailbox is read, as a new telephone would.
  void read(double t) {
    const Session s = read_all(r_, seen_);
    if (o_.logins) push(t + s.seconds, s);
  }
  // Somebody who never wrote to this mailbox writes to it.
  void prime(double t, const std::string& from) { push(t, Received{from}); }
  // Nobody's or anybody's address, in a mail domain that owners write to.
  std::string unknown() {
    const double u = uniform(r_);
    if (u < .1) return benign_.addresses[pick(r_, benign_.addresses.size())];
    if (u < (o_.split ? .15 : .4)) return fmt::format("q{}@{}", r_() % 10'000'000, own_domain_);
    std::string_view domain = own_domain_;
    for (int tries = 0; domain == own_domain_ && tries < 50; ++tries)
      domain = domain_of(benign_.addresses[pick(r_, benign_.addresses.size())]);
    if (u > .97 || domain == own_domain_)
      return fmt::format("v{}@new{}.example", r_() % 10'000'000, r_() % 1000);
    return fmt::format("v{}@{}", r_() % 10'000'000, domain);
  }
  std::string colleague() {
    return uniform(r_) < .5 ? benign_.accounts[pick(r_, benign_.accounts.size())]
                            : fmt::format("staff{}@{}", r_() % 3000, own_domain_);
  }
  std::string contact() { return one_of(victim_.contacts); }
  // Anybody of a list, or somebody unknown where it is empty.
  std::string one_of(const std::vector<std::string>& list) {
    return list.empty() ? unknown() : list[pick(r_, list.size())];
  }
  void send(double t, std::vector<std::string> to) {
    Submission s = submission(r_, borrowed_, account_, seen_, o_);
    // One text for all, more or less personal.
    if (!o_.bare)
      s.size = static_cast<std::uint64_t>(base_size_ * uniform(r_, 1 - alike_, 1 + alike_));
    const auto number =
        static_cast<std::uint32_t>(benign_.benign_messages + ++out_.benign_messages);
    s.queue_id = fmt::format("A{}", number);
    s.to = std::move(to);
    auto& attack = out_.attacks[static_cast<std::size_t>(id_)];
    attack.recipients += s.to.size();
    if (!attack.first.is_set() || at(t) < attack.first) attack.first = at(t);
    for (const std::string& rcpt : s.to) {
      const bool known = std::ranges::binary_search(victim_.contacts, rcpt);
      if (uniform(r_) >= (known ? .005 : bounce_share_)) continue;
      const double later = uniform(r_, 2, 300);
      if (o_.bounces) push(t + later, unknown_user(s.queue_id, rcpt), number);
    }
    for (const std::string& rcpt : s.to) {
      const auto later = complainers_.next();
      if (later && o_.bounces) push(t + *later, complaint(s.queue_id, rcpt), number);
    }
    push(t, std::move(s), number);
  }
  // The nearest later moment at a time of day when the owner writes.
  double in_office_hours(double t) {
    const auto tod = static_cast<double>(victim_.day_time[pick(r_, victim_.day_time.size())]);
    const double moment = std::floor(t / 86400) * 86400 + tod;
    return moment < t ? moment + 86400 : moment;
  }
  [[nodiscard]] const std::vector<std::string>& contacts() const { return victim_.contacts; }
  [[nodiscard]] const Victim& victim() const { return victim_; }
  // One text and one botnet for several accounts.
  void share(double base_size, double alike, std::vector<Sighting> botnet) {
    base_size_ = base_size;
    alike_ = alike;
    botnet_ = std::move(botnet);
  }
  [[nodiscard]] double base_size() const { return base_size_; }
  [[nodiscard]] const std::vector<Sighting>& botnet() const { return botnet_; }

 private:
  static Complainers complainers_of(const WorldOptions& o, AttackKind kind, std::size_t number) {
    const std::uint64_t seed = mix64(o.seed * 1009 + static_cast<unsigned>(kind) * 65'537 + number);
    Random r(seed);
    constexpr auto k_share = Complainers::k_of_spam;
    return {seed + 1, log_uniform(r, k_share[0], k_share[1])};
  }
  [[nodiscard]] std::size_t home_op() {
    const auto& owner = benign_.owners[victim_.account];
    return uniform(r_) < .7 ? owner.op : owner.mobile_op;
  }
  void push(double t, EventBody body, std::uint32_t message = 0) {
    WorldEvent e;
    e.event.t = at(t);
    e.event.account = account_;
    e.event.body = std::move(body);
    e.attack = id_;
    e.message = message;
    out_.events.push_back(std::move(e));
  }
  World& out_;
  const World& benign_;
  Random& r_;
  const WorldOptions& o_;
  Victim victim_;
  std::string account_, own_domain_;
  std::int32_t id_;
  Person borrowed_;
  Complainers complainers_;
  Sighting seen_;
  std::vector<Sighting> botnet_;
  double base_size_ = 0, alike_ = 0, bounce_share_ = 0;
};

}  // namespace sekimori::bench
