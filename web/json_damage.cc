#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "web/json_aftermath.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

json::object json_of_fates(const decide::FateCounts& fates) {
  json::object out;
  for (std::size_t i = 0; i < fates.size(); ++i) {
    out[to_string(static_cast<decide::RecipientFate>(i))] = fates[i];
  }
  return out;
}

json::value form_of(const decide::DamageMessage& m) {
  json::object out;
  out["t"] = json_of(m.t);
  out["ip"] = m.ip.to_string();
  out["country"] = m.place.country_text();
  out["from"] = m.from;
  out["queue_id"] = m.queue_id;
  out["size"] = m.size;
  out["recipients"] = m.recipients;
  out["fates"] = json_of_fates(m.fates);
  out["strange_place"] = m.strange;
  return out;
}

json::value form_of(const decide::DamageRecipient& one) {
  json::object out;
  out["address"] = one.address;
  out["first"] = json_of(one.first);
  out["last"] = json_of(one.last);
  out["messages"] = one.messages;
  out["fate"] = to_string(one.fate);
  return out;
}

json::value form_of(const decide::DamagePlace& place) {
  json::array services;
  for (const Service service : place.services) services.emplace_back(to_string(service));
  json::object out;
  out["ip"] = place.ip.to_string();
  out["network"] = decide::damage_network(place.ip);
  out["country"] = place.place.country_text();
  out["asn"] = place.place.asn;
  out["hosting"] = place.place.hosting;
  out["first"] = json_of(place.first);
  out["last"] = json_of(place.last);
  out["sign_ins"] = place.sign_ins;
  out["bad_passwords"] = place.bad_passwords;
  out["refused"] = place.refused;
  out["messages"] = place.messages;
  out["services"] = std::move(services);
  return out;
}

json::value form_of(const decide::DamageShare& share) {
  json::object out;
  out["messages"] = share.messages;
  out["recipients"] = share.recipients;
  out["bytes"] = share.bytes;
  out["sessions"] = share.sessions;
  out["queue_seconds"] = share.queue_seconds;
  return out;
}

json::value form_of(const decide::DamageNeighbour& one) {
  json::object out;
  out["account"] = one.account;
  out["deliveries"] = one.deliveries;
  out["delayed"] = one.delayed;
  out["longest_seconds"] = one.longest_s;
  out["usual_seconds"] = one.usual_s;
  out["usual_is_own"] = one.usual_is_own;
  out["unfinished"] = one.unfinished;
  return out;
}

json::value form_of(const decide::DamageService& one) {
  json::object name;
  name["ja"] = one.name_ja;
  name["en"] = one.name_en;
  json::object out;
  out["name"] = std::move(name);
  out["domain"] = one.sender_domain;
  out["category"] = one.category;
  out["known"] = one.known;
  out["mails"] = one.mails;
  out["first"] = json_of(one.first);
  out["last"] = json_of(one.last);
  return out;
}

json::value form_of(const decide::DamageComplaint& one) {
  json::object out;
  out["t"] = json_of(one.t);
  out["type"] = one.type;
  out["recipient"] = one.recipient;
  out["queue_id"] = one.queue_id;
  out["suspicious"] = one.suspicious;
  return out;
}

json::value form_of(const decide::DamageSetting& one) {
  json::object out;
  out["t"] = json_of(one.t);
  out["what"] = to_string(one.what);
  out["detail"] = one.detail;
  return out;
}

json::value form_of(const decide::DamageMoment& one) {
  json::object out;
  out["t"] = json_of(one.t);
  out["kind"] = one.kind;
  out["text"] = json_of(one.text);
  return out;
}

template <class T>
json::array list_of(const std::vector<T>& from, std::size_t most = SIZE_MAX) {
  json::array out;
  for (const T& one : from) {
    if (out.size() == most) break;
    out.push_back(form_of(one));
  }
  return out;
}

}  // namespace

