#include "web/hub.h"

#include <fmt/format.h>

#include <algorithm>

namespace sekimori::web {
namespace {

Hub::Frame gap_frame(std::uint64_t lost) {
  return std::make_shared<const std::string>(
      fmt::format("event: gap\ndata: {{\"lost\":{}}}\n\n", lost));
}

}  // namespace

Hub::Reader::Reader(Hub& hub, std::function<void()> wake,
                    std::optional<std::vector<std::string>> only)
    : hub_(hub), wake_(std::move(wake)), only_(std::move(only)) {}

Hub::Reader::~Reader() {
  const std::scoped_lock lock(hub_.mutex_);
  hub_.readers_.remove(this);
}

std::vector<Hub::Frame> Hub::Reader::take() {
  const std::scoped_lock lock(hub_.mutex_);
  std::vector<Frame> out;
  if (lost_ > 0) out.push_back(gap_frame(lost_));
  lost_ = 0;
  out.insert(out.end(), queue_.begin(), queue_.end());
  queue_.clear();
  return out;
}

Hub::Hub(std::uint64_t first_id) : first_id_(first_id), next_id_(first_id) {}

bool Hub::push(Reader& reader, const Frame& frame, std::string_view domain) {
  if (reader.only_ && std::ranges::find(*reader.only_, domain) == reader.only_->end()) {
    return false;
  }
  if (reader.queue_.size() == k_stream_queue_max) {
    reader.queue_.pop_front();
    ++reader.lost_;
    ++lost_;
  }
  reader.queue_.push_back(frame);
  return true;
}

void Hub::publish(std::string_view kind, std::string_view json, std::string_view domain) {
  const std::scoped_lock lock(mutex_);
  const auto id = next_id_++;
  const bool fits = json.size() <= k_stream_message_max && !json.contains('\n');
  if (fits) {
    auto frame = std::make_shared<const std::string>(
        fmt::format("id: {}\nevent: {}\ndata: {}\n\n", id, kind, json));
    history_.push_back({id, frame, std::string(domain)});
    if (history_.size() > k_stream_history_max) history_.pop_front();
    for (auto* reader : readers_) {
      if (push(*reader, frame, domain)) reader->wake_();
    }
  } else {
    lost_ += readers_.size();
    for (auto* reader : readers_) {
      ++reader->lost_;
      reader->wake_();
    }
  }
}

std::unique_ptr<Hub::Reader> Hub::subscribe(std::uint64_t after, std::function<void()> wake,
                                            std::optional<std::vector<std::string>> only) {
  std::unique_ptr<Reader> reader(new Reader(*this, std::move(wake), std::move(only)));
  const std::scoped_lock lock(mutex_);
  readers_.push_back(reader.get());
  if (after == 0) return reader;
  // An id of another start, or one that is no longer remembered: something may be missing. Ids that
  // the history skips (messages too long) count as missing too.
  const auto oldest = history_.empty() ? next_id_ : history_.front().id;
  if (after >= next_id_ || after + 1 < oldest) {
    reader->lost_ = after >= next_id_ || after < first_id_ ? 1 : oldest - after - 1;
    if (after >= next_id_) return reader;
  }
  for (const auto& kept : history_) {
    if (kept.id > after) push(*reader, kept.frame, kept.domain);
  }
  return reader;
}

std::size_t Hub::readers() const {
  const std::scoped_lock lock(mutex_);
  return readers_.size();
}

std::uint64_t Hub::lost() const {
  const std::scoped_lock lock(mutex_);
  return lost_;
}

}  // namespace sekimori::web
