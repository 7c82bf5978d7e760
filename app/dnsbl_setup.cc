#include "app/dnsbl_setup.h"

#include <fmt/format.h>

#include "store/files.h"

namespace sekimori::app {
namespace {

Result<serve::DnsblSettings> settings_of(const config::Settings& s, const config::TextList& lines) {
  serve::DnsblSettings out;
  if (lines.size() > k_blacklists_max) {
    return bad_input(
        fmt::format("{} blacklists, and {} are the most", lines.size(), k_blacklists_max));
  }
  for (const std::string& line : lines) {
    auto list = parse_blacklist(line);
    if (!list) return std::unexpected(list.error());
    Secret key;
    if (!list->key_file.empty()) {
      auto read = store::read_secret(list->key_file);
      if (!read) return std::unexpected(read.error());
      key = std::move(*read);
    }
    out.lists.push_back(std::move(*list));
    out.keys.push_back(std::move(key));
  }
  for (const std::string& server : s.dnsbl.servers) {
    out.servers += (out.servers.empty() ? "" : ",") + server;
  }
  out.timeout = s.dnsbl.timeout;
  out.ttl_max = s.dnsbl.ttl_max;
  out.test_interval = s.dnsbl.test_interval;
  const auto threads = static_cast<std::size_t>(s.policy.threads > 0 ? s.policy.threads : 4);
  out.cache_max = static_cast<std::size_t>(s.dnsbl.cache_max) / threads;
  return out;
}

Result<std::vector<IpNetwork>> own_networks(const config::Settings& s) {
  std::vector<IpNetwork> out;
  for (const auto* list : {&s.networks.own, &s.networks.webmail}) {
    for (const std::string& text : *list) {
      auto network = IpNetwork::parse(text);
      if (!network) return std::unexpected(network.error());
      out.push_back(*network);
    }
  }
  return out;
}

}  // namespace

DnsblLists::Part::Part(serve::DnsblSettings settings, BlacklistLimits limits,
                       std::vector<IpNetwork> own, std::function<Instant()> now,
                       std::function<void(std::string_view)> log)
    : board(std::move(settings)),
      gate(board, limits, std::move(own)),
      watch(board, std::move(now),
            [log = std::move(log)](const Blacklist& list, const serve::DnsblFinding& finding) {
              log(finding.words.en.empty()
                      ? fmt::format("blacklist {}: tested and in use", list.name)
                      : fmt::format("blacklist {}: {}", list.name, finding.words.en));
            }) {}

Result<std::unique_ptr<DnsblLists>> DnsblLists::open(
    const config::Settings& s, const std::function<Instant()>& now,
    const std::function<void(std::string_view)>& log) {
  auto out = std::make_unique<DnsblLists>();
  const auto own = own_networks(s);
  if (!own) return std::unexpected(own.error());
  if (!s.dnsbl.lists.empty()) {
    auto settings = settings_of(s, s.dnsbl.lists);
    if (!settings) return std::unexpected(settings.error());
    out->mail_ = std::make_unique<Part>(
        std::move(*settings),
        BlacklistLimits{s.dnsbl.refuse_score, s.dnsbl.defer_score, s.dnsbl.mark_score}, *own, now,
        log);
  }
  if (!s.dnsbl.login_lists.empty()) {
    auto settings = settings_of(s, s.dnsbl.login_lists);
    if (!settings) return std::unexpected(settings.error());
    out->logins_ = std::make_unique<Part>(
        std::move(*settings),
        BlacklistLimits{s.dnsbl.login_refuse_score, s.dnsbl.login_delay_score, 0}, *own, now, log);
  }
  return out;
}

Result<void> DnsblLists::start() {
  for (Part* part : {mail_.get(), logins_.get()}) {
    if (part == nullptr) continue;
    if (auto done = part->watch.start(); !done) return done;
  }
  return {};
}

void DnsblLists::stop() {
  for (Part* part : {mail_.get(), logins_.get()}) {
    if (part != nullptr) part->watch.stop();
  }
}

std::vector<web::HealthItem> DnsblLists::health() const {
  std::vector<web::HealthItem> out;
  for (const Part* part : {mail_.get(), logins_.get()}) {
    if (part == nullptr) continue;
    for (const auto& list : part->board.view()) {
      web::HealthItem item;
      item.name = "blacklist " + list.name;
      if (list.health == serve::DnsblHealth::good) {
        item.level = web::HealthLevel::ok;
        item.verdict = {fmt::format("使っています(登録あり {} 件、なし {} 件、不明 {} 件)。",
                                    list.listed, list.clean, list.unknown),
                        fmt::format("in use: {} listed, {} clean, {} unknown", list.listed,
                                    list.clean, list.unknown)};
      } else {
        item.level = web::HealthLevel::warning;
        item.verdict = list.health == serve::DnsblHealth::untested
                           ? Text{"確かめているところです。", "being tested"}
                           : list.words;
        item.advice = {
            "メールはこのリストなしで流れています。DNS サーバー(dnsbl.servers)と、リストの利用条件"
            "を確かめてください。直れば自動で使います。",
            "mail flows without it; check the DNS servers (dnsbl.servers) and the list's "
            "terms of use. It is asked again when a test finds it well"};
      }
      out.push_back(std::move(item));
    }
  }
  return out;
}

void DnsblLists::add_gauges(std::vector<web::Gauge>& out) const {
  const auto add = [&](const char* name, const char* help, double value, std::string labels,
                       bool counts) {
    out.push_back({name, help, std::move(labels), value, counts});
  };
  const auto d = [](std::uint64_t n) { return static_cast<double>(n); };
  const std::pair<const Part*, const char*> parts[] = {{mail_.get(), "mail"},
                                                       {logins_.get(), "login"}};
  for (const auto& [part, use] : parts) {
    if (part == nullptr) continue;
    for (const auto& list : part->board.view()) {
      add("sekimori_blacklist_asked", "Is the list asked now (1) or not (0)",
          list.health == serve::DnsblHealth::good ? 1 : 0,
          fmt::format("use=\"{}\",list=\"{}\"", use, list.name), false);
    }
  }
  for (const auto& [part, use] : parts) {
    if (part == nullptr) continue;
    for (const auto& list : part->board.view()) {
      for (const auto& [state, count] :
           {std::pair("listed", list.listed), std::pair("clean", list.clean),
            std::pair("unknown", list.unknown)}) {
        add("sekimori_blacklist_answers_total", "Answers of blacklists", d(count),
            fmt::format("use=\"{}\",list=\"{}\",state=\"{}\"", use, list.name, state), true);
      }
    }
  }
  for (const auto& [part, use] : parts) {
    if (part == nullptr) continue;
    const auto& totals = part->board.totals;
    for (const auto& [what, count] :
         {std::pair("asked", &totals.questions), std::pair("remembered", &totals.cached),
          std::pair("late", &totals.late), std::pair("overloaded", &totals.overloaded),
          std::pair("refused", &totals.refused), std::pair("deferred", &totals.deferred),
          std::pair("marked", &totals.marked), std::pair("login_refused", &totals.logins_refused),
          std::pair("login_delayed", &totals.logins_delayed)}) {
      add("sekimori_blacklist_questions_total", "Addresses asked about, and what came of it",
          d(count->load()), fmt::format("use=\"{}\",what=\"{}\"", use, what), true);
    }
  }
}

}  // namespace sekimori::app
