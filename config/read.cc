// The one file that includes toml++, which is heavy.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
// toml++ 3.3 asserts that "[~x]" does not occur before it reports it as an error (parse_key). What
// is in a file must not end the process; and without NDEBUG its assumptions become this, too.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>

#include "config/check.h"
#include "config/cross_checks.h"
#include "config/earlier.h"
#include "config/format.h"
#include "config/nearest.h"
#include "config/toml_scan.h"

namespace sekimori::config {
namespace {

// 90 settings with their comments are below 40 KiB; this leaves room for long override tables.
constexpr std::size_t k_file_bytes_max = 1 << 20;
// A typing slip may repeat a thousand times; a person reads the first of them.
constexpr std::size_t k_findings_max = 200;
constexpr std::size_t k_list_max = 1000;
constexpr std::size_t k_table_max = 10000;

Text kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return {"表", "a table"};
    case toml::node_type::array: return {"一覧", "a list"};
    case toml::node_type::string: return {"文字列", "a text"};
    case toml::node_type::integer: return {"整数", "a whole number"};
    case toml::node_type::floating_point: return {"小数", "a number with a fraction"};
    case toml::node_type::boolean: return {"真偽値", "true or false"};
    default: return {"日時", "a date or time"};
  }
}

class Reader {
 public:
  explicit Reader(Loaded& loaded) : loaded_(loaded) {}

  void read(const toml::table& root) {
    root_ = &root;
    for (const auto& [key, node] : root) {
      const auto section = std::ranges::find(sections(), key.str(), &SectionDefinition::name);
      const bool was_section =
          std::ranges::find(earlier_settings(), key.str(), &EarlierSetting::section) !=
          earlier_settings().end();
      if (section == sections().end() && !(was_section && node.is_table())) {
        unknown(key, std::string(key.str()), section_names(key.str()));
      } else if (const toml::table* table = node.as_table()) {
        read_section(key.str(), *table);
      } else {
        add(node, std::string(key.str()),
            {fmt::format("「[{}]」の見出しの下に設定を書いてください。", section->name),
             fmt::format("its settings belong below the heading [{}]", section->name)});
      }
    }
  }

 private:
  void add(const toml::source_position& at, std::string name, Text what, std::string nearest = {},
           Severity severity = Severity::error) {
    if (loaded_.findings.size() >= k_findings_max) return;
    loaded_.findings.push_back({severity, static_cast<int>(at.line), static_cast<int>(at.column),
                                std::move(name), std::move(what), std::move(nearest)});
  }
  void add(const toml::node& node, std::string name, Text what) {
    add(node.source().begin, std::move(name), std::move(what));
  }

  void unknown(const toml::key& key, std::string name, std::string nearest) {
    Text what{"このような設定はありません。", "no such setting"};
    if (!nearest.empty()) {
      what.ja += fmt::format("「{}」のことでしょうか。", nearest);
      what.en += fmt::format("; did you mean {}?", nearest);
    }
    add(key.source().begin, std::move(name), std::move(what), std::move(nearest));
  }

  // A name that is no section may be one misspelled, or a setting without its heading.
  static std::string section_names(std::string_view key) {
    std::vector<std::string_view> names;
    for (const SectionDefinition& section : sections()) names.push_back(section.name);
    for (const Definition& definition : definitions()) {
      if (definition.field == key) return std::string(definition.name);
    }
    return nearest_name(key, names);
  }

  static std::string field_names(std::string_view section, std::string_view field) {
    std::vector<std::string_view> fields;
    for (const Definition& d : definitions()) {
      if (d.section == section) fields.push_back(d.field);
    }
    if (const std::string near = nearest_name(field, fields); !near.empty()) {
      return fmt::format("{}.{}", section, near);
    }
    for (const Definition& d : definitions()) {
      if (d.field == field) return std::string(d.name);  // under the wrong heading
    }
    std::vector<std::string_view> names;
    for (const Definition& d : definitions()) names.push_back(d.name);
    return nearest_name(fmt::format("{}.{}", section, field), names);
  }

  void read_section(std::string_view section, const toml::table& table) {
    for (const auto& [key, node] : table) {
      const std::string name = fmt::format("{}.{}", section, key.str());
      const auto definition = std::ranges::find(definitions(), name, &Definition::name);
      if (definition != definitions().end()) {
        read_setting(*definition, key, node);
      } else if (const EarlierSetting* earlier = earlier_setting(section, key.str())) {
        read_earlier(*earlier, key, node);
      } else {
        unknown(key, name, field_names(section, key.str()));
      }
    }
  }

