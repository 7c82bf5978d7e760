// Who guesses passwords: budgets for each address, network, account and pair of both, and what is
// done before and after they are spent.
//
// What is counted are different wrong passwords. The same wrong one again, from the same address
// for the same account, is a mail program with a forgotten setting: one count, however often it
// comes. Counts halve over time; how fast is learnt: a guesser who comes every two hours is met
// with a memory of days (k_memory times the median time between tries), one who comes every second
// with that of half an hour. So there is no window to stay below.
//
// An account that is guessed at from many networks is closed to places where it never was; where it
// lives, it goes on. Before an address is banned, the accounts that signed in from there of late
// are counted: none, and the firewall may drop its packets; a few, and they go on while others are
// refused; more, and nobody is refused.
//
// Pure: time comes with the calls. Any thread: each call takes short locks of single records, one
// after the other.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "base/ip_network.h"
#include "base/result.h"
#include "base/text.h"
#include "decide/ban.h"
#include "decide/ban_table.h"
#include "decide/forgotten.h"
#include "decide/track_table.h"

namespace sekimori::decide {

struct GuessSettings {
  double address_failures = 10;        // different wrong passwords; 0: addresses are not banned
  double network_failures = 40;        // of a /24 (IPv6: a /56), from four addresses at least
  std::uint32_t spray_accounts = 8;    // accounts that one address tried
  std::uint32_t unknown_names = 5;     // names without an account that it tried
  std::uint32_t wider_networks = 6;    // banned networks within a /20 (IPv6: a /48)
  double account_failures = 30;        // by strangers; 0: accounts are never closed to them
  std::uint32_t account_networks = 8;  // from as many networks at least
  Duration half_life = minutes(30);    // the shortest memory
  Duration ban_first = minutes(15);    // each further time ban_factor times longer, up to
  std::uint32_t ban_factor = 4;
  Duration ban_max = days(7);
  Duration forget = days(30);        // a ban so long ago is not counted any more
  Duration delay_max = seconds(5);   // Postfix waits 10 s, of which Dovecot takes its part
  std::uint32_t collateral_max = 3;  // more accounts than that: nobody is refused; ≤ 5
  Duration collateral_window = days(7);
  std::size_t addresses_max = 1'000'000;
  std::size_t accounts_max = 500'000;  // whose places are remembered
  std::vector<IpNetwork> own;          // webmail, own networks, probes: never counted nor banned
};

// One attempt to sign in.
struct SignInTry {
  std::string_view account;  // normalised
  bool exists = true;        // is it an account of this server?
  Service service = Service::other;
  IpAddress ip;
  Place place;
  std::uint16_t pwhash = 0;  // pwhash_bits(); 0: not known
  Instant now;
};

// What the account knows of the address (familiar()), and of the password.
struct Acquaintance {
  bool known = false;       // a network that vouches for the account
  bool seen = false;        // it was used from there, lately
  bool near = false;        // the network operator of a place that vouches; no hosting one
  bool has_places = false;  // it was ever used from anywhere
  bool right_hash = false;  // the password has the hash of the last good sign-in: one in 4096 has
};
// Asked only when it matters, at most once a call.
using Acquainted = std::function<Acquaintance()>;

struct GuessAnswer {
  enum class Action : std::uint8_t { pass, delay, refuse };
  Action action = Action::pass;
  int seconds = 0;                 // delay
  std::string_view rule = "pass";  // "ban", "strangers", "slow"
  Text message;                    // for the person; empty unless refused
  std::uint64_t ban = 0;
};

// What became of a report that somebody should know of.
struct AccountGuessed {  // an account is closed to strangers from now on, or no longer
  std::string account;
  bool begun = true;
  std::uint32_t failures = 0, addresses = 0, networks = 0;
  Duration pace;  // the median time between two tries
  Instant since;
};
struct GuessedRight {  // the right password, from a stranger, behind wrong ones
  std::string account;
  // The wrong ones were this address's own: what others did elsewhere never restricts an owner.
  bool restricts = false;
  SignInTry how;  // account: do not use, see above
  Text why;
};
struct GuessNews {
  std::vector<Ban> bans;  // without ids; in force when somebody puts them into the table
  std::vector<AccountGuessed> accounts;
  std::vector<ForgottenSetting> forgotten;
  std::vector<GuessedRight> right;
  [[nodiscard]] bool is_empty() const {
    return bans.empty() && accounts.empty() && forgotten.empty() && right.empty();
  }
};

// Dovecot's 12-bit hash ("025a") with a thirteenth bit set; 0 where there is none.
[[nodiscard]] std::uint16_t guess_pwhash(std::string_view hex);
[[nodiscard]] Text account_guessed_words(const AccountGuessed&);

class GuessGuard {
 public:
  // The table is asked, and its hits counted; bans are put into it by whoever gets the news.
  GuessGuard(GuessSettings settings, const HashKey& key, BanTable& bans);

