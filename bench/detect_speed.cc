// What a decision costs at a million accounts, on one core, in processor time (Google Benchmark;
// one JSON line a figure and repetition), beside the bare keyed hash of the addresses, which
// whoever looks anything up by address must pay.
//
//   detect_speed [ACCOUNTS [MESSAGES]] [--benchmark_…]
//
//   hash       one keyed hash of each recipient's address: the baseline
//   judge      the judge alone: learn what is due, look at the message, count it
//   message    the whole decision about a message: ids, standing, limits, judge
//   one        the same where every message has one recipient
//   sign_in    may it sign in, and the sign-in folded
//   question   RCPT: may this account send, may that address receive
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>

#include "base/hash.h"
#include "bench/count_allocations.h"
#include "bench/mail_day.h"
#include "decide/engine.h"
#include "detect/detector.h"
#include "detect/epoch.h"

namespace sekimori::bench {
namespace {

// A message is judged right after it was read: made a few at a time, outside of what is timed.
constexpr std::size_t k_batch = 256;

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Batch {
  std::vector<Event> events = std::vector<Event>(k_batch);
  std::vector<std::size_t> who = std::vector<std::size_t>(k_batch);
};

// Fills and times batches; `prepare` returns the units (recipients, questions) of one event.
void run(benchmark::State& state, Batch& batch,
         const std::function<std::size_t(std::size_t, Event&)>& prepare,
         const std::function<void(std::size_t, const Event&)>& decide) {
  std::uint64_t units = 0, heap = 0;
  double seconds = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < k_batch; ++i) units += prepare(i, batch.events[i]);
    const std::uint64_t heap_before = allocations();
    const double begun = thread_seconds();
    for (std::size_t i = 0; i < k_batch; ++i) decide(i, batch.events[i]);
    const double spent = thread_seconds() - begun;
    heap += allocations() - heap_before;
    seconds += spent;
    state.SetIterationTime(spent);
  }
  const auto decisions = static_cast<double>(state.iterations() * k_batch);
  state.counters["ns_per_unit"] = 1e9 * seconds / static_cast<double>(units);
  state.counters["ns_per_decision"] = 1e9 * seconds / decisions;
  state.counters["units_per_decision"] = static_cast<double>(units) / decisions;
  state.counters["allocations_per_decision"] = static_cast<double>(heap) / decisions;
}

struct JudgeWorld {
  explicit JudgeWorld(std::size_t accounts) : day({.accounts = accounts}) {
    detect::DetectSettings settings;
    settings.contact_filter_bytes = 64ULL << 20;
    const auto priors = detect::shipped_priors();
    judge = std::make_unique<detect::Detector>(settings, HashKey{}, priors);
    for (std::size_t i = 0; i < accounts; ++i) (void)judge->intern(day.account(i));
    // Queue, rings and tables reach their sizes; then the domains have habits of their own.
    day.settle([this](std::size_t who, const Event& event) { decide(who, event); });
    detect::PriorsBuilder builder(priors);
    judge->contribute(builder);
    judge->install(builder.build());
  }
  void decide(std::size_t who, const Event& event) {
    const auto index = static_cast<detect::AccountIndex>(who);
    const auto& mail = std::get<Submission>(event.body);
    judge->advance(event.t);
    const detect::Verdict v = judge->judge(index, event.t, mail);
    judge->commit(index, event.t, mail, v, Fate::accepted);
  }
  MailDay day;
  std::unique_ptr<detect::Detector> judge;
};

struct EngineWorld {
  EngineWorld(std::size_t accounts, std::size_t large_every)
      : day({.accounts = accounts, .large_every = large_every}) {
    decide::EngineSettings settings;
    settings.mode = decide::Mode::enforce;
    settings.detect.accounts_max = accounts + accounts / 4;
    settings.limits.recipients_per_hour = 1'000'000;  // never reached, always asked
    engine = std::make_unique<decide::Engine>(settings, nullptr, detect::shipped_priors());
    day.settle([&](std::size_t, const Event& event) { engine->apply(event, applied); });
    engine->next_epoch(day.now());
  }
  MailDay day;
  std::unique_ptr<decide::Engine> engine;
  decide::Applied applied;
};

