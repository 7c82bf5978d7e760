#include "config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace sekimori::config {

bool Loaded::usable() const {
  return std::ranges::none_of(
      findings, [](const Finding& finding) { return finding.severity == Severity::error; });
}

std::vector<Finding> check_settings(std::string_view text, std::string_view filename) {
  return read_settings(text, filename).findings;
}

Result<Settings> parse_settings(std::string_view text, std::string_view filename) {
  Loaded loaded = read_settings(text, filename);
  if (loaded.usable()) return std::move(loaded.settings);
  std::string all;
  for (const Finding& finding : loaded.findings) {
    if (finding.severity != Severity::error) continue;
    if (!all.empty()) all += '\n';
    all += print_finding(finding, filename, Language::en);
  }
  return bad_input(std::move(all));
}

Result<Loaded> read_settings_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  const auto failed = [&] {
    return operating_failure(
        fmt::format("cannot read {}: {}", path, std::generic_category().message(errno)));
  };
  if (!file) return failed();
  // One byte more than read_settings takes, so that it can say "too large".
  std::string text((1 << 20) + 1, '\0');
  const std::size_t size = std::fread(text.data(), 1, text.size(), file.get());
  if (std::ferror(file.get()) != 0) return failed();
  text.resize(size);
  return read_settings(text, path);
}

std::string print_finding(const Finding& finding, std::string_view filename, Language language) {
  std::string out(filename);
  if (finding.line > 0) out += fmt::format(":{}:{}", finding.line, finding.column);
  const bool is_error = finding.severity == Severity::error;
  if (language == Language::ja) {
    out += is_error ? ": エラー: " : ": 注意: ";
  } else {
    out += is_error ? ": error: " : ": warning: ";
  }
  if (!finding.name.empty()) out += finding.name + ": ";
  return out + finding.what.in(language);
}

std::vector<Effective> effective_values(const Loaded& loaded) {
  std::vector<Effective> out;
  for (std::size_t i = 0; i < definitions().size(); ++i) {
    const Definition& definition = definitions()[i];
    const int line = loaded.lines[i];
    out.push_back({std::string(definition.name), print_value(definition, loaded.settings),
                   line == 0 ? "default" : fmt::format("{}:{}", loaded.filename, line),
                   definition.lifetime});
  }
  return out;
}

std::vector<std::string> changed_settings(const Settings& before, const Settings& after,
                                          Lifetime lifetime) {
  std::vector<std::string> out;
  for (const Definition& definition : definitions()) {
    // The printed value is exact: every type prints what it parses.
    if (definition.lifetime == lifetime &&
        print_value(definition, before) != print_value(definition, after)) {
      out.emplace_back(definition.name);
    }
  }
  return out;
}

}  // namespace sekimori::config
