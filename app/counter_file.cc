#include "app/counter_file.h"

#include <algorithm>

namespace sekimori::app {
namespace {

constexpr Duration k_sync_pace = seconds(1);
constexpr std::uint64_t k_file_least = 8ULL << 20;
constexpr std::uint64_t k_file_growth = 4;
// 5 million rows of some 500 bytes, written over a few times.
constexpr std::size_t k_file_max = std::size_t{16} << 30;

}  // namespace

Result<void> CounterFile::open(const std::function<void(std::string_view)>& trouble) {
  const auto kept = file_.read(k_file_max);
  if (!kept) {
    trouble(kept.error().text);
  } else if (!kept->empty()) {
    if (const auto taken = source_.load(*kept); !taken) trouble(taken.error().text);
  }
  return write_anew();
}

Result<void> CounterFile::write_anew() {
  if (auto done = file_.begin(source_.head); !done) return done;
  auto done = source_.dump([this](std::string_view part) { return file_.add(part); });
  if (!done) return done;
  if (auto there = file_.commit(); !there) return there;
  base_ = file_.bytes();
  return {};
}

Result<void> CounterFile::keep(Instant now) {
  buffer_.clear();
  source_.changes(buffer_);
  if (!buffer_.empty()) {
    if (auto done = file_.append(buffer_); !done) return done;
  }
  if (file_.bytes() > std::max(k_file_least, base_ * k_file_growth)) {
    if (auto done = write_anew(); !done) return done;
  }
  if (now < next_sync_) return {};
  next_sync_ = now + k_sync_pace;
  return file_.sync();
}

}  // namespace sekimori::app
