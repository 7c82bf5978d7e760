#include "app/analyze_run.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "decide/directory.h"
#include "serve/history_join.h"
#include "wire/log_line.h"

namespace sekimori::app {
namespace {

constexpr std::size_t k_batch_lines = 2048;
// In one thread a batch stays in the nearest cache from one step to the next.
constexpr std::size_t k_small_batch_lines = 128;
constexpr std::size_t k_batch_bytes = 1024UL * 1024;
constexpr std::size_t k_parsers_max = 6;  // more would wait for the one that adds up

struct Batch {
  struct Line {
    std::size_t begin = 0, size = 0;
    wire::LogStamps::Stamp stamp;
    Instant reference;
    bool parsed = false;  // record holds it
    bool judged = false;  // the judge wants it
  };
  std::string text;
  std::vector<Line> lines;
  std::vector<wire::LogLine> records;  // as lines
  double share = -1;
  Instant reached;
  bool ready = false;  // parsed; guarded by the pipe's mutex
  void clear() {
    text.clear();
    lines.clear();
    ready = false;
  }
  [[nodiscard]] std::string_view view(const Line& line) const {
    return std::string_view(text).substr(line.begin, line.size);
  }
};

// False at the end of the set.
bool read(serve::LogSet& set, Batch& batch, std::size_t lines_max) {
  batch.clear();
  while (batch.lines.size() < lines_max && batch.text.size() < k_batch_bytes) {
    const auto line = set.next();
    if (!line) break;
    batch.lines.push_back(
        {batch.text.size(), line->text.size(), line->stamp, line->reference, false, false});
    batch.text += line->text;
    batch.reached = line->t;
  }
  batch.share = set.bytes() == 0
                    ? -1
                    : static_cast<double>(set.bytes_read()) / static_cast<double>(set.bytes());
  return !batch.lines.empty();
}

void parse(Batch& batch) {
  if (batch.records.size() < batch.lines.size()) batch.records.resize(batch.lines.size());
  for (std::size_t i = 0; i < batch.lines.size(); ++i) {
    Batch::Line& line = batch.lines[i];
    if (line.stamp.length == 0) continue;
    line.parsed =
        wire::read_stamped_line(batch.view(line), line.stamp, batch.records[i]).has_value();
  }
}

void add_up(Batch& batch, LogSurvey& survey) {
  for (std::size_t i = 0; i < batch.lines.size(); ++i) {
    Batch::Line& line = batch.lines[i];
    if (line.parsed) {
      const Instant t = std::min(line.stamp.t, line.reference);
      line.judged = survey.line(batch.records[i], t);
    } else {
      survey.unreadable(batch.view(line));
    }
  }
}

void judge(const Batch& batch, serve::HistoryJoin& join) {
  for (std::size_t i = 0; i < batch.lines.size(); ++i) {
    const Batch::Line& line = batch.lines[i];
    if (line.judged) join.line(batch.records[i], batch.view(line), line.reference);
  }
}

// Batches on their way from one step to the next, and back to be filled again: as many as were
// made, so nothing grows. Threads: any.
class Pipe {
 public:
  explicit Pipe(std::size_t batches) {
    for (std::size_t i = 0; i < batches; ++i) {
      made_.push_back(std::make_unique<Batch>());
      empty_.push_back(made_.back().get());
    }
  }
  Batch* take_empty() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !empty_.empty(); });
    return take(empty_);
  }
  void give_empty(Batch* batch) { put(empty_, batch); }
  void give_read(Batch* batch) {
    {
      const std::lock_guard lock(mutex_);
      to_parse_.push_back(batch);
      in_order_.push_back(batch);
    }
    changed_.notify_all();
  }
  // nullptr: no more will come.
  Batch* take_to_parse() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !to_parse_.empty() || read_all_; });
    return to_parse_.empty() ? nullptr : take(to_parse_);
  }
  void give_parsed(Batch* batch) {
    {
      const std::lock_guard lock(mutex_);
      batch->ready = true;
    }
    changed_.notify_all();
  }
  Batch* take_parsed() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return in_order_.empty() ? read_all_ : in_order_.front()->ready; });
    return in_order_.empty() ? nullptr : take(in_order_);
  }
  void give_to_judge(Batch* batch) { put(to_judge_, batch); }
  Batch* take_to_judge() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !to_judge_.empty() || added_all_; });
    return to_judge_.empty() ? nullptr : take(to_judge_);
  }
  void end_reading() { end(read_all_); }
  void end_adding() { end(added_all_); }

 private:
  static Batch* take(std::deque<Batch*>& from) {
    Batch* out = from.front();
    from.pop_front();
    return out;
  }
  void put(std::deque<Batch*>& to, Batch* batch) {
    {
      const std::lock_guard lock(mutex_);
      to.push_back(batch);
    }
    changed_.notify_all();
  }
  void end(bool& what) {
    {
      const std::lock_guard lock(mutex_);
      what = true;
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Batch>> made_;
  std::deque<Batch*> empty_, to_parse_, in_order_, to_judge_;
  bool read_all_ = false;
  bool added_all_ = false;
};

void in_one_thread(serve::LogSet& set, const AnalyzeOptions& options, Analysis& out,
                   serve::HistoryJoin& join) {
  Batch batch;
  while (read(set, batch, k_small_batch_lines)) {
    parse(batch);
    add_up(batch, out.survey);
    judge(batch, join);
    if (options.progress) options.progress(batch.share, batch.reached);
  }
}

void in_threads(serve::LogSet& set, const AnalyzeOptions& options, Analysis& out,
                serve::HistoryJoin& join) {
  const std::size_t parsers = std::clamp<std::size_t>(options.threads, 3, k_parsers_max + 2) - 2;
  Pipe pipe(4 + 2 * parsers);
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    for (;;) {
      Batch* batch = pipe.take_empty();
      if (!read(set, *batch, k_batch_lines)) break;
      pipe.give_read(batch);
    }
    pipe.end_reading();
  });
  for (std::size_t i = 0; i < parsers; ++i) {
    threads.emplace_back([&] {
      while (Batch* batch = pipe.take_to_parse()) {
        parse(*batch);
        pipe.give_parsed(batch);
      }
    });
  }
  threads.emplace_back([&] {
    while (Batch* batch = pipe.take_to_judge()) {
      judge(*batch, join);
      pipe.give_empty(batch);
    }
  });
  while (Batch* batch = pipe.take_parsed()) {
    add_up(*batch, out.survey);
    if (options.progress) options.progress(batch->share, batch->reached);
    pipe.give_to_judge(batch);
  }
  pipe.end_adding();
}

}  // namespace

void analyze(serve::LogSet& set, const AnalyzeOptions& options, Analysis& out) {
  const auto begun = std::chrono::steady_clock::now();
  const decide::Directory nobody(decide::DirectorySnapshot{}, "+", "");
  serve::HistoryJoinOptions joining;
  joining.utc_offset_s = options.set.utc_offset_s;
  joining.only_accounts = false;
  joining.named = false;
  joining.only_bounces = true;
  joining.place = options.place;
  serve::HistoryJoin join(nobody, std::move(joining),
                          [&out](Event&& event) { out.judge.event(event); });
  if (options.threads <= 1) {
    in_one_thread(set, options, out, join);
  } else {
    in_threads(set, options, out, join);
  }
  join.finish();
  out.survey.finish();
  for (const auto& account : out.survey.accounts())
    out.judge.settle(account.address, account.first);
  out.files = set.files();
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace sekimori::app