  void read_setting(const Definition& d, const toml::key& key, const toml::node& node) {
    const std::size_t before = loaded_.findings.size();
    std::visit([&](auto* value) { read_value(d, node, *value); }, d.slot(loaded_.settings));
    if (loaded_.findings.size() == before) {
      const auto index = static_cast<std::size_t>(&d - definitions().data());
      loaded_.lines[index] = static_cast<int>(key.source().begin.line);
    }
  }

  // A name of an earlier version: its value is taken over under today's name, unless that stands
  // in the file, too.
  void read_earlier(const EarlierSetting& earlier, const toml::key& key, const toml::node& node) {
    const auto note = [&](Text what) {
      add(key.source().begin, std::string(earlier.name), std::move(what), std::string(earlier.now),
          Severity::warning);
    };
    if (earlier.now.empty()) {
      return note(
          {fmt::format("以前の版の設定です。今は効きません。{}行を消してください。", earlier.ja),
           fmt::format("a setting of an earlier version, without effect now: {}; take the "
                       "line out",
                       earlier.en)});
    }
    const auto& d = *std::ranges::find(definitions(), earlier.now, &Definition::name);
    const toml::table* section = (*root_)[d.section].as_table();
    if (section != nullptr && section->contains(d.field)) {
      return note(
          {fmt::format("以前の版での {} の名前です。{} も書かれているので、この行は効きません。"
                       "消してください。",
                       d.name, d.name),
           fmt::format("the earlier name of {}, which stands there, too, and goes first; "
                       "take this line out",
                       d.name)});
    }
    const std::size_t before = loaded_.findings.size();
    read_setting(d, key, node);
    if (loaded_.findings.size() != before) return;  // a wrong value is said under today's name
    note({fmt::format(
              "以前の版での {} の名前です。値はそのまま使われます。名前を書き換えてください。",
              d.name),
          fmt::format("the earlier name of {}; its value is taken over, write it by that name",
                      d.name)});
  }

  void wrong_type(const Definition& d, const toml::node& node) {
    const Text want = type_name(d);
    const Text got = kind_of(node);
    add(node, std::string(d.name),
        {fmt::format("{}を書いてください({}が書かれています)。", want.ja, got.ja),
         fmt::format("must be a value of the kind '{}', not {}", want.en, got.en)});
  }

  bool within_bounds(const Definition& d, const toml::node& node, double value) {
    const Bounds& bounds = d.bounds;
    if (std::isfinite(value) && (!bounds.limited || (value >= bounds.min && value <= bounds.max))) {
      return true;
    }
    const std::string min = print_bound(d, bounds.min);
    const std::string max = print_bound(d, bounds.max);
    add(node, std::string(d.name),
        {fmt::format("{} から {} までの値にしてください。", min, max),
         fmt::format("must lie between {} and {}", min, max)});
    return false;
  }

  void read_value(const Definition& d, const toml::node& node, bool& out) {
    const auto value = node.value_exact<bool>();
    if (!value) return wrong_type(d, node);
    out = *value;
  }

  void read_value(const Definition& d, const toml::node& node, std::int64_t& out) {
    const auto value = node.value_exact<std::int64_t>();
    if (!value) return wrong_type(d, node);
    if (within_bounds(d, node, static_cast<double>(*value))) out = *value;
  }

  void read_value(const Definition& d, const toml::node& node, double& out) {
    if (!node.is_number()) return wrong_type(d, node);
    const double value = node.value<double>().value_or(std::nan(""));
    if (within_bounds(d, node, value)) out = value;
  }

  void read_value(const Definition& d, const toml::node& node, Duration& out) {
    const auto value = node.value_exact<std::string_view>();
    if (!value) return wrong_type(d, node);
    const auto duration = parse_duration(*value);
    if (!duration) {
      return add(node, std::string(d.name),
                 {"時間は \"100ms\"、\"30s\"、\"10m\"、\"4h\"、\"7d\" のように書いてください。",
                  duration.error().text});
    }
    if (within_bounds(d, node, static_cast<double>(duration->us))) out = *duration;
  }

  void read_value(const Definition& d, const toml::node& node, ByteCount& out) {
    const auto value = node.value_exact<std::string_view>();
    if (!value) return wrong_type(d, node);
    const auto count = parse_byte_count(*value);
    if (!count) {
      return add(
          node, std::string(d.name),
          {"大きさは \"64KiB\"、\"10MiB\"、\"2GiB\" のように書いてください。", count.error().text});
    }
    if (within_bounds(d, node, static_cast<double>(count->bytes))) out = *count;
  }

