#include "web/json_own.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

json::value text_or_null(const Text& text) {
  if (text.ja.empty() && text.en.empty()) return nullptr;
  return json_of(text);
}

json::value form_of(const decide::OwnVolume& v) {
  return json::object{{"messages", v.messages}, {"recipients", v.recipients},
                      {"stopped", v.stopped},   {"received", v.received},
                      {"sign_ins", v.sign_ins}, {"sessions", v.sessions},
                      {"bytes_in", v.bytes_in}, {"bytes_out", v.bytes_out}};
}

json::value form_of(const decide::TrafficShare& share) {
  return json::object{{"hours", share.hours}, {"volume", form_of(share.volume)}};
}

json::value form_of(const decide::TrafficComparison& c) {
  return json::object{{"verdict", to_string(c.verdict)},
                      {"usual", form_of(c.usual)},
                      {"incident", form_of(c.incident)},
                      {"after", form_of(c.after)},
                      {"tries", c.tries},
                      {"intruders", c.intruders},
                      {"until", json_of(c.until)}};
}

json::value form_of(const OwnSignInView& view) {
  const auto& group = view.group;
  return json::object{{"network", group.network},
                      {"ip", group.last_ip.to_string()},
                      {"country", group.place.country_text()},
                      {"client", group.client},
                      {"service", to_string(group.service)},
                      {"good", group.good},
                      {"wrong", group.wrong},
                      {"refused", group.refused},
                      {"plain", group.plain},
                      {"first", json_of(group.first)},
                      {"last", json_of(group.last)},
                      {"mine", view.mine ? json::value(*view.mine) : json::value()},
                      {"here", view.is_here}};
}

json::value form_of(const std::optional<LiveSignIn>& seen) {
  if (!seen) return nullptr;
  return json::object{
      {"t", json_of(seen->t)},
      {"service", to_string(seen->service)},
      {"ip", seen->ip.to_string()},
      {"here", seen->is_here},
      {"encrypted", seen->is_encryption_known ? json::value(seen->is_encrypted) : json::value()}};
}

}  // namespace

json::value json_of(const OwnStatus& status) {
  return json::object{{"account", status.account},
                      {"standing", to_string(status.standing)},
                      {"since", json_of(status.since)},
                      {"receive", to_string(status.receive)},
                      {"send", to_string(status.send)},
                      {"sign_in", to_string(status.sign_in)},
                      {"what", json_of(status.what)},
                      {"why", text_or_null(status.why)},
                      {"next", text_or_null(status.next)},
                      {"held", status.held},
                      {"waiting", status.waiting},
                      {"recovering", status.is_recovering},
                      {"totp", status.has_totp},
                      {"help", json::object{{"provider", status.help.provider},
                                            {"phone", status.help.phone},
                                            {"hours", status.help.hours},
                                            {"url", status.help.url}}},
                      {"now", json_of(status.now)}};
}

json::value json_of(const OwnHistoryView& view) {
  json::array sign_ins;
  for (const auto& one : view.sign_ins) sign_ins.push_back(form_of(one));
  json::array days;
  for (const auto& day : view.history.days) days.push_back(form_of(day));
  const auto& comparison = view.history.comparison;
  return json::object{
      {"sign_ins", std::move(sign_ins)},
      {"days", std::move(days)},
      {"comparison", comparison.empty() ? json::value() : form_of(comparison.front())},
      {"now", json_of(view.now)}};
}

json::value json_of(const OwnDevices& devices) {
  json::array passwords;
  for (const auto& one : devices.app_passwords) {
    passwords.push_back(json::object{
        {"key", one.key}, {"content", json_of(one.content)}, {"suspended", one.is_suspended}});
  }
  json::array sessions;
  for (const auto& one : devices.sessions) {
    sessions.push_back(
        json::object{{"service", one.service}, {"ip", one.ip.to_string()}, {"here", one.is_here}});
  }
  return json::object{{"app_passwords", std::move(passwords)},
                      {"sessions", std::move(sessions)},
                      {"sessions_known", devices.sessions_known}};
}

json::value json_of_owner(const decide::WayView& view) {
  const auto& c = view.change;
  return json::object{{"id", c.id},
                      {"kind", to_string(c.kind)},
                      {"title", json_of(decide::title(c.kind))},
                      {"key", c.key},
                      {"before", c.before ? json_of(view.before) : json::value()},
                      {"after", c.after ? json_of(view.after) : json::value()},
                      {"seen", json_of(c.seen)},
                      {"external", c.is_external},
                      {"targets", json::array(view.targets.begin(), view.targets.end())},
                      {"state", to_string(c.state)}};
}

json::value json_of(const OwnWays& ways) {
  json::array changes;
  for (const auto& one : ways.changes) changes.push_back(json_of_owner(one));
  return json::object{{"changes", std::move(changes)}, {"ways", json_of(ways.ways)}};
}

json::value json_of(const std::vector<OwnService>& services) {
  json::array items;
  for (const auto& one : services) {
    items.push_back(json::object{{"domain", one.domain},
                                 {"category", one.category},
                                 {"name", json_of(Text{one.ja, one.en})},
                                 {"messages", one.messages},
                                 {"during", one.during}});
  }
  return json::object{{"items", std::move(items)}};
}

json::value json_of(const LiveTest& test) {
  return json::object{{"started", json_of(test.started)},
                      {"mark", test.mark},
                      {"sent", json_of(test.sent)},
                      {"received", json_of(test.received)},
                      {"trouble", test.trouble},
                      {"reading", form_of(test.reading)},
                      {"sending", form_of(test.sending)},
                      {"wrong", test.wrong},
                      {"wrong_last", json_of(test.wrong_last)},
                      {"now", json_of(test.now)}};
}

json::value json_of(const OwnContact& contact) {
  return json::object{{"email", contact.email},
                      {"phone", contact.phone},
                      {"pending", contact.pending},
                      {"totp", contact.has_totp}};
}

json::value json_of(const OwnTotp& totp) {
  return json::object{{"key", totp.key.reveal()}, {"uri", totp.uri.reveal()}};
}

json::value json_of(const CheckUp& check) {
  json::array items;
  for (const auto& one : check.items) {
    items.push_back(json::object{{"code", one.code},
                                 {"good", one.good},
                                 {"what", json_of(one.what)},
                                 {"next", text_or_null(one.next)}});
  }
  return json::object{{"items", std::move(items)}, {"at", json_of(check.at)}};
}

json::value json_of(const ProfileView& profile) {
  json::array servers;
  for (const auto& one : profile.servers) {
    servers.push_back(json::object{{"protocol", one.protocol},
                                   {"host", one.host},
                                   {"port", one.port},
                                   {"security", one.security}});
  }
  return json::object{{"provider", profile.provider},
                      {"servers", std::move(servers)},
                      {"srv", json::array(profile.srv.begin(), profile.srv.end())},
                      {"signed", profile.is_signed}};
}

}  // namespace sekimori::web
