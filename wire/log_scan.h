// Small readers shared by log_line.cc, log_postfix.cc and log_dovecot.cc; of no use to others.
#pragma once

#include <charconv>
#include <cstring>
#include <string_view>

#include "wire/log_line.h"

namespace sekimori::wire::log_scan {

// Cuts `prefix` off the front of `text`; false when it does not stand there.
inline bool eat(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// What stands before `mark`, cut off together with it; false when there is none.
inline bool eat_until(std::string_view& text, std::string_view mark, std::string_view& out) {
  const auto at = text.find(mark);
  if (at == std::string_view::npos) return false;
  out = text.substr(0, at);
  text.remove_prefix(at + mark.size());
  return true;
}

// As text.find_first_of({marks…}), which calls memchr for every character of the text.
template <char... marks>
std::size_t first_of(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (((text[i] == marks) || ...)) return i;
  }
  return std::string_view::npos;
}

// As text.rfind(mark), which compares at every place.
inline std::size_t find_last(std::string_view text, std::string_view mark) {
  if (mark.size() > text.size()) return std::string_view::npos;
  std::size_t places = text.size() - mark.size() + 1;
  while (places > 0) {
    const void* found = ::memrchr(text.data(), mark.front(), places);
    if (found == nullptr) break;
    places = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    if (text.substr(places).starts_with(mark)) return places;
  }
  return std::string_view::npos;
}

// Calls each(key, value) for the words "key=value" of a line, in their order.
template <class Each>
void each_pair(std::string_view text, Each each) {
  while (!text.empty()) {
    const auto end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    if (const auto equals = word.find('='); equals != std::string_view::npos) {
      each(word.substr(0, equals), word.substr(equals + 1));
    }
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// The number at the front of `text`, cut off; false when there is none or it is too large.
template <class Number>
bool eat_number(std::string_view& text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// The number behind `key` ("in=" in "Logged out in=86 out=891"); 0 where it does not stand. The key
// must begin a word.
inline std::uint64_t number_behind(std::string_view text, std::string_view key) {
  for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    if (at != 0 && text[at - 1] != ' ') continue;
    std::string_view rest = text.substr(at + key.size());
    std::uint64_t value = 0;
    return eat_number(rest, value) ? value : 0;
  }
  return 0;
}

// "<text>" → "text".
inline std::string_view without_angles(std::string_view text) {
  if (text.size() >= 2 && text.front() == '<' && text.back() == '>')
    return text.substr(1, text.size() - 2);
  return text;
}

// The records of one program's message.
LogRecord read_postfix(std::string_view daemon, std::string_view message);
LogRecord read_dovecot(std::string_view message);

}  // namespace sekimori::wire::log_scan
