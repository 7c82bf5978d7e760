#include "app/attach_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/attach_dovecot.h"
#include "web/target.h"
#include "wire/conf_edit.h"
#include "wire/guard_queries.h"
#include "wire/text_diff.h"

namespace sekimori::app {
namespace {

using wire::ListPlace;

constexpr std::array<std::string_view, 4> k_maps = {"senders", "recipients", "inactive", "waiting"};

std::string map_file(const AttachFacts& facts, std::string_view name) {
  return fmt::format("{}/sekimori/{}.cf", facts.postfix_dir, name);
}
// proxymap is not chrooted and asks once for all; a chrooted smtpd could not open the file.
std::string map_of(const AttachFacts& facts, std::string_view name) {
  return "proxy:sqlite:" + map_file(facts, name);
}

std::string_view value_of(const wire::ConfValues& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? std::string_view{} : std::string_view(found->second);
}

std::string map_text(const AttachChoice& choice, std::string_view name) {
  const std::string query = name == "senders"      ? wire::guard_senders_query("%s")
                            : name == "recipients" ? wire::guard_recipients_query("%s")
                            : name == "inactive"   ? wire::guard_inactive_query("%s")
                                                   : wire::guard_waiting_query("%s");
  return fmt::format("{}\ndbpath = {}\nquery = {}\n", k_attach_mark, choice.guard, query);
}

bool offers_auth(const AttachFacts& facts, const wire::PostfixService& service) {
  const auto own = service.options.find("smtpd_sasl_auth_enable");
  return (own == service.options.end() ? value_of(facts.postfix, "smtpd_sasl_auth_enable")
                                       : std::string_view(own->second)) == "yes";
}

// Lists that a service sets for itself do not see main.cf's.
Result<void> into_services(const AttachFacts& facts, std::string& master, AttachPlan& plan) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> lists = {
      std::pair{"smtpd_recipient_restrictions", "$sekimori_submission"},
      std::pair{"smtpd_data_restrictions", "$sekimori_submission"},
      std::pair{"smtpd_end_of_data_restrictions", "$sekimori_policy"}};
  for (const auto& service : facts.services) {
    if (service.command != "smtpd" || (service.type != "inet" && service.type != "pass")) continue;
    for (const auto& [name, item] : lists) {
      if (!service.options.contains(name)) continue;
      if (!offers_auth(facts, service)) {
        plan.notes.push_back(
            {fmt::format("master.cf の {} は認証のない専用の入口({})のため、そのままにします。",
                         service.name, name),
             fmt::format("{} in master.cf sets {} and offers no sign-in: it stays as it is",
                         service.name, name)});
        continue;
      }
      auto edited = wire::with_master_cf_item(master, service.name, service.type, name, item);
      if (!edited) return std::unexpected(edited.error());
      master = std::move(*edited);
    }
  }
  return {};
}

// A dead guard costs the mail nothing, a hung one a second. With one try Postfix never leaves a
// connection that broke, until the SMTP session ends (docs/decisions/036): a connection a question.
std::string policy_stanza(const AttachChoice& choice) {
  return fmt::format(
      "check_policy_service {{ {}, timeout=1s, try_limit=1, request_limit=1, "
      "default_action=DUNNO }}",
      choice.policy);
}

std::string definitions(const AttachFacts& facts, const AttachChoice& choice) {
  return fmt::format(
      "\n{}\n"
      "sekimori_policy = {}\n"
      "sekimori_submission = check_sasl_access {}, $sekimori_policy\n"
      "sekimori_arrivals = permit_sasl_authenticated, check_recipient_access {}\n",
      k_attach_mark, policy_stanza(choice), map_of(facts, "senders"), map_of(facts, "recipients"));
}

Result<std::string> new_main_cf(const AttachFacts& facts, const AttachChoice& choice,
                                AttachPlan& plan) {
  std::string text = facts.main_cf;
  if (!wire::main_cf_value(text, "sekimori_policy")) {
    if (!text.empty() && text.back() != '\n') text += '\n';
    text += definitions(facts, choice);
  } else {
    text = wire::with_main_cf_value(text, "sekimori_policy", policy_stanza(choice));
  }
  const auto item = [&](std::string_view name, std::string_view what, ListPlace place) {
    text = wire::with_main_cf_item(text, name, what, place, value_of(facts.postfix, name));
  };
  item("smtpd_recipient_restrictions", "$sekimori_submission", ListPlace::first);
  item("smtpd_data_restrictions", "$sekimori_submission", ListPlace::first);
  item("smtpd_end_of_data_restrictions", "$sekimori_policy", ListPlace::first);

  const auto words = wire::conf_words(
      wire::expanded(value_of(facts.postfix, "smtpd_recipient_restrictions"), facts.postfix));
  const std::string last = words.empty() ? "" : words.back();
  if (last == "reject" || last == "defer") {
    plan.notes.push_back(
        {"smtpd_recipient_restrictions が reject で終わるため、外からのメールはここを通りません。停止した"
         "アドレス宛てのメールは、このサーバーのキューで待ちます。",
         "smtpd_recipient_restrictions ends in reject, so no mail from outside gets there: mail for "
         "a suspended address waits in this server's own queue"});
  } else {
    item("smtpd_recipient_restrictions", "$sekimori_arrivals",
         last == "permit" ? ListPlace::before_last : ListPlace::last);
  }
  item("transport_maps", map_of(facts, "waiting"), ListPlace::first);
  if (!value_of(facts.postfix, "virtual_mailbox_domains").empty()) {
    item("virtual_alias_maps", map_of(facts, "inactive"), ListPlace::last);
  }
  // By default it names the lists above, so that their maps are allowed by themselves.
  if (facts.postfix_own.contains("proxy_read_maps")) {
    for (const auto name : k_maps) item("proxy_read_maps", map_of(facts, name), ListPlace::last);
  }
  if (value_of(facts.postfix, "smtpd_policy_service_policy_context").empty()) {
    text = wire::with_main_cf_value(text, "smtpd_policy_service_policy_context", choice.context);
  }
  if (value_of(facts.postfix, "enable_long_queue_ids") != "yes") {
    text = wire::with_main_cf_value(text, "enable_long_queue_ids", "yes");
  }
  for (const auto& host : choice.webmail) {
    item("smtpd_authorized_xclient_hosts", host, ListPlace::last);
  }
  return text;
}

Result<void> possible(const AttachFacts& facts, const AttachChoice& choice) {
  const auto version = wire::version_of(value_of(facts.postfix, "mail_version"));
  if (version < std::pair(3, 4)) {
    return bad_input(fmt::format("this needs Postfix 3.4 or newer, here is {}",
                                 value_of(facts.postfix, "mail_version")));
  }
  if (std::ranges::find(facts.map_types, "sqlite") == facts.map_types.end()) {
    return bad_input("Postfix cannot read SQLite here; run: apt-get install postfix-sqlite");
  }
  if (facts.dovecot_file.empty()) return {};
  if (const auto v = std::pair(facts.dovecot.major, facts.dovecot.minor);
      v != std::pair(2, 3) && v != std::pair(2, 4)) {
    return bad_input(
        fmt::format("this knows Dovecot 2.3 and 2.4, here is {}", facts.dovecot.version));
  }
  if (const auto url = auth_policy_setting(facts.dovecot, "server_url");
      !url.empty() && url != choice.auth_policy_url) {
    return bad_input(fmt::format(
        "Dovecot asks another policy server already ({}), and it can ask only one; take "
        "auth_policy_server_url out of its configuration first (doveconf -n shows it)",
        url));
  }
  return {};
}

void put(AttachPlan& plan, const PresentFiles& present, FileChange change) {
  const auto found = std::ranges::find(present, change.path, &PresentFiles::value_type::first);
  if (found != present.end()) {
    if (found->second == change.after) return;
    change.before = found->second;
  }
  plan.files.push_back(std::move(change));
}

}  // namespace

