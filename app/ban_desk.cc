// What people can do with bans: the web::BanDesk half of BanService.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/ban_service.h"

namespace sekimori::app {

using namespace decide;

Result<web::Page<web::BanRow>> BanService::bans(const BanFilter& filter) {
  auto rows = parts_.store.list(filter);
  if (!rows) return std::unexpected(rows.error());
  auto total = parts_.store.count(filter);
  if (!total) return std::unexpected(total.error());
  web::Page<web::BanRow> page;
  page.total = *total;
  for (BanRecord& record : *rows) {
    // The table knows the hits of this moment.
    if (!record.ended.is_set()) {
      const auto live = table_.get(record.ban.network);
      if (live && live->id == record.ban.id) record.ban = *live;
    }
    page.items.push_back(row_of(std::move(record)));
  }
  return page;
}

Result<BanRecord> BanService::record_of(const web::BanKey& key) {
  const Instant now = parts_.now();
  if (key.id) {
    if (const auto live = table_.get(*key.id)) return BanRecord{*live, {}, {}};
    auto kept = parts_.store.find(*key.id);
    if (!kept) return std::unexpected(kept.error());
    if (!*kept) return not_found(fmt::format("there is no ban {}", *key.id));
    return std::move(**kept);
  }
  if (const auto live = table_.get(*key.network)) return BanRecord{*live, {}, {}};
  // The network that holds the address.
  if (const auto view = table_.find(key.network->address(), now)) {
    if (const auto live = table_.get(view->id);
        live && live->network.bits() <= key.network->bits()) {
      return BanRecord{*live, {}, {}};
    }
  }
  auto kept = parts_.store.find(*key.network);
  if (!kept) return std::unexpected(kept.error());
  if (!*kept) return not_found(fmt::format("{} is not banned", key.network->to_string()));
  return std::move(**kept);
}

Result<web::BanRow> BanService::ban(const web::BanKey& key) {
  auto record = record_of(key);
  if (!record) return std::unexpected(record.error());
  return row_of(std::move(*record));
}

std::uint32_t BanService::collateral(const IpNetwork& network) {
  return guard_.collateral(network, parts_.now());
}

// ---------------------------------------------------------------- people

void BanService::audited(const web::Caller& by, std::string action, std::string why,
                         std::string detail) {
  AuditEntry entry;
  entry.t = parts_.now();
  entry.who = by.who;
  entry.action = std::move(action);
  entry.subject = {SubjectKind::server, ""};
  entry.why = std::move(why);
  entry.detail = std::move(detail);
  parts_.writer.put(std::move(entry));
}

Result<web::BanRow> BanService::put_ban(const web::BanOrder& order, const web::Caller& by) {
  const Instant now = parts_.now();
  if (order.until.is_set() && order.until <= now) return bad_input("'expires' is over already");
  if (guard_.is_own(order.network.address())) {
    return bad_input("that is this machine, or of networks.own or networks.webmail");
  }
  Ban ban;
  ban.network = order.network;
  ban.kind = BanKind::person;
  ban.since = now;
  ban.until = order.until;
  ban.collateral = guard_.collateral(order.network, now);
  if (ban.collateral > 0 && !order.anyway) {
    return bad_input(fmt::format("{} accounts signed in from there of late", ban.collateral));
  }
  ban.reach = ban.collateral > 0 ? BanReach::sign_ins : BanReach::packets;
  ban.place = parts_.place ? parts_.place(order.network.address()) : Place();
  ban.by = by.who;
  ban.reason = order.reason;
  if (!impose(ban)) return operating_failure("there are too many bans already");
  // Durable before the answer; the thread writes it once more, which changes nothing.
  if (auto kept = parts_.store.put(std::vector<BanRecord>{{ban, {}, {}}}); !kept) {
    return std::unexpected(kept.error());
  }
  audited(by, "ban", order.reason,
          fmt::format(R"({{"ban":{},"network":"{}"}})", ban.id, ban.network.to_string()));
  return row_of({ban, {}, {}});
}

Result<web::BanRow> BanService::end_ban(const web::BanKey& key, const std::string& reason,
                                        const web::Caller& by) {
  auto record = record_of(key);
  if (!record) return std::unexpected(record.error());
  if (record->ended.is_set()) return bad_input("that ban is over already");
  if (const auto gone = table_.remove(record->ban.network)) record->ban = *gone;
  guard_.forgive(record->ban.network);
  record->ended = parts_.now();
  record->ended_by = by.who;
  tell({*record, true});
  if (auto kept = parts_.store.put(std::vector<BanRecord>{*record}); !kept) {
    return std::unexpected(kept.error());
  }
  audited(by, "ban_end", reason,
          fmt::format(R"({{"ban":{},"network":"{}"}})", record->ban.id,
                      record->ban.network.to_string()));
  return row_of(std::move(*record));
}

Result<web::BanImportOutcome> BanService::import_bans(const web::BanImport& order,
                                                      const web::Caller& by) {
  const Instant now = parts_.now();
  if (order.until.is_set() && order.until <= now) return bad_input("'expires' is over already");
  web::BanImportOutcome out;
  auto list = parse_network_list(order.text);
  out.errors = std::move(list.errors);
  for (auto& listed : list.networks) {
    if (table_.get(listed.network)) {
      ++out.known;
      continue;
    }
    if (guard_.is_own(listed.network.address()) || guard_.collateral(listed.network, now) > 0) {
      ++out.lived_in;
      continue;
    }
    Ban ban;
    ban.network = listed.network;
    ban.kind = BanKind::imported;
    ban.since = now;
    ban.until = order.until;
    ban.place = parts_.place ? parts_.place(listed.network.address()) : Place();
    ban.by = by.who;
    ban.reason = listed.note.empty() ? order.name : fmt::format("{} {}", order.name, listed.note);
    if (!impose(ban)) return operating_failure("there are too many bans already");
    ++out.banned;
  }
  audited(by, "ban_import", order.reason,
          fmt::format(R"({{"banned":{},"known":{},"lived_in":{},"errors":{}}})", out.banned,
                      out.known, out.lived_in, out.errors.size()));
  return out;
}

Result<std::string> BanService::export_bans(web::BanExport as) {
  const Instant now = parts_.now();
  std::vector<Ban> bans = table_.all();
  std::erase_if(bans, [&](const Ban& ban) { return ban.is_over(now); });
  std::ranges::sort(bans, {}, [](const Ban& ban) {
    return std::pair(ban.network.address(), ban.network.bits());
  });
  if (as == web::BanExport::json) {
    boost::json::array list;
    for (const Ban& ban : bans) {
      const Text why = ban_reason(ban);
      boost::json::object one;
      one["network"] = ban.network.to_string();
      one["kind"] = to_string(ban.kind);
      one["since"] = format_instant(ban.since);
      one["until"] = nullptr;
      if (ban.until.is_set()) one["until"] = format_instant(ban.until);
      one["why"] = boost::json::object{{"ja", why.ja}, {"en", why.en}};
      list.push_back(std::move(one));
    }
    return boost::json::serialize(list);
  }
  std::string out;
  if (as == web::BanExport::plain) {
    for (const Ban& ban : bans) out += ban.network.to_string() + '\n';
    return out;
  }
  out =
      "$SOA 300 localhost. postmaster.localhost. 0 600 300 86400 300\n$TTL 300\n"
      ":127.0.0.2:Banned for guessing passwords: $\n";
  for (const Ban& ban : bans) {
    if (ban.network.address().is_v4() != (as == web::BanExport::rbldnsd)) continue;
    out += ban.network.to_string() + '\n';
  }
  return out;
}

Result<web::BanTotals> BanService::totals() {
  web::BanTotals out;
  out.in_force = table_.size();
  out.in_firewall = firewall_works_ ? in_firewall_.load() : 0;
  out.refused = table_.hits();
  out.addresses = guard_.addresses();
  out.bytes = guard_.bytes();
  out.enforced = enforced_;
  out.firewall_wanted = parts_.firewall;
  out.firewall_works = firewall_works_;
  out.firewall_trouble = firewall_trouble();
  return out;
}

Result<web::GuessingView> BanService::guessing(std::string_view address) {
  const Instant now = parts_.now();
  web::GuessingView view;
  view.account = parts_.directory()->account_of(address);
  auto known = parts_.exists(view.account);
  if (!known) return std::unexpected(known.error());
  if (!*known) return not_found(fmt::format("'{}' is no account of this server", view.account));
  view.now = guard_.account(view.account, now);
  if (view.now.closed_to_strangers) {
    AccountGuessed words;
    words.failures = view.now.failures;
    words.addresses = view.now.addresses;
    words.networks = view.now.networks;
    words.pace = view.now.pace;
    view.words = account_guessed_words(words);
  }
  auto forgotten = parts_.forgotten.of(view.account);
  if (!forgotten) return std::unexpected(forgotten.error());
  view.forgotten = std::move(*forgotten);
  return view;
}

}  // namespace sekimori::app
