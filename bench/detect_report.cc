// The judge beside every limit in use: one JSON line a figure on standard output, progress on
// standard error. The same options give the same bytes. What the figures mean: docs/detection.md.
//
//   detect_report [--full] [--data DIR] [--victims N] [--cases N] [--tune-seed N] [--seed N]
//                 [--only SET]
#include <fmt/format.h>

#include <cstdlib>

#include "bench/detect_lines.h"

namespace sekimori::bench {
namespace {

int main_of(int argc, char** argv) {
  StudyOptions o;
  if (const char* dir = std::getenv("SEKIMORI_DATA")) o.data = std::string(dir) + "/email-events";
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (arg == "--full")
      o.full = true;
    else if (arg == "--data")
      o.data = value();
    else if (arg == "--only")
      o.only = value();
    else if (arg == "--victims")
      o.victims = std::strtoull(value(), nullptr, 10);
    else if (arg == "--cases")
      o.cases = std::strtoull(value(), nullptr, 10);
    else if (arg == "--tune-seed")
      o.tune_seed = std::strtoull(value(), nullptr, 10);
    else if (arg == "--seed")
      o.test_seed = std::strtoull(value(), nullptr, 10);
    else {
      fmt::print(stderr, "unknown option {}\n", arg);
      return 2;
    }
  }
  // 90 attacks a family over the six worlds are enough for a look, 240 for a report.
  if (o.victims == 0) o.victims = o.full ? 40 : 15;
  if (o.cases == 0) o.cases = o.full ? 30 : 15;
  Study study(std::move(o));
  if (!study.run()) return 1;
  for (const std::string& line : figure_lines(study)) fmt::print("{}\n", line);
  return 0;
}

}  // namespace
}  // namespace sekimori::bench

int main(int argc, char** argv) { return sekimori::bench::main_of(argc, argv); }
