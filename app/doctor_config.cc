// What the configuration of Postfix and Dovecot says of the levers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "app/attach_plan.h"
#include "app/doctor.h"
#include "base/listen_address.h"
#include "base/mail_address.h"
#include "wire/conf_edit.h"

namespace sekimori::app {
namespace {

constexpr std::string_view k_attach = "sekimori attach";

Check good(std::string name, std::string ja, std::string en) {
  return {std::move(name), Finding::good, {std::move(ja), std::move(en)}, {}};
}
Check ill(std::string name, Finding level, std::string ja, std::string en,
          std::string_view command) {
  return {std::move(name),
          level,
          {std::move(ja), std::move(en)},
          {std::string(command), std::string(command)}};
}

std::string value_of(const AttachFacts& facts, const wire::PostfixService* service,
                     std::string_view name) {
  if (service != nullptr) {
    if (const auto own = service->options.find(name); own != service->options.end()) {
      return wire::expanded(own->second, facts.postfix);
    }
  }
  const auto all = facts.postfix.find(name);
  return all == facts.postfix.end() ? std::string() : wire::expanded(all->second, facts.postfix);
}

// A check_policy_service of ours: its stanza, with or without braces; "" when there is none.
std::string stanza_in(const std::string& list, const config::Settings& settings) {
  const auto words = wire::conf_words(list);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "check_policy_service") continue;
    for (const auto& listen : settings.policy.listen) {
      if (words[i + 1].find(listen) != std::string::npos) return words[i + 1];
    }
  }
  return "";
}

// name=value within a stanza's braces.
std::string stanza_option(std::string_view stanza, std::string_view name) {
  if (stanza.starts_with('{')) stanza = stanza.substr(1, stanza.size() - 2);
  for (const auto& word : wire::conf_words(stanza)) {
    const auto equals = word.find('=');
    if (equals != std::string::npos && word.substr(0, equals) == name) {
      return word.substr(equals + 1);
    }
  }
  return "";
}

// "300 ms", "2s", "1000" (milliseconds where `bare` says so) → milliseconds; -1: no time.
std::int64_t milliseconds_of(std::string_view text, std::int64_t bare) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return -1;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty()) return number * bare;
  if (unit.starts_with("ms") || unit.starts_with("msec")) return number;
  if (unit.starts_with('s')) return number * 1000;
  if (unit.starts_with('m')) return number * 60'000;
  return -1;
}

struct Lists {
  std::string missing;  // "submission: smtpd_data_restrictions, …"
  std::string without_map;
  std::vector<std::string> stanzas;
};

// Of every service that takes mail from people or from outside.
Lists lists_of(const AttachFacts& facts, const config::Settings& settings) {
  Lists out;
  constexpr std::array<std::string_view, 3> names = {
      "smtpd_recipient_restrictions", "smtpd_data_restrictions", "smtpd_end_of_data_restrictions"};
  for (const auto& service : facts.services) {
    if (service.command != "smtpd" || (service.type != "inet" && service.type != "pass")) continue;
    const bool auth = value_of(facts, &service, "smtpd_sasl_auth_enable") == "yes";
    // Lists of its own and no sign-in: mail that comes back from a filter.
    if (!auth && service.options.contains("smtpd_recipient_restrictions")) continue;
    for (const auto name : names) {
      const std::string list = value_of(facts, &service, name);
      std::string stanza = stanza_in(list, settings);
      if (stanza.empty()) {
        out.missing += fmt::format("{}{}: {}", out.missing.empty() ? "" : ", ", service.name, name);
      } else {
        out.stanzas.push_back(std::move(stanza));
      }
      if (auth && name != names[2] && list.find("check_sasl_access") == std::string::npos) {
        out.without_map +=
            fmt::format("{}{}: {}", out.without_map.empty() ? "" : ", ", service.name, name);
      }
    }
  }
  return out;
}

bool names_map(const std::string& list, std::string_view file) {
  return std::ranges::any_of(wire::conf_words(list),
                             [file](const auto& word) { return word.ends_with(file); });
}

