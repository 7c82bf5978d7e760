// Figures of the engine itself, one JSON line each.
//
//   engine_bench parse FILE       lines a second that are read and parsed and then dropped: the
//                                 baseline of `sekimori replay` on the same file
//   engine_bench memory N         N accounts that each live for some messages: bytes per account,
//                                 the contact filter apart, snapshot written and loaded again
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>

#include "app/line_reader.h"
#include "bench/process_figures.h"
#include "decide/engine.h"
#include "detect/epoch.h"
#include "wire/event_json.h"

namespace {

using namespace sekimori;
using bench::resident;
using bench::seconds_since;
using Clock = std::chrono::steady_clock;

int parse(const std::string& path) {
  auto reader = app::LineReader::open(path, wire::k_event_line_max);
  if (!reader) {
    fmt::print(stderr, "{}\n", reader.error().text);
    return 1;
  }
  const auto begun = Clock::now();
  std::uint64_t good = 0;
  while (const auto line = reader->next()) {
    if (wire::parse_event(*line)) ++good;
  }
  const double s = seconds_since(begun);
  fmt::print(R"({{"bench":"replay","what":"parse only","events":{},"seconds":{:.3f},)"
             R"("events_per_second":{:.0f}}})"
             "\n",
             good, s, static_cast<double>(good) / s);
  return 0;
}

decide::EngineSettings settings_for(std::uint32_t accounts) {
  decide::EngineSettings settings;
  settings.mode = decide::Mode::enforce;
  settings.detect.accounts_max = std::size_t{accounts} + accounts / 4;
  return settings;
}

// Account `a` writes its `i`th message to one of its eight correspondents.
Event message(std::uint32_t a, std::uint32_t i, Instant t) {
  Event event;
  event.t = t;
  event.account = fmt::format("user{}@domain{}.example", a, a % 1000);
  Submission mail;
  mail.ip = *IpAddress::parse(fmt::format("10.{}.{}.{}", a >> 16 & 255, a >> 8 & 255, a & 255));
  mail.from = event.account;
  mail.to = {fmt::format("friend{}@partner{}.example", i % 8, a % 5000)};
  mail.size = 2000 + (a * 7919 + i * 104729) % 60000;
  mail.queue_id = fmt::format("4Q{}x{}", a, i);
  event.body = std::move(mail);
  return event;
}

int memory(std::uint32_t accounts) {
  const std::uint64_t empty = resident();
  decide::Engine engine(settings_for(accounts), nullptr, detect::shipped_priors());
  const std::uint64_t shards = resident();
  decide::Applied applied;
  Instant t{1'750'000'000'000'000};
  for (std::uint32_t round = 0; round < 3; ++round) {
    for (std::uint32_t a = 0; a < accounts; ++a) {
      t = t + Duration{40'000};
      engine.apply(message(a, round, t), applied);
    }
    t = t + hours(13);
    engine.next_epoch(t);
  }
  const auto totals = engine.totals();
  const std::uint64_t full = resident();
  fmt::print(
      R"({{"bench":"memory","accounts":{},"model_bytes_per_account":{},)"
      R"("standing_bytes_per_account":{},)"
      R"("contact_filter_bytes_per_account":{:.1f},"resident_bytes_per_account":{:.1f},)"
      R"("resident_mib":{:.0f},"empty_engine_mib":{:.0f}}})"
      "\n",
      totals.accounts, detect::Detector::bytes_per_account(),
      totals.model_bytes / totals.accounts - detect::Detector::bytes_per_account(),
      static_cast<double>(totals.contact_filter_bytes) / static_cast<double>(totals.accounts),
      static_cast<double>(full - shards) / static_cast<double>(totals.accounts),
      static_cast<double>(full) / 1048576.0, static_cast<double>(shards - empty) / 1048576.0);

  std::map<std::string, std::pair<std::uint64_t, std::string>> parts;
  auto begun = Clock::now();
  engine.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
    parts[std::string(name)] = {sequence, std::string(bytes)};
  });
  const double saving = seconds_since(begun);
  std::uint64_t bytes = 0;
  for (const auto& [name, part] : parts) bytes += part.second.size();
  begun = Clock::now();
  decide::Engine again(settings_for(accounts), nullptr, detect::shipped_priors());
  for (const auto& [name, part] : parts) {
    if (auto read = again.load(name, part.first, part.second); !read) {
      fmt::print(stderr, "{}: {}\n", name, read.error().text);
      return 1;
    }
  }
  const double loading = seconds_since(begun);
  fmt::print(R"({{"bench":"start","accounts":{},"snapshot_mib":{:.0f},"save_seconds":{:.2f},)"
             R"("load_seconds":{:.2f},"same_hash":{}}})"
             "\n",
             totals.accounts, static_cast<double>(bytes) / 1048576.0, saving, loading,
             again.hash() == engine.hash());
  return again.hash() == engine.hash() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "parse" && argc == 3) return parse(argv[2]);
  const auto number =
      argc > 2 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 0U;
  if (what == "memory" && number > 0) return memory(number);
  fmt::print(stderr, "usage: engine_bench parse FILE | memory ACCOUNTS\n");
  return 2;
}
