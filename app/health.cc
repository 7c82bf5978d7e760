#include "app/health.h"

#include <fmt/format.h>

#include "app/ban_setup.h"
#include "app/engine_settings.h"
#include "app/installation.h"
#include "app/recovery_setup.h"
#include "app/stand_in.h"
#include "app/version.h"
#include "app/world.h"
#include "config/check.h"

namespace sekimori::app {
namespace {

using web::HealthLevel;

web::HealthItem good(std::string name, std::string ja, std::string en) {
  return {std::move(name), HealthLevel::ok, {std::move(ja), std::move(en)}, {}};
}
web::HealthItem bad(std::string name, HealthLevel level, Text verdict, Text advice) {
  return {std::move(name), level, std::move(verdict), std::move(advice)};
}

web::HealthItem of_result(std::string name, const Result<void>& result, const char* ja_good,
                          const char* en_good, Text advice) {
  if (result) return good(std::move(name), ja_good, en_good);
  return bad(std::move(name), HealthLevel::failing,
             {"使えません: " + result.error().text, "not working: " + result.error().text},
             std::move(advice));
}

web::HealthItem notices_item(World& w) {
  const auto counts = w.outbox->counts();
  if (!counts) {
    return bad("notices", HealthLevel::failing,
               {"使えません: " + counts.error().text, "not working: " + counts.error().text},
               {"空き容量と権限を確かめてください。", "check disk space and rights"});
  }
  const auto trouble = w.notifier->trouble();
  if (!trouble.what.empty()) {
    return bad("notices", HealthLevel::failing,
               {fmt::format("{} から届けられていません({} 件待ち): {}",
                            act::notice_time(trouble.since), counts->waiting, trouble.what),
                fmt::format("failing since {}, {} waiting: {}", act::notice_time(trouble.since),
                            counts->waiting, trouble.what)},
               {"notices.smtp と webhook の送り先を確かめてください。直れば自動で届きます。",
                "check notices.smtp and the webhooks; what waits goes out by itself"});
  }
  if (counts->calls > 0) {
    return bad("notices", HealthLevel::warning,
               {fmt::format("電話でお知らせする方が {} 人います。", counts->calls),
                fmt::format("{} people are to be telephoned", counts->calls)},
               {"sekimori notice list で確かめ、済んだら確認済みにしてください。",
                "see: sekimori notice list; acknowledge each when it is done"});
  }
  return good("notices", fmt::format("届けています(待ち {} 件)。", counts->waiting),
              fmt::format("delivering, {} waiting", counts->waiting));
}

}  // namespace

web::HealthItem breaker_item(World& w, Instant now) {
  const auto state = w.engine->breaker(now);
  Text words = decide::breaker_words(state);
  if (!state.open) {
    if (state.bound == 0) words = {"使わない設定です。", "switched off"};
    return good("circuit_breaker", std::move(words.ja), std::move(words.en));
  }
  return bad(
      "circuit_breaker", HealthLevel::failing, std::move(words),
      {"本当の乗っ取りであれば sekimori account restrict で止めてください。判定の誤りであれば保留を解放し、"
       "detect.false_alarm_budget を 0 にして再読み込みすると解除できます。",
       "stop what is taken over with: sekimori account restrict; if the judge is wrong, release "
       "the held mail. detect.false_alarm_budget = 0 and a reload close it"});
}

web::HealthReport health_report(World& w) {
  web::HealthReport report;
  const Instant now = system_now();
  report.mode = engine_mode(w.settings.server.mode);
  report.bypass = w.engine->bypass();
  report.version = k_version;
  report.started = w.started;
  report.now = now;
  auto& items = report.items;

  const auto heard = [&](std::string name, std::int64_t last_us, const char* ja, const char* en,
                         Text advice) {
    if (last_us == 0) {
      items.push_back(bad(std::move(name), HealthLevel::warning,
                          {fmt::format("起動後、{}はまだありません。", ja),
                           fmt::format("no {} since the start", en)},
                          std::move(advice)));
    } else {
      items.push_back(
          good(std::move(name),
               fmt::format("最後の{}は{}秒前です。", ja, (now.us - last_us) / 1'000'000),
               fmt::format("last {} {} s ago", en, (now.us - last_us) / 1'000'000)));
    }
  };
  heard("policy", w.last_policy_request_us.load(), "Postfix からの問い合わせ",
        "question of Postfix",
        {"main.cf の check_policy_service を確かめてください。",
         "check check_policy_service in main.cf: postconf smtpd_recipient_restrictions"});
  if (w.settings.maillog.follow) {
    heard("mail_log", w.log_reached_us.load(), "メールログの行", "line of the mail log",
          {"maillog.path と、その読み取り権限を確かめてください。",
           "check maillog.path and that the guard may read it"});
  }
  items.push_back(
      of_result("state_db",
                w.writer->trouble().empty() ? Result<void>()
                                            : Result<void>(operating_failure(w.writer->trouble())),
                "状態データベースに書き込めています。", "the state database takes writes",
                {"空き容量と権限を確かめてください。直れば自動で再開します。",
                 "check disk space and rights; it goes on by itself"}));
  items.push_back(of_result("guard_db", w.guard->check(), "Postfix と Dovecot が見る表は無事です。",
                            "what Postfix and Dovecot read is sound",
                            {"guard.database の場所と権限を確かめてください。",
                             "check the place and rights of guard.database"}));
  if (w.guard->generation() > 1 && items.back().level == HealthLevel::ok) {
    // Postfix's proxymap goes on reading the file that is gone.
    items.back().level = HealthLevel::warning;
    items.back().verdict = {
        "表は作り直しましたが、Postfix は消えたほうを見ているおそれがあります。",
        "it was made again, but Postfix may still read the one that is gone"};
    items.back().advice = {"postfix reload の後、Sekimori を再起動すると消えます。",
                           "postfix reload; this goes away when Sekimori is restarted"};
  }
  const std::string journal = w.journal_trouble.get();
  items.push_back(of_result(
      "journal", journal.empty() ? Result<void>() : Result<void>(operating_failure(journal)),
      "出来事の記録は書き込めています。", "the journal takes writes",
      {"空き容量を確かめてください。", "check disk space"}));
  for (auto& item : w.blacklists->health()) items.push_back(std::move(item));
  const std::string accounts = w.accounts_trouble.get();
  items.push_back(
      of_result("account_store",
                accounts.empty() ? Result<void>() : Result<void>(operating_failure(accounts)),
                "アカウントの一覧を読めています。", "the account store is readable",
                {"accounts.database を確かめてください。", "check accounts.database"}));
  items.push_back(
      of_result("queue_helper", w.hands->helper().ping(),
                "キューを操作する補助プロセスは動いています。", "the privileged helper answers",
                {"sekimori helper を起動してください。", "start: sekimori helper --config FILE"}));
  if (LifeSign::is_given(w.settings, LifeSign::Of::stand_in)) {
    items.push_back(good("stand_in", "本体が止まったときの代役が控えています。",
                         "the stand-in for a dead daemon is ready"));
  } else {
    items.push_back(
        bad("stand_in", HealthLevel::warning,
            {"代役がいません。本体が止まると、サインインに最大1分ほどかかるようになります。",
             "no stand-in: should this daemon die, sign-ins take up to a minute"},
            {"sekimori helper を起動し直してください。", "restart: sekimori helper"}));
  }
  if (auto* doveadm = w.hands->doveadm()) {
    const auto asked = doveadm->who("nobody@invalid");
    items.push_back(of_result("doveadm",
                              asked ? Result<void>() : Result<void>(std::unexpected(asked.error())),
                              "Dovecot を操作できます。", "Dovecot's doveadm answers",
                              {"dovecot.doveadm_url とキーを確かめてください。",
                               "check dovecot.doveadm_url and its key"}));
  } else {
    items.push_back(bad("doveadm", HealthLevel::warning,
                        {"設定されていません。停止しても開いたままの接続は残ります。",
                         "not configured: running sessions outlive a suspension"},
                        {"dovecot.doveadm_url を設定してください。", "set dovecot.doveadm_url"}));
  }
  for (auto& item : ban_health(w)) items.push_back(std::move(item));
  items.push_back(notices_item(w));
  items.push_back(recovery_health(w));
  items.push_back(ways_health(w));
  const std::string snapshot = w.snapshot_trouble.get();
  items.push_back(of_result(
      "snapshot", snapshot.empty() ? Result<void>() : Result<void>(operating_failure(snapshot)),
      "スナップショットは保存できています。", "snapshots are written",
      {"空き容量と snapshot.directory を確かめてください。",
       "check disk space and snapshot.directory"}));
  items.push_back(breaker_item(w, now));
  std::string waiting;
  for (const auto& name :
       config::changed_settings(w.settings, w.in_force.get(), config::Lifetime::restart)) {
    waiting += (waiting.empty() ? "" : ", ") + name;
  }
  if (!waiting.empty()) {
    items.push_back(bad("settings", HealthLevel::warning,
                        {"再起動を待っている設定があります: " + waiting,
                         "changed, and in force after a restart: " + waiting},
                        {"systemctl restart sekimori で効きます。", "systemctl restart sekimori"}));
  }
  if (const std::string uncounted = w.figures->trouble(); !uncounted.empty()) {
    // Nothing is decided by figures.
    items.push_back(
        bad("figures", HealthLevel::warning,
            {"時間別の数字を数えられません: " + uncounted, "figures are not counted: " + uncounted},
            {"空き容量と journal.directory を確かめてください。",
             "check disk space and journal.directory"}));
  }
  if (!w.settings.reports.mailbox.empty()) {
    const std::string unread = w.reports->trouble();
    // Mail flows and everything is judged meanwhile: no failure of the guard itself.
    items.push_back(unread.empty() ? good("reports", "不達通知のメールボックスを読めています。",
                                          "the report mailbox is read")
                                   : bad("reports", HealthLevel::warning,
                                         {"読めません: " + unread, "cannot be read: " + unread},
                                         {"reports.imap_url とパスワードを確かめてください。",
                                          "check reports.imap_url and its password"}));
  }
  if (report.bypass) {
    items.push_back(bad("bypass", HealthLevel::warning,
                        {"バイパス中です。何も止めません。", "bypass is on: nothing is stopped"},
                        {"sekimori bypass off で元に戻せます。", "sekimori bypass off"}));
  }
  return report;
}

Result<void> readiness(World& w) {
  // The engine answers from memory; without a directory only plainly spelled logins are understood.
  if (w.directory.get()->size() == 0 && !w.accounts_trouble.get().empty()) {
    return operating_failure("the account store has not been read yet");
  }
  return {};
}

std::vector<web::Gauge> gauges(World& w) {
  std::vector<web::Gauge> out;
  const auto gauge = [&](const char* name, const char* help, double value,
                         std::string labels = {}) {
    out.push_back({name, help, std::move(labels), value, false});
  };
  const auto counter = [&](const char* name, const char* help, double value,
                           std::string labels = {}) {
    out.push_back({name, help, std::move(labels), value, true});
  };
  const auto d = [](std::uint64_t n) { return static_cast<double>(n); };
  serve::ServerMetrics& m = w.metrics;
  static constexpr const char* k_states[] = {"other", "connect", "ehlo",           "helo", "mail",
                                             "rcpt",  "data",    "end_of_message", "vrfy", "etrn"};
  for (std::size_t i = 0; i < m.policy_requests.size(); ++i) {
    counter("sekimori_policy_requests_total", "Policy questions by SMTP state",
            d(m.policy_requests[i].get()), fmt::format("state=\"{}\"", k_states[i]));
  }
  static constexpr const char* k_actions[] = {"dunno", "hold", "refuse", "warn"};
  for (std::size_t i = 0; i < m.policy_answers.size(); ++i) {
    counter("sekimori_policy_answers_total", "Policy answers by action",
            d(m.policy_answers[i].get()), fmt::format("action=\"{}\"", k_actions[i]));
  }
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < serve::LatencyHistogram::k_buckets; ++i) {
    below += m.policy_latency.bucket(i);
    // The last one takes whatever is longer, too.
    const bool last = i + 1 == serve::LatencyHistogram::k_buckets;
    counter("sekimori_policy_latency_seconds_bucket", "From the question read to its answer made",
            d(below),
            last ? "le=\"+Inf\"" : fmt::format("le=\"{}\"", serve::LatencyHistogram::bound(i)));
  }
  // As many as the last bucket says, also while questions come in.
  counter("sekimori_policy_latency_seconds_count", "Policy questions timed", d(below));
  counter("sekimori_policy_latency_seconds_sum", "Seconds spent on policy questions",
          m.policy_latency.sum_seconds());
  gauge("sekimori_policy_connections", "Open policy connections",
        d(m.policy_connections_open.get()));
  counter("sekimori_policy_bad_requests_total", "Questions that could not be read",
          d(m.policy_bad_requests.get()));
  counter("sekimori_policy_repeated_total", "Questions asked again, answered and not counted",
          d(m.repeated_questions.get()));
  counter("sekimori_withdrawn_messages_total", "Messages accepted by us that never became mail",
          d(m.withdrawn_messages.get()));
  counter("sekimori_auth_allow_total", "Sign-in questions of Dovecot", d(m.auth_allow.get()));
  counter("sekimori_auth_report_total", "Sign-in reports of Dovecot", d(m.auth_report.get()));
  counter("sekimori_auth_refused_total", "Sign-ins refused", d(m.auth_refused.get()));
  counter("sekimori_auth_overloaded_total", "Sign-in questions answered 0 without a look",
          d(m.auth_overloaded.get()));
  for (std::size_t i = 1; i < wire::k_wforce_commands; ++i) {
    counter("sekimori_wforce_commands_total", "weakforced's commands",
            d(w.wforce_metrics.commands[i].get()),
            fmt::format("command=\"{}\"", to_string(static_cast<wire::WforceCommand>(i))));
  }
  counter("sekimori_wforce_unauthorized_total", "Commands with a wrong password",
          d(w.wforce_metrics.unauthorized.get()));
  gauge("sekimori_sign_in_entries", "Entries that programs let in or blocked",
        d(w.sign_in_lists->entries()));
  gauge("sekimori_sign_in_counters", "Logins, addresses and networks whose sign-ins are counted",
        d(w.sign_in_lists->counters()));
  const auto plain = w.encryption->figures();
  gauge("sekimori_unencrypted_accounts", "Accounts that signed in unencrypted within 30 days",
        d(plain.accounts_30d));
  counter("sekimori_unencrypted_sign_ins_total", "Unencrypted sign-ins that were let in",
          d(plain.seen));
  counter("sekimori_unencrypted_refused_total", "Unencrypted sign-ins that a domain's rule refused",
          d(plain.refused));
  gauge("sekimori_encryption_rules", "Domains with a rule against unencrypted sign-ins",
        d(plain.rules));
  counter("sekimori_log_lines_total", "Lines of the mail log read", d(m.log_lines.get()));
  counter("sekimori_log_lines_unknown_total", "Lines of no known form",
          d(m.log_lines_unknown.get()));
  counter("sekimori_log_rotations_total", "Rotations of the mail log", d(m.log_rotations.get()));
  const auto journal = w.journal->counters();
  counter("sekimori_journal_events_total", "Events appended since the start", d(journal.appended));
  gauge("sekimori_journal_bytes", "Bytes of the journal on disk", d(journal.bytes));
  gauge("sekimori_journal_unsynced_events", "Events written but not yet on disk for certain",
        d(journal.last_sequence - journal.durable_sequence));
  gauge("sekimori_state_writer_waiting", "Changes that wait for the database",
        d(w.writer->waiting()));
  counter("sekimori_state_writer_dropped_total", "Hold updates dropped for a full queue",
          d(w.writer->dropped()));
  gauge("sekimori_queue_index_entries", "Queue ids whose login is known", d(w.queue.size()));
  gauge("sekimori_directory_accounts", "Accounts in the directory", d(w.directory.get()->size()));
  std::vector<std::pair<std::string, detect::Detector::Audit>> gauges_of_audit;
  for (std::size_t c = 0; const auto& audit : w.engine->audit()) {
    const auto channel =
        fmt::format("channel=\"{}\"", detect::to_string(static_cast<detect::Channel>(c++)));
    gauges_of_audit.push_back({channel, audit});
  }
  for (const auto& [channel, audit] : gauges_of_audit) {
    if (audit.samples > 0) {
      gauge("sekimori_audit_mean",
            "Mean of e^nats over a sample of owners' messages; above 1 a channel is too loud",
            audit.mean_likelihood_ratio, channel);
    }
  }
  for (const auto& [channel, audit] : gauges_of_audit) {
    gauge("sekimori_audit_samples", "Messages in that mean, since the weight was last looked at",
          d(audit.samples), channel);
  }
  for (const auto& [channel, audit] : gauges_of_audit) {
    gauge("sekimori_channel_weight",
          "Weight of a channel's evidence: 1, or lowered by the self-audit", audit.weight, channel);
  }
  gauge("sekimori_fleet_patterns", "Patterns that several suspicious accounts share",
        d(w.engine->fleet_patterns()));
  const auto breaker = w.engine->breaker(system_now());
  gauge("sekimori_circuit_breaker_open", "1 while nothing more is stopped by machine",
        breaker.open ? 1 : 0);
  gauge("sekimori_machine_stops_24h", "Accounts stopped by machine within 24 hours",
        d(breaker.stops));
  gauge("sekimori_machine_stops_bound", "More of them open the circuit breaker; 0: off",
        d(breaker.bound));
  gauge("sekimori_bypass", "1 while the panic handle is on", w.engine->bypass() ? 1 : 0);
  gauge("sekimori_account_store_up", "1 while the account store is readable",
        w.accounts_trouble.get().empty() ? 1 : 0);
  gauge("sekimori_state_db_up", "1 while the state database takes writes",
        w.writer->trouble().empty() ? 1 : 0);
  if (!w.settings.reports.mailbox.empty()) {
    const ReportService& r = *w.reports;
    counter("sekimori_reports_read_total", "Mails read from the report mailbox", d(r.read.get()));
    counter("sekimori_reports_unassigned_total", "Reports about no account of this server",
            d(r.unassigned.get()));
    counter("sekimori_bounces_ours_total", "Bounces of mail that this server sent",
            d(r.ours.get()));
    counter("sekimori_bounces_forged_total", "Bounces of mail that strangers forged",
            d(r.forged.get()));
    counter("sekimori_feedback_total", "Complaints about mail that this server sent",
            d(r.feedback.get()));
    gauge("sekimori_reports_mailbox_up", "1 while the report mailbox is readable",
          r.trouble().empty() ? 1 : 0);
    gauge("sekimori_sent_index_entries", "Numbers of sent mail that are remembered",
          d(w.sent->size()));
  }
  if (const auto notices = w.outbox->counts()) {
    gauge("sekimori_notices_waiting", "Notices that are not delivered yet", d(notices->waiting));
    gauge("sekimori_notices_failed", "Notices that were given up", d(notices->failed));
    gauge("sekimori_notices_calls", "People to be telephoned", d(notices->calls));
    gauge(
        "sekimori_notices_oldest_seconds", "How long the oldest of them waits",
        notices->oldest_waiting.is_set() ? (system_now() - notices->oldest_waiting).seconds() : 0);
  }
  gauge("sekimori_notices_channel_down", "1 while a channel takes no notices",
        w.notifier->trouble().what.empty() ? 0 : 1);
  if (const auto under_way = w.recoveries->count_under_way()) {
    gauge("sekimori_recoveries_under_way", "Contained accounts on their way back", d(*under_way));
  }
  if (const auto ways = w.way_memory->counts()) {
    gauge("sekimori_ways", "Forwards, scripts and the like that are remembered", d(ways->ways));
    constexpr const char* k_changes = "Changes of them by what became of them";
    gauge("sekimori_way_changes", k_changes, d(ways->open), "state=\"open\"");
    gauge("sekimori_way_changes", k_changes, d(ways->paused), "state=\"paused\"");
  }
  const auto way_back = w.way_back->counters();
  counter("sekimori_recoveries_verified_total", "Accounts let go with every gate proved",
          d(way_back.verified));
  counter("sekimori_contained_again_total",
          "Accounts contained again because a stolen password was used or set",
          d(way_back.contained_again));
  counter("sekimori_recovery_sign_ins_dropped_total", "Sign-ins not looked at for a full queue",
          d(way_back.sign_ins_dropped));
  gauge("sekimori_recovery_seconds", "How long the last start took to recover", w.recovery.seconds);
  gauge("sekimori_start_time_seconds", "Start of the process since 1970",
        static_cast<double>(w.started.us) / 1e6);
  for (auto& one : w.bans->gauges()) out.push_back(std::move(one));
  w.blacklists->add_gauges(out);
  return out;
}

}  // namespace sekimori::app
