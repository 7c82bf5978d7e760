#include "serve/dnsbl_board.h"

#include <utility>

namespace sekimori::serve {
namespace {
constexpr unsigned k_doubt_after = 20;
}  // namespace

std::string_view to_string(DnsblHealth health) {
  switch (health) {
    case DnsblHealth::untested: return "untested";
    case DnsblHealth::good: return "good";
    case DnsblHealth::silent: return "silent";
    case DnsblHealth::dead: break;
  }
  return "dead";
}

DnsblBoard::DnsblBoard(DnsblSettings settings)
    : settings_(std::move(settings)), states_(std::make_unique<State[]>(settings_.lists.size())) {
  settings_.keys.resize(settings_.lists.size());
}

std::string DnsblBoard::zone(std::size_t list) const {
  std::string zone = settings_.lists[list].zone;
  if (const auto at = zone.find("{key}"); at != std::string::npos) {
    zone.replace(at, 5, settings_.keys[list].reveal());
  }
  return zone;
}

void DnsblBoard::tested(std::size_t list, DnsblHealth health, bool v6, Text words, Instant now) {
  State& state = states_[list];
  const std::lock_guard lock(state.mutex);
  state.words = std::move(words);
  state.tested = now;
  state.silent.store(0, std::memory_order_relaxed);
  state.v6.store(v6, std::memory_order_relaxed);
  state.health.store(health, std::memory_order_relaxed);
}

void DnsblBoard::answered(std::size_t list, ListState answer) {
  State& state = states_[list];
  switch (answer) {
    case ListState::clean: state.clean.fetch_add(1, std::memory_order_relaxed); break;
    case ListState::listed: state.listed.fetch_add(1, std::memory_order_relaxed); break;
    case ListState::unknown: {
      state.unknown.fetch_add(1, std::memory_order_relaxed);
      const unsigned silent = state.silent.fetch_add(1, std::memory_order_relaxed) + 1;
      if (silent == k_doubt_after && doubts) doubts();
      return;
    }
  }
  state.silent.store(0, std::memory_order_relaxed);
}

std::vector<DnsblBoard::View> DnsblBoard::view() const {
  std::vector<View> out;
  for (std::size_t i = 0; i < settings_.lists.size(); ++i) {
    const State& state = states_[i];
    const std::lock_guard lock(state.mutex);
    View view;
    view.name = settings_.lists[i].name;
    view.url = settings_.lists[i].url;
    view.weight = settings_.lists[i].weight;
    view.health = state.health.load(std::memory_order_relaxed);
    view.v6 = state.v6.load(std::memory_order_relaxed);
    view.words = state.words;
    view.tested = state.tested;
    view.clean = state.clean.load(std::memory_order_relaxed);
    view.listed = state.listed.load(std::memory_order_relaxed);
    view.unknown = state.unknown.load(std::memory_order_relaxed);
    out.push_back(std::move(view));
  }
  return out;
}

}  // namespace sekimori::serve