std::string auth_policy_setting(const wire::DovecotConf& conf, std::string_view name) {
  const std::string flat = fmt::format("auth_policy_{}", name);
  if (const auto* value = conf.root.find(flat)) return *value;
  const auto* block = conf.root.block("auth_policy", "");
  return block == nullptr ? std::string() : std::string(block->get(name));
}

std::vector<std::string> attach_files(const AttachFacts& facts) {
  std::vector<std::string> out;
  out.reserve(k_maps.size());
  for (const auto name : k_maps) out.push_back(map_file(facts, name));
  if (!facts.dovecot_file.empty()) {
    for (auto& path : dovecot_files(facts)) out.push_back(std::move(path));
  }
  return out;
}

Result<AttachPlan> plan_attach(const AttachFacts& facts, const AttachChoice& choice,
                               const PresentFiles& present) {
  if (auto done = possible(facts, choice); !done) return std::unexpected(done.error());
  AttachPlan plan;
  for (const auto name : k_maps) {
    put(plan, present, {map_file(facts, name), {}, map_text(choice, name), 0640, "postfix", false});
  }
  if (!facts.dovecot_file.empty()) {
    for (auto& change : dovecot_changes(facts, choice, plan.notes)) {
      put(plan, present, std::move(change));
    }
  }
  // Postfix last: its lists name the maps above.
  std::string master = facts.master_cf;
  if (auto done = into_services(facts, master, plan); !done) return std::unexpected(done.error());
  auto main = new_main_cf(facts, choice, plan);
  if (!main) return std::unexpected(main.error());
  const auto changed = [&](std::string_view name, const std::string& before, std::string after) {
    if (before == after) return;
    plan.files.push_back(
        {fmt::format("{}/{}", facts.postfix_dir, name), before, std::move(after), 0644, "root"});
  };
  changed("main.cf", facts.main_cf, std::move(*main));
  changed("master.cf", facts.master_cf, std::move(master));
  if (choice.webmail.empty()) {
    plan.notes.push_back(
        {"Web メールがある場合は --webmail にそのアドレスを付けてください。付けないと、Web メールの利用者が"
         "すべて同じ場所から来たように見えます。",
         "where there is webmail, name its address with --webmail: otherwise all of its users seem "
         "to come from one place"});
  }
  return plan;
}

