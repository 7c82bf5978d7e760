// What a line is to somebody who counts: told apart so that "unknown" means unknown. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/log_line.h"

namespace sekimori::wire {

enum class LogClass : std::uint8_t {
  modelled,  // LogLine::record says it
  routine,   // known, and of no weight: statistics, TLS sessions, a daemon's start, debugging
  warning,   // a mail program complains of itself, its tables or its neighbours
  foreign,   // of a program that is neither Postfix nor Dovecot (cron, sshd, amavis, …)
  unknown    // of Postfix or Dovecot, and we do not know the form
};

[[nodiscard]] LogClass classify(const LogLine& line);

// The message with all that varies replaced, so that lines of one form look alike: numbers as "N",
// queue ids as "ID", addresses and what stands in brackets and quotes cut. At most 120 bytes.
[[nodiscard]] std::string log_shape(std::string_view message);

}  // namespace sekimori::wire