// One JSON line a repetition.
class Lines : public benchmark::BenchmarkReporter {
 public:
  explicit Lines(std::size_t accounts) : accounts_(accounts) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      const std::string& what = run.run_name.function_name;
      const auto figure = [&](const char* name) -> double { return run.counters.at(name).value; };
      if (what == "hash") hash_ns_ = figure("ns_per_unit");
      fmt::print(
          R"({{"bench":"cost","what":"{}","round":{},"accounts":{},"{}":{:.0f},)"
          R"("ns_per_decision":{:.0f},"baseline_hash_ns":{:.0f},"{}":{:.2f},)"
          R"("allocations_per_decision":{:.4f}}})"
          "\n",
          what, run.repetition_index + 1, accounts_,
          what == "sign_in" || what == "question" ? "ns" : "ns_per_recipient",
          figure("ns_per_unit"), figure("ns_per_decision"), hash_ns_,
          what == "sign_in" || what == "question" ? "per_decision" : "recipients_per_message",
          figure("units_per_decision"), figure("allocations_per_decision"));
      std::fflush(stdout);
    }
  }

 private:
  std::size_t accounts_;
  double hash_ns_ = 0;
};

}  // namespace
}  // namespace sekimori::bench

int main(int argc, char** argv) {
  using namespace sekimori;
  using namespace sekimori::bench;
  benchmark::Initialize(&argc, argv);
  const std::size_t accounts = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::size_t messages = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 500'000;
  Batch batch;
  // Worlds are made when first asked for, and one at a time: each takes a gigabyte.
  std::unique_ptr<JudgeWorld> judge;
  std::unique_ptr<EngineWorld> engine;
  std::size_t engine_large = 1;
  const auto judged = [&]() -> JudgeWorld& {
    if (!judge) judge = std::make_unique<JudgeWorld>(accounts);
    return *judge;
  };
  const auto served = [&](std::size_t large_every) -> EngineWorld& {
    judge.reset();
    if (!engine || engine_large != large_every) {
      engine.reset();
      engine = std::make_unique<EngineWorld>(accounts, large_every);
      engine_large = large_every;
    }
    return *engine;
  };
  const auto messages_of = [&](MailDay& day) {
    return [&](std::size_t i, Event& event) {
      batch.who[i] = day.any_account();
      return day.message(batch.who[i], event);
    };
  };
  const auto add = [&](const char* name, const std::function<void(benchmark::State&)>& body) {
    benchmark::RegisterBenchmark(name, body)
        ->UseManualTime()
        ->Iterations(static_cast<benchmark::IterationCount>(messages / k_batch + 1))
        ->Repetitions(3);
  };
  add("hash", [&](benchmark::State& state) {
    std::uint64_t sink = 0;
    MailDay day({.accounts = accounts});
    run(state, batch, messages_of(day), [&](std::size_t, const Event& event) {
      for (const std::string& to : std::get<Submission>(event.body).to) {
        sink += keyed_hash(HashKey{}, to);
      }
      benchmark::DoNotOptimize(sink);
    });
  });
  add("judge", [&](benchmark::State& state) {
    run(state, batch, messages_of(judged().day),
        [&](std::size_t i, const Event& event) { judge->decide(batch.who[i], event); });
  });
  for (const std::size_t large_every : {16, 0}) {
    add(large_every != 0 ? "message" : "one", [&, large_every](benchmark::State& state) {
      EngineWorld& world = served(large_every);
      run(state, batch, messages_of(world.day),
          [&](std::size_t, const Event& event) { world.engine->apply(event, world.applied); });
    });
  }
  add("sign_in", [&](benchmark::State& state) {
    EngineWorld& world = served(0);
    run(
        state, batch,
        [&](std::size_t i, Event& event) -> std::size_t {
          world.day.sign_in(batch.who[i] = world.day.any_account(), event);
          return 1;
        },
        [&](std::size_t, const Event& event) {
          benchmark::DoNotOptimize(world.engine->may_login(event.account, Service::smtp));
          world.engine->apply(event, world.applied);
        });
  });
  add("question", [&](benchmark::State& state) {
    EngineWorld& world = served(0);
    run(
        state, batch,
        [&](std::size_t i, Event& event) -> std::size_t {
          return world.day.message(batch.who[i] = world.day.any_account(), event);
        },
        [&](std::size_t, const Event& event) {
          benchmark::DoNotOptimize(world.engine->may_send(event.account, event.t, 1, 0));
          const auto& to = std::get<Submission>(event.body).to.front();
          benchmark::DoNotOptimize(world.engine->may_receive(to));
        });
  });
  Lines lines(accounts);
  benchmark::RunSpecifiedBenchmarks(&lines);
  return 0;
}
