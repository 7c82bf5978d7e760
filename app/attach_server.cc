#include "app/attach_server.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <charconv>
#include <thread>

namespace sekimori::app {
namespace {

constexpr const char* k_postconf = "/usr/sbin/postconf";
constexpr const char* k_postfix = "/usr/sbin/postfix";
constexpr const char* k_doveconf = "/usr/bin/doveconf";
constexpr const char* k_doveadm = "/usr/bin/doveadm";

Result<std::string> needed_text(const AttachPlace& place, const std::string& path) {
  auto text = place.read(path);
  if (!text) return std::unexpected(text.error());
  if (!*text) return operating_failure(fmt::format("there is no {}", place.outside(path)));
  return std::move(**text);
}

std::uint16_t port_of(const std::string& name) {
  std::uint16_t port = 0;
  const char* end = name.data() + name.size();
  if (std::from_chars(name.data(), end, port).ptr == end && !name.empty()) return port;
  const servent* found = ::getservbyname(name.c_str(), "tcp");
  return found == nullptr ? 0 : ntohs(static_cast<std::uint16_t>(found->s_port));
}

std::string own_address(const AttachFacts& facts) {
  const auto found = facts.postfix.find("inet_interfaces");
  if (found == facts.postfix.end()) return "127.0.0.1";
  const auto words = wire::conf_words(wire::expanded(found->second, facts.postfix));
  for (const auto& word : words) {
    if (word == "all" || word == "loopback-only" || word == "localhost" || word == "127.0.0.1") {
      return "127.0.0.1";
    }
  }
  return words.empty() ? "127.0.0.1" : words.front();
}

MailEndpoint endpoint_of(const AttachFacts& facts, const wire::PostfixService& service) {
  MailEndpoint out;
  const auto colon = service.name.rfind(':');
  out.port = port_of(colon == std::string::npos ? service.name : service.name.substr(colon + 1));
  out.host = colon == std::string::npos ? own_address(facts) : service.name.substr(0, colon);
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  return out;
}

}  // namespace

Result<AttachFacts> look_at_server(const AttachPlace& place, const ServerPaths& paths) {
  AttachFacts facts;
  facts.postfix_dir = paths.postfix_dir;
  const auto postconf = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"-c", paths.postfix_dir});
    return place.output(k_postconf, std::move(words));
  };
  auto all = postconf({});
  if (!all) return std::unexpected(all.error());
  auto own = postconf({"-n"});
  if (!own) return std::unexpected(own.error());
  auto services = postconf({"-M"});
  if (!services) return std::unexpected(services.error());
  auto options = postconf({"-P"});
  if (!options) return std::unexpected(options.error());
  auto types = postconf({"-m"});
  if (!types) return std::unexpected(types.error());
  auto values = wire::parse_postconf(*all);
  auto own_values = wire::parse_postconf(*own);
  auto parsed = wire::parse_services(*services, *options);
  if (!values) return std::unexpected(values.error());
  if (!own_values) return std::unexpected(own_values.error());
  if (!parsed) return std::unexpected(parsed.error());
  facts.postfix = std::move(*values);
  facts.postfix_own = std::move(*own_values);
  // Names that main.cf makes for itself ($mua_…) are in neither list of some versions.
  for (const auto& [name, value] : facts.postfix_own) facts.postfix.emplace(name, value);
  facts.services = std::move(*parsed);
  facts.map_types = wire::conf_words(*types);
  auto main = needed_text(place, paths.postfix_dir + "/main.cf");
  if (!main) return std::unexpected(main.error());
  auto master = needed_text(place, paths.postfix_dir + "/master.cf");
  if (!master) return std::unexpected(master.error());
  facts.main_cf = std::move(*main);
  facts.master_cf = std::move(*master);

  if (!paths.dovecot_file.empty()) {
    auto text = needed_text(place, paths.dovecot_file);
    if (!text) return std::unexpected(text.error());
    auto said = place.output(k_doveconf, {"-c", paths.dovecot_file, "-n"});
    if (!said) return std::unexpected(said.error());
    auto conf = wire::parse_doveconf(*said);
    if (!conf) return std::unexpected(conf.error());
    facts.dovecot_file = paths.dovecot_file;
    facts.dovecot_text = std::move(*text);
    facts.dovecot = std::move(*conf);
  }
  return facts;
}

