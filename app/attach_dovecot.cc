#include "app/attach_dovecot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "wire/guard_queries.h"

namespace sekimori::app {
namespace {

// What the daemon hears through Dovecot's event exporter.
constexpr std::array<std::string_view, 7> k_events = {
    "auth_request_finished",  "imap_command_finished", "managesieve_command_finished",
    "sieve_script_activated", "sieve_action_finished", "mail_delivery_finished",
    "smtp_submit_finished"};

struct Places {
  std::string folder;  // of dovecot.conf
  bool drop_ins = false;
  std::string gate;       // the passdb, which must come before every other
  std::string rest;       // the rest, which must come last
  std::string query;      // 2.3: the passdb's own file
  std::string secrets;    // nonce and key
  std::size_t first = 0;  // where the include of `gate` goes, without drop-ins
};

std::string_view word_at(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  line.remove_prefix(begin);
  return line.substr(0, line.find_first_of(" \t{\r"));
}

Places places(const AttachFacts& facts) {
  Places out;
  out.folder = facts.dovecot_file.substr(0, facts.dovecot_file.rfind('/'));
  out.secrets = out.folder + "/sekimori-secrets.conf";
  out.query = out.folder + "/sekimori-gate.conf.ext";
  // Passdbs are asked in their order. A passdb or an include may bring the first of them, so the
  // gate stands before both; where that first line includes conf.d, its name does it.
  const std::string_view text = facts.dovecot_text;
  std::size_t behind_versions = 0;
  bool found = false;
  for (std::size_t at = 0; at < text.size() && !found;) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    const auto word = word_at(line);
    if (word == "dovecot_config_version" || word == "dovecot_storage_version") {
      behind_versions = std::min(end + 1, text.size());
    }
    const bool include = word == "!include" || word == "!include_try";
    // protocols.d only names protocols, and our own line is where it belongs.
    const bool harmless = line.find("/protocols.d/") != std::string_view::npos;
    if (word == "passdb" || (include && !harmless)) {
      found = true;
      out.first = at;
      out.drop_ins = include && line.find("conf.d/*.conf") != std::string_view::npos;
    }
    at = end + 1;
  }
  if (!found) out.first = behind_versions;
  const std::string folder = out.folder + (out.drop_ins ? "/conf.d" : "");
  out.gate = folder + (out.drop_ins ? "/00-sekimori.conf" : "/sekimori-first.conf");
  out.rest = folder + (out.drop_ins ? "/99-sekimori.conf" : "/sekimori-last.conf");
  return out;
}

bool is_24(const AttachFacts& facts) { return facts.dovecot.minor >= 4; }

std::string gate_text(const AttachFacts& facts, const AttachChoice& choice, const Places& at) {
  // Who is found is refused with the reason, whatever the password; who is not, and a guard.db that
  // cannot be read, changes nothing (result_…). With deny=yes a lost guard.db would refuse all.
  const std::string results =
      "  result_success = return-fail\n"
      "  result_failure = continue\n"
      "  result_internalfail = continue\n";
  if (is_24(facts)) {
    return fmt::format(
        "{}\n# Suspended accounts, also while Sekimori is away. Must be the first passdb.\n"
        "passdb sekimori {{\n  driver = sql\n  sql_driver = sqlite\n  sqlite_path = {}\n"
        "  sqlite_readonly = yes\n  passdb_sql_query = {}\n{}}}\n",
        k_attach_mark, choice.guard, wire::guard_gate_query("%{user}"), results);
  }
  return fmt::format(
      "{}\n# Suspended accounts, also while Sekimori is away. Must be the first passdb.\n"
      "passdb {{\n  driver = sql\n  args = {}\n{}}}\n",
      k_attach_mark, at.query, results);
}

std::string exporter_text(const AttachFacts& facts, const AttachChoice& choice) {
  std::string out =
      is_24(facts)
          ? fmt::format(
                "event_exporter sekimori {{\n  driver = http-post\n  format = json\n"
                "  time_format = rfc3339\n  http_post_url = {}\n}}\n",
                choice.events_url)
          : fmt::format(
                "event_exporter sekimori {{\n  format = json\n  format_args = time-rfc3339\n"
                "  transport = http-post\n  transport_args = {}\n}}\n",
                choice.events_url);
  for (const auto event : k_events) {
    out += fmt::format("metric sekimori_{} {{\n  exporter = sekimori\n  filter = event={}\n}}\n",
                       event, event);
  }
  return out;
}

// The setting in force with what is new in it.
std::string with_words(std::string_view now, const std::vector<std::string>& more) {
  std::vector<std::string> words = wire::conf_words(now);
  for (const auto& each : more) {
    if (std::ranges::find(words, each) == words.end()) words.push_back(each);
  }
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string rest_text(const AttachFacts& facts, const AttachChoice& choice, const Places& at) {
  std::string out = fmt::format("{}\n", k_attach_mark);
  const auto& root = facts.dovecot.root;
  const auto* worker = root.block("service", "auth-worker");
  // guard.db belongs to group postfix; a worker that is not root needs the group.
  out += fmt::format("service auth-worker {{\n  extra_groups = {}\n}}\n",
                     with_words(worker == nullptr ? "" : worker->get("extra_groups"), {"postfix"}));
  if (choice.doveadm_port != 0) {
    out += fmt::format(
        "# By which sessions are ended and caches emptied.\nservice doveadm {{\n"
        "  inet_listener http {{\n    {} = {}\n    port = {}\n  }}\n}}\n",
        is_24(facts) ? "listen" : "address", choice.doveadm_address, choice.doveadm_port);
  }
  if (!choice.webmail.empty()) {
    out += fmt::format(
        "# Webmail tells for whom it speaks (IMAP ID, XCLIENT).\n"
        "login_trusted_networks = {}\n",
        with_words(root.get("login_trusted_networks"), choice.webmail));
  }
  out += exporter_text(facts, choice);
  // Readable for root alone. Programs of other users read this file, too (dovecot-lda), and pass
  // over what they may not see.
  out += fmt::format("!include_try {}\n", at.secrets);
  return out;
}

std::string secrets_text(const AttachFacts& facts, const AttachChoice& choice) {
  std::string out = fmt::format(
      "{}\nauth_policy_server_url = {}\nauth_policy_hash_mech = sha256\n"
      "auth_policy_hash_nonce = {}\nauth_policy_hash_truncate = 12\n",
      k_attach_mark, choice.auth_policy_url, choice.nonce);
  // With Sekimori dead a sign-in waits this out twice, and no longer.
  out += is_24(facts) ? "auth_policy {\n  http_client_request_absolute_timeout = 300 ms\n}\n"
                      : "auth_policy_server_timeout_msecs = 300\n";
  if (!choice.api_header.empty()) {
    out += fmt::format("auth_policy_server_api_header = {}\n", choice.api_header);
  }
  out += fmt::format("doveadm_api_key = {}\n", choice.doveadm_key);
  return out;
}

}  // namespace

std::string dovecot_secrets_file(const AttachFacts& facts) { return places(facts).secrets; }

std::vector<std::string> dovecot_files(const AttachFacts& facts) {
  const Places at = places(facts);
  std::vector<std::string> out{at.gate, at.rest, at.secrets};
  if (!is_24(facts)) out.push_back(at.query);
  return out;
}

std::vector<FileChange> dovecot_changes(const AttachFacts& facts, const AttachChoice& choice,
                                        std::vector<Text>& notes) {
  const Places at = places(facts);
  std::vector<FileChange> out;
  if (!is_24(facts)) {
    out.push_back({at.query,
                   {},
                   fmt::format("{}\ndriver = sqlite\nconnect = {}\npassword_query = {}\n",
                               k_attach_mark, choice.guard, wire::guard_gate_query("%u")),
                   0640,
                   "dovecot",
                   false});
  }
  out.push_back({at.secrets, {}, secrets_text(facts, choice), 0600, "root", true});
  out.push_back({at.gate, {}, gate_text(facts, choice, at), 0644, "root", false});
  out.push_back({at.rest, {}, rest_text(facts, choice, at), 0644, "root", false});
  if (!at.drop_ins) {
    const std::string first = fmt::format("!include {}\n", at.gate);
    const std::string last = fmt::format("!include {}\n", at.rest);
    std::string text = facts.dovecot_text;
    if (text.find(last) == std::string::npos) {
      if (!text.empty() && text.back() != '\n') text += '\n';
      text += last;
    }
    if (text.find(first) == std::string::npos) text.insert(at.first, first);
    if (text != facts.dovecot_text) {
      out.push_back({facts.dovecot_file, facts.dovecot_text, std::move(text), 0644, "root", false});
    }
  }
  if (facts.postfix.contains("smtpd_sasl_type") &&
      facts.postfix.find("smtpd_sasl_type")->second != "dovecot") {
    notes.push_back(
        {"Postfix の認証が Dovecot を通っていません(smtpd_sasl_type)。SMTP のログインは Sekimori に"
         "届かず、停止しても SMTP のログインは断れません(送信は断ります)。",
         "Postfix does not sign in through Dovecot (smtpd_sasl_type): SMTP sign-ins are not seen, "
         "and a suspension refuses sending, not the SMTP sign-in"});
  }
  return out;
}

}  // namespace sekimori::app
