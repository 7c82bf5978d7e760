// Inside of event_json.cc: the members of one line's object, taken as Boost.JSON meets them.
#pragma once

#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/event_json.h"

namespace sekimori::wire {

// Our keys; each has a place for the value that stood in the line.
enum Key : std::uint8_t {
  k_t,
  k_kind,
  k_host,
  k_account,
  k_id,
  k_result,
  k_service,
  k_ip,
  k_client,
  k_tls,
  k_pwhash,
  k_seconds,
  k_bytes_in,
  k_bytes_out,
  k_fetched,
  k_deleted,
  k_helo,
  k_from,
  k_to,
  k_size,
  k_queue_id,
  k_message_id,
  k_sketch,
  k_status,
  k_dsn,
  k_reply,
  k_what,
  k_detail,
  k_country,
  k_asn,
  k_hosting,
  k_by,
  k_reason,
  k_epoch,
  k_recipients,
  k_released,
  k_number,
  k_fate,
  k_history,
  k_approval,
  k_state,
  k_each,
  k_size_min,
  k_size_max,
  k_network,
  k_until,
  k_repeat,
  k_days,
  k_start,
  k_minutes,
  k_zone,
  k_zone_rule,
  k_patterns,
  k_expunged,
  k_tries_own,
  k_tries_accounts,
  k_tries_addresses,
  k_key_count,
};
inline constexpr std::array<std::string_view, k_key_count> k_names{"t",
                                                                   "kind",
                                                                   "host",
                                                                   "account",
                                                                   "id",
                                                                   "result",
                                                                   "service",
                                                                   "ip",
                                                                   "client",
                                                                   "tls",
                                                                   "pwhash",
                                                                   "seconds",
                                                                   "bytes_in",
                                                                   "bytes_out",
                                                                   "fetched",
                                                                   "deleted",
                                                                   "helo",
                                                                   "from",
                                                                   "to",
                                                                   "size",
                                                                   "queue_id",
                                                                   "message_id",
                                                                   "sketch",
                                                                   "status",
                                                                   "dsn",
                                                                   "reply",
                                                                   "what",
                                                                   "detail",
                                                                   "country",
                                                                   "asn",
                                                                   "hosting",
                                                                   "by",
                                                                   "reason",
                                                                   "epoch",
                                                                   "recipients",
                                                                   "released",
                                                                   "number",
                                                                   "fate",
                                                                   "history",
                                                                   "approval",
                                                                   "state",
                                                                   "each",
                                                                   "size_min",
                                                                   "size_max",
                                                                   "network",
                                                                   "until",
                                                                   "repeat",
                                                                   "days",
                                                                   "start",
                                                                   "minutes",
                                                                   "zone",
                                                                   "zone_rule",
                                                                   "patterns",
                                                                   "expunged",
                                                                   "tries_own",
                                                                   "tries_accounts",
                                                                   "tries_addresses"};

// Keys by length, so that a look-up compares a handful of words.
inline constexpr std::size_t k_name_max = 15;
struct Bucket {
  std::array<std::uint8_t, 12> keys{};
  std::uint8_t size = 0;
};
inline constexpr auto k_buckets = [] {
  std::array<Bucket, k_name_max + 1> table{};
  for (std::uint8_t i = 0; i < k_key_count; ++i) {
    Bucket& bucket = table[k_names[i].size()];
    bucket.keys[bucket.size++] = i;
  }
  return table;
}();

inline int find_key(std::string_view name) {
  if (name.size() > k_name_max) return -1;
  const Bucket& bucket = k_buckets[name.size()];
  for (std::uint8_t i = 0; i < bucket.size; ++i) {
    const std::uint8_t key = bucket.keys[i];
    if (k_names[key].front() == name.front() && k_names[key] == name) return key;
  }
  return -1;
}

// One value of the line's object. Texts are views into the line, or into the reader's own memory
// where the line spelled them with escapes.
struct Slot {
  enum class Type : std::uint8_t { absent, other, text, integer, natural, real, flag, list };
  Type type = Type::absent;
  bool flag = false;
  std::string_view text;
  std::int64_t integer = 0;
  std::uint64_t natural = 0;
  double real = 0;
};

// Takes the members of the line's object as Boost.JSON meets them and keeps those that have one of
// our keys: no tree is built, since a replay reads millions of lines.
class Members {
 public:
  // What boost::json::basic_parser asks of its handler.
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using Code = boost::system::error_code;

