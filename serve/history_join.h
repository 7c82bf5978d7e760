// Old logs as events: what the log says by itself through LogJoin, and the messages themselves,
// which a living guard hears of from the policy questions and which a log tells on many lines
// (client=, message-id=, queue active, one to= for each recipient). No I/O, no clock.
//
// Events come out in the order of their time: a message is known only when its last recipient was
// tried, so what happened meanwhile waits for it. Memory is bounded by the messages open at once
// and the events that wait for them, not by the length of the log.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/event.h"
#include "decide/directory.h"
#include "serve/log_join.h"

namespace sekimori::serve {

struct HistoryJoinOptions {
  std::string host;  // for lines that name none
  std::int32_t utc_offset_s = 0;
  // Events are named by their lines, so that the same line met again is the same event. Off: they
  // have no names, for a reader who meets each line once.
  bool named = true;
  bool only_bounces = false;  // as LogJoinOptions
  bool only_accounts = true;  // leave out logins that are no account of the directory
  // Messages with a login between their client= and their last recipient. 300 bytes and 40 a
  // recipient each.
  std::size_t messages_max = 50'000;
  // Recipients are tried within seconds; a slow receiver holds a message up for 300 s a step. After
  // this a message is what is known of it, and what deferred recipients become is no news of it.
  Duration wait_max = hours(1);
  std::size_t events_max = 200'000;  // waiting for a message that began before them
  PlaceOf place;
};

// One thread at a time.
class HistoryJoin {
 public:
  struct Counts {
    std::uint64_t lines = 0;
    std::uint64_t unknown = 0;  // of no program or form that is modelled
    std::uint64_t events = 0;
    std::uint64_t submissions = 0;
    std::uint64_t recipients = 0;
    std::uint64_t logins = 0;      // successful
    std::uint64_t incomplete = 0;  // messages that waited too long for a recipient
    std::uint64_t foreign = 0;     // events of logins that are no account here
    Instant first, last;           // of the lines with a stamp
  };

  // `directory` lives as long as the join.
  HistoryJoin(const decide::Directory& directory, HistoryJoinOptions options,
              std::function<void(Event&&)> event);
  ~HistoryJoin();

  // One line; the lines come in the order of their time. `reference` completes stamps without a
  // year and is the latest time that the line can have.
  void line(std::string_view text, Instant reference);
  // The same of a line that was parsed already.
  void line(const wire::LogLine& parsed, std::string_view text, Instant reference);
  // The log ends here: everything open is given out.
  void finish();
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Host;
  // Most messages have a few recipients; one may have a hundred thousand.
  class HashSet {
   public:
    // True when it was not there.
    bool insert(std::uint64_t hash) {
      if (many_.empty()) {
        for (const std::uint64_t one : few_) {
          if (one == hash) return false;
        }
        if (few_.size() < k_few) {
          few_.push_back(hash);
          return true;
        }
        many_.insert(few_.begin(), few_.end());
      }
      return many_.insert(hash).second;
    }
    [[nodiscard]] std::size_t size() const { return many_.empty() ? few_.size() : many_.size(); }

   private:
    static constexpr std::size_t k_few = 24;
    std::vector<std::uint64_t> few_;
    std::unordered_set<std::uint64_t> many_;
  };
  struct Message {
    Host* at = nullptr;
    std::string queue_id;
    std::string account;
    std::string id;
    std::string host;
    Instant began;   // client=
    Instant active;  // queue active
    Submission body;
    std::uint32_t nrcpt = 0;
    bool is_active = false;
    HashSet tried;  // recipients as delivered to
    HashSet asked;  // … and as the sender wrote them
  };
  using Order = std::list<Message>;  // by `began`
  // Queue ids are a host's own.
  struct Host {
    QueueIndex queue;
    std::unique_ptr<LogJoin> join;
    std::unordered_map<std::string, Order::iterator> open;
  };
  Host& host_of(std::string_view name);
  void record(Host& host, const wire::LogLine& line, std::string_view id);
  void client(Host& host, const wire::LogLine& line, const wire::PostfixClient& record,
              std::string_view id);
  void delivery(Host& host, const wire::PostfixDelivery& record);
  void complete(Host& host, Order::iterator message);
  void drop(Host& host, Order::iterator message);
  void take(Event&& event);
  void give_until(Instant t);
  void give(Event&& event);

  const decide::Directory& directory_;
  HistoryJoinOptions options_;
  std::function<void(Event&&)> event_;
  ServerMetrics metrics_;
  std::map<std::string, std::unique_ptr<Host>, std::less<>> hosts_;
  Order order_;
  std::map<std::pair<Instant, std::uint64_t>, Event> waiting_;
  std::uint64_t number_ = 0;
  Instant now_;  // of the line at hand
  Counts counts_;
};

}  // namespace sekimori::serve
