#include "app/figure_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <set>
#include <utility>

#include "base/ip_place.h"
#include "store/journal.h"

namespace sekimori::app {
namespace {

// A person who looks at a chart sees the last minute of it; each look reads the newest segment.
constexpr std::chrono::seconds k_pace{5};
// Events of one transaction: some 100 ms of it, and a few megabytes of memory.
constexpr std::uint64_t k_batch_events = 5'000;
constexpr Duration k_prune_pace = hours(1);
// Sign-ins that a chart by network is made of.
constexpr std::size_t k_rows_max = 5'000;
constexpr std::size_t k_networks_max = 6;
// A list of incidents shows fifty of these: what is usual is known after four weeks, and an
// incident that nobody closed for a month says no more.
constexpr std::int64_t k_usual_hours = 28 * 24;
constexpr std::int64_t k_glance_hours_max = 31 * 24;
constexpr std::size_t k_glance_rows_max = 500;

// The beginning of the day of the server's clock in which `t` lies.
Instant begin_of_day(Instant t) {
  const auto whole = static_cast<time_t>(t.us / 1'000'000);
  tm local{};
  localtime_r(&whole, &local);
  local.tm_hour = local.tm_min = local.tm_sec = 0;
  local.tm_isdst = -1;
  return Instant{static_cast<std::int64_t>(mktime(&local)) * 1'000'000};
}

// The beginnings of the last `count` hours or days, and the end of the present one.
std::vector<Instant> borders(Instant now, bool by_day, std::size_t count) {
  std::vector<Instant> out(count + 1);
  Instant begin = by_day ? begin_of_day(now) : decide::begin_of_hour(decide::hour_of(now));
  // A day of the clock has 23 to 25 hours: from its middle every neighbour is found.
  out[count] = by_day ? begin_of_day(begin + hours(36)) : begin + hours(1);
  for (std::size_t i = count; i-- > 0;) {
    out[i] = begin;
    begin = by_day ? begin_of_day(begin - hours(12)) : begin - hours(1);
  }
  return out;
}

}  // namespace

Result<std::string> FigureService::account_of(std::string_view address) {
  const auto directory = parts_.directory();
  std::string account = directory->account_of(address);
  if (directory->is_account(account)) return account;
  auto row = parts_.accounts.account(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) return not_found(fmt::format("'{}' is no account of this server", account));
  return account;
}

Result<web::FigureSeries> FigureService::figures(std::string_view address,
                                                 const web::FigureQuery& query) {
  auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  const auto edges = borders(parts_.now(), query.by_day, query.steps);
  const std::int64_t from = decide::hour_of(edges.front());
  const std::int64_t until = decide::hour_of(edges.back() - Duration{1}) + 1;
  auto rows = parts_.store.hours(*account, from, until);
  if (!rows) return std::unexpected(rows.error());
  web::FigureSeries out;
  out.account = *account;
  out.by_day = query.by_day;
  out.steps.resize(query.steps);
  for (std::size_t i = 0; i < query.steps; ++i) out.steps[i].begin = edges[i];
  const auto step_of = [&](std::int64_t hour) {
    const auto after = std::ranges::upper_bound(edges, decide::begin_of_hour(hour));
    const auto index = after == edges.begin() ? 0 : after - edges.begin() - 1;
    return std::min(static_cast<std::size_t>(index), query.steps - 1);
  };
  for (const auto& row : *rows) out.steps[step_of(row.hour)].figures += row.figures;

  auto sign_ins = parts_.store.sign_ins_between(*account, from, until, k_rows_max);
  if (!sign_ins) return std::unexpected(sign_ins.error());
  std::map<std::string, web::FigureNetwork> networks;
  for (const auto& row : *sign_ins) {
    if (row.key.result != LoginResult::ok) continue;
    std::string name;
    if (const auto ip = IpAddress::parse(row.key.ip)) name = place_network(*ip);
    auto& network = networks[name];
    if (network.counts.empty()) {
      network.network = name;
      network.country = row.place.country_text();
      network.asn = row.place.asn;
      network.hosting = row.place.hosting;
      network.counts.resize(query.steps);
    }
    network.counts[step_of(row.key.hour)] += row.count;
  }
  for (auto& [name, network] : networks) out.networks.push_back(std::move(network));
  const auto all = [](const web::FigureNetwork& network) {
    std::uint64_t sum = 0;
    for (const auto count : network.counts) sum += count;
    return sum;
  };
  std::ranges::stable_sort(out.networks, std::ranges::greater{}, all);
  // The rest is one line of the chart.
  while (out.networks.size() > k_networks_max) {
    web::FigureNetwork last = std::move(out.networks.back());
    out.networks.pop_back();
    auto& rest = out.networks.back();
    if (!rest.network.empty()) rest = {"", "", 0, false, rest.counts};
    for (std::size_t i = 0; i < last.counts.size(); ++i) rest.counts[i] += last.counts[i];
  }
  return out;
}

Result<web::IncidentGlance> FigureService::glance(std::string_view account, Instant from,
                                                  Instant until) {
  const std::int64_t begin = decide::hour_of(from);
  const std::int64_t end = std::min(decide::hour_of(until) + 1, begin + k_glance_hours_max);
  auto rows = parts_.store.hours(account, begin - k_usual_hours, end);
  if (!rows) return std::unexpected(rows.error());
  web::IncidentGlance out;
  std::uint64_t usual = 0;
  for (const auto& row : *rows) {
    (row.hour < begin ? usual : out.recipients) += row.figures.recipients;
  }
  if (!rows->empty() && rows->front().hour < begin) {
    // An account that is new has as many days as it has; one of some hours had one day.
    const auto past = std::max<std::int64_t>(begin - rows->front().hour, 24);
    out.usual_recipients = static_cast<double>(usual) * 24 / static_cast<double>(past);
  }
  auto sign_ins = parts_.store.sign_ins_between(account, begin, end, k_glance_rows_max);
  if (!sign_ins) return std::unexpected(sign_ins.error());
  std::set<std::string> networks;
  std::map<std::string, std::uint64_t> countries;
  for (const auto& row : *sign_ins) {
    if (row.key.result != LoginResult::ok) continue;
    if (const auto ip = IpAddress::parse(row.key.ip)) networks.insert(place_network(*ip));
    if (const auto country = row.place.country_text(); !country.empty()) {
      countries[country] += row.count;
    }
  }
  out.networks = static_cast<std::uint32_t>(networks.size());
  std::vector<std::pair<std::uint64_t, std::string>> by_count;
  for (const auto& [country, count] : countries) by_count.emplace_back(count, country);
  std::ranges::stable_sort(by_count, std::ranges::greater{},
                           &decltype(by_count)::value_type::first);
  for (const auto& [count, country] : by_count) {
    if (out.countries.size() < web::k_glance_countries_max) out.countries.push_back(country);
  }
  return out;
}

Result<web::Page<decide::SignInRow>> FigureService::sign_ins(std::string_view address,
                                                             std::size_t offset,
                                                             std::size_t limit) {
  auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  auto rows = parts_.store.sign_ins(*account, offset, limit);
  if (!rows) return std::unexpected(rows.error());
  auto total = parts_.store.count_sign_ins(*account);
  if (!total) return std::unexpected(total.error());
  return web::Page<decide::SignInRow>{std::move(*rows), *total};
}

Result<web::MailboxUse> FigureService::mailbox(std::string_view address) {
  auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  web::MailboxUse out;
  if (const auto counted = parts_.mailbox_use(*account)) {
    out.used_bytes = counted->first;
    out.limit_bytes = counted->second;
    out.limit_in_force = counted->second != 0;
    if (out.limit_in_force) return out;
  }
  auto row = parts_.accounts.account(*account);
  if (!row) return std::unexpected(row.error());
  if (*row) out.limit_bytes = (*row)->quota_bytes;
  return out;
}

// ---------------------------------------------------------------- the thread

Result<bool> FigureService::count() {
  auto position = parts_.store.position();
  if (!position) return std::unexpected(position.error());
  const std::uint64_t last = parts_.last_sequence();
  if (last != 0 && *position == last) return false;
  if (*position > last) {
    return operating_failure(fmt::format(
        "counted up to {}, but the journal ends at {}: was it removed?", *position, last));
  }
  std::uint64_t reached = *position;
  std::uint64_t events = 0;
  const Instant oldest = parts_.now() - parts_.retention;
  const auto reading = store::read_journal(parts_.journal_directory, *position + 1,
                                           [&](std::uint64_t sequence, const Event& event) {
                                             reached = sequence;
                                             // What would be removed within the hour is not counted
                                             // first (old logs that were learnt).
                                             if (event.t >= oldest) fold_.add(event);
                                             return ++events < k_batch_events;
                                           });
  if (!reading) {
    (void)fold_.take();
    return std::unexpected(reading.error());
  }
  const auto batch = fold_.take();
  if (reached == *position) return false;
  if (auto done = parts_.store.add(batch, reached); !done) return std::unexpected(done.error());
  return reading->stopped;
}

act::WorkerThread::Clock::time_point FigureService::work() {
  auto more = count();
  {
    const std::lock_guard lock(trouble_mutex_);
    const std::string text = more ? std::string() : more.error().text;
    if (text != trouble_ && !text.empty()) parts_.log(fmt::format("figures: {}", text));
    trouble_ = text;
  }
  const Instant now = parts_.now();
  if (now >= next_prune_ || next_prune_ - now > k_prune_pace) {
    if (auto done = parts_.store.prune(now - parts_.retention, now - parts_.sign_in_retention);
        !done) {
      parts_.log(fmt::format("figures: {}", done.error().text));
    }
    next_prune_ = now + k_prune_pace;
  }
  const auto after = act::WorkerThread::Clock::now();
  return more && *more ? after : after + k_pace;
}

void FigureService::start() {
  thread_.start("figures", [this](bool) { return work(); });
  queue_counts_.start();
}

void FigureService::stop() {
  queue_counts_.stop();
  thread_.stop();
}

std::string FigureService::trouble() const {
  const std::lock_guard lock(trouble_mutex_);
  return trouble_;
}

}  // namespace sekimori::app
