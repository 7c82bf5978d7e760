// Where news is handed out to the readers of /api/v1/stream, as server-sent events (WHATWG HTML
// §9.2). A reader that is too slow loses the oldest news of its own queue and is told so ("gap");
// publishing never waits for anybody.
//
// Threads: every function from any thread. A reader's `wake` is called under the hub's lock, so it
// must only pass the word on (post to its own thread) and call nothing of the hub.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sekimori::web {

// A reader far behind by this many has lost touch and will reload what it shows anyway.
inline constexpr std::size_t k_stream_queue_max = 256;
// Kept for readers that come back (Last-Event-ID): some minutes of a busy incident.
inline constexpr std::size_t k_stream_history_max = 1024;
// One piece of news; an incident with its evidence takes a few KiB.
inline constexpr std::size_t k_stream_message_max = 64 * 1024;

class Hub {
 public:
  using Frame = std::shared_ptr<const std::string>;  // "id: …\nevent: …\ndata: …\n\n"

  class Reader {
   public:
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    // What has come since the last call, oldest first; empty when nothing has.
    [[nodiscard]] std::vector<Frame> take();

   private:
    friend class Hub;
    Reader(Hub& hub, std::function<void()> wake, std::optional<std::vector<std::string>> only);
    Hub& hub_;
    std::function<void()> wake_;
    std::optional<std::vector<std::string>> only_;
    std::deque<Frame> queue_;
    std::uint64_t lost_ = 0;
  };

  // Ids grow by one from `first_id`. Give the start's time in microseconds, so that an id from
  // before a restart is never taken for one of now.
  explicit Hub(std::uint64_t first_id = 1);

  // `kind` is a word ([a-z_]+), `json` one value without line breaks (as serialize() writes it).
  // Too long a message is left out and counted as a gap for all readers.
  // `domain`: whose news it is, in lower case; "": the server's.
  void publish(std::string_view kind, std::string_view json, std::string_view domain = {});

  // `after`: the last id that the reader saw, 0 when it comes anew. What is still remembered behind
  // it is queued at once; where something is missing, a gap comes first. The reader must end before
  // the hub.
  // `only`: news of these domains and no others, the server's neither.
  [[nodiscard]] std::unique_ptr<Reader> subscribe(
      std::uint64_t after, std::function<void()> wake,
      std::optional<std::vector<std::string>> only = std::nullopt);

  [[nodiscard]] std::size_t readers() const;
  // Frames that readers lost, for metrics.
  [[nodiscard]] std::uint64_t lost() const;

 private:
  struct Kept {
    std::uint64_t id;
    Frame frame;
    std::string domain;
  };
  // False: it is not this reader's to see.
  bool push(Reader&, const Frame&, std::string_view domain);

  mutable std::mutex mutex_;
  std::uint64_t first_id_;
  std::uint64_t next_id_;
  std::uint64_t lost_ = 0;
  std::deque<Kept> history_;
  std::list<Reader*> readers_;
};

}  // namespace sekimori::web
