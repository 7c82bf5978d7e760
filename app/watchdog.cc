#include "app/watchdog.h"

#include <fmt/format.h>

#include <chrono>

#include "act/helper_client.h"
#include "act/mail_sender.h"
#include "act/notice_mail.h"
#include "app/installation.h"
#include "app/notice_setup.h"
#include "base/mail_address.h"
#include "web/client.h"

namespace sekimori::app {
namespace {
constexpr Duration k_tell_again = hours(1);
constexpr Duration k_ask_timeout = seconds(5);
}  // namespace

Watchdog::Watchdog(config::Settings settings, std::function<void(std::string_view)> log)
    : settings_(std::move(settings)), log_(std::move(log)) {}

void Watchdog::start() {
  thread_.start("watchdog", [this](bool) {
    look(system_now());
    return std::optional(act::WorkerThread::Clock::now() +
                         std::chrono::microseconds(settings_.watchdog.interval.us));
  });
}

bool Watchdog::daemon_lives() const {
  web::ClientSettings where;
  where.unix_socket = settings_.web.control_socket;
  where.timeout = k_ask_timeout;
  const auto answer = web::Client(std::move(where)).call("GET", "/livez");
  return answer && answer->status == 200;
}

std::uint64_t Watchdog::held_messages() const {
  act::HelperClient helper(settings_.helper.socket, settings_.helper.timeout);
  std::uint64_t held = 0;
  (void)helper.list([&](std::string_view line) {
    if (line.find(R"("queue_name": "hold")") != std::string_view::npos) ++held;
    return true;
  });
  return held;
}

void Watchdog::tell(std::uint64_t held, Instant since, Instant now) {
  decide::NoticeRow notice;
  notice.kind = "held_while_dead";
  notice.subject = {decide::SubjectKind::server, ""};
  notice.created = now;
  const auto silent_min = (now - since).us / 60'000'000;
  notice.summary = {
      fmt::format(
          "番人(sekimori serve)が{}分前から応答していません。その間、{}通のメールが保留のままです。"
          "起動し直すか、sekimori release-all で解放してください。",
          silent_min, held),
      fmt::format("The guard (sekimori serve) has not answered for {} minutes, and {} messages are "
                  "held. Start it again, or let them go with: sekimori release-all",
                  silent_min, held)};
  log_(notice.summary.en);
  const act::NoticeSender sender = notice_sender(settings_, host_name(settings_));
  const std::vector<std::string> operators = settings_.notices.operators;
  if (sender.from.empty() || operators.empty()) return;
  act::NoticeTemplates templates;
  (void)templates.load(settings_.notices.template_dir);  // what is wrong with it, the daemon says
  act::MailHeaders headers;
  headers.from = sender.from;
  headers.from_name = "Sekimori";
  headers.to = operators;
  headers.message_id = fmt::format("sekimori.watchdog.{:x}@{}", static_cast<std::uint64_t>(now.us),
                                   domain_of(sender.from));
  headers.date = now;
  const act::Letter letter = act::write_notice(notice, {}, sender, templates);
  act::MailSender mail({.smtp = settings_.notices.smtp});
  const auto sent = mail.send(sender.from, operators, act::make_mail(headers, letter));
  if (sent.delivery != act::Delivery::taken) {
    log_(fmt::format("the operators could not be told: {}", sent.detail));
  }
}

void Watchdog::look(Instant now) {
  if (daemon_lives()) {
    if (told_.is_set()) log_("the guard answers again");
    silent_since_ = {};
    told_ = {};
    return;
  }
  if (!silent_since_.is_set()) silent_since_ = now;
  if (now - silent_since_ < settings_.watchdog.held_alarm) return;
  if (told_.is_set() && now - told_ < k_tell_again) return;
  const std::uint64_t held = held_messages();
  if (held == 0) return;
  told_ = now;
  tell(held, silent_since_, now);
}

}  // namespace sekimori::app