void stanza_checks(const AttachFacts& facts, const Lists& lists, std::vector<Check>& out) {
  const std::string& stanza = lists.stanzas.front();
  // What the stanza leaves open is a parameter of Postfix.
  const auto option = [&](const std::string& name) {
    std::string own = stanza_option(stanza, name);
    return own.empty() ? value_of(facts, nullptr, "smtpd_policy_service_" + name) : own;
  };
  const std::string action = option("default_action");
  if (ascii_lower(action).starts_with("dunno")) {
    out.push_back(good("default_action", "Sekimori が止まってもメールは流れます。",
                       "mail flows on when Sekimori is down"));
  } else {
    out.push_back(ill("default_action", Finding::bad,
                      "Sekimori が止まるとメールも止まります(default_action=" + action + ")。",
                      "mail stops when Sekimori does (default_action=" + action + ")", k_attach));
  }
  const std::string timeout = option("timeout");
  const std::string tries = option("try_limit");
  const auto ms = milliseconds_of(timeout, 1000);
  if (ms >= 0 && ms <= 3000 && tries == "1") {
    out.push_back(good("policy_timeout", "応答を待つ時間: " + timeout + "、1 回だけ",
                       "Postfix waits " + timeout + " for an answer, once"));
  } else {
    out.push_back(ill("policy_timeout", Finding::warning,
                      fmt::format("Sekimori が固まるとメール 1 通に長く待たされます(timeout={}、"
                                  "try_limit={})。",
                                  timeout, tries),
                      fmt::format("a hung Sekimori would cost each message long (timeout={}, "
                                  "try_limit={})",
                                  timeout, tries),
                      k_attach));
  }
  const std::string requests = option("request_limit");
  if (tries != "1" || requests == "1") {
    out.push_back(good("policy_restart",
                       "Sekimori を再起動した直後から、すべてのメールを判定します。",
                       "after a restart of Sekimori all mail is judged at once"));
  } else {
    out.push_back(
        ill("policy_restart", Finding::warning,
            fmt::format("Sekimori を再起動すると、そのときつながっていた相手のメールは、"
                        "接続が終わるまで判定されません(request_limit={})。",
                        requests),
            fmt::format("after a restart of Sekimori, mail of whoever is connected passes "
                        "unjudged until they disconnect (request_limit={})",
                        requests),
            k_attach));
  }
  if (std::ranges::adjacent_find(lists.stanzas, std::ranges::not_equal_to{}) !=
      lists.stanzas.end()) {
    out.push_back(ill("policy_stanza", Finding::warning,
                      "check_policy_service の書き方が場所により違うため、接続が余分に増えます。",
                      "check_policy_service is spelled in several ways: a connection more for each",
                      "postconf -n | grep check_policy_service"));
  }
}

}  // namespace

std::vector<Check> postfix_checks(const AttachFacts& facts, const config::Settings& settings) {
  std::vector<Check> out;
  const Lists lists = lists_of(facts, settings);
  if (lists.missing.empty() && !lists.stanzas.empty()) {
    out.push_back(good("policy_lists", "Postfix は RCPT・DATA・本文の終わりで問い合わせます。",
                       "Postfix asks at RCPT, DATA and END-OF-MESSAGE"));
  } else {
    out.push_back(ill("policy_lists", Finding::bad,
                      "Postfix が問い合わせない場所があります: " + lists.missing,
                      "Postfix does not ask in: " + lists.missing, k_attach));
  }
  if (!lists.stanzas.empty()) stanza_checks(facts, lists, out);
  if (lists.without_map.empty()) {
    out.push_back(good("sasl_map", "送信停止は Sekimori が止まっていても効きます。",
                       "suspensions of sending hold without Sekimori, too"));
  } else {
    out.push_back(ill("sasl_map", Finding::bad,
                      "check_sasl_access がない場所があります: " + lists.without_map,
                      "no check_sasl_access in: " + lists.without_map, k_attach));
  }
  const auto maps = [&](const char* name, const char* parameter, std::string_view file,
                        const char* ja, const char* en, const char* ja_bad, const char* en_bad) {
    if (names_map(value_of(facts, nullptr, parameter), file)) {
      out.push_back(good(name, ja, en));
    } else {
      out.push_back(ill(name, Finding::warning, ja_bad, en_bad, k_attach));
    }
  };
  maps("waiting_map", "transport_maps", "/waiting.cf",
       "停止中のアドレス宛てのメールはキューで待ちます。",
       "mail for suspended addresses waits in the queue",
       "停止中のアドレス宛てのメールが、別名などを通ると届いてしまいます。",
       "mail for suspended addresses gets in through aliases");
  if (!value_of(facts, nullptr, "virtual_mailbox_domains").empty()) {
    maps("inactive_map", "virtual_alias_maps", "/inactive.cf",
         "無効のメールボックス宛てのメールは待ちます。", "mail for inactive mailboxes waits",
         "無効のメールボックス宛てのメールは 550 で返されます。",
         "mail for inactive mailboxes bounces (550)");
  }
  if (value_of(facts, nullptr, "enable_long_queue_ids") == "yes") {
    out.push_back(good("queue_ids", "キュー ID は使い回されません。", "queue ids are not reused"));
  } else {
    out.push_back(ill("queue_ids", Finding::warning,
                      "キュー ID が使い回されます(別のメールを消すおそれがあります)。",
                      "queue ids are reused, so that another message might be deleted",
                      "postconf -e enable_long_queue_ids=yes && postfix reload"));
  }
  const auto life = milliseconds_of(value_of(facts, nullptr, "smtpd_policy_service_max_ttl"), 1000);
  if (life > settings.policy.idle_timeout.us / 1000) {
    out.push_back(ill("policy_idle", Finding::warning,
                      "Postfix が使うつもりの接続を Sekimori が先に閉じます。",
                      "Sekimori closes connections that Postfix still means to use",
                      "postconf -X smtpd_policy_service_max_ttl && postfix reload"));
  }
  return out;
}

