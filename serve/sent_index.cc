#include "serve/sent_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/mail_address.h"

namespace sekimori::serve {
namespace {

constexpr std::size_t k_id_max = 998;  // a line of a mail (RFC 5322 §2.1.1)
// What waits for the disk; over it the oldest is given up, and only a restart would miss it.
constexpr std::size_t k_unwritten_max = 100'000;

struct Close {
  void operator()(FILE* file) const { (void)std::fclose(file); }
};
using File = std::unique_ptr<FILE, Close>;

std::unexpected<Error> failed(const std::string& path) {
  return operating_failure(fmt::format("{}: {}", path, std::strerror(errno)));
}

}  // namespace

std::uint64_t SentIndex::name_of(char kind, std::string_view text) const {
  std::string named(1, kind);
  named += text.substr(0, k_id_max);
  return keyed_hash(options_.key, named);
}

void SentIndex::put(const Record& record) {
  if (!begun_.is_set()) begun_ = Instant{record.t_us};
  accounts_[record.name] = record.account;
  order_.push_back(record);
  while (order_.size() > options_.max_entries) {
    dropped_ = Instant{order_.front().t_us};
    accounts_.erase(order_.front().name);
    order_.pop_front();
  }
}

void SentIndex::forget_before(Instant t) {
  while (!order_.empty() && order_.front().t_us < t.us) {
    accounts_.erase(order_.front().name);
    order_.pop_front();
  }
}

Result<void> SentIndex::load(Instant now) {
  const std::lock_guard lock(mutex_);
  if (options_.path.empty()) return {};
  {
    const File file(std::fopen(options_.path.c_str(), "rb"));
    if (!file && errno != ENOENT) return failed(options_.path);
    Record record;
    // A record that a crash cut in two ends the file.
    while (file && std::fread(&record, sizeof record, 1, file.get()) == 1) {
      if (!begun_.is_set()) begun_ = Instant{record.t_us};
      if (record.t_us >= (now - options_.keep).us) put(record);
    }
  }
  const std::string fresh = options_.path + ".new";
  {
    const File file(std::fopen(fresh.c_str(), "wb"));
    if (!file) return failed(fresh);
    for (const Record& record : order_) {
      if (std::fwrite(&record, sizeof record, 1, file.get()) != 1) return failed(fresh);
    }
    if (std::fflush(file.get()) != 0) return failed(fresh);
  }
  if (std::rename(fresh.c_str(), options_.path.c_str()) != 0) return failed(options_.path);
  return {};
}

void SentIndex::add(const Record& record) {
  // A copy of the account's own mail that comes in again (from a list) takes nothing away.
  const auto known = accounts_.find(record.name);
  if (known != accounts_.end() && (record.account == 0 || known->second == record.account)) return;
  put(record);
  if (options_.path.empty()) return;
  if (unwritten_.size() >= k_unwritten_max) unwritten_.pop_front();
  unwritten_.push_back(record);
}

void SentIndex::note(std::string_view queue_id, std::string_view message_id,
                     std::string_view account, Instant t) {
  const std::uint64_t by = account.empty() ? 0 : name_of('a', account);
  const std::lock_guard lock(mutex_);
  forget_before(t - options_.keep);
  if (!queue_id.empty()) add({name_of('q', queue_id), by, t.us});
  if (!message_id.empty()) add({name_of('m', message_id), by, t.us});
}

void SentIndex::note_delivery(std::string_view queue_id, std::string_view to,
                              std::string_view account, Instant t) {
  if (queue_id.empty() || account.empty()) return;
  const std::lock_guard lock(mutex_);
  forget_before(t - options_.keep);
  add({delivery_name(queue_id, to), name_of('a', account), t.us});
}

Result<void> SentIndex::flush() {
  std::deque<Record> records;
  {
    const std::lock_guard lock(mutex_);
    records.swap(unwritten_);
  }
  if (records.empty()) return {};
  const File file(std::fopen(options_.path.c_str(), "ab"));
  bool written = file != nullptr;
  for (const Record& record : records) {
    written = written && std::fwrite(&record, sizeof record, 1, file.get()) == 1;
  }
  written = written && std::fflush(file.get()) == 0;
  if (written) return {};
  auto error = failed(options_.path);
  const std::lock_guard lock(mutex_);
  unwritten_.insert(unwritten_.begin(), records.begin(), records.end());
  return error;
}

std::uint64_t SentIndex::delivery_name(std::string_view queue_id, std::string_view to) const {
  return name_of('d', std::string(queue_id) + ' ' + ascii_lower(to));
}

bool SentIndex::knows_delivery(std::string_view queue_id, std::string_view to,
                               std::string_view account) const {
  return !queue_id.empty() && knows(delivery_name(queue_id, to), account);
}

bool SentIndex::knows(std::uint64_t name, std::string_view account) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(name);
  return found != accounts_.end() && (account.empty() || found->second == name_of('a', account));
}

bool SentIndex::knows_message_id(std::string_view message_id, std::string_view account) const {
  return !message_id.empty() && knows(name_of('m', message_id), account);
}

bool SentIndex::knows_queue_id(std::string_view queue_id, std::string_view account) const {
  return !queue_id.empty() && knows(name_of('q', queue_id), account);
}

Instant SentIndex::since(Instant now) const {
  const std::lock_guard lock(mutex_);
  if (!begun_.is_set()) return {};
  return std::max({begun_, now - options_.keep, dropped_});
}

std::size_t SentIndex::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace sekimori::serve
