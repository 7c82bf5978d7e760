#include "config/cross_checks.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/listen_address.h"
#include "config/units.h"

namespace sekimori::config {
namespace {

class CrossChecks {
 public:
  explicit CrossChecks(Loaded& loaded) : loaded_(loaded), s_(loaded.settings) {}

  void run() {
    lines_in_order();
    times_in_order();
    listeners_apart();
    files_named();
    scores_in_order();
    if (loaded_.usable()) likely_slips();
  }

 private:
  int line_of(std::string_view name) const {
    const auto it = std::ranges::find(definitions(), name, &Definition::name);
    return loaded_.lines[static_cast<std::size_t>(it - definitions().begin())];
  }

  // At the first of the two that the file sets; two defaults never contradict each other.
  void add(Severity severity, std::string_view name, std::string_view other, Text what) {
    const bool first = line_of(name) != 0 || line_of(other) == 0;
    const std::string_view at = first ? name : other;
    loaded_.findings.push_back(
        {severity, line_of(at), line_of(at) == 0 ? 0 : 1, std::string(at), std::move(what), ""});
  }

  void lines_in_order() {
    if (s_.detect.hold_line >= s_.detect.restrict_line) {
      add(Severity::error, "detect.hold_line", "detect.restrict_line",
          {"detect.hold_line は detect.restrict_line より小さくしてください。",
           "detect.hold_line must be below detect.restrict_line"});
    }
    if (s_.detect.restrict_line >= s_.detect.suspend_line) {
      add(Severity::error, "detect.restrict_line", "detect.suspend_line",
          {"detect.restrict_line は detect.suspend_line より小さくしてください。",
           "detect.restrict_line must be below detect.suspend_line"});
    }
  }

  void scores_in_order() {
    const auto above = [&](double low, double high) { return low > 0 && high > 0 && low >= high; };
    if (above(s_.dnsbl.defer_score, s_.dnsbl.refuse_score)) {
      add(Severity::error, "dnsbl.defer_score", "dnsbl.refuse_score",
          {"dnsbl.defer_score は dnsbl.refuse_score より小さくしてください。",
           "dnsbl.defer_score must be below dnsbl.refuse_score"});
    }
    if (above(s_.dnsbl.login_delay_score, s_.dnsbl.login_refuse_score)) {
      add(Severity::error, "dnsbl.login_delay_score", "dnsbl.login_refuse_score",
          {"dnsbl.login_delay_score は dnsbl.login_refuse_score より小さくしてください。",
           "dnsbl.login_delay_score must be below dnsbl.login_refuse_score"});
    }
  }

  void times_in_order() {
    if (s_.journal.retention <= s_.detect.learning_delay) {
      add(Severity::error, "journal.retention", "detect.learning_delay",
          {"journal.retention は detect.learning_delay より長くしてください。短いと、学ぶ前に消えます。",
           "journal.retention must be longer than detect.learning_delay, or events go before they "
           "are learnt from"});
    }
    if (s_.helper.timeout <= s_.postfix.command_timeout) {
      add(Severity::error, "helper.timeout", "postfix.command_timeout",
          {"helper.timeout は postfix.command_timeout より長くしてください。",
           "helper.timeout must be longer than postfix.command_timeout"});
    }
  }

  // Only auth_policy and events speak the same protocol and may share a listener.
  void listeners_apart() {
    const std::pair<std::string_view, const TextList*> users[] = {
        {"policy.listen", &s_.policy.listen},
        {"auth_policy.listen", &s_.auth_policy.listen},
        {"events.listen", &s_.events.listen},
        {"web.listen", &s_.web.listen}};
    for (const auto& [name, list] : users) {
      for (const auto& [other, other_list] : users) {
        const bool may_share = name == "auth_policy.listen" && other == "events.listen";
        if (name >= other || may_share) continue;
        for (const std::string& place : *list) {
          if (std::ranges::find(*other_list, place) == other_list->end()) continue;
          add(Severity::error, name, other,
              {"「" + place + "」が " + std::string(name) + " と " + std::string(other) +
                   " の両方にあります。",
               "'" + place + "' stands in both " + std::string(name) + " and " +
                   std::string(other)});
        }
      }
    }
  }

