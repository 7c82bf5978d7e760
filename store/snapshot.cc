#include "store/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "base/hash.h"
#include "store/files.h"

namespace sekimori::store {
namespace {

constexpr std::string_view k_prefix = "snapshot-";
constexpr std::string_view k_temporary = ".tmp";
constexpr std::string_view k_manifest = "MANIFEST";
constexpr std::string_view k_part_mark = "sekimori-part-1";
constexpr std::string_view k_manifest_mark = "sekimori-snapshot-1";
constexpr std::size_t k_digits = 20;
constexpr std::size_t k_name_max = 64;
constexpr std::size_t k_header_max = 256;

// Against damage, not against forgers: the key is no secret.
std::uint64_t hash_of(std::string_view bytes) { return keyed_hash(HashKey{}, bytes); }

std::string header_of(std::string_view name, std::uint64_t sequence, std::uint64_t length,
                      std::uint64_t hash) {
  return fmt::format("{} {} {} {} {:016x}\n", k_part_mark, name, sequence, length, hash);
}

// The manifest's last line.
std::string end_of(std::string_view manifest) {
  return fmt::format("end {:016x}\n", hash_of(manifest));
}

std::string path_of(const std::string& directory, std::uint64_t number) {
  return fmt::format("{}/{}{:020}", directory, k_prefix, number);
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= k_name_max && name.front() != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

// Numbers of the finished snapshots, newest first; with `remove_unfinished` the others are deleted.
Result<std::vector<std::uint64_t>> numbers_in(const std::string& directory,
                                              bool remove_unfinished) {
  std::vector<std::uint64_t> numbers;
  std::error_code error;
  std::filesystem::directory_iterator at(directory, error);
  if (error == std::errc::no_such_file_or_directory) return numbers;
  std::vector<std::filesystem::path> unfinished;
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(k_prefix)) continue;
    if (name.ends_with(k_temporary)) {
      unfinished.push_back(at->path());
      continue;
    }
    const std::string digits = name.substr(k_prefix.size());
    std::uint64_t number = 0;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (code == std::errc{} && end == digits.data() + digits.size() && digits.size() == k_digits) {
      numbers.push_back(number);
    }
  }
  if (error) {
    return operating_failure(fmt::format("cannot read {}: {}", directory, error.message()));
  }
  std::ranges::sort(numbers, std::greater{});
  if (remove_unfinished) {
    for (const auto& path : unfinished) std::filesystem::remove_all(path, error);
  }
  return numbers;
}

// Cuts the next word, up to a blank or line break, off `text`.
std::string_view next_word(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

bool read_number(std::string_view word, std::uint64_t& out, int base = 10) {
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), out, base);
  return code == std::errc{} && end == word.data() + word.size();
}

// A whole file, written and synced.
Result<void> write_file(const std::string& path, std::string_view head, std::string_view bytes) {
  auto file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return std::unexpected(file.error());
  if (auto done = write_all(file->get(), head, path); !done) return done;
  if (auto done = write_all(file->get(), bytes, path); !done) return done;
  if (::fsync(file->get()) != 0) return errno_failure("sync", path);
  return {};
}

// The bytes of a part behind its header. Errors: bad_input where file and manifest disagree.
Result<std::string> read_part(const std::string& path, std::string_view header,
                              std::uint64_t length, std::uint64_t hash) {
  auto bytes = read_file(path, k_snapshot_part_bytes_max + k_header_max);
  if (!bytes) return std::unexpected(bytes.error());
  if (!bytes->starts_with(header) || bytes->size() != header.size() + length) {
    return bad_input(fmt::format("{} is not what the manifest names", path));
  }
  bytes->erase(0, header.size());
  if (hash_of(*bytes) != hash) return bad_input(fmt::format("{} is damaged", path));
  return bytes;
}

}  // namespace

SnapshotWriter::SnapshotWriter(SnapshotWriter&& other) noexcept
    : directory_(std::move(other.directory_)),
      number_(other.number_),
      temporary_(std::exchange(other.temporary_, {})),
      parts_(std::move(other.parts_)),
      failed_(other.failed_) {}

SnapshotWriter::~SnapshotWriter() {
  std::error_code ignored;  // the next begin() removes what stays
  if (!temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);
}

Result<SnapshotWriter> SnapshotWriter::begin(const std::string& directory) {
  if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
  const auto numbers = numbers_in(directory, true);
  if (!numbers) return std::unexpected(numbers.error());
  SnapshotWriter writer;
  writer.directory_ = directory;
  writer.number_ = numbers->empty() ? 1 : numbers->front() + 1;
  writer.temporary_ = path_of(directory, writer.number_).append(k_temporary);
  if (auto made = make_directory(writer.temporary_); !made) return std::unexpected(made.error());
  return writer;
}

Result<void> SnapshotWriter::add(std::string_view name, std::uint64_t sequence,
                                 std::string_view bytes) {
  if (failed_) return operating_failure("an earlier part of this snapshot could not be written");
  if (!is_name(name) || name == k_manifest || parts_.size() == k_snapshot_parts_max ||
      bytes.size() > k_snapshot_part_bytes_max ||
      std::ranges::any_of(parts_, [name](const Part& part) { return part.name == name; })) {
    return bad_input(fmt::format("\"{}\" cannot be a part of this snapshot", name));
  }
  Part part{std::string(name), sequence, bytes.size(), hash_of(bytes)};
  const std::string header = header_of(name, sequence, part.length, part.hash);
  if (auto done = write_file(temporary_ + "/" + part.name, header, bytes); !done) {
    failed_ = true;
    return done;
  }
  parts_.push_back(std::move(part));
  return {};
}