std::string attach_secret(std::string_view text, std::string_view setting) {
  return wire::main_cf_value(text, setting).value_or("");
}

std::string shown_change(const FileChange& change) {
  const auto starred = [&](std::string text) {
    if (!change.is_secret || text.empty()) return text;
    if (text.find(k_attach_mark) == std::string::npos) return std::string("********\n");
    for (const auto* name :
         {"auth_policy_hash_nonce", "doveadm_api_key", "auth_policy_server_api_header"}) {
      if (wire::main_cf_value(text, name)) text = wire::with_main_cf_value(text, name, "********");
    }
    return text;
  };
  std::string before = starred(change.before.value_or(""));
  std::string after = starred(change.after);
  if (change.is_secret && before == after) {
    after += "# (a secret changes)\n";
  }
  return wire::unified_diff(before, after,
                            {change.before ? change.path : std::string("/dev/null"), change.path});
}

std::vector<std::pair<std::string, std::string>> sql_maps(std::string_view value) {
  std::vector<std::pair<std::string, std::string>> out;
  for (std::string word : wire::conf_words(value)) {
    if (word.starts_with("proxy:")) word.erase(0, 6);
    const auto colon = word.find(':');
    if (colon == std::string::npos) continue;
    const std::string kind = word.substr(0, colon);
    if (kind == "sqlite" || kind == "mysql" || kind == "pgsql") {
      out.emplace_back(kind, word.substr(colon + 1));
    }
  }
  return out;
}

Result<FoundAccounts> accounts_of_map(std::string_view kind, std::string_view text) {
  const auto get = [&](std::string_view name) {
    return wire::main_cf_value(text, name).value_or("");
  };
  FoundAccounts out;
  out.kind = kind;
  // PostfixAdmin's tables may have a prefix; the word behind FROM says so.
  std::string query = get("query");
  if (query.empty()) query = "FROM " + get("table");
  const auto words = wire::conf_words(query);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if ((words[i] == "FROM" || words[i] == "from") && words[i + 1].ends_with("mailbox")) {
      out.table = words[i + 1];
    }
  }
  if (out.table.empty()) return not_found("no table named mailbox");
  if (kind == "sqlite") {
    out.url = "sqlite://" + get("dbpath");
  } else {
    std::string host = get("hosts");
    host = host.substr(0, host.find_first_of(", "));
    if (host.starts_with("inet:")) host.erase(0, 5);
    std::string socket;
    if (host.starts_with("unix:")) socket = "?socket=" + host.substr(5);
    if (host.empty() || !socket.empty()) host = "localhost";
    out.url = fmt::format("{}://{}@{}/{}{}", kind == "mysql" ? "mysql" : "postgresql",
                          web::percent_encode(get("user")), host, get("dbname"), socket);
    out.password = get("password");
  }
  return out;
}

}  // namespace sekimori::app