std::vector<Check> dovecot_checks(const AttachFacts& facts, const config::Settings& settings) {
  std::vector<Check> out;
  const auto& conf = facts.dovecot;
  const std::string url = auth_policy_setting(conf, "server_url");
  const bool ours = std::ranges::any_of(settings.auth_policy.listen, [&](const auto& listen) {
    return url.find("//" + listen) != std::string::npos;
  });
  if (ours) {
    out.push_back(good("auth_policy", "Dovecot はログインのたびに問い合わせます。",
                       "Dovecot asks at each sign-in"));
  } else {
    out.push_back(ill(
        "auth_policy", Finding::bad,
        url.empty() ? "Dovecot はログインを問い合わせません。"
                    : "Dovecot は別の場所に問い合わせています: " + url,
        url.empty() ? "Dovecot does not ask about sign-ins" : "Dovecot asks somebody else: " + url,
        k_attach));
  }
  if (auth_policy_setting(conf, "hash_nonce").empty()) {
    out.push_back(ill("auth_nonce", Finding::bad, "auth_policy_hash_nonce がありません。",
                      "auth_policy_hash_nonce is not set", k_attach));
  } else {
    out.push_back(good("auth_nonce", "パスワードのハッシュに使う値があります。",
                       "the nonce of password hashes is set"));
  }
  std::string wait = auth_policy_setting(conf, "server_timeout_msecs");
  if (conf.minor >= 4) {
    const auto* block = conf.root.block("auth_policy", "");
    wait = block == nullptr ? "" : std::string(block->get("http_client_request_absolute_timeout"));
  }
  const auto ms = wait.empty() ? 2000 : milliseconds_of(wait, 1);
  if (ms >= 0 && ms <= 1000) {
    out.push_back(good("auth_timeout", fmt::format("ログインが待つのは最長 {} ミリ秒です。", ms),
                       fmt::format("a sign-in waits {} ms at most", ms)));
  } else {
    out.push_back(ill("auth_timeout", Finding::warning,
                      "Sekimori が固まると、ログインのたびに数秒待たされます。",
                      "a hung Sekimori would cost each sign-in some seconds", k_attach));
  }
  const auto first = std::ranges::find(conf.root.blocks, "passdb", &wire::DovecotBlock::kind);
  if (first != conf.root.blocks.end() &&
      (first->get("result_success") == "return-fail" || first->get("deny") == "yes")) {
    out.push_back(good("gate", "停止中のログインは Sekimori が止まっていても断られます。",
                       "suspended sign-ins are refused without Sekimori, too"));
  } else {
    out.push_back(ill("gate", Finding::bad, "停止中のアカウントを断る passdb が先頭にありません。",
                      "the passdb that refuses suspended accounts is not the first", k_attach));
  }
  const bool told = std::ranges::any_of(conf.root.blocks, [&](const auto& block) {
    return block.kind == "event_exporter" &&
           std::ranges::any_of(settings.events.listen, [&](const auto& listen) {
             return block.get("transport_args").find("//" + listen) != std::string_view::npos ||
                    block.get("http_post_url").find("//" + listen) != std::string_view::npos;
           });
  });
  if (told) {
    out.push_back(good("events", "Dovecot の出来事が届きます。", "Dovecot tells of its events"));
  } else {
    out.push_back(ill("events", Finding::warning, "Dovecot の出来事(event_exporter)が届きません。",
                      "Dovecot does not tell of its events (event_exporter)", k_attach));
  }
  const std::string trusted(conf.root.get("login_trusted_networks"));
  if (trusted.find("/0") != std::string::npos) {
    out.push_back(ill("trusted_networks", Finding::bad,
                      "login_trusted_networks がすべてのアドレスを信用しています: " + trusted,
                      "login_trusted_networks trusts every address: " + trusted,
                      "doveconf -n login_trusted_networks"));
  }
  return out;
}

Check mail_loop_check(std::string_view tail) {
  for (const std::string_view sign :
       {"loops back to myself", "too many hops", "mail forwarding loop for"}) {
    const auto at = tail.rfind(sign);
    if (at == std::string_view::npos) continue;
    const auto begin = tail.rfind('\n', at) + 1;
    const std::string line(
        tail.substr(begin, std::min<std::size_t>(tail.find('\n', at) - begin, 300)));
    return ill("mail_loop", Finding::warning, "メールが回り続けています: " + line,
               "mail goes in a circle: " + line,
               "postconf mydestination virtual_mailbox_domains relayhost");
  }
  return good("mail_loop", "ログの終わりに、回り続けるメールはありません。",
              "no mail in a circle at the end of the log");
}

}  // namespace sekimori::app
