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
#include <variant>

#include "app/event_source.h"
#include "app/replay_run.h"
#include "wire/event_json.h"
#include "wire/json_text.h"

namespace sekimori::app {
namespace {

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

  void approval(Instant t, const decide::Approval& a) {
    head(t, "approval", a.account);
    number("number", a.id);
    text("state", to_string(a.state));
    text("cause", to_string(a.cause));
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

// Writes down what a run decides.
class Scribe : public ReplayWatcher {
 public:
  explicit Scribe(DecisionWriter& writer) : writer_(writer) {}
  void answered(const Event& event, const Submission& mail,
                const decide::Applied& applied) override {
    writer_.answer(event, mail, *applied.answer);
  }
  void hold_ended(Instant t, const decide::HeldMessage& hold) override {
    if (hold.state == decide::HoldState::released) writer_.release(t, hold, hold.ended_by);
  }
  void standing(const decide::StandingNews& news) override { writer_.standing(news); }
  void login(const Event& event, const Login& login, const decide::LoginAnswer& answer) override {
    writer_.login(event, login, answer);
  }
  void approval_suspended(Instant t, const decide::Approval& approval) override {
    writer_.approval(t, approval);
  }

 private:
  DecisionWriter& writer_;
};

}  // namespace

Result<ReplaySummary> replay(const ReplayOptions& options) {
  const auto source = EventSource::open(options.events, options.language);
  if (!source) return std::unexpected(source.error());
  int fd = STDOUT_FILENO;
  const bool to_file = !options.decisions.empty() && options.decisions != "-";
  if (to_file) {
    fd = ::open(options.decisions.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
      return operating_failure(fmt::format("{}: {}", options.decisions, std::strerror(errno)));
    }
  }
  const auto started = std::chrono::steady_clock::now();
  DecisionWriter writer(fd);
  Scribe scribe(writer);
  ReplayRun run(options.settings, scribe);
  const decide::Engine& engine = run.engine();
  Period period(options.from, options.until);
  Event placed;
  const auto reading = source->each([&](const Event& event) {
    const Period::Part part = period.next(event);
    if (part == Period::Part::behind) return true;
    const Event* seen = &event;
    if (options.place) {
      placed = event;
      fill_place(placed, options.place);
      seen = &placed;
    }
    if (part == Period::Part::before) {
      run.recall(*seen);
    } else {
      run.fold(*seen);
    }
    return !writer.full() || writer.flush();
  });
  ReplaySummary summary;
  if (reading) {
    summary.events = reading->events;
    summary.skipped = reading->skipped;
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
  if (!reading) return std::unexpected(reading.error());
  if (!written) {
    return operating_failure(
        fmt::format("the decisions could not be written: {}", std::strerror(errno)));
  }
  return summary;
}

}  // namespace sekimori::app
