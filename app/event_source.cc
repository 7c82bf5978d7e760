#include "app/event_source.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "app/line_reader.h"
#include "store/journal.h"
#include "wire/event_json.h"

namespace sekimori::app {
namespace {

Text no_journal(const std::string& path) {
  return {fmt::format("{}: ジャーナル(events-*.ndjson)がありません。設定 journal.directory の"
                      "フォルダーか、出来事のファイルを指定してください。",
                      path),
          fmt::format("{}: there is no journal (events-*.ndjson) in it; name the folder of the "
                      "setting journal.directory, or a file of events",
                      path)};
}

}  // namespace

Result<EventSource> EventSource::open(std::vector<std::string> paths, Language language) {
  if (paths.size() > k_paths_max) {
    return bad_input(fmt::format("at most {} files at once", k_paths_max));
  }
  EventSource out(language);
  for (std::string& path : paths) {
    std::error_code error;
    if (path == "-" || !std::filesystem::is_directory(path, error)) {
      // Opened once now: a wrong name is told before hours of work, not after. A pipe's writer
      // would take the second opening for the end.
      if (path != "-" && !std::filesystem::is_fifo(path, error)) {
        if (auto opened = LineReader::open(path, wire::k_event_line_max); !opened) {
          return std::unexpected(opened.error());
        }
      }
      out.parts_.push_back({std::move(path), false});
      continue;
    }
    std::string found;
    for (const std::string& folder : {path, path + "/journal"}) {
      const auto segments = store::journal_segments(folder);
      if (!segments) return std::unexpected(segments.error());
      if (!segments->empty()) {
        found = folder;
        break;
      }
    }
    if (found.empty()) return bad_input(no_journal(path).in(language));
    out.parts_.push_back({std::move(found), true});
  }
  return out;
}

void EventSource::problem(EventReading& reading, std::string_view where,
                          std::string_view what) const {
  const std::uint64_t number = ++reading.skipped;
  if (number > k_problems_told) return;
  fmt::print(stderr, "{}: {}\n", where, what);
  if (number == k_problems_told) {
    fmt::print(stderr, "{}\n",
               language_ == Language::ja
                   ? "読めない行がほかにもあります。件数は最後に表示します。"
                   : "there are more lines that cannot be read; they are counted at the end");
  }
}

Result<EventReading> EventSource::each(const std::function<bool(const Event&)>& each) const {
  EventReading out;
  bool stopped = false;
  for (const Part& part : parts_) {
    if (stopped) break;
    if (part.journal) {
      const auto reading =
          store::read_journal(part.path, 1, [&](std::uint64_t, const Event& event) {
            ++out.events;
            stopped = !each(event);
            return !stopped;
          });
      if (!reading) return std::unexpected(reading.error());
      for (const auto& what : reading->problems) problem(out, part.path, what);
      // What the reader counted without words (it keeps the first hundred).
      out.skipped += reading->skipped - reading->problems.size();
      continue;
    }
    auto reader = LineReader::open(part.path, wire::k_event_line_max);
    if (!reader) return std::unexpected(reader.error());
    while (const auto line = reader->next()) {
      if (line->find_first_not_of(" \t\r") == std::string_view::npos) continue;
      const Result<Event> event = reader->too_long()
                                      ? Result<Event>(bad_input("the line is too long"))
                                      : wire::parse_event(*line);
      if (!event) {
        problem(out, fmt::format("{}:{}", part.path, reader->number()), event.error().text);
        continue;
      }
      ++out.events;
      if (!each(*event)) {
        stopped = true;
        break;
      }
    }
  }
  return out;
}

Result<Instant> parse_moment(std::string_view text, Instant now) {
  if (auto exact = parse_instant(text)) return exact;
  const auto wrong = [&] {
    return bad_input(fmt::format(
        "'{}' is no time: give 2026-11-01, \"2026-11-01 09:30\", 2026-11-01T09:30:00Z, or an age "
        "such as 90m, 24h, 7d",
        text));
  };
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  // An age of at most ten years: more is a slip of the finger.
  if (error == std::errc() && end - rest == 1 && number >= 0 && number <= 5'300'000) {
    switch (*rest) {
      case 'm': return now - minutes(number);
      case 'h': return now - hours(number);
      case 'd': return now - days(std::min<std::int64_t>(number, 3660));
      default: return wrong();
    }
  }
  std::tm parts{};
  parts.tm_isdst = -1;
  const std::string copy(text);
  for (const char* form : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    std::tm tried = parts;
    const char* const stop = ::strptime(copy.c_str(), form, &tried);
    if (stop == nullptr || *stop != '\0') continue;
    const std::time_t seconds_since_1970 = std::mktime(&tried);
    if (seconds_since_1970 <= 0) return wrong();
    return instant_from_seconds(static_cast<double>(seconds_since_1970));
  }
  return wrong();
}

}  // namespace sekimori::app
