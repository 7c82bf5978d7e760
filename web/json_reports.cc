// The forms of mail that came back, and of requests to blacklists.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

json::object counts_of(const decide::ReturnedCounts& counts) {
  return {{"ours", counts.ours},
          {"forged", counts.forged},
          {"unknown", counts.unknown},
          {"feedback", counts.feedback}};
}

}  // namespace

json::value json_of(const decide::ReturnedReport& report) {
  json::array days;
  for (const auto& day : report.days) {
    json::object one = counts_of(day.counts);
    one["day"] = day.day;
    days.push_back(std::move(one));
  }
  json::array last;
  for (const auto& mail : report.last) {
    last.push_back(json::object{{"t", json_of(mail.t)},
                                {"kind", to_string(mail.kind)},
                                {"origin", to_string(mail.origin)},
                                {"why", json_of(mail.why)},
                                {"reason", mail.reason},
                                {"status", mail.status},
                                {"hard", mail.hard},
                                {"recipient", mail.recipient},
                                {"reporter", mail.reporter},
                                {"first_hop", mail.first_hop},
                                {"words", mail.words}});
  }
  return json::object{{"account", report.account},
                      {"since", json_of(report.since)},
                      {"verdict", json_of(report.verdict)},
                      {"counts", counts_of(report.counts)},
                      {"days", std::move(days)},
                      {"last", std::move(last)}};
}

json::value json_of(const decide::Delisting& d) {
  const auto& t = d.traffic;
  json::array actions;
  for (const auto& action : d.actions) {
    actions.push_back(
        json::object{{"t", json_of(action.t)}, {"what", action.what}, {"count", action.count}});
  }
  json::object traffic{{"known", t.known},           {"first", json_of(t.first)},
                       {"last", json_of(t.last)},    {"messages", t.messages},
                       {"recipients", t.recipients}, {"held", t.held},
                       {"refused", t.refused},       {"delivered", t.delivered},
                       {"deferred", t.deferred},     {"bounced", t.bounced}};
  return json::object{{"incident", d.incident.id},
                      {"server", d.server},
                      {"addresses", json::array(d.addresses.begin(), d.addresses.end())},
                      {"contact", d.contact},
                      {"account", d.account},
                      {"cause", json_of(d.incident.summary)},
                      {"traffic", std::move(traffic)},
                      {"complaints", d.complaints},
                      {"actions", std::move(actions)},
                      {"text", json_of(d.text)}};
}

}  // namespace sekimori::web
