#include "config/definition.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <type_traits>

#include "config/quote.h"

namespace sekimori::config {
namespace {

constexpr Bounds free() { return {}; }
template <class Number>
  requires std::is_arithmetic_v<Number>
constexpr Bounds within(Number min, Number max) {
  return {true, static_cast<double>(min), static_cast<double>(max)};
}
constexpr Bounds within(Duration min, Duration max) { return within(min.us, max.us); }
constexpr Bounds within(ByteCount min, ByteCount max) { return within(min.bytes, max.bytes); }

constexpr std::array k_sections{
#define SECTION(name, Type, ja, en) SectionDefinition{#name, ja, en},
#define SETTING(section, field, Type, initial, bounds, unit, lifetime, format, ja, en)
#define END_SECTION(name, Type)
#include "config/settings.def"
#undef SECTION
#undef SETTING
#undef END_SECTION
};

constexpr std::array k_definitions{
#define SECTION(name, Type, ja, en)
#define SETTING(section, field, Type, initial, bounds, unit, lifetime, format, ja, en) \
  Definition{#section,                                                                 \
             #field,                                                                   \
             #section "." #field,                                                      \
             bounds,                                                                   \
             CountedIn::unit,                                                          \
             Lifetime::lifetime,                                                       \
             Format::format,                                                           \
             ja,                                                                       \
             en,                                                                       \
             [](Settings& s) -> Slot { return &s.section.field; }},
#define END_SECTION(name, Type)
#include "config/settings.def"
#undef SECTION
#undef SETTING
#undef END_SECTION
};

std::string print_real(double value) {
  std::string out = fmt::format("{}", value);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";  // TOML tells 7 from 7.0
  return out;
}

struct Printer {
  std::string operator()(const bool* v) const { return *v ? "true" : "false"; }
  std::string operator()(const std::int64_t* v) const { return fmt::format("{}", *v); }
  std::string operator()(const double* v) const { return print_real(*v); }
  std::string operator()(const std::string* v) const { return quote(*v); }
  std::string operator()(const Duration* v) const { return quote(print_duration(*v)); }
  std::string operator()(const ByteCount* v) const { return quote(print_byte_count(*v)); }
  std::string operator()(const Mode* v) const { return quote(to_string(*v)); }
  std::string operator()(const Language* v) const { return quote(to_string(*v)); }
  std::string operator()(const TextList* v) const {
    std::string out = "[";
    for (const std::string& item : *v) out += (out.size() > 1 ? ", " : "") + quote(item);
    return out + "]";
  }
  std::string operator()(const ModeTable* v) const {
    if (v->empty()) return "{}";
    std::string out;
    for (const auto& [key, mode] : *v) {
      out +=
          fmt::format("{}{} = {}", out.empty() ? "{ " : ", ", quote(key), quote(to_string(mode)));
    }
    return out + " }";
  }
};

struct TypeName {
  Text operator()(const bool*) const { return {"true または false", "true or false"}; }
  Text operator()(const std::int64_t*) const { return {"整数", "whole number"}; }
  Text operator()(const double*) const { return {"数", "number"}; }
  Text operator()(const std::string*) const { return {"文字列", "text"}; }
  Text operator()(const Duration*) const {
    return {"時間(\"30s\" など)", "length of time, as \"30s\""};
  }
  Text operator()(const ByteCount*) const {
    return {"大きさ(\"64KiB\" など)", "size, as \"64KiB\""};
  }
  Text operator()(const TextList*) const { return {"文字列の一覧", "list of texts"}; }
  Text operator()(const Mode*) const {
    return {"\"observe\" または \"enforce\"", "\"observe\" or \"enforce\""};
  }
  Text operator()(const Language*) const { return {"\"ja\" または \"en\"", "\"ja\" or \"en\""}; }
  Text operator()(const ModeTable*) const {
    return {"名前と \"observe\" / \"enforce\" の表",
            "table of names with \"observe\" or \"enforce\""};
  }
};

}  // namespace

std::span<const SectionDefinition> sections() { return k_sections; }
std::span<const Definition> definitions() { return k_definitions; }

std::string print_value(const Definition& definition, const Settings& settings) {
  // slot() only hands out where the value is; nothing is written through it here.
  const Slot slot = definition.slot(const_cast<Settings&>(settings));
  if (definition.is_secret()) {
    const std::string& path = *std::get<std::string*>(slot);
    if (!path.empty() && !path.starts_with('/')) return quote("********");
  }
  return std::visit(Printer{}, slot);
}

std::string print_bound(const Definition& definition, double bound) {
  Settings scratch;
  const Slot slot = definition.slot(scratch);
  if (std::holds_alternative<Duration*>(slot)) return print_duration({std::llround(bound)});
  if (std::holds_alternative<ByteCount*>(slot)) return print_byte_count({std::llround(bound)});
  if (std::holds_alternative<double*>(slot)) return print_real(bound);
  return fmt::format("{}", std::llround(bound));
}

Text type_name(const Definition& definition) {
  Settings scratch;
  return std::visit(TypeName{}, definition.slot(scratch));
}

Text unit_name(CountedIn unit) {
  switch (unit) {
    case CountedIn::none: return {"", ""};
    case CountedIn::accounts: return {"アカウント", "accounts"};
    case CountedIn::channels: return {"種類", "kinds of evidence"};
    case CountedIn::characters: return {"文字", "characters"};
    case CountedIn::connections: return {"接続", "connections"};
    case CountedIn::entries: return {"件", "entries"};
    case CountedIn::events: return {"件", "events"};
    case CountedIn::files: return {"個", "files"};
    case CountedIn::messages: return {"通", "messages"};
    case CountedIn::nats: return {"nat", "nats"};
    case CountedIn::per_10000_account_days:
      return {"回 / 10,000 アカウント日", "in 10,000 account-days"};
    case CountedIn::recipients: return {"宛先", "recipients"};
    case CountedIn::requests: return {"リクエスト", "requests"};
    case CountedIn::threads: return {"スレッド", "threads"};
  }
  return {};
}

}  // namespace sekimori::config