  // Before the password is looked at. Changes nothing but a ban's hits.
  [[nodiscard]] GuessAnswer ask(const SignInTry&, const Acquainted&);
  // How it ended: a wrong password, or a refusal of ours (`refused`: its password was not looked
  // at, but it is a guess all the same).
  void wrong(const SignInTry&, bool refused, const Acquainted&, GuessNews& out);
  // The right one. Also at a start, for what is remembered of the last days (`remembered`).
  // What it came behind, for the judge: nothing where the account knows the place.
  GuessesBefore right(const SignInTry&, bool remembered, const Acquainted&, GuessNews& out);
  // What good sign-ins say of an address, without right_hash. A network vouches from the account's
  // sign-in on that came three days after its first one there; the account's first one does at
  // once.
  [[nodiscard]] Acquaintance familiar(const SignInTry&) const;
  // A ban that somebody remembers, over or not: the next one of the network is longer.
  void remember(const Ban&);
  // A person ended a ban: its counters start anew.
  void forgive(const IpNetwork&);

  // Accounts that signed in from this network within collateral_window (exact up to five an
  // address; six there stand for six and more). Looks through the whole memory: for people.
  [[nodiscard]] std::uint32_t collateral(const IpNetwork&, Instant now) const;
  [[nodiscard]] bool is_own(const IpAddress&) const;

  struct AccountView {
    bool closed_to_strangers = false;
    Instant since;
    std::uint32_t failures = 0, addresses = 0, networks = 0;
    Duration pace;
  };
  [[nodiscard]] AccountView account(std::string_view account, Instant now) const;
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t addresses() const { return addresses_.records(); }
  [[nodiscard]] std::uint64_t hash() const;
  [[nodiscard]] const GuessSettings& settings() const { return settings_; }

  // ---- keeping the counters (places come back from the history of sign-ins) ----
  // A record is a whole one, so that of two of the same key the later counts, and reading one twice
  // is harmless.
  //
  // Appends what changed since the last call, about `bytes_max` of it; the rest comes with the
  // next. One thread.
  void take_changes(std::string& out, std::size_t bytes_max);
  // Calls `each` with all of it, in parts; what changes meanwhile comes with take_changes.
  [[nodiscard]] Result<void> dump(const std::function<Result<void>(std::string_view)>& each) const;
  // What a file of records begins with.
  [[nodiscard]] static std::string_view head();
  // Reads records (with head()) until the end or a torn one; what was seen last before `oldest` is
  // left out. Returns how many were taken. Errors: bad_input (no head).
  [[nodiscard]] Result<std::size_t> load(std::string_view bytes, Instant oldest);

