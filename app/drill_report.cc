#include "app/drill_report.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdio>

#include "app/cli_text.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {
// A server's reply with its URL fits; one that says it all twice is cut (--json has it whole).
constexpr std::size_t k_columns_max = 140;
}  // namespace

DrillReport::DrillReport(Language language, bool json)
    : language_(language), json_(json), begun_(std::chrono::steady_clock::now()) {}

double DrillReport::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
}

void DrillReport::print(char mark, std::string_view step, const Text& text,
                        const json::object& data) {
  if (json_) {
    json::object line{{"step", step},
                      {"t", std::round(seconds() * 1000) / 1000},
                      {"text", json::object{{"ja", text.ja}, {"en", text.en}}}};
    if (mark == '+' || mark == '-') line["ok"] = mark == '+';
    if (mark == '/') line["skipped"] = true;
    for (const auto& [key, value] : data) line[key] = value;
    fmt::print("{}\n", json::serialize(line));
  } else {
    const char* sign = mark == '+' ? "✓" : mark == '-' ? "✗" : mark == '/' ? "-" : " ";
    // A server's words may hold anything.
    std::string words = harmless(text.in(language_));
    for (char& c : words) {
      if (c == '\n') c = ' ';
    }
    if (const auto fits = fitting(words, k_columns_max); fits.size() < words.size()) {
      words = std::string(fits) + "…";
    }
    fmt::print("{:6.2f} s  {}  {}\n", seconds(), sign, words);
  }
  std::fflush(stdout);
}

void DrillReport::tell(std::string_view step, const Text& text, const json::object& data) {
  print(' ', step, text, data);
}

bool DrillReport::expect(bool held, std::string_view step, const Text& text,
                         const json::object& data) {
  print(held ? '+' : '-', step, text, data);
  if (held) {
    ++held_;
  } else {
    failed_.push_back(text);
  }
  return held;
}

void DrillReport::skip(std::string_view step, const Text& text) { print('/', step, text, {}); }

bool DrillReport::verdict() {
  const bool passed = failed_.empty() && held_ > 0;
  if (json_) {
    json::array failed;
    for (const auto& text : failed_)
      failed.push_back(json::object{{"ja", text.ja}, {"en", text.en}});
    fmt::print("{}\n",
               json::serialize(json::object{{"verdict", passed ? "passed" : "failed"},
                                            {"seconds", std::round(seconds() * 1000) / 1000},
                                            {"held", held_},
                                            {"failed", failed}}));
  } else if (passed) {
    fmt::print(fmt::runtime(language_ == Language::ja
                                ? "\n訓練は成功です。{} 項目すべてを {:.1f} 秒で確かめました。\n"
                                : "\nThe drill passed: all {} expectations held, in {:.1f} s.\n"),
               held_, seconds());
  } else {
    fmt::print(
        fmt::runtime(language_ == Language::ja
                         ? "\n訓練は失敗です。次の {} 項目が期待どおりではありませんでした。\n"
                         : "\nThe drill failed: {} expectations did not hold.\n"),
        failed_.size());
    for (const auto& text : failed_) fmt::print("  ✗  {}\n", harmless(text.in(language_)));
  }
  std::fflush(stdout);
  return passed;
}

}  // namespace sekimori::app