json::object json_of(const decide::DamageReport& r, Instant made) {
  json::object mail;
  mail["messages"] = r.messages;
  mail["recipients"] = r.recipients;
  mail["distinct_recipients"] = r.people.size() + r.people_more;
  mail["bytes"] = r.bytes;
  mail["fates"] = json_of_fates(r.fates);
  mail["first"] = json_of(r.first_message);
  mail["last"] = json_of(r.last_message);
  mail["recipients_until_contained"] = r.until_contained;
  json::object own;
  own["messages"] = r.own_messages;
  own["recipients"] = r.own_recipients;
  json::object reading;
  reading["sessions"] = r.reading.sessions;
  reading["seconds"] = r.reading.seconds;
  reading["fetched"] = r.reading.fetched;
  reading["deleted"] = r.reading.deleted;
  reading["bytes_out"] = r.reading.bytes_out;
  json::array expunges;
  for (const MailboxExpunge& one : r.reading.expunges) {
    json::object wiped;
    wiped["mailbox"] = one.mailbox;
    wiped["messages"] = one.messages;
    wiped["sent_mail"] = decide::is_sent_mailbox(one.mailbox);
    expunges.push_back(std::move(wiped));
  }
  reading["expunges"] = std::move(expunges);
  reading["sent_expunged"] = r.reading.sent_expunged;
  reading["sent_deleted"] = r.reading.sent_deleted;
  reading["first"] = json_of(r.reading.first);
  reading["last"] = json_of(r.reading.last);
  json::object neighbours;
  neighbours["stranger"] = form_of(r.stranger);
  neighbours["others"] = form_of(r.others);
  neighbours["accounts"] = r.neighbours;
  neighbours["delayed_accounts"] = r.delayed_accounts;
  neighbours["delayed"] = list_of(r.delayed);
  json::object out;
  out["incident"] = r.incident;
  out["account"] = r.account;
  out["mode"] = to_string(r.mode);
  out["state"] = to_string(r.state);
  out["made"] = json_of(made);
  out["final"] = r.state == decide::IncidentState::closed;
  out["onset"] = json_of(r.onset);
  out["onset_known"] = r.onset_known;
  out["contained"] = json_of(r.contained);
  out["until"] = json_of(r.until);
  out["records_from"] = json_of(r.records_from);
  out["records_missing"] = !r.records_from.is_set() || r.records_from > r.onset;
  out["has_history"] = r.has_history;
  out["told_apart"] = r.told_apart;
  out["summary"] = json_of(r.summary);
  out["mail"] = std::move(mail);
  out["own_mail"] = std::move(own);
  out["messages"] = list_of(r.mails, k_report_messages_max);
  out["messages_more"] = r.mails_more + (r.mails.size() - out["messages"].as_array().size());
  out["recipients"] = list_of(r.people, k_report_recipients_max);
  out["recipients_more"] = r.people_more + (r.people.size() - out["recipients"].as_array().size());
  out["places"] = list_of(r.places);
  out["reading"] = std::move(reading);
  out["complaints"] = list_of(r.complaints);
  out["complaints_more"] = r.complaints_more;
  out["settings"] = list_of(r.settings);
  out["services"] = list_of(r.services);
  out["neighbours"] = std::move(neighbours);
  out["timeline"] = list_of(r.timeline);
  json::array steps;
  for (const auto& step : r.steps) steps.push_back(web::json_of(step));
  out["steps"] = std::move(steps);
  return out;
}

json::value json_of(const NoteOutcome& outcome) {
  json::object out;
  out["subject"] = outcome.note.subject;
  out["body"] = outcome.note.body;
  out["addressees"] = outcome.addressees;
  out["waiting"] = outcome.waiting;
  out["sent"] = outcome.sent;
  out["failed"] = outcome.failed;
  out["uncertain"] = outcome.uncertain;
  return out;
}

std::string recipients_csv(const std::vector<decide::DamageRecipient>& rows, Language language,
                           bool bom) {
  const bool ja = language == Language::ja;
  std::string out = bom ? "\xEF\xBB\xBF" : "";
  out +=
      ja ? "アドレス,最初,最後,通数,結果,fate\r\n" : "address,first,last,messages,outcome,fate\r\n";
  for (const auto& one : rows) {
    out += '"';
    // CSV injection: a spreadsheet takes these for the beginning of a formula (OWASP).
    if (!one.address.empty() &&
        std::string_view("=+-@\t\r").find(one.address.front()) != std::string_view::npos) {
      out += '\'';
    }
    for (const char c : one.address) {
      if (c == '"') out += '"';
      if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
    out += "\",";
    out += format_instant(one.first) + "," + format_instant(one.last) + ",";
    out += std::to_string(one.messages) + ",";
    out += decide::in_words(one.fate).in(language) + ",";
    out += to_string(one.fate);
    out += "\r\n";
  }
  return out;
}

}  // namespace sekimori::web
