#include "tests/sim/process.h"

#include "detect/epoch.h"

namespace sekimori::sim {
namespace {

act::ExecutorSettings executor_settings(const Surroundings& around, decide::Engine& engine) {
  act::ExecutorSettings out;
  out.portal_url = k_portal;
  out.now = [&around] { return around.now; };
  out.on_hold = [&engine](const decide::HeldMessage& hold) { engine.load_hold(hold); };
  return out;
}

}  // namespace

Process::Process(const Surroundings& around)
    : engine(around.settings, &around.journal, detect::shipped_priors()),
      // Few look-ups, so that a queue takes several tries.
      login_queue(around.mail, {.look_ups_max = 5}),
      executor(around.state, around.guard, around.mail, login_queue, around.mail,
               executor_settings(around, engine)),
      around_(around) {}

Result<void> Process::start(const Snapshot& snapshot) {
  for (const auto& part : snapshot.parts) {
    if (auto read = engine.load(part.name, part.sequence, part.bytes); !read) return read;
  }
  app::JournalTail tail;
  std::uint64_t sequence = 0;
  for (const Event& event : around_.journal.events()) {
    engine.recover(event, ++sequence);
    tail.add(event);
  }
  return app::agree_at_start({
      .engine = engine,
      .state = around_.state,
      .tail = tail,
      .portal_url = k_portal,
      .now = around_.now,
      .put = [this](app::StateItem item) { queue.push(std::move(item)); },
      .rebuild_guard = [this](const auto& rows) { return around_.guard.rebuild(rows); },
  });
}

bool Process::write_state() {
  while (!queue.is_empty()) {
    const auto items = queue.next(8);
    const auto done = items.size() > 1
                          ? app::write_items(around_.state, items)
                          : app::write_item(around_.state, around_.guard, k_portal, items.front());
    if (!done) return false;
    queue.done_with(items.size());
    if (const auto* news = std::get_if<decide::StandingNews>(&items.front());
        news != nullptr && news->mode == decide::Mode::enforce) {
      around_.announced(news->change.record);
    }
  }
  return true;
}

bool Process::save(Snapshot& out) {
  Snapshot made;
  engine.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
    made.parts.push_back({std::string(name), sequence, std::string(bytes)});
  });
  around_.journal.sync();
  if (!write_state()) return false;
  out = std::move(made);
  return true;
}

}  // namespace sekimori::sim
