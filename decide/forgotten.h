// A mail program that goes on with an old password: nobody's attack, and its owner should hear of
// it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/event.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "base/text.h"
#include "base/time_zone.h"

namespace sekimori::decide {

struct ForgottenSetting {
  std::string account;
  Service service = Service::other;
  IpAddress ip;
  Place place;
  bool known = false;  // from a place of the owner
  std::uint32_t repeats = 0;
  std::uint16_t pwhash = 0;  // of the password that is tried, as guess_pwhash() gives it
};

// As it is remembered.
struct ForgottenDevice {
  ForgottenSetting setting;
  Instant first, last;  // when it was noticed
  Instant told;         // when its owner was written to; unset: never
};
// Which device it is, as far as a server can tell: the old password that it has, and the provider
// (the network, where that is not known) that it comes from. An address alone changes every day.
[[nodiscard]] std::string device_of(const ForgottenSetting& setting);

// What is said to the owner, in a sentence or two.
[[nodiscard]] Text forgotten_words(const ForgottenSetting& setting);

// The letter to the owner, in one language. `where`: the place in words, may be ""; `portal`: its
// address, may be "". Times are told by the clock of `zone`.
struct ForgottenLetter {
  std::string subject;
  std::string body;
};
[[nodiscard]] ForgottenLetter forgotten_letter(const ForgottenDevice& device,
                                               std::string_view where, std::string_view portal,
                                               std::string_view provider, Language language,
                                               const ZoneRule& zone);

}  // namespace sekimori::decide