Result<void> SnapshotWriter::commit() {
  if (failed_ || temporary_.empty()) {
    return operating_failure("this snapshot is not complete and cannot be kept");
  }
  std::string manifest = fmt::format("{} {}\n", k_manifest_mark, parts_.size());
  for (const Part& part : parts_) {
    manifest += header_of(part.name, part.sequence, part.length, part.hash);
  }
  const std::string end = end_of(manifest);
  failed_ = true;  // unless all of the following works
  auto done = write_file(temporary_ + "/" + std::string(k_manifest), manifest, end);
  if (done) done = sync_directory(temporary_);
  if (!done) return done;
  const std::string path = path_of(directory_, number_);
  if (::rename(temporary_.c_str(), path.c_str()) != 0) return errno_failure("finish", path);
  temporary_.clear();
  if (auto synced = sync_directory(directory_); !synced) return synced;
  failed_ = false;
  const auto numbers = numbers_in(directory_, false);
  if (!numbers) return std::unexpected(numbers.error());
  for (std::size_t i = k_snapshots_kept; i < numbers->size(); ++i) {
    std::error_code error;
    std::filesystem::remove_all(path_of(directory_, (*numbers)[i]), error);
    if (error) {
      return operating_failure(
          fmt::format("cannot remove an old snapshot in {}: {}", directory_, error.message()));
    }
  }
  return {};
}

Result<SnapshotSet> SnapshotSet::check(const std::string& directory, std::uint64_t number) {
  SnapshotSet set;
  set.path_ = path_of(directory, number);
  set.number_ = number;
  const std::string manifest_path = set.path_ + "/" + std::string(k_manifest);
  auto manifest = read_file(manifest_path, k_snapshot_parts_max * k_header_max);
  if (!manifest) return std::unexpected(manifest.error());
  const auto broken = [&] { return bad_input(fmt::format("{} is damaged", manifest_path)); };
  const std::size_t end = manifest->rfind("end ");
  if (end == std::string::npos) return broken();
  std::string_view text = std::string_view(*manifest).substr(0, end);
  if (std::string_view(*manifest).substr(end) != end_of(text)) return broken();
  std::uint64_t count = 0;
  if (next_word(text) != k_manifest_mark || !read_number(next_word(text), count)) return broken();
  while (!text.empty()) {
    SnapshotWriter::Part part;
    if (next_word(text) != k_part_mark) return broken();
    part.name = next_word(text);
    if (!is_name(part.name) || !read_number(next_word(text), part.sequence) ||
        !read_number(next_word(text), part.length) ||
        !read_number(next_word(text), part.hash, 16)) {
      return broken();
    }
    set.parts_.push_back(std::move(part));
  }
  if (set.parts_.size() != count) return broken();
  return set;
}

Result<SnapshotSet> SnapshotSet::open_newest(const std::string& directory) {
  const auto numbers = numbers_in(directory, false);
  if (!numbers) return std::unexpected(numbers.error());
  std::vector<std::string> problems;
  for (const std::uint64_t number : *numbers) {
    auto set = check(directory, number);
    // All of it is read once before any of it is used: half a state must not be folded into.
    Result<void> good;
    if (set)
      good = set->read([](auto, auto, auto) { return Result<void>(); });
    else
      good = std::unexpected(set.error());
    if (good) {
      set->problems_ = std::move(problems);
      return set;
    }
    problems.push_back(good.error().text);
  }
  if (problems.empty()) return not_found(fmt::format("there is no snapshot in {}", directory));
  std::string text = fmt::format("no snapshot in {} can be used", directory);
  for (const std::string& problem : problems) text += "; " + problem;
  return not_found(std::move(text));
}

Result<void> SnapshotSet::read(
    const std::function<Result<void>(std::string_view name, std::uint64_t sequence,
                                     std::string_view bytes)>& each) const {
  for (const SnapshotWriter::Part& part : parts_) {
    const std::string header = header_of(part.name, part.sequence, part.length, part.hash);
    auto bytes = read_part(path_ + "/" + part.name, header, part.length, part.hash);
    if (!bytes) return std::unexpected(bytes.error());
    if (auto done = each(part.name, part.sequence, *bytes); !done) return done;
  }
  return {};
}

std::uint64_t SnapshotSet::replay_from() const {
  if (parts_.empty()) return 1;
  return std::ranges::min(parts_, {}, &SnapshotWriter::Part::sequence).sequence + 1;
}

std::uint64_t SnapshotSet::bytes() const {
  std::uint64_t sum = 0;
  for (const SnapshotWriter::Part& part : parts_) sum += part.length;
  return sum;
}

Result<std::uint64_t> journal_needed_from(const std::string& directory) {
  const auto numbers = numbers_in(directory, false);
  if (!numbers) return std::unexpected(numbers.error());
  std::uint64_t needed = std::numeric_limits<std::uint64_t>::max();
  std::size_t complete = 0;
  for (const std::uint64_t number : *numbers) {
    const auto set = SnapshotSet::check(directory, number);
    if (!set) continue;
    ++complete;
    needed = std::min(needed, set->replay_from());
  }
  return complete < k_snapshots_kept ? 1 : needed;
}

}  // namespace sekimori::store
