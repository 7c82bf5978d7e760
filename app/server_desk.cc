#include "app/server_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "app/engine_settings.h"
#include "base/mail_address.h"

namespace sekimori::app {
namespace {

namespace json = boost::json;
using decide::PolicyField;
using decide::Subject;
using decide::SubjectKind;

constexpr std::size_t at(PolicyField field) { return static_cast<std::size_t>(field); }

double value_of(const decide::Rules& rules, PolicyField field) {
  const decide::Limits& l = rules.limits;
  switch (field) {
    case PolicyField::recipients_per_message: return l.recipients_per_message;
    case PolicyField::recipients_per_hour: return l.recipients_per_hour;
    case PolicyField::recipients_per_day: return l.recipients_per_day;
    case PolicyField::new_recipients_per_day: return l.new_recipients_per_day;
    case PolicyField::messages_per_hour: return l.messages_per_hour;
    case PolicyField::bytes_per_day: return static_cast<double>(l.bytes_per_day);
    case PolicyField::restrict_line: return rules.restrict_log_r;
    case PolicyField::suspend_line: return rules.suspend_log_r;
    case PolicyField::mode: break;
  }
  return 0;
}

double number(decide::Mode mode) { return mode == decide::Mode::enforce ? 1 : 0; }

std::optional<decide::Mode> mode_in(const std::vector<std::pair<std::string, decide::Mode>>& list,
                                    std::string_view name) {
  const auto found = std::ranges::find(list, name, &std::pair<std::string, decide::Mode>::first);
  if (found == list.end()) return std::nullopt;
  return found->second;
}

std::vector<decide::PolicyEntry> entries_of(const std::vector<store::PolicyRow>& rows) {
  std::map<Subject, decide::PolicyValues> by_subject;
  for (const auto& row : rows) by_subject[row.subject][at(row.field)] = row.value;
  std::vector<decide::PolicyEntry> out;
  for (auto& [subject, values] : by_subject) out.push_back({subject, values});
  return out;
}

bool contains(std::string_view text, std::string_view part) {
  return part.empty() || ascii_lower(text).contains(part);
}

// A policy of the server is as if the settings were these.
void lay_over_settings(decide::EngineSettings& settings, const decide::PolicyValues& values) {
  const decide::PolicyTable table({{{SubjectKind::domain, "all"}, values}});
  decide::Rules rules{settings.limits, settings.restrict_log_r, settings.suspend_log_r};
  table.lay_over(rules, "@all", false);
  decide::Rules probation{settings.probation_limits, 0, 0};
  table.lay_over(probation, "@all", true);
  settings.limits = rules.limits;
  settings.probation_limits = probation.limits;
  settings.restrict_log_r = rules.restrict_log_r;
  settings.suspend_log_r = rules.suspend_log_r;
  if (values[at(PolicyField::mode)]) {
    settings.mode =
        *values[at(PolicyField::mode)] != 0 ? decide::Mode::enforce : decide::Mode::observe;
  }
}

}  // namespace

ServerDeskService::ServerDeskService(ServerDeskParts parts)
    : parts_(std::move(parts)),
      dry_runs_({.journal_directory = parts_.started_with.journal.directory,
                 .place = parts_.place,
                 .now = parts_.now}) {}

Result<void> ServerDeskService::begin() {
  auto table = stored_policy();
  if (!table) return std::unexpected(table.error());
  parts_.engine.set_policy(std::move(*table));
  return take_over_texts();
}

void ServerDeskService::audited(const web::Caller& by, std::string action, Subject subject,
                                std::string why, std::string detail) {
  parts_.writer.put(decide::AuditEntry{.t = parts_.now(),
                                       .who = by.who,
                                       .action = std::move(action),
                                       .subject = std::move(subject),
                                       .incident = 0,
                                       .why = std::move(why),
                                       .detail = std::move(detail)});
}

Result<void> ServerDeskService::exists(const Subject& subject) {
  const auto directory = parts_.directory();
  const bool there =
      subject.kind == SubjectKind::server ||
      (subject.kind == SubjectKind::domain && directory->is_local_domain(subject.id)) ||
      (subject.kind == SubjectKind::account && directory->is_account(subject.id));
  if (there) return {};
  return not_found(
      fmt::format("'{}' is no {} of this server", subject.id, decide::to_string(subject.kind)));
}

// ---------------------------------------------------------------- domains and admins

Result<web::Page<web::DomainSummary>> ServerDeskService::domains(const web::DomainQuery& query) {
  auto rows = parts_.provider.listed_domains();
  if (!rows) return std::unexpected(rows.error());
  // Counted in the database it would take most of a second at a million accounts.
  const auto roster = parts_.roster.get();
  if (!roster) return std::unexpected(roster.error());
  const auto& counts = (**roster).by_domain();
  const std::string part = ascii_lower(query.search);
  std::map<std::string, web::DomainSummary, std::less<>> found;
  for (const auto& row : *rows) {
    if (query.among && std::ranges::find(*query.among, row.domain) == query.among->end()) continue;
    if (!contains(row.domain, part) && !contains(row.description, part)) continue;
    web::DomainSummary domain;
    domain.domain = row.domain;
    domain.description = row.description;
    domain.active = row.active;
    const auto count = counts.find(row.domain);
    domain.accounts = count == counts.end() ? 0 : count->second;
    found.emplace(row.domain, std::move(domain));
  }
  for (const auto& record : parts_.engine.standings()) {
    if (record.subject.kind != SubjectKind::account) continue;
    const auto domain = found.find(domain_of(record.subject.id));
    if (domain == found.end()) continue;
    switch (record.standing) {
      case Standing::normal: break;
      case Standing::restricted: ++domain->second.restricted; break;
      case Standing::suspended: ++domain->second.suspended; break;
      case Standing::recovering: ++domain->second.recovering; break;
      case Standing::probation: ++domain->second.probation; break;
    }
  }
  for (const auto& hold : parts_.engine.open_holds()) {
    const auto domain = found.find(domain_of(hold.account));
    if (domain != found.end()) ++domain->second.held;
  }
  const auto settings = engine_settings(parts_.in_force.get(), parts_.key);
  const auto policy = parts_.engine.policy();
  std::vector<web::DomainSummary> all;
  for (auto& [name, domain] : found) {
    domain.standing = parts_.engine.standing_of({SubjectKind::domain, name});
    domain.mode = mode_in(settings.domain_modes, name).value_or(settings.mode);
    if (const auto* own = policy ? policy->of_domain(name) : nullptr; own != nullptr) {
      domain.own_values = static_cast<std::uint32_t>(
          std::ranges::count_if(*own, [](const auto& value) { return value.has_value(); }));
      if (const auto& mode = (*own)[at(PolicyField::mode)]) {
        domain.mode = *mode != 0 ? decide::Mode::enforce : decide::Mode::observe;
      }
    }
    const bool contained = domain.contained() > 0 || domain.standing.standing != Standing::normal;
    if (query.contained && !contained) continue;
    all.push_back(std::move(domain));
  }
  const auto sort_by = [&](auto key) {
    std::ranges::stable_sort(all, [&](const auto& a, const auto& b) {
      return query.descending ? key(b) < key(a) : key(a) < key(b);
    });
  };
  switch (query.order) {
    case web::DomainOrder::domain:
      sort_by([](const auto& d) { return std::string_view(d.domain); });
      break;
    case web::DomainOrder::accounts: sort_by([](const auto& d) { return d.accounts; }); break;
    case web::DomainOrder::contained: sort_by([](const auto& d) { return d.contained(); }); break;
    case web::DomainOrder::held: sort_by([](const auto& d) { return d.held; }); break;
  }
  web::Page<web::DomainSummary> page;
  page.total = all.size();
  for (std::size_t i = query.offset; i < all.size() && page.items.size() < query.limit; ++i) {
    page.items.push_back(std::move(all[i]));
  }
  return page;
}

Result<web::Page<web::AdminSummary>> ServerDeskService::admins(const web::AdminQuery& query) {
  auto rows = parts_.provider.listed_admins();
  if (!rows) return std::unexpected(rows.error());
  const std::string part = ascii_lower(query.search);
  web::Page<web::AdminSummary> page;
  for (auto& row : *rows) {
    if (!contains(row.login, part)) continue;
    if (!query.domain.empty() && !row.is_superadmin &&
        std::ranges::find(row.domains, query.domain) == row.domains.end()) {
      continue;
    }
    if (page.total++ < query.offset || page.items.size() >= query.limit) continue;
    page.items.push_back({std::move(row.login), row.active, row.is_superadmin, row.has_totp,
                          std::move(row.domains)});
  }
  return page;
}

// ---------------------------------------------------------------- policy

Result<std::shared_ptr<const decide::PolicyTable>> ServerDeskService::stored_policy() {
  auto rows = parts_.store.policy(std::nullopt);
  if (!rows) return std::unexpected(rows.error());
  return std::make_shared<const decide::PolicyTable>(entries_of(*rows));
}

web::PolicyItem ServerDeskService::item_of(const Subject& subject, PolicyField field,
                                           const decide::EngineSettings& settings,
                                           const decide::PolicyTable& table) const {
  const bool is_account = subject.kind == SubjectKind::account;
  const std::string domain = is_account ? std::string(domain_of(subject.id)) : subject.id;
  const bool is_mode = field == PolicyField::mode;
  web::PolicyItem item;
  item.field = field;
  item.where = decide::info(field).setting;
  item.inherited =
      is_mode ? number(settings.mode)
              : value_of({settings.limits, settings.restrict_log_r, settings.suspend_log_r}, field);
  if (subject.kind == SubjectKind::server) {
    item.value = item.inherited;
    return item;
  }
  if (const auto mode = mode_in(settings.domain_modes, domain); is_mode && mode) {
    item.inherited = number(*mode);
    item.where = "mode.domains";
  }
  const auto own_in = [&](const decide::PolicyValues* values) {
    return values == nullptr ? std::optional<double>() : (*values)[at(field)];
  };
  const auto of_domain = own_in(table.of_domain(domain));
  if (is_account) {
    if (of_domain) {
      item.inherited = *of_domain;
      item.where = domain;
      item.source = web::PolicySource::domain;
    }
    if (const auto mode = mode_in(settings.account_modes, subject.id); is_mode && mode) {
      item.inherited = number(*mode);
      item.where = "mode.accounts";
      item.source = web::PolicySource::setting;
    }
  }
  item.own = is_account ? own_in(table.of_account(subject.id)) : of_domain;
  item.value = item.own.value_or(item.inherited);
  if (item.own) {
    item.where = subject.id;
    item.source = is_account ? web::PolicySource::account : web::PolicySource::domain;
  }
  return item;
}

Result<web::PolicyView> ServerDeskService::policy(const Subject& subject) {
  if (auto there = exists(subject); !there) return std::unexpected(there.error());
  auto rows = parts_.store.policy(subject);
  if (!rows) return std::unexpected(rows.error());
  const auto settings = engine_settings(parts_.in_force.get(), parts_.key);
  const auto policy = parts_.engine.policy();
  static const decide::PolicyTable k_nothing;
  const auto& table = policy ? *policy : k_nothing;
  web::PolicyView view;
  view.subject = subject;
  for (std::size_t i = 0; i < decide::k_policy_fields; ++i) {
    auto item = item_of(subject, static_cast<PolicyField>(i), settings, table);
    const auto row = std::ranges::find(*rows, item.field, &store::PolicyRow::field);
    if (row != rows->end()) {
      item.changed = row->changed;
      item.by = row->by;
      item.reason = row->reason;
    }
    view.items.push_back(std::move(item));
  }
  if (subject.kind != SubjectKind::account) return view;
  const auto now = parts_.engine.view(subject.id, parts_.now());
  if (now.standing.standing != Standing::probation) return view;
  for (auto& item : view.items) {
    if (item.field == PolicyField::mode || item.field == PolicyField::restrict_line ||
        item.field == PolicyField::suspend_line) {
      continue;
    }
    const double tight = value_of({now.limits, 0, 0}, item.field);
    if (tight == item.value) continue;
    item.value = tight;
    item.source = web::PolicySource::probation;
    item.where = fmt::format("recovery.probation_{}", decide::info(item.field).name);
  }
  return view;
}

Result<web::PolicyView> ServerDeskService::set_policy(const web::PolicyOrder& order,
                                                      const web::Caller& by) {
  if (auto there = exists(order.subject); !there) return std::unexpected(there.error());
  {
    const std::lock_guard lock(changing_);
    auto before = parts_.store.policy(order.subject);
    if (!before) return std::unexpected(before.error());
    if (auto done = parts_.store.put_policy(order.subject, order.values, parts_.now(), by.who,
                                            order.reason);
        !done) {
      return std::unexpected(done.error());
    }
    auto table = stored_policy();
    if (!table) return std::unexpected(table.error());
    parts_.engine.set_policy(std::move(*table));
    json::object changes;
    for (std::size_t i = 0; i < decide::k_policy_fields; ++i) {
      const auto field = static_cast<PolicyField>(i);
      const auto row = std::ranges::find(*before, field, &store::PolicyRow::field);
      const auto from = row == before->end() ? std::optional<double>() : row->value;
      if (from == order.values[i]) continue;
      const auto value = [](const std::optional<double>& v) {
        return v ? json::value(*v) : json::value();
      };
      changes[decide::info(field).name] =
          json::object{{"from", value(from)}, {"to", value(order.values[i])}};
    }
    if (!changes.empty()) {
      audited(by, "set_policy", order.subject, order.reason, json::serialize(changes));
    }
  }
  return policy(order.subject);
}

Result<web::DryRun> ServerDeskService::begin_dry_run(const web::DryRunOrder& order,
                                                     const web::Caller& by) {
  if (auto there = exists(order.subject); !there) return std::unexpected(there.error());
  auto rows = parts_.store.policy(std::nullopt);
  if (!rows) return std::unexpected(rows.error());
  auto before = engine_settings(parts_.in_force.get(), parts_.key);
  auto entries = entries_of(*rows);
  const bool names_mode = order.values[at(PolicyField::mode)].has_value();
  web::DryRun run;
  run.order = order;
  run.by = by.who;
  const auto mode = [&] {
    const auto item =
        item_of(order.subject, PolicyField::mode, before, decide::PolicyTable(entries));
    return item.value != 0;
  }();
  if (!mode && !names_mode) {
    // Where the guard only observes nothing would be held, whatever the limits: judged as if it
    // acted, on both sides.
    run.as_enforced = true;
    before.mode = decide::Mode::enforce;
    before.domain_modes.clear();
    before.account_modes.clear();
    for (auto& entry : entries) entry.values[at(PolicyField::mode)].reset();
  }
  auto after = before;
  before.policy = std::make_shared<const decide::PolicyTable>(entries);
  if (order.subject.kind == SubjectKind::server) {
    lay_over_settings(after, order.values);
  } else {
    std::erase_if(entries, [&](const auto& entry) { return entry.subject == order.subject; });
    entries.push_back({order.subject, order.values});
  }
  after.policy = std::make_shared<const decide::PolicyTable>(entries);
  return dry_runs_.begin(std::move(run), std::move(before), std::move(after));
}

Result<web::DryRun> ServerDeskService::dry_run(std::uint64_t id) { return dry_runs_.find(id); }

}  // namespace sekimori::app
