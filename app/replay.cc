#include "app/replay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <queue>
#include <variant>

#include "app/line_reader.h"
#include "detect/epoch.h"
#include "wire/event_json.h"
#include "wire/json_text.h"

namespace sekimori::app {
namespace {

using decide::Applied;
using decide::Engine;

// ln R of an account that sends nothing is minus infinity; JSON has no such number.
double finite(double log_r) {
  return std::isfinite(log_r) ? std::clamp(log_r, -99.0, 999.0) : -99.0;
}

class DecisionWriter {
 public:
  explicit DecisionWriter(int fd) : fd_(fd) { out_.reserve(k_flush * 2); }

  void answer(const Event& event, const Submission& mail, const decide::Answer& a) {
    head(event.t, "answer", event.account);
    text("queue_id", mail.queue_id);
    number("accepted", a.accepted);
    number("held", a.held);
    number("refused", a.refused);
    thousandths("log_r", a.log_r);
    text("rule", a.rule);
    end();
  }

  void release(Instant t, const decide::HeldMessage& hold, std::string_view by) {
    head(t, "release", hold.account);
    text("queue_id", hold.queue_id);
    fmt::format_to(std::back_inserter(out_), R"(,"recipients":{})", hold.recipients);
    text("by", by);
    end();
  }

  void standing(const decide::StandingNews& news) {
    const auto& record = news.change.record;
    head(record.since, "standing", record.subject.id);
    text("from", to_string(news.change.from));
    text("to", to_string(record.standing));
    fmt::format_to(std::back_inserter(out_), R"(,"log_r":{:.3f})", finite(news.log_r));
    if (news.change.open_incident && news.change.open_incident->onset.is_set()) {
      out_ += R"(,"onset":")";
      append_instant(out_, news.change.open_incident->onset);
      out_ += '"';
    } else {
      out_ += R"(,"onset":null)";
    }
    text("family", news.family);
    if (news.mode == decide::Mode::observe) text("mode", "observe");
    text("by", record.by);
    text("text_ja", record.reason.ja);
    text("text", record.reason.en);
    out_ += R"(,"evidence":[)";
    if (news.change.open_incident) {
      bool first = true;
      for (const auto& e : news.change.open_incident->evidence) {
        out_ += first ? R"({"channel":)" : R"(,{"channel":)";
        first = false;
        wire::append_json_string(out_, e.channel);
        fmt::format_to(std::back_inserter(out_), R"(,"nats":{:.2f})", finite(e.nats));
        text("text", e.text.en);
        text("text_ja", e.text.ja);
        out_ += '}';
      }
    }
    out_ += ']';
    end();
  }

  void login(const Event& event, const Login& login, const decide::LoginAnswer& a) {
    head(event.t, "login_answer", event.account);
    text("ip", login.ip.to_string());
    fmt::format_to(std::back_inserter(out_), R"(,"status":{})", a.status);
    text("rule", a.rule);
    end();
  }

  void raw(std::string_view line) {
    out_ += line;
    out_ += '\n';
  }

  // False once a write failed.
  bool flush() {
    std::string_view rest = out_;
    while (!rest.empty() && !failed_) {
      const ssize_t n = ::write(fd_, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        failed_ = true;
      } else {
        rest.remove_prefix(static_cast<std::size_t>(n));
      }
    }
    out_.clear();
    return !failed_;
  }
  bool full() const { return out_.size() >= k_flush; }

 private:
  static constexpr std::size_t k_flush = 1 << 20;

  void head(Instant t, std::string_view kind, std::string_view account) {
    out_ += R"({"t":")";
    append_instant(out_, t);
    out_ += R"(","kind":")";
    out_ += kind;
    out_ += '"';
    text("account", account);
  }
  // A line for every message makes these two worth their own few lines: fmt takes several times as
  // long for the same digits.
  void number(std::string_view key, std::uint64_t value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out_ += R"(,")";
    out_ += key;
    out_ += R"(":)";
    out_.append(digits, end);
  }
  void thousandths(std::string_view key, double value) {
    const auto scaled = std::llround(finite(value) * 1000);
    const auto size = static_cast<std::uint64_t>(scaled < 0 ? -scaled : scaled);
    out_ += R"(,")";
    out_ += key;
    out_ += scaled < 0 ? R"(":-)" : R"(":)";
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, size / 1000).ptr;
    out_.append(digits, end);
    const auto rest = size % 1000;
    const char fraction[4] = {'.', static_cast<char>('0' + rest / 100),
                              static_cast<char>('0' + rest / 10 % 10),
                              static_cast<char>('0' + rest % 10)};
    out_.append(fraction, 4);
  }
  void text(std::string_view key, std::string_view value) {
    out_ += R"(,")";
    out_ += key;
    out_ += R"(":)";
    wire::append_json_string(out_, value);
  }
  void end() { out_ += "}\n"; }

  int fd_;
  std::string out_;
  bool failed_ = false;
};

// Time as the events tell it: what the daemon's timers do, done before the next event is folded.
class EventClock {
 public:
  EventClock(Engine& engine, DecisionWriter& writer) : engine_(engine), writer_(writer) {}