  void files_named() {
    if (!s_.dovecot.doveadm_url.empty() && s_.dovecot.doveadm_key_file.empty()) {
      add(Severity::error, "dovecot.doveadm_url", "dovecot.doveadm_key_file",
          {"dovecot.doveadm_key_file も指定してください。doveadm は鍵なしでは応じません。",
           "dovecot.doveadm_key_file is missing: doveadm answers nobody without a key"});
    }
    if (!s_.weakforced.listen.empty() && s_.weakforced.password_file.empty()) {
      add(Severity::error, "weakforced.listen", "weakforced.password_file",
          {"weakforced.password_file も指定してください。パスワードなしでは、だれでも遮断を操作できます。",
           "weakforced.password_file is missing: without a password anybody could block people"});
    }
  }

  static bool beyond_loopback(const TextList& list) {
    return std::ranges::any_of(list, [](const std::string& place) {
      const auto address = ListenAddress::parse(place);
      return address && !address->is_unix() && !address->ip.is_loopback();
    });
  }

  void likely_slips() {
    if (s_.server.mode == Mode::enforce && s_.dovecot.doveadm_url.empty()) {
      add(Severity::warning, "server.mode", "dovecot.doveadm_url",
          {"dovecot.doveadm_url がないため、停止しても接続中のセッションは続きます。",
           "without dovecot.doveadm_url a suspension cannot end running sessions"});
    }
    if (beyond_loopback(s_.auth_policy.listen) && s_.auth_policy.api_header_file.empty()) {
      add(Severity::warning, "auth_policy.listen", "auth_policy.api_header_file",
          {"ほかのマシンから届く場所で待ち受けています。auth_policy.api_header_file を指定してください。",
           "it listens where other machines reach it: set auth_policy.api_header_file"});
    }
    if (beyond_loopback(s_.policy.listen)) {
      add(Severity::warning, "policy.listen", "policy.listen",
          {"ほかのマシンから届く場所で待ち受けています。この通信は認証も暗号化もされません。",
           "it listens where other machines reach it, and the protocol has neither password nor "
           "encryption"});
    }
    if (s_.web.public_url.starts_with("http://") && beyond_loopback(s_.web.listen)) {
      add(Severity::warning, "web.public_url", "web.listen",
          {"https の URL にしてください。パスワードが暗号化されずに流れます。",
           "should be https: passwords would cross the network in clear"});
    }
    if (!s_.notices.webhook_urls.empty() && s_.notices.webhook_secret_file.empty()) {
      add(Severity::warning, "notices.webhook_urls", "notices.webhook_secret_file",
          {"notices.webhook_secret_file も指定してください。署名がないと、受け取る側は真偽を確かめられません。",
           "set notices.webhook_secret_file: without a signature the receiver cannot tell what is "
           "genuine"});
    }
    for (const std::string& url : s_.notices.webhook_urls) {
      const bool is_near = url.starts_with("http://127.") || url.starts_with("http://localhost") ||
                           url.starts_with("http://[::1]");
      if (!url.starts_with("http://") || is_near) continue;
      add(Severity::warning, "notices.webhook_urls", "notices.webhook_urls",
          {"https の URL にしてください。誰のアカウントが止まったかが暗号化されずに流れます。",
           "should be https: it says in clear whose account is closed"});
      break;
    }
    if (!s_.reports.mailbox.empty() &&
        (s_.reports.imap_url.empty() || s_.reports.password_file.empty())) {
      add(Severity::warning, "reports.mailbox", "reports.imap_url",
          {"reports.imap_url と reports.password_file も指定してください。届いた不達通知が読まれずにたまります。",
           "set reports.imap_url and reports.password_file: bounces would gather there unread"});
    }
    if (s_.snapshot.interval > s_.journal.retention) {
      add(Severity::warning, "snapshot.interval", "journal.retention",
          {"snapshot.interval が journal.retention より長く、状態を組み立て直せなくなります。",
           "snapshot.interval is longer than journal.retention: the state could not be rebuilt"});
    }
  }

  Loaded& loaded_;
  const Settings& s_;
};

}  // namespace

void add_cross_findings(Loaded& loaded) { CrossChecks(loaded).run(); }

}  // namespace sekimori::config
