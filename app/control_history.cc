// Learning from old logs, for people: what reached the API as lines becomes events of the engine.
#include <fmt/format.h>

#include <algorithm>

#include "app/control_service.h"
#include "wire/event_json.h"

namespace sekimori::app {
namespace {

void fill_place(Event& event, const std::function<Place(const IpAddress&)>& place) {
  const auto fill = [&](auto& body) {
    if (place && body.ip.is_set() && body.place == Place{}) body.place = place(body.ip);
  };
  if (auto* login = std::get_if<Login>(&event.body)) fill(*login);
  if (auto* mail = std::get_if<Submission>(&event.body)) fill(*mail);
}

std::string text_of(Instant t) {
  std::string out;
  if (t.is_set()) append_instant(out, t);
  return out;
}

void count(web::HistoryOutcome& out, decide::Learnt what) {
  switch (what) {
    case decide::Learnt::learnt: ++out.learnt; break;
    case decide::Learnt::suspicious: ++out.suspicious; break;
    case decide::Learnt::already: ++out.already; break;
    case decide::Learnt::lived: ++out.lived; break;
    case decide::Learnt::ignored: ++out.ignored; break;
  }
}

}  // namespace

Result<web::HistoryOutcome> ControlService::learn_history(std::string_view lines, bool finish,
                                                          const web::Caller& by) {
  if (static_cast<std::size_t>(std::ranges::count(lines, '\n')) > web::k_history_events_max) {
    return bad_input(fmt::format("at most {} events in one request", web::k_history_events_max));
  }
  const Instant now = parts_.now();
  const auto directory = parts_.directory();
  web::HistoryOutcome out;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto event = wire::parse_event(line);
    if (!event) {
      ++out.malformed;
      continue;
    }
    event->account = directory->account_of(event->account);
    if (event->t > now || (directory->size() > 0 && !directory->is_account(event->account))) {
      ++out.ignored;
      continue;
    }
    fill_place(*event, parts_.place);
    count(out, parts_.engine.learn(*event));
  }
  if (!finish) return out;
  out.report = parts_.engine.end_history(now);
  const auto& r = *out.report;
  audited(by, "learn", {decide::SubjectKind::server, ""}, 0, "",
          fmt::format(R"({{"accounts":{},"logins":{},"messages":{},"recipients":{},"contacts":{},)"
                      R"("left_out_accounts":{},"left_out_messages":{},"from":"{}","until":"{}"}})",
                      r.accounts, r.logins, r.messages, r.recipients, r.contacts,
                      r.left_out_accounts, r.left_out_messages, text_of(r.from), text_of(r.until)));
  return out;
}

}  // namespace sekimori::app
