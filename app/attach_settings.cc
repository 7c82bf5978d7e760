#include "app/attach_settings.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "app/attach_dovecot.h"
#include "app/attach_server.h"
#include "app/installation.h"
#include "base/ip_network.h"
#include "base/listen_address.h"
#include "config/quote.h"
#include "wire/conf_edit.h"

namespace sekimori::app {
namespace {

constexpr std::string_view k_doveadm_url = "http://127.0.0.1:10042/doveadm/v1";

std::string fresh_secret() {
  std::array<unsigned char, 24> raw{};
  ::randombytes_buf(raw.data(), raw.size());
  std::string out(2 * raw.size() + 1, '\0');
  ::sodium_bin2hex(out.data(), out.size(), raw.data(), raw.size());
  out.pop_back();
  return out;
}

std::string value_of(const AttachFacts& facts, std::string_view name) {
  const auto found = facts.postfix.find(name);
  return found == facts.postfix.end() ? std::string()
                                      : wire::expanded(found->second, facts.postfix);
}

// "http://127.0.0.1:8080/x" → 127.0.0.1:8080. Errors: bad_input.
Result<ListenAddress> address_of_url(std::string_view url) {
  const auto begin = url.find("://");
  if (begin == std::string_view::npos) return bad_input("no URL");
  url.remove_prefix(begin + 3);
  return ListenAddress::parse(url.substr(0, url.find('/')));
}

// Whether one of Dovecot's doveadm listeners has this port already.
bool listens(const wire::DovecotConf& conf, std::uint16_t port) {
  const auto* service = conf.root.block("service", "doveadm");
  if (service == nullptr) return false;
  const std::string digits = fmt::format("{}", port);
  return std::ranges::any_of(service->blocks,
                             [&](const auto& block) { return block.get("port") == digits; });
}

// A secret that Dovecot has already, or "".
std::string dovecot_secret(const AttachPlace& place, const AttachFacts& facts,
                           const char* setting) {
  auto said = place.output("/usr/bin/doveconf", {"-c", facts.dovecot_file, "-P", "-h", setting});
  if (!said) return "";
  while (!said->empty() && (said->back() == '\n' || said->back() == ' ')) said->pop_back();
  return *said;
}

// As TOML spells a list; host names are left out, the setting takes addresses.
std::string networks_of(const std::vector<std::string>& hosts) {
  std::string out;
  for (const std::string& host : hosts) {
    if (!IpNetwork::parse(host)) continue;
    out += fmt::format("{}{}", out.empty() ? "[" : ", ", config::quote(host));
  }
  return out.empty() ? out : out + "]";
}

}  // namespace

Result<AttachSettings> AttachSettings::read(const std::string& path) {
  AttachSettings out;
  out.path_ = path;
  auto text = read_plain_file(path);
  if (!text) return std::unexpected(text.error());
  out.before_ = std::move(*text);
  out.text_ = out.before_.value_or("");
  out.loaded_ = config::read_settings(out.text_, path);
  if (!out.loaded_.usable()) {
    return bad_input(fmt::format("{} has faults; see: sekimori config check {}", path, path));
  }
  return out;
}

bool AttachSettings::is_set(std::string_view name) const {
  const auto values = config::effective_values(loaded_);
  const auto found = std::ranges::find(values, name, &config::Effective::name);
  return found != values.end() && found->source != "default";
}

Result<void> AttachSettings::put(std::string_view section, std::string_view name,
                                 const std::string& value) {
  auto text = wire::with_toml_value(text_, section, name, value);
  if (!text) return std::unexpected(text.error());
  text_ = std::move(*text);
  loaded_ = config::read_settings(text_, path_);
  if (loaded_.usable()) return {};
  for (const auto& finding : loaded_.findings) {
    if (finding.severity == config::Severity::error) {
      return bad_input(fmt::format("{}.{} = {}: {}", section, name, value, finding.what.en));
    }
  }
  return {};
}

Result<void> AttachSettings::fill(std::string_view section, std::string_view name,
                                  const std::string& value) {
  if (is_set(fmt::format("{}.{}", section, name))) return {};
  return put(section, name, value);
}

Result<void> AttachSettings::fill_accounts(const AttachPlace& place, const AttachFacts& facts,
                                           std::vector<Text>& notes) {
  auto found = find_accounts(place, facts);
  if (!found) {
    if (!is_set("accounts.database")) {
      notes.push_back(
          {"アカウントのデータベースが見つかりません。accounts.database を設定してください(" +
               found.error().text + ")。",
           "the account database was not found; set accounts.database (" + found.error().text +
               ")"});
    }
    return {};
  }
  if (is_set("accounts.database") && settings().accounts.database != found->url) {
    notes.push_back(
        {fmt::format("設定の accounts.database は {} ですが、Postfix は {} を見ています。",
                     settings().accounts.database, found->url),
         fmt::format("accounts.database is {}, while Postfix looks into {}",
                     settings().accounts.database, found->url)});
    return {};
  }
  if (!found->password.empty() && !is_set("accounts.database_password_file")) {
    const std::string file = folder() + "/accounts.password";
    auto now = read_plain_file(file);
    if (!now) return std::unexpected(now.error());
    const std::string text = found->password + "\n";
    if (*now != text) {
      password_ = FileChange{file, *now, text, 0640, settings().server.user, true};
    }
    auto done = fill("accounts", "database_password_file", config::quote(file));
    if (!done) return done;
    notes.push_back(
        {fmt::format("データベースには Postfix と同じ利用者でつなぎます(パスワードは {})。書き込み"
                     "の権限がなければ、転送の取り消しとパスワードの変更はできません。",
                     file),
         fmt::format("the database is reached as Postfix reaches it (its password: {}); without "
                     "the right to write, forwards cannot be taken back nor passwords set",
                     file)});
  }
  // Where this version does not know the kind, the checker of the settings says so.
  if (auto done = fill("accounts", "database", config::quote(found->url)); !done) return done;
  const std::string prefix = found->table.substr(0, found->table.size() - 7);  // …mailbox
  if (!prefix.empty()) return fill("accounts", "table_prefix", config::quote(prefix));
  return {};
}

Result<void> AttachSettings::fill_log(const AttachPlace& place, const AttachFacts& facts,
                                      std::vector<Text>& notes) {
  if (is_set("maillog.path")) return {};
  const std::string own = value_of(facts, "maillog_file");
  if (own.starts_with("/") && own != "/dev/stdout") {
    return fill("maillog", "path", config::quote(place.outside(own)));
  }
  const std::string path = place.outside("/var/log/mail.log");
  if (::access(path.c_str(), F_OK) == 0) {
    return path == settings().maillog.path ? Result<void>()
                                           : fill("maillog", "path", config::quote(path));
  }
  notes.push_back(
      {"メールログのファイルがありません(journald だけの場合)。apt-get install rsyslog で "
       "/var/log/mail.log を作ってください。",
       "there is no mail log file (journald alone?); apt-get install rsyslog makes "
       "/var/log/mail.log"});
  return {};
}

Result<void> AttachSettings::choose_doveadm(const AttachPlace& place, const AttachFacts& facts,
                                            AttachChoice& choice) {
  choice.doveadm_key = dovecot_secret(place, facts, "doveadm_api_key");
  if (is_set("dovecot.doveadm_key_file")) {
    auto key = read_secret(settings().dovecot.doveadm_key_file);
    if (!key) return std::unexpected(key.error());
    if (!choice.doveadm_key.empty() && choice.doveadm_key != key->reveal()) {
      return bad_input(fmt::format("Dovecot's doveadm_api_key is not the one in {}",
                                   settings().dovecot.doveadm_key_file));
    }
    choice.doveadm_key = key->reveal();
  } else {
    if (choice.doveadm_key.empty()) choice.doveadm_key = fresh_secret();
    const std::string file = folder() + "/doveadm.key";
    auto now = read_plain_file(file);
    if (!now) return std::unexpected(now.error());
    const std::string text = choice.doveadm_key + "\n";
    if (*now != text) key_ = FileChange{file, *now, text, 0640, settings().server.user, true};
    auto done = fill("dovecot", "doveadm_key_file", config::quote(file));
    if (!done) return done;
  }
  // Behind the key: an address without one is a fault of the settings.
  if (auto done = fill("dovecot", "doveadm_url", config::quote(k_doveadm_url)); !done) return done;
  const auto at = address_of_url(settings().dovecot.doveadm_url);
  if (at && !listens(facts.dovecot, at->port)) {
    choice.doveadm_address = at->ip.to_string();
    choice.doveadm_port = at->port;
  } else if (at && at->port != 0) {
    // Ours from an earlier attach is written again just as it stands; a site's own stays its own.
    auto rest = place.read(dovecot_files(facts).at(1));
    if (rest && *rest && (*rest)->find("inet_listener http") != std::string::npos) {
      choice.doveadm_address = at->ip.to_string();
      choice.doveadm_port = at->port;
    }
  }
  return {};
}

Result<AttachChoice> AttachSettings::choose(const AttachPlace& place, const AttachFacts& facts,
                                            std::vector<std::string> webmail, bool first,
                                            std::vector<Text>& notes) {
  AttachChoice choice;
  choice.webmail = std::move(webmail);
  Result<void> done;
  const auto step = [&done](auto&& next) {
    if (done) done = next();
  };
  if (first && settings().server.mode != config::Mode::observe) {
    notes.push_back(
        {"まず observe(記録だけ)で始めます。様子を見てから server.mode を enforce に戻して"
         "ください。",
         "it begins in observe mode, which only records; set server.mode back to "
         "enforce when you are content"});
    step([&] { return put("server", "mode", "\"observe\""); });
  }
  step([&] { return fill("server", "mode", "\"observe\""); });
  const std::string postfix = place.outside(facts.postfix_dir);
  if (postfix != "/etc/postfix") {
    step([&] { return fill("postfix", "config_directory", config::quote(postfix)); });
  }
  step([&] { return fill_accounts(place, facts, notes); });
  const std::string delimiter = value_of(facts, "recipient_delimiter").substr(0, 1);
  if (!delimiter.empty() && delimiter != settings().accounts.recipient_delimiter) {
    step([&] { return fill("accounts", "recipient_delimiter", config::quote(delimiter)); });
  }
  step([&] { return fill_log(place, facts, notes); });
  if (const std::string list = networks_of(choice.webmail); !list.empty()) {
    // Addresses of many: never counted or banned, whoever guesses through them.
    step([&] { return fill("networks", "webmail", list); });
  }
  step([&] {
    return fill("guard", "database",
                config::quote(place.outside("/var/lib/sekimori/guard/guard.db")));
  });
  if (!facts.dovecot_file.empty()) {
    step([&] { return choose_doveadm(place, facts, choice); });
    // From our own file: doveconf of 2.4 does not give it by this name.
    auto secrets = place.read(dovecot_secrets_file(facts));
    if (!secrets) return std::unexpected(secrets.error());
    choice.nonce = attach_secret(secrets->value_or(""), "auth_policy_hash_nonce");
    if (choice.nonce.empty()) choice.nonce = fresh_secret();
  }
  if (!done) return std::unexpected(done.error());

  const auto& s = settings();
  auto guard = place.inside(s.guard.database);
  if (!guard) return std::unexpected(guard.error());
  choice.guard = std::move(*guard);
  if (s.policy.listen.empty() || s.auth_policy.listen.empty() || s.events.listen.empty()) {
    return bad_input("policy.listen, auth_policy.listen and events.listen must name an address");
  }
  const auto policy = ListenAddress::parse(s.policy.listen.front());
  if (!policy) return std::unexpected(policy.error());
  choice.policy = policy->is_unix() ? s.policy.listen.front() : "inet:" + policy->to_string();
  choice.auth_policy_url = fmt::format("http://{}/", s.auth_policy.listen.front());
  choice.events_url = fmt::format("http://{}/dovecot", s.events.listen.front());
  if (!s.auth_policy.api_header_file.empty()) {
    auto header = read_secret(s.auth_policy.api_header_file);
    if (!header) return std::unexpected(header.error());
    choice.api_header = header->reveal();
  }
  choice.context = host_name(s);
  return choice;
}

Result<std::vector<FileChange>> AttachSettings::changes() const {
  std::vector<FileChange> out;
  for (const auto* secret : {&key_, &password_}) {
    if (*secret) out.push_back(**secret);
  }
  if (is_changed()) {
    out.push_back({path_, before_, text_, 0640, settings().server.user, false});
  }
  return out;
}

}  // namespace sekimori::app