 private:
  // An address (IPv6: its /64), a network, or a wider one.
  struct Track {
    std::uint64_t key = 0;
    std::uint64_t parts = 0;  // of accounts tried; of a network: its addresses; wider: networks
    std::uint64_t names = 0;  // of names without account
    std::uint32_t seen = 0;
    float weight = 0;             // at `seen`
    std::uint32_t banned_at = 0;  // second
    std::uint8_t gap = 0;         // median time between tries: 2^(gap/4) seconds
    std::uint8_t times = 0;       // banned, of late
    std::uint16_t spare = 0;
  };
  struct Pair {
    std::uint64_t key = 0;
    std::uint32_t seen = 0;
    float weight = 0;
    std::array<std::uint16_t, 4> hashes{};
    std::uint16_t repeats = 0;
    std::uint8_t next = 0;
    std::uint8_t told = 0;
    std::uint32_t spare = 0;
  };
  struct Account {
    std::uint64_t key = 0;
    std::array<std::uint64_t, 2> networks{};
    std::uint32_t seen = 0;
    float weight = 0;
    std::uint32_t addresses = 0;  // since it was last calm
    std::uint32_t since = 0;      // second; 0: not closed
    std::uint8_t gap = 0;
    std::array<std::uint8_t, 7> spare{};
  };
  struct Good {
    static constexpr std::size_t k_accounts = 6;
    std::uint64_t key = 0;
    std::array<std::uint32_t, k_accounts> accounts{};
    std::array<std::uint32_t, k_accounts> seconds{};
    std::array<std::uint8_t, 16> network{};  // its first address
    std::uint32_t seen = 0;
    std::uint32_t level = 0;
  };
  struct Home {  // a network of one account
    std::uint64_t key = 0;
    std::uint32_t first = 0;  // second
    std::uint32_t seen = 0;
    std::uint32_t vouches = 0;
    std::uint32_t spare = 0;
  };
  struct Owner {  // an account that was ever used
    std::uint64_t key = 0;
    std::array<std::uint32_t, 5> operators{};  // ASNs of networks that vouch
    std::uint32_t seen = 0;
  };
  enum class Level : std::uint8_t { address, network, wider };
  // What a right password came behind, and what it means.
  struct Behind {
    GuessesBefore guesses;
    float own = 0;  // wrong ones of this pair
    bool stranger = false;
    bool restricts = false;
  };

  static constexpr std::uint8_t k_gap_start = 37;  // ten minutes, until it is learnt
  // Of the prefix that a level means: /32, /24, /20; IPv6: /64, /56, /48.
  [[nodiscard]] static int level_bits(bool v4, Level level);
  [[nodiscard]] std::uint64_t key_of(const IpAddress&, Level) const;
  [[nodiscard]] static IpNetwork network_of(const IpAddress&, Level);
  [[nodiscard]] float decayed(float weight, std::uint32_t seen, std::uint8_t gap,
                              std::uint32_t now) const;
  [[nodiscard]] Duration ban_time(std::uint8_t times) const;
  [[nodiscard]] std::uint32_t collateral_at(std::uint64_t key, Instant now) const;
  [[nodiscard]] bool is_closed(const Account&, std::uint32_t now) const;
  void count_address(const SignInTry&, std::uint64_t account, float count, GuessNews& out);
  void count_account(const SignInTry&, std::uint64_t account, bool new_pair, GuessNews& out);
  void note_home(const SignInTry&, std::uint64_t account);
  void note_lived(const SignInTry&, std::uint64_t account);
  [[nodiscard]] Behind behind(const SignInTry&, std::uint64_t account, const Acquainted&) const;
  template <class Guard, class Work>
  static void each_kept(Guard& guard, const Work& work);
  void banned(const SignInTry&, Level, GuessNews& out, Ban ban);
  [[nodiscard]] AccountGuessed told(std::string_view name, const Account&, bool begun) const;

  GuessSettings settings_;
  HashKey key_;
  BanTable& bans_;
  TrackTable<Track> addresses_;
  TrackTable<Track> networks_;
  TrackTable<Track> wider_;
  TrackTable<Pair> pairs_;
  TrackTable<Account> accounts_;
  TrackTable<Good> good_;
  TrackTable<Home> homes_;
  TrackTable<Owner> owners_;
};

}  // namespace sekimori::decide
