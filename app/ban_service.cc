#include "app/ban_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <utility>

#include "app/machine_words.h"
#include "app/time_zones.h"
#include "web/json_bans.h"

namespace sekimori::app {
namespace {

using namespace decide;
using namespace std::chrono_literals;

// Changes that wait for the database while it is away; beyond it the oldest are given up (the bans
// themselves hold, only their records are lost).
constexpr std::size_t k_unkept_max = 200'000;
// A transaction of so many rows is well below a second.
constexpr std::size_t k_rows_at_once = 2000;
// Sign-ins that tell, at a start, who lives where.
constexpr std::size_t k_remembered_max = 500'000;
// The places of accounts: who was away for longer meets at most a delay, and only under attack.
constexpr Duration k_places_window = days(90);
constexpr std::size_t k_bans_remembered = 100'000;
// Devices that wait to be written down; what is beyond it is noticed again tomorrow.
constexpr std::size_t k_forgotten_max = 10'000;
// Letters of one look, so that a first day does not send ten thousand at once.
constexpr std::size_t k_letters_max = 20;
// Counters written at once: an attack fills no disk faster than so much each k_counter_pace; what
// is left comes with the next.
constexpr std::size_t k_counter_bytes = 8U << 20U;
constexpr auto k_counter_pace = 2s;
constexpr auto k_second = 1s;
constexpr auto k_hits_pace = 20s;
constexpr auto k_firewall_pace = 5s;  // between two tries, and two looks whether it is there
constexpr auto k_networks_pace = 2s;  // of a change of all networks
constexpr auto k_prune_pace = 1h;

std::uint32_t seconds_left(const Ban& ban, Instant now) {
  if (!ban.until.is_set()) return 0;
  return static_cast<std::uint32_t>(std::max<std::int64_t>((ban.until - now).us / 1'000'000, 1));
}

bool is_host(const IpNetwork& network) {
  return network.bits() == (network.address().is_v4() ? 32 : 64);
}

}  // namespace

BanService::BanService(BanParts parts)
    : parts_(std::move(parts)),
      table_(parts_.key),
      guard_(parts_.guessing, parts_.key, table_),
      helper_(parts_.helper_socket, parts_.helper_timeout),
      enforced_(parts_.enforced),
      telling_(parts_.tell_owners),
      counters_(parts_.counter_file,
                {.head = GuessGuard::head(),
                 .load =
                     [this](std::string_view bytes) {
                       return guard_.load(bytes, parts_.now() - guard_.settings().forget);
                     },
                 .changes = [this](std::string& out) { guard_.take_changes(out, k_counter_bytes); },
                 .dump = [this](const auto& each) { return guard_.dump(each); }}) {}

// ---------------------------------------------------------------- start and end

Result<void> BanService::load() {
  const Instant now = parts_.now();
  // Before the bans, whose word on them is the last.
  auto counted = counters_.open([this](std::string_view trouble) {
    parts_.log(fmt::format("counters of guesses: {}", trouble));
  });
  if (!counted) return counted;
  auto last = parts_.store.last_id();
  if (!last) return std::unexpected(last.error());
  next_id_ = *last + 1;
  auto old = parts_.store.ended_since(now - guard_.settings().forget, k_bans_remembered);
  if (!old) return std::unexpected(old.error());
  for (const Ban& ban : *old) guard_.remember(ban);
  auto bans = parts_.store.in_force();
  if (!bans) return std::unexpected(bans.error());
  for (Ban& ban : *bans) {
    guard_.remember(ban);
    if (!table_.put(std::move(ban))) break;
  }
  // Who lives where must be known before anybody is banned.
  const std::int64_t hour = (now - k_places_window).us / 1'000'000 / 3600;
  auto sign_ins = parts_.figures.good_sign_ins(hour, k_remembered_max);
  if (!sign_ins) return std::unexpected(sign_ins.error());
  GuessNews none;
  for (const SignInRow& row : *sign_ins) {
    const auto ip = IpAddress::parse(row.key.ip);
    if (!ip) continue;
    SignInTry t;
    t.account = row.key.account;
    t.ip = *ip;
    t.place.asn = row.place.asn;
    t.place.hosting = row.place.hosting;
    for (const Instant when : {row.first, row.last}) {
      t.now = when;
      guard_.right(t, true, [] { return Acquaintance{}; }, none);
    }
  }
  return {};
}

void BanService::start() {
  thread_.start("bans", [this](bool) { return work(); });
}

void BanService::stop() {
  thread_.stop();
  keep_forgotten(parts_.now());
  keep_counters(parts_.now());
}

// ---------------------------------------------------------------- from the login path

bool BanService::goes_to_firewall(const Ban& ban) const {
  return parts_.firewall && enforced_ && ban.reach == BanReach::packets &&
         !(parts_.is_spared && parts_.is_spared(ban.network));
}

void BanService::rules_changed() {
  if (!parts_.firewall) return;
  rules_changed_ = true;
  thread_.wake();
}

void BanService::tell(Change change) {
  {
    const std::lock_guard lock(mutex_);
    if (changes_.size() >= k_unkept_max) {
      lost_.fetch_add(1);
      return;
    }
    changes_.push_back(std::move(change));
  }
  thread_.wake();
}

bool BanService::impose(Ban& ban) {
  ban.id = next_id_.fetch_add(1);
  const auto before = table_.get(ban.network);
  if (!table_.put(ban)) {
    lost_.fetch_add(1);
    return false;
  }
  made_.fetch_add(1);
  if (before) {
    Change over;
    over.record.ban = *before;
    over.record.ended = ban.since;
    over.record.ended_by = ban.by;
    over.ended = true;
    tell(std::move(over));
  }
  tell({{ban, {}, {}}, false});
  return true;
}

void BanService::news(GuessNews&& news) {
  for (Ban& ban : news.bans) {
    // A person's ban of the same network is not shortened by ours.
    const auto there = table_.get(ban.network);
    if (there && !there->is_over(ban.since) &&
        (there->kind == BanKind::person || there->kind == BanKind::imported)) {
      continue;
    }
    (void)impose(ban);
  }
  const Instant now = parts_.now();
  // In the account's history, where whoever helps its owner looks.
  const auto note = [&](const std::string& account, std::string action, const Text& words) {
    AuditEntry entry;
    entry.t = now;
    entry.who = "machine";
    entry.action = std::move(action);
    entry.subject = {SubjectKind::account, account};
    entry.detail = words_detail(words);
    parts_.writer.put(entry);
  };
  for (const AccountGuessed& account : news.accounts) {
    if (account.begun) closed_.fetch_add(1);
    const Text words = account_guessed_words(account);
    note(account.account, account.begun ? "guessing_begins" : "guessing_ends", words);
    parts_.log(fmt::format("guessing at {}: {}", account.account, words.en));
    parts_.publish("guessing", boost::json::serialize(boost::json::object{
                                   {"account", account.account},
                                   {"begun", account.begun},
                                   {"text", {{"ja", words.ja}, {"en", words.en}}}}));
  }
  for (const ForgottenSetting& setting : news.forgotten) {
    forgotten_count_.fetch_add(1);
    note(setting.account, "forgotten_setting", forgotten_words(setting));
    {
      const std::lock_guard lock(mutex_);
      if (forgotten_.size() < k_forgotten_max) forgotten_.push_back(setting);
    }
    parts_.log(fmt::format("forgotten setting of {}: {} from {}, the same wrong password {} times",
                           setting.account, to_string(setting.service), setting.ip.to_string(),
                           setting.repeats));
  }
  for (const GuessedRight& right : news.right) {
    right_.fetch_add(1);
    parts_.log(fmt::format("guessed: {}: {}", right.account, right.why.en));
    parts_.publish("guessed", boost::json::serialize(boost::json::object{
                                  {"account", right.account},
                                  {"text", {{"ja", right.why.ja}, {"en", right.why.en}}}}));
    // What strangers did elsewhere is for the judge alone: it has it with the sign-in.
    const auto mode = parts_.engine.view(right.account, now).mode;
    if (!right.restricts || mode != Mode::enforce || parts_.engine.bypass()) continue;
    // No sending until somebody looked: whoever guessed the password has it.
    StandingRequest request{.kind = RequestKind::restrict,
                            .by_machine = true,
                            .to_probation = false,
                            .by = "machine",
                            .reason = right.why,
                            .now = now};
    if (auto news_of = parts_.engine.request({SubjectKind::account, right.account}, request);
        news_of && news_of->changed) {
      parts_.writer.put(*news_of);
    }
  }
}

std::string BanService::mail_refusal(const IpAddress& client, Instant now) {
  if (!enforced_ || guard_.is_own(client)) return "";
  const auto ban = table_.find(client, now);
  if (!ban || ban->reach != BanReach::packets) return "";
  table_.hit(client, now);
  return fmt::format(
      "450 4.7.1 [{}] is refused for now: it is on this server's list of those who guess "
      "passwords (ban {})",
      client.to_string(), ban->id);
}

// ---------------------------------------------------------------- the thread

std::optional<BanService::Time> BanService::work() {
  const Instant now = parts_.now();
  const Time at = act::WorkerThread::Clock::now();
  std::vector<Change> changes;
  {
    const std::lock_guard lock(mutex_);
    changes.swap(changes_);
  }
  if (at >= next_second_) {
    next_second_ = at + k_second;
    for (Ban& ban : table_.take_over(now)) {
      Change over;
      over.record.ended = ban.until;
      over.record.ended_by = "time";
      over.record.ban = std::move(ban);
      over.ended = true;
      changes.push_back(std::move(over));
    }
  }
  // Packets first: that is what somebody waits for.
  if (parts_.firewall) enforce(changes, now);
  for (const Change& change : changes) {
    parts_.publish("ban", boost::json::serialize(web::json_of_ban(row_of(change.record))));
  }
  if (at >= next_hits_) {
    next_hits_ = at + k_hits_pace;
    for (Ban& ban : table_.take_hit()) changes.push_back({{std::move(ban), {}, {}}, false});
  }
  keep(std::move(changes));
  keep_forgotten(now);
  if (at >= next_counters_) {
    next_counters_ = at + k_counter_pace;
    keep_counters(now);
  }
  if (at >= next_prune_) {
    next_prune_ = at + k_prune_pace;
    for (const auto& done : {parts_.store.prune(now - parts_.retention),
                             parts_.forgotten.prune(now - parts_.retention)}) {
      if (!done) parts_.log(fmt::format("bans: {}", done.error().text));
    }
  }
  return next_second_;
}

void BanService::keep(std::vector<Change> changes) {
  // One row a ban: the last word of it.
  std::ranges::move(changes, std::back_inserter(unkept_));
  if (unkept_.size() > k_unkept_max) {
    const auto surplus = unkept_.size() - k_unkept_max;
    lost_.fetch_add(surplus);
    unkept_.erase(unkept_.begin(), unkept_.begin() + static_cast<std::ptrdiff_t>(surplus));
  }
  std::string trouble;
  std::size_t done = 0;
  std::vector<BanRecord> rows;
  while (done < unkept_.size()) {
    rows.clear();
    const std::size_t end = std::min(unkept_.size(), done + k_rows_at_once);
    for (std::size_t i = done; i < end; ++i) rows.push_back(unkept_[i].record);
    if (auto put = parts_.store.put(rows); !put) {
      trouble = put.error().text;
      break;
    }
    done = end;
  }
  unkept_.erase(unkept_.begin(), unkept_.begin() + static_cast<std::ptrdiff_t>(done));
  const std::lock_guard lock(mutex_);
  if (!trouble.empty() && store_trouble_.empty()) parts_.log("bans are not kept: " + trouble);
  store_trouble_ = std::move(trouble);
}

void BanService::keep_counters(Instant now) {
  const auto done = counters_.keep(now);
  const std::lock_guard lock(mutex_);
  std::string trouble = done ? "" : done.error().text;
  if (!trouble.empty() && counter_trouble_.empty()) {
    parts_.log("counters of guesses are not kept: " + trouble);
  }
  counter_trouble_ = std::move(trouble);
}

void BanService::keep_forgotten(Instant now) {
  std::vector<ForgottenSetting> noticed;
  {
    const std::lock_guard lock(mutex_);
    noticed.swap(forgotten_);
  }
  std::size_t letters = 0;
  for (ForgottenSetting& setting : noticed) {
    const auto before = parts_.forgotten.find(setting);
    if (!before) {
      parts_.log(fmt::format("forgotten settings: {}", before.error().text));
      return;  // noticed again tomorrow
    }
    ForgottenDevice device{std::move(setting), now, now, {}};
    if (*before) {
      device.first = (*before)->first;
      device.told = (*before)->told;
    }
    // A stranger's repetition is no device of the owner's.
    const bool tells = device.setting.known && telling_ && parts_.send_letter &&
                       letters < k_letters_max &&
                       (!device.told.is_set() || device.told + parts_.tell_every <= now);
    if (auto done = parts_.forgotten.put(device); !done) {
      parts_.log(fmt::format("forgotten settings: {}", done.error().text));
    } else if (tells) {
      ++letters;
      tell_owner(std::move(device), now);
    }
  }
}

void BanService::tell_owner(ForgottenDevice device, Instant now) {
  // Kept first: a letter too few is better than one with each look.
  const Instant before = std::exchange(device.told, now);
  if (!parts_.forgotten.put(device)) return;
  const std::string where = parts_.operator_name ? parts_.operator_name(device.setting.ip) : "";
  const ZoneRule zone = server_zone();
  const auto in = [&](Language language) {
    return forgotten_letter(device, where, parts_.portal, parts_.provider, language, zone);
  };
  const auto first = in(parts_.language);
  const auto other = in(parts_.language == Language::ja ? Language::en : Language::ja);
  const std::string body = fmt::format("{}\n----\n\n{}", first.body, other.body);
  const std::string& account = device.setting.account;
  if (auto sent = parts_.send_letter(account, first.subject, body); !sent) {
    parts_.log(fmt::format("letter to {} about an old password: {}", account, sent.error().text));
    device.told = before;
    (void)parts_.forgotten.put(device);
  }
}

void BanService::begin_firewall(Instant now) {
  std::vector<act::HelperClient::Ban> hosts;
  auto done = helper_.firewall_begin();
  if (done) {
    for (const Ban& ban : table_.all()) {
      if (goes_to_firewall(ban) && !ban.is_over(now) && is_host(ban.network)) {
        hosts.push_back({ban.network, seconds_left(ban, now)});
      }
    }
    done = helper_.firewall_add(hosts);
  }
  std::string trouble = done ? "" : done.error().text;
  const std::lock_guard lock(mutex_);
  if (trouble != firewall_trouble_ || (done && !firewall_works_)) {
    parts_.log(done ? fmt::format("firewall: {} bans are in the kernel", hosts.size())
                    : "firewall: " + trouble);
  }
  firewall_trouble_ = std::move(trouble);
  firewall_works_ = done.has_value();
  in_firewall_ = hosts.size();
  networks_changed_ = true;
}

// All networks, without those that another one holds: the kernel takes none that overlap.
void BanService::put_networks(Instant now) {
  std::vector<Ban> bans = table_.all();
  std::erase_if(bans, [&](const Ban& ban) {
    return !goes_to_firewall(ban) || ban.is_over(now) || is_host(ban.network);
  });
  std::ranges::sort(bans, {}, [](const Ban& ban) {
    return std::pair(ban.network.address(), ban.network.bits());
  });
  std::vector<act::HelperClient::Ban> out;
  for (const Ban& ban : bans) {
    if (!out.empty() && out.back().network.contains(ban.network.address())) continue;
    out.push_back({ban.network, seconds_left(ban, now)});
  }
  if (auto done = helper_.firewall_networks(out); !done) {
    const std::lock_guard lock(mutex_);
    parts_.log("firewall: " + done.error().text);
    firewall_trouble_ = done.error().text;
    firewall_works_ = false;
    return;
  }
  networks_changed_ = false;
}

void BanService::enforce(const std::vector<Change>& changes, Instant now) {
  const Time at = act::WorkerThread::Clock::now();
  if (rules_changed_.exchange(false)) {
    firewall_works_ = false;
    next_firewall_ = at;
  }
  if (!firewall_works_) {
    if (at < next_firewall_) return;
    next_firewall_ = at + k_firewall_pace;
    begin_firewall(now);  // all of them, these changes included
    if (firewall_works_ && networks_changed_) put_networks(now);
    return;
  }
  std::vector<act::HelperClient::Ban> added;
  std::vector<IpNetwork> removed;
  for (const Change& change : changes) {
    const Ban& ban = change.record.ban;
    if (ban.reach != BanReach::packets) continue;
    if (!is_host(ban.network)) {
      networks_changed_ = true;
    } else if (!change.ended) {
      if (goes_to_firewall(ban)) added.push_back({ban.network, seconds_left(ban, now)});
    } else if (change.record.ended_by != "time") {
      // What ends by time the kernel ends by itself. One that another ban has replaced stays.
      const auto there = table_.get(ban.network);
      if (!there || there->is_over(now)) removed.push_back(ban.network);
    }
    if (change.ended && is_host(ban.network) && in_firewall_ > 0) --in_firewall_;
  }
  Result<void> done;
  if (!added.empty()) done = helper_.firewall_add(added);
  if (done && !removed.empty()) done = helper_.firewall_remove(removed);
  in_firewall_ += added.size();
  if (done && at >= next_firewall_) {
    next_firewall_ = at + k_firewall_pace;
    done = helper_.firewall_state();
  }
  if (!done) {
    {
      const std::lock_guard lock(mutex_);
      parts_.log("firewall: " + done.error().text);
      firewall_trouble_ = done.error().text;
    }
    firewall_works_ = false;
    next_firewall_ = at;  // somebody may only have taken our table away: made again at once
    return;
  }
  if (networks_changed_ && at >= next_networks_) {
    next_networks_ = at + k_networks_pace;
    put_networks(now);
  }
}

// ---------------------------------------------------------------- looking

std::string BanService::store_trouble() const {
  const std::lock_guard lock(mutex_);
  return store_trouble_.empty() ? counter_trouble_ : store_trouble_;
}

std::string BanService::firewall_trouble() const {
  const std::lock_guard lock(mutex_);
  return firewall_trouble_;
}

std::vector<web::Gauge> BanService::gauges() const {
  const auto gauge = [](std::string name, std::string help, double value, bool counter) {
    web::Gauge out;
    out.name = std::move(name);
    out.help = std::move(help);
    out.value = value;
    out.counter = counter;
    return out;
  };
  const auto of = [](const auto& n) { return static_cast<double>(n.load()); };
  return {
      gauge("sekimori_bans", "Bans in force.", static_cast<double>(table_.size()), false),
      gauge("sekimori_bans_total", "Bans made since the start.", of(made_), true),
      gauge("sekimori_ban_hits_total", "Refused because of a ban.",
            static_cast<double>(table_.hits()), true),
      gauge("sekimori_bans_lost_total", "Bans or their records that there was no room for.",
            of(lost_), true),
      gauge("sekimori_firewall_up", "1: the kernel has the bans.", firewall_works_ ? 1 : 0, false),
      gauge("sekimori_firewall_wanted", "1: the settings ask for it.", parts_.firewall ? 1 : 0,
            false),
      gauge("sekimori_accounts_closed_to_strangers_total",
            "Times an account was closed to places that are not its own.", of(closed_), true),
      gauge("sekimori_guessed_right_total", "Right passwords behind wrong ones, by a stranger.",
            of(right_), true),
      gauge("sekimori_forgotten_settings_total",
            "Programs that went on with an old password (once a day each).", of(forgotten_count_),
            true),
      gauge("sekimori_guessing_bytes", "Memory of the counters, at most.",
            static_cast<double>(guard_.bytes()), false),
  };
}

web::BanRow BanService::row_of(BanRecord record) const {
  web::BanRow row;
  if (parts_.operator_name) row.operator_name = parts_.operator_name(record.ban.network.address());
  row.in_firewall = firewall_works_ && !record.ended.is_set() && goes_to_firewall(record.ban);
  row.record = std::move(record);
  return row;
}

}  // namespace sekimori::app
