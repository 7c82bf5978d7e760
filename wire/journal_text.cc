#include "wire/journal_text.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cstring>

#include "base/instant.h"
#include "wire/log_line.h"

namespace sekimori::wire {
namespace json = boost::json;
namespace {

constexpr std::string_view k_names[] = {"MESSAGE", "SYSLOG_IDENTIFIER", "SYSLOG_PID",
                                        "_PID",    "_HOSTNAME",         "__REALTIME_TIMESTAMP"};
// The year 2200, as parse_instant.
constexpr std::int64_t k_time_max_us = 7'258'118'400'000'000;

bool is_wanted(std::string_view name) {
  return std::ranges::find(k_names, name) != std::end(k_names);
}

// A word between blanks in a log line: host or program.
std::string word(std::string_view text, std::size_t max) {
  std::string out(text.substr(0, max));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) <= ' ' || c == ':' || c == '[' || c == ']') c = '_';
  }
  return out.empty() ? "-" : out;
}

// The value of a JSON field as text: a string, or an array of bytes.
std::string text_of(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  std::string out;
  if (!value.is_array()) return out;
  for (const auto& byte : value.get_array()) {
    if (!byte.is_int64() || byte.get_int64() < 0 || byte.get_int64() > 255) return {};
    out += static_cast<char>(byte.get_int64());
  }
  return out;
}

}  // namespace

JournalText::Form JournalText::form_of(std::string_view beginning) {
  if (beginning.starts_with("__CURSOR=") || beginning.starts_with("__REALTIME_TIMES"))
    return Form::entries;
  return beginning.starts_with("{\"") || beginning.starts_with("{ \"") ? Form::json : Form::none;
}

void JournalText::field(std::string_view name, std::string_view value) {
  any_ = true;
  if (name == "MESSAGE") {
    message_ = value.substr(0, k_log_line_max);
    has_message_ = true;
  } else if (name == "SYSLOG_IDENTIFIER") {
    program_ = value.substr(0, 128);
  } else if (name == "SYSLOG_PID") {
    pid_ = value.substr(0, 10);
  } else if (name == "_PID") {
    if (pid_.empty()) pid_ = value.substr(0, 10);
  } else if (name == "_HOSTNAME") {
    host_ = value.substr(0, 255);
  } else if (name == "__REALTIME_TIMESTAMP") {
    time_us_ = value.substr(0, 20);
  }
}

void JournalText::end_entry(std::string& lines) {
  if (!any_) return;
  std::int64_t us = 0;
  const auto [end, error] = std::from_chars(time_us_.data(), time_us_.data() + time_us_.size(), us);
  const bool timed = error == std::errc{} && end == time_us_.data() + time_us_.size() && us > 0 &&
                     us < k_time_max_us;
  if (timed && has_message_) {
    append_instant(lines, Instant{us});
    lines += ' ';
    lines += word(host_, 255);
    lines += ' ';
    lines += word(program_, 128);
    if (!pid_.empty() && std::ranges::all_of(pid_, [](char c) { return c >= '0' && c <= '9'; })) {
      lines += '[';
      lines += pid_;
      lines += ']';
    }
    lines += ": ";
    for (const char c : message_) lines += c == '\n' || c == '\r' || c == '\0' ? ' ' : c;
    lines += '\n';
  } else {
    ++incomplete_;
  }
  message_.clear();
  program_.clear();
  pid_.clear();
  host_.clear();
  time_us_.clear();
  has_message_ = any_ = false;
}

void JournalText::json_line(std::string_view line, std::string& lines) {
  if (line.empty()) return;
  boost::system::error_code broken;
  const auto parsed = json::parse(line, broken);
  any_ = true;
  if (!broken && parsed.is_object()) {
    for (const auto name : k_names) {
      const auto* value = parsed.get_object().if_contains(name);
      if (value != nullptr && !value->is_null()) field(name, text_of(*value));
    }
  }
  end_entry(lines);
}

void JournalText::text_line(std::string_view line, std::string& lines) {
  if (form_ == Form::json) {
    json_line(line, lines);
    return;
  }
  if (line.empty()) {
    end_entry(lines);
    return;
  }
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) {
    name_ = line.substr(0, 128);
    wanted_ = is_wanted(name_);
    any_ = true;
    state_ = State::length;
    return;
  }
  const std::string_view name = line.substr(0, equals);
  if (is_wanted(name)) field(name, line.substr(equals + 1));
  any_ = true;
}

void JournalText::feed(std::string_view bytes, std::string& lines) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::line: {
        const auto end = bytes.find('\n');
        const std::string_view part = bytes.substr(0, end);
        // A JSON object may hold a message at its longest, escaped.
        const std::size_t max = form_ == Form::json ? 4 * k_log_line_max : k_log_line_max;
        if (!skipping_ && piece_.size() + part.size() > max) {
          skipping_ = true;
          any_ = true;
          piece_.clear();
        }
        if (end == std::string_view::npos) {
          if (!skipping_) piece_ += part;
          return;
        }
        bytes.remove_prefix(end + 1);
        if (skipping_) {
          skipping_ = false;
          if (form_ == Form::json) end_entry(lines);
        } else if (piece_.empty()) {
          text_line(part, lines);
        } else {
          piece_ += part;
          std::string whole;
          whole.swap(piece_);
          text_line(whole, lines);
        }
        break;
      }
      case State::length: {
        const std::size_t n = std::min<std::size_t>(8 - piece_.size(), bytes.size());
        piece_ += bytes.substr(0, n);
        bytes.remove_prefix(n);
        if (piece_.size() < 8) return;
        left_ = 0;
        for (std::size_t i = 0; i < 8; ++i) {
          left_ |= std::uint64_t{static_cast<unsigned char>(piece_[i])} << (8 * i);
        }
        piece_.clear();
        state_ = left_ == 0 ? State::value_end : State::value;
        break;
      }
      case State::value: {
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
        if (wanted_ && piece_.size() < k_log_line_max) {
          piece_ += bytes.substr(0, std::min(n, k_log_line_max - piece_.size()));
        }
        bytes.remove_prefix(n);
        left_ -= n;
        if (left_ > 0) return;
        state_ = State::value_end;
        break;
      }
      case State::value_end: {
        // A line break; where none stands the stream is out of step and goes on with its next line.
        if (bytes.front() == '\n') bytes.remove_prefix(1);
        if (wanted_) field(name_, piece_);
        piece_.clear();
        state_ = State::line;
        break;
      }
    }
  }
}

void JournalText::finish(std::string& lines) {
  if (state_ == State::line && !skipping_ && !piece_.empty()) {
    std::string whole;
    whole.swap(piece_);
    text_line(whole, lines);
  } else if (state_ == State::value_end && wanted_) {
    field(name_, piece_);
  }
  piece_.clear();
  state_ = State::line;
  end_entry(lines);
}

}  // namespace sekimori::wire