ServerPorts ports_of(const AttachFacts& facts) {
  ServerPorts out;
  const auto value = [&](const wire::PostfixService& service, std::string_view name) {
    const auto own = service.options.find(name);
    if (own != service.options.end()) return own->second;
    const auto all = facts.postfix.find(name);
    return all == facts.postfix.end() ? std::string() : all->second;
  };
  for (const auto& service : facts.services) {
    const bool listens = service.command == "smtpd" || service.command == "postscreen";
    if (service.type != "inet" || !listens) continue;
    if (value(service, "smtpd_tls_wrappermode") == "yes") continue;
    const bool auth = value(service, "smtpd_sasl_auth_enable") == "yes";
    // One with lists of its own and no sign-in takes mail back from a filter.
    const bool special = service.options.contains("smtpd_recipient_restrictions");
    if (auth && (special || !out.submission.set())) {
      if (service.command == "smtpd") out.submission = endpoint_of(facts, service);
    }
    if (!special && !out.mx.set()) out.mx = endpoint_of(facts, service);
  }
  return out;
}

bool postfix_runs(const AttachPlace& place, const AttachFacts& facts) {
  const auto said = place.run(k_postfix, {"-c", facts.postfix_dir, "status"});
  return said && said->exit_code == 0;
}

bool dovecot_runs(const AttachPlace& place, const AttachFacts& facts) {
  if (facts.dovecot_file.empty()) return false;
  const auto said = place.run(k_doveadm, {"-c", facts.dovecot_file, "process", "status"});
  return said && said->exit_code == 0;
}

Result<void> configuration_holds(const AttachPlace& place, const AttachFacts& facts) {
  auto postfix = place.run(k_postconf, {"-c", facts.postfix_dir, "-n"});
  if (!postfix) return std::unexpected(postfix.error());
  if (postfix->exit_code != 0) return operating_failure("Postfix: " + postfix->complaint);
  if (facts.dovecot_file.empty()) return {};
  auto said = place.output(k_doveconf, {"-c", facts.dovecot_file, "-n"});
  if (!said) return operating_failure("Dovecot: " + said.error().text);
  auto conf = wire::parse_doveconf(*said);
  if (!conf) return std::unexpected(conf.error());
  // Passdbs are asked in this order, and one before the gate would let a suspended account in.
  const auto first = std::ranges::find(conf->root.blocks, "passdb", &wire::DovecotBlock::kind);
  if (first == conf->root.blocks.end() || first->get("result_success") != "return-fail") {
    return operating_failure(
        "Dovecot: another passdb comes before the gate; put its include line above all others");
  }
  return {};
}

Result<void> reload_servers(const AttachPlace& place, const AttachFacts& facts) {
  if (dovecot_runs(place, facts)) {
    auto done = place.output(k_doveadm, {"-c", facts.dovecot_file, "reload"});
    if (!done) return std::unexpected(done.error());
  }
  if (postfix_runs(place, facts)) {
    auto done = place.output(k_postfix, {"-c", facts.postfix_dir, "reload"});
    if (!done) return std::unexpected(done.error());
  }
  return {};
}

Result<FoundAccounts> find_accounts(const AttachPlace& place, const AttachFacts& facts) {
  const auto maps = facts.postfix.find("virtual_mailbox_maps");
  if (maps == facts.postfix.end()) return not_found("no virtual_mailbox_maps");
  Error last{ErrorKind::not_found, "virtual_mailbox_maps names no SQL file"};
  for (const auto& [kind, path] : sql_maps(wire::expanded(maps->second, facts.postfix))) {
    auto text = place.read(path);
    if (!text) return std::unexpected(text.error());
    if (!*text) continue;
    auto found = accounts_of_map(kind, **text);
    if (found) {
      // A path of the mail server's, which this process sees elsewhere.
      if (kind == "sqlite") found->url = "sqlite://" + place.outside(found->url.substr(9));
      return found;
    }
    last = found.error();
  }
  return std::unexpected(last);
}

}  // namespace sekimori::app