  explicit Members(std::string_view line) : line_(line) {}

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) {
    if (depth_ == 0) is_object = true;
    if (depth_ == 1) put(Slot::Type::other);
    if (depth_ == 2) spoil_list();
    ++depth_;
    return true;
  }
  bool on_object_end(std::size_t, Code&) {
    --depth_;
    return true;
  }
  bool on_array_begin(Code&) {
    if (depth_ == 1) {
      put(Slot::Type::list);
      in_list_ = key_ == k_to;
      if (in_list_) {
        recipients.clear();
        list_of_texts = true;
      }
    } else if (depth_ == 2) {
      spoil_list();
    }
    ++depth_;
    return true;
  }
  bool on_array_end(std::size_t, Code&) {
    if (--depth_ == 1) in_list_ = false;
    return true;
  }
  bool on_key_part(boost::json::string_view part, std::size_t, Code&) {
    parts_.append(part.data(), part.size());
    return true;
  }
  bool on_key(boost::json::string_view last, std::size_t, Code&) {
    const std::string_view name = whole(last);
    if (depth_ == 1) key_ = find_key(name);
    parts_.clear();
    return true;
  }
  bool on_string_part(boost::json::string_view part, std::size_t, Code&) {
    parts_.append(part.data(), part.size());
    return true;
  }
  bool on_string(boost::json::string_view last, std::size_t, Code&) {
    const bool wanted = (depth_ == 1 && key_ >= 0) || (depth_ == 2 && in_list_);
    if (wanted) {
      const std::string_view text = kept(whole(last));
      if (depth_ == 1) {
        put(Slot::Type::text);
        slots[static_cast<std::size_t>(key_)].text = text;
      } else if (recipients.size() <= k_event_recipients_max) {
        recipients.push_back(text);
      }
    }
    parts_.clear();
    return true;
  }
  bool on_number_part(boost::json::string_view, Code&) { return true; }
  bool on_int64(std::int64_t value, boost::json::string_view, Code&) {
    if (Slot* slot = scalar(Slot::Type::integer)) slot->integer = value;
    return true;
  }
  bool on_uint64(std::uint64_t value, boost::json::string_view, Code&) {
    if (Slot* slot = scalar(Slot::Type::natural)) slot->natural = value;
    return true;
  }
  bool on_double(double value, boost::json::string_view, Code&) {
    if (Slot* slot = scalar(Slot::Type::real)) slot->real = value;
    return true;
  }
  bool on_bool(bool value, Code&) {
    if (Slot* slot = scalar(Slot::Type::flag)) slot->flag = value;
    return true;
  }
  bool on_null(Code&) {
    (void)scalar(Slot::Type::absent);
    return true;
  }
  bool on_comment_part(boost::json::string_view, Code&) { return true; }
  bool on_comment(boost::json::string_view, Code&) { return true; }

  std::array<Slot, k_key_count> slots{};
  std::vector<std::string_view>
      recipients;  // of "to"; one more than allowed tells that it is too many
  bool is_object = false;
  bool list_of_texts = true;

 private:
  std::string_view whole(boost::json::string_view last) {
    if (parts_.empty()) return {last.data(), last.size()};
    parts_.append(last.data(), last.size());
    return parts_;
  }
  // A view that lives as long as the line or this.
  std::string_view kept(std::string_view text) {
    const std::less<const char*> before;
    if (text.empty()) return {};
    if (!before(text.data(), line_.data()) && before(text.data(), line_.data() + line_.size())) {
      return text;
    }
    if (memory_.empty()) memory_.reserve(line_.size());  // never more: escapes only shrink
    const std::size_t at = memory_.size();
    memory_.append(text);
    return std::string_view(memory_).substr(at);
  }
  Slot* scalar(Slot::Type type) {
    if (depth_ == 2) spoil_list();
    if (depth_ != 1 || key_ < 0) return nullptr;
    put(type);
    return &slots[static_cast<std::size_t>(key_)];
  }
  void put(Slot::Type type) {
    if (key_ >= 0) slots[static_cast<std::size_t>(key_)].type = type;
  }
  void spoil_list() {
    if (in_list_) list_of_texts = false;
  }

  std::string_view line_;
  std::string parts_;   // of a key or text with escapes, until it is whole
  std::string memory_;  // texts with escapes
  int depth_ = 0;
  int key_ = -1;
  bool in_list_ = false;
};

inline std::optional<std::string_view> text_of(const Slot& slot) {
  if (slot.type != Slot::Type::text) return std::nullopt;
  return slot.text;
}
inline std::optional<double> double_of(const Slot& slot) {
  switch (slot.type) {
    case Slot::Type::integer: return static_cast<double>(slot.integer);
    case Slot::Type::natural: return static_cast<double>(slot.natural);
    case Slot::Type::real: return slot.real;
    default: return std::nullopt;
  }
}
// Exact up to 2^64 - 1; nothing for what is negative or not whole. A writer without integers
// (JavaScript, Lua) may say 1e3 or 3.0.
inline std::optional<std::uint64_t> uint_of(const Slot& slot) {
  constexpr double k_two_to_64 = 18446744073709551616.0;
  if (slot.type == Slot::Type::natural) return slot.natural;
  if (slot.type == Slot::Type::integer && slot.integer >= 0) {
    return static_cast<std::uint64_t>(slot.integer);
  }
  if (slot.type == Slot::Type::real && slot.real >= 0 && slot.real < k_two_to_64 &&
      slot.real == std::floor(slot.real)) {
    return static_cast<std::uint64_t>(slot.real);
  }
  return std::nullopt;
}

}  // namespace sekimori::wire