  void advance(Instant t) {
    if (!next_epoch_.is_set()) next_epoch_ = t + detect::k_epoch;
    while (true) {
      const bool release = !releases_.empty() && releases_.top() <= t;
      const bool epoch = next_epoch_ <= t;
      if (!release && !epoch) return;
      if (release && (!epoch || releases_.top() <= next_epoch_)) {
        const Instant now = releases_.top();
        releases_.pop();
        for (const auto& hold : engine_.due_holds(now)) {
          engine_.hold_ended(hold.account, now, hold.queue_id, "time", true, scratch_);
          if (!scratch_.holds.empty()) writer_.release(now, scratch_.holds.front(), "time");
        }
      } else {
        engine_.next_epoch(next_epoch_);
        // After a long silence one epoch does for all the hours that passed.
        next_epoch_ = next_epoch_ + detect::k_epoch;
        if (next_epoch_ + detect::k_epoch < t) next_epoch_ = t;
      }
    }
  }
  void wait_for(const Applied& applied) {
    for (const auto& hold : applied.holds) {
      if (hold.release_at.is_set()) releases_.push(hold.release_at);
    }
  }

 private:
  Engine& engine_;
  DecisionWriter& writer_;
  Instant next_epoch_;
  std::priority_queue<Instant, std::vector<Instant>, std::greater<>> releases_;
  Applied scratch_;
};

void fill_place(Event& event, const std::function<Place(const IpAddress&)>& place) {
  const auto fill = [&](auto& body) {
    if (body.ip.is_set() && body.place == Place{}) body.place = place(body.ip);
  };
  if (auto* login = std::get_if<Login>(&event.body)) fill(*login);
  if (auto* mail = std::get_if<Submission>(&event.body)) fill(*mail);
}

// In a journal, what the daemon decided by itself stands beside what happened. A replay decides
// anew.
bool is_own_decision(const Event& event) {
  if (const auto* set = std::get_if<StandingSet>(&event.body)) return set->by == "machine";
  if (const auto* ended = std::get_if<HoldEnded>(&event.body)) return ended->by == "time";
  return std::holds_alternative<EpochMark>(event.body);
}

}  // namespace

Result<ReplaySummary> replay(const ReplayOptions& options) {
  auto reader = LineReader::open(options.events, wire::k_event_line_max);
  if (!reader) return std::unexpected(reader.error());
  int fd = STDOUT_FILENO;
  const bool to_file = !options.decisions.empty() && options.decisions != "-";
  if (to_file) {
    fd = ::open(options.decisions.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
      return operating_failure(fmt::format("{}: {}", options.decisions, std::strerror(errno)));
    }
  }
  const auto started = std::chrono::steady_clock::now();
  Engine engine(options.settings, nullptr, detect::shipped_priors());
  DecisionWriter writer(fd);
  EventClock clock(engine, writer);
  ReplaySummary summary;
  Applied applied;

  while (const auto line = reader->next()) {
    if (line->find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Result<Event> event = reader->too_long() ? Result<Event>(bad_input("the line is too long"))
                                             : wire::parse_event(*line);
    if (!event) {
      ++summary.skipped;
      fmt::print(stderr, "{}:{}: {}\n", options.events, reader->number(), event.error().text);
      continue;
    }
    ++summary.events;
    if (event->history) {
      // A journal tells what was learnt from old logs, at times long past.
      if (std::holds_alternative<EpochMark>(event->body)) {
        (void)engine.end_history(event->t);
      } else {
        (void)engine.learn(*event);
      }
      continue;
    }
    clock.advance(event->t);
    if (is_own_decision(*event)) continue;
    if (options.place) fill_place(*event, options.place);
    if (const auto* ended = std::get_if<HoldEnded>(&event->body)) {
      engine.hold_ended(event->account, event->t, ended->queue_id, ended->by, ended->released,
                        applied);
      if (ended->released && !applied.holds.empty()) {
        writer.release(event->t, applied.holds.front(), ended->by);
      }
      continue;
    }
    engine.apply(*event, applied);
    if (applied.answer) {
      writer.answer(*event, std::get<Submission>(event->body), *applied.answer);
    }
    for (const auto& news : applied.standings) writer.standing(news);
    if (applied.login) writer.login(*event, std::get<Login>(event->body), *applied.login);
    clock.wait_for(applied);
    if (writer.full() && !writer.flush()) break;
  }

  const auto totals = engine.totals();
  summary.accounts = totals.accounts;
  summary.restrictions = totals.restrictions + totals.suspensions;
  summary.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::string last =
      fmt::format(R"({{"kind":"summary","events":{},"skipped":{},"accounts":{},"restrictions":{},)"
                  R"("suspensions":{},"accepted":{},"held":{},"refused":{},"seconds":{:.3f},)"
                  R"("events_per_second":{:.0f})",
                  summary.events, summary.skipped, summary.accounts, summary.restrictions,
                  totals.suspensions, totals.accepted, totals.held, totals.refused, summary.seconds,
                  static_cast<double>(summary.events) / std::max(summary.seconds, 1e-9));
  if (options.print_hash) last += fmt::format(R"(,"state_hash":"{:016x}")", engine.hash());
  last += '}';
  writer.raw(last);
  const bool written = writer.flush();
  if (to_file) {
    ::close(fd);
    fmt::print("{}\n", last);
  }
  if (!written) {
    return operating_failure(
        fmt::format("the decisions could not be written: {}", std::strerror(errno)));
  }
  return summary;
}

}  // namespace sekimori::app
