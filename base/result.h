// Result<T> and the four kinds of failure the code must never confuse.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace sekimori {

// Our own bugs are not here: they are assertions (base/check.h).
enum class ErrorKind : unsigned char {
  bad_input,  // what was given is wrong: refuse it, count it, never retry
  operating,  // the world failed (disk, network, database): retry, degrade, say so
  uncertain,  // a write may or may not have happened: retry idempotently, by id
  not_found,  // what was asked for does not exist
};

// A failure and its words. `text` says what was wrong, where, and what to do; it never holds a
// secret.
struct Error {
  ErrorKind kind;
  std::string text;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> bad_input(std::string text) {
  return std::unexpected(Error{ErrorKind::bad_input, std::move(text)});
}
[[nodiscard]] inline std::unexpected<Error> operating_failure(std::string text) {
  return std::unexpected(Error{ErrorKind::operating, std::move(text)});
}
[[nodiscard]] inline std::unexpected<Error> uncertain_write(std::string text) {
  return std::unexpected(Error{ErrorKind::uncertain, std::move(text)});
}
[[nodiscard]] inline std::unexpected<Error> not_found(std::string text) {
  return std::unexpected(Error{ErrorKind::not_found, std::move(text)});
}

}  // namespace sekimori
