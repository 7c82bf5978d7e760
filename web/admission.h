// Who is let in: the token, and how often one address may try. Pure: the time is a parameter.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/instant.h"
#include "base/ip_address.h"
#include "base/ip_network.h"
#include "base/secret.h"
#include "web/api.h"

namespace sekimori::web {

// A shorter token could be guessed over the network; made by the program it has 43 characters.
inline constexpr std::size_t k_token_min = 16;

// The API's token, kept as a hash; comparing takes the same time whatever is presented.
class TokenCheck {
 public:
  // An unset token lets nobody in.
  explicit TokenCheck(const Secret& token);
  // `header`: the value of Authorization, "Bearer …" (RFC 6750 §2.1; the scheme in any case).
  [[nodiscard]] bool matches(std::string_view header) const;

 private:
  bool is_set_ = false;
  std::array<unsigned char, 32> hash_{};
};

// At most so many of something from one address (IPv6: one /64) in each minute.
class AddressLimiter {
 public:
  explicit AddressLimiter(std::uint32_t per_minute) : per_minute_(per_minute) {}
  // Counts one and says whether it is within the limit.
  [[nodiscard]] bool admit(const IpAddress&, Instant now);
  // Addresses remembered at once; beyond it those of minutes gone by are dropped and, when all are
  // of this minute, further ones share one counter.
  static constexpr std::size_t k_addresses_max = 8192;
  [[nodiscard]] std::size_t size() const { return counts_.size(); }

 private:
  struct Count {
    std::int64_t minute = 0;
    std::uint32_t used = 0;
  };
  std::uint32_t per_minute_;
  std::unordered_map<std::uint64_t, Count> counts_;
  Count shared_;
};

// How often owners may try to prove who they are, have codes sent, and go on with their token: by
// network (IPv4 address, IPv6 /64), by mail address, and by both, in windows of 15 minutes. Known
// and unknown addresses count alike. A stranger's tries from elsewhere use up the address's own
// limit only, which is wider than that of one network, so that the owner is not shut out by one
// thief at one place.
class OwnerLimiter {
 public:
  struct Limits {
    std::uint32_t per_network = 0;
    std::uint32_t per_address = 0;
    std::uint32_t per_both = 0;
  };
  // A person mistypes a code of twelve letters once or twice; six tries in 15 minutes are 576 a day
  // against 2^59. An office behind one address has more than one owner.
  static constexpr Limits k_prove{60, 20, 6};
  // Each costs a mail or a message to somebody.
  static constexpr Limits k_send{20, 5, 3};
  // The page judges a password while it is typed.
  static constexpr Limits k_go_on{600, 240, 240};
  // Good ones are taken back, so these are wrong passwords.
  static constexpr Limits k_sign_in{60, 30, 8};
  // Each waits for a person. An office behind one address may have a bad morning.
  static constexpr Limits k_enquire{20, 6, 4};
  // As many keys are remembered for each act; beyond it further ones share one counter.
  static constexpr std::size_t k_keys_max = 8192;

  // Counts one and says whether it is within all limits. `from` may be unset.
  [[nodiscard]] bool admit(OwnerAct act, const IpAddress& from, std::string_view address,
                           Instant now);
  // Takes back one that admit() counted.
  void take_back(OwnerAct act, const IpAddress& from, std::string_view address);

 private:
  struct Window {
    std::int64_t number = 0;
    std::unordered_map<std::uint64_t, std::uint32_t> counts;
    std::uint32_t shared = 0;
  };
  std::array<Window, 5> windows_;  // by OwnerAct
};

// The client behind proxies that we trust: the rightmost address of X-Forwarded-For that is not one
// of theirs. `peer` itself when it is no trusted proxy, or the header makes no sense.
[[nodiscard]] IpAddress client_behind(const IpAddress& peer, std::string_view forwarded_for,
                                      std::span<const IpNetwork> trusted);

// What a browser says by itself of where a request comes from; "" where it says nothing.
struct BrowserWord {
  std::string_view fetch_site;  // Sec-Fetch-Site (Fetch Metadata)
  std::string_view origin;      // RFC 6454 §7
  std::string_view host;
  std::string_view forwarded_host;  // X-Forwarded-Host: of a proxy that writes its own Host
};
// Did another site's page make a browser send it? Who says nothing (a program, the command line) is
// none. The browser's own verdict comes first: it knows the address that a proxy hides from us.
// Without one the Origin must be the host that was asked, or that of `public_url`; "null" (a page
// that sends no referrer, as ours; a sandboxed frame) is ours only where `null_is_ours`.
[[nodiscard]] bool is_from_another_site(const BrowserWord&, std::string_view public_url,
                                        bool null_is_ours);

}  // namespace sekimori::web
