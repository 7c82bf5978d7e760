#include "serve/log_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "wire/log_line.h"

namespace sekimori::serve {
namespace {

// A file may be touched a moment before its last line's second ends.
constexpr Duration k_slack = hours(1);

bool has_year(std::string_view line) {
  if (line.starts_with('<')) {
    line.remove_prefix(std::min(line.size(), line.find('>') + 1));
  }
  return !line.empty() && line.front() >= '0' && line.front() <= '9';
}

}  // namespace

LogSet::LogSet(std::vector<LogArchive> archives, LogSetOptions options) : options_(options) {
  std::vector<File> files(archives.size());
  for (std::size_t i = 0; i < archives.size(); ++i) {
    bytes_ += archives[i].size();
    files[i].name = archives[i].name();
    probe(archives[i], files[i]);
  }
  std::vector<std::size_t> order(archives.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    if (files[a].first != files[b].first) return files[a].first < files[b].first;
    return files[a].name < files[b].name;
  });
  for (const std::size_t i : order) {
    archives_.push_back(std::move(archives[i]));
    files_.push_back(std::move(files[i]));
  }
}

void LogSet::probe(LogArchive& archive, File& file) {
  file.reference =
      archive.can_rewind() ? std::min(archive.modified() + k_slack, options_.now) : options_.now;
  if (auto begun = archive.begin(); !begun) {
    file.trouble = begun.error().text;
    file.unusable = true;
    return;
  }
  file.packed = archive.packed();
  if (!archive.can_rewind()) {
    // Its first line is its beginning; where it belongs among others is not asked of a pipe.
    file.first = Instant{1};
    return;
  }
  std::size_t looked = 0;
  for (auto line = archive.next(); line; line = archive.next()) {
    if (has_year(*line)) file.reference = options_.now;
    if (const auto t = wire::log_stamp(*line, {file.reference, options_.utc_offset_s})) {
      file.first = *t;
      break;
    }
    if (++looked == k_probe_lines) break;
  }
  // Of a journal's entries only those with a time and a message come here as lines.
  if (!file.first.is_set() && (looked > 0 || archive.entries_passed_over() > 0)) {
    file.trouble = "no line begins with a time stamp: is it a mail log?";
    file.unusable = true;
  }
  archive.end();
}

bool LogSet::advance(Open& open) {
  LogArchive& archive = archives_[open.file];
  File& file = files_[open.file];
  const auto line = archive.next();
  file.lines_too_long = archive.lines_too_long();
  if (!line) {
    file.trouble = archive.broken();
    archive.end();
    return false;
  }
  ++file.lines;
  open.line.text = *line;
  open.line.file = open.file;
  open.line.reference = has_year(*line) ? options_.now : file.reference;
  const auto stamp = open.stamps.read(*line, {open.line.reference, options_.utc_offset_s});
  open.line.stamp = stamp.value_or(wire::LogStamps::Stamp{});
  if (stamp) open.line.t = std::min(stamp->t, options_.now);
  return true;
}

void LogSet::open_due() {
  while (next_file_ < files_.size() && open_.size() < k_open_max) {
    File& file = files_[next_file_];
    if (!file.unusable) {
      const bool due = open_.empty() || std::ranges::any_of(open_, [&](const Open& o) {
                         return o.line.t >= file.first;
                       });
      if (!due) return;
      LogArchive& archive = archives_[next_file_];
      if (archive.can_rewind()) {
        if (auto begun = archive.begin(); !begun) {
          file.trouble = begun.error().text;
          file.unusable = true;
        }
      }
      Open open;
      open.file = next_file_;
      open.line.t = file.first;
      if (!file.unusable && advance(open)) open_.push_back(open);
    }
    ++next_file_;
  }
}

const LogSet::Line* LogSet::next() {
  if (given_) {
    // The one handed out last stands in front.
    if (!advance(open_.front())) open_.erase(open_.begin());
    given_ = false;
  }
  open_due();
  if (open_.empty()) return nullptr;
  if (open_.size() > 1) {
    const auto earliest = std::ranges::min_element(open_, [](const Open& a, const Open& b) {
      return a.line.t != b.line.t ? a.line.t < b.line.t : a.file < b.file;
    });
    std::iter_swap(open_.begin(), earliest);
  }
  given_ = true;
  return &open_.front().line;
}

std::uint64_t LogSet::bytes_read() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < archives_.size(); ++i) {
    // A file of another order of reading was only looked into so far.
    if (i < next_file_) sum += std::min(archives_[i].consumed(), archives_[i].size());
  }
  return sum;
}

}  // namespace sekimori::serve