  // A text that fits the format; `empty_allowed` where "" means "none".
  bool good_text(const Definition& d, const toml::node& node, std::string_view text,
                 bool empty_allowed) {
    std::optional<Text> wrong;
    if (!text.empty()) {
      wrong = wrong_format(d.format, text);
    } else if (!empty_allowed) {
      wrong = Text{"空にはできません。", "must not be empty"};
    }
    if (wrong) add(node, std::string(d.name), *wrong);
    return !wrong;
  }

  void read_value(const Definition& d, const toml::node& node, std::string& out) {
    const auto value = node.value_exact<std::string_view>();
    if (!value) return wrong_type(d, node);
    // Where the default is empty, "none" is a choice. No delimiter is one too: Postfix has it so.
    Settings defaults;
    const bool empty_allowed =
        d.format == Format::delimiter || std::get<std::string*>(d.slot(defaults))->empty();
    if (good_text(d, node, *value, empty_allowed)) out = *value;
  }

  void read_value(const Definition& d, const toml::node& node, TextList& out) {
    const toml::array* array = node.as_array();
    if (array == nullptr) return wrong_type(d, node);
    if (array->size() > k_list_max) return too_many(d, node, k_list_max);
    TextList list;
    bool good = true;
    for (const toml::node& item : *array) {
      const auto value = item.value_exact<std::string_view>();
      if (!value) return wrong_type(d, item);
      good = good_text(d, item, *value, false) && good;
      if (std::ranges::find(list, *value) != list.end()) {
        add(item, std::string(d.name), {"同じものが 2 回書かれています。", "stands there twice"});
        good = false;
      }
      list.emplace_back(*value);
    }
    if (good) out = std::move(list);
  }

  void too_many(const Definition& d, const toml::node& node, std::size_t max) {
    add(node, std::string(d.name),
        {fmt::format("{} 件までです。", max), fmt::format("at most {} entries", max)});
  }

  void read_value(const Definition& d, const toml::node& node, Mode& out) {
    const auto value = node.value_exact<std::string_view>();
    if (!value) return wrong_type(d, node);
    if (*value != "observe" && *value != "enforce") {
      return add(
          node, std::string(d.name),
          {"\"observe\" か \"enforce\" を書いてください。", "must be \"observe\" or \"enforce\""});
    }
    out = *value == "observe" ? Mode::observe : Mode::enforce;
  }

  void read_value(const Definition& d, const toml::node& node, Language& out) {
    const auto value = node.value_exact<std::string_view>();
    if (!value) return wrong_type(d, node);
    if (*value != "ja" && *value != "en") {
      return add(node, std::string(d.name),
                 {"\"ja\" か \"en\" を書いてください。", "must be \"ja\" or \"en\""});
    }
    out = *value == "ja" ? Language::ja : Language::en;
  }

  void read_value(const Definition& d, const toml::node& node, ModeTable& out) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return wrong_type(d, node);
    if (table->size() > k_table_max) return too_many(d, node, k_table_max);
    const std::size_t before = loaded_.findings.size();
    ModeTable read;
    for (const auto& [key, item] : *table) {
      Mode mode = Mode::observe;
      if (good_text(d, item, key.str(), false)) read_value(d, item, mode);
      read.emplace(key.str(), mode);
    }
    if (loaded_.findings.size() == before) out = std::move(read);
  }

  Loaded& loaded_;
  const toml::table* root_ = nullptr;
};

}  // namespace

Loaded read_settings(std::string_view text, std::string_view filename) {
  Loaded loaded;
  loaded.filename = filename;
  loaded.lines.assign(definitions().size(), 0);
  if (text.size() > k_file_bytes_max) {
    loaded.findings.push_back(
        {Severity::error,
         0,
         0,
         "",
         {"ファイルが大きすぎます(1MiB までです)。", "the file is too large (at most 1MiB)"},
         ""});
    return loaded;
  }
  if (std::optional<Stray> stray = find_stray(text)) {
    loaded.findings.push_back(
        {Severity::error, stray->line, stray->column, "", std::move(stray->what), ""});
    return loaded;
  }
  const toml::parse_result parsed = toml::parse(text, filename);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    const std::string why(error.description());
    loaded.findings.push_back({Severity::error,
                               static_cast<int>(error.source().begin.line),
                               static_cast<int>(error.source().begin.column),
                               "",
                               {fmt::format("TOML として読めません: {}", why),
                                fmt::format("not readable as TOML: {}", why)},
                               ""});
    return loaded;
  }
  Reader(loaded).read(parsed.table());
  add_cross_findings(loaded);
  std::ranges::stable_sort(loaded.findings, {}, [](const Finding& finding) {
    return std::pair(finding.line, finding.column);
  });
  return loaded;
}

}  // namespace sekimori::config
