// Enquiries and call-backs, customers, "was this wrong?", investigations.
#include <algorithm>
#include <array>
#include <boost/json/array.hpp>

#include "base/mail_address.h"
#include "web/casework.h"
#include "web/handlers.h"
#include "web/json_casework.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

// What an owner's status card shows of earlier enquiries.
constexpr std::size_t k_own_enquiries = 20;

template <class T>
json::array items_of(const std::vector<T>& list) {
  json::array items;
  for (const auto& item : list) items.push_back(json_of(item));
  return items;
}
template <class T>
ApiResponse page_response(const Page<T>& page, std::size_t offset) {
  return json_response(
      json::object{{"items", items_of(page.items)}, {"total", page.total}, {"offset", offset}});
}

// Reads texts of a body one after another and remembers the first that is not one.
class Reader {
 public:
  explicit Reader(const json::object& body) : body_(body) {}
  std::string text(std::string_view key, std::size_t most, bool lines = false) {
    auto value = read_text(body_, key, most, lines);
    if (value) return std::move(*value);
    if (!error_) error_ = value.error();
    return {};
  }
  bool flag(std::string_view key) {
    const auto value = read_bool(body_, key);
    if (value) return value->value_or(false);
    if (!error_) error_ = value.error();
    return false;
  }
  template <class Parse>
  auto word(std::string_view key, Parse parse, std::string_view otherwise) {
    auto written = text(key, 40);
    if (written.empty()) written = otherwise;
    const auto value = parse(written);
    if (!value) fail("'" + std::string(key) + "' is none of its words");
    return value.value_or(typename decltype(parse(""))::value_type{});
  }
  std::uint64_t amount(std::string_view key, std::uint64_t most) {
    const auto* value = body_.if_contains(key);
    if (value == nullptr || value->is_null()) return 0;
    std::uint64_t number = most + 1;
    if (value->is_uint64()) number = value->get_uint64();
    if (value->is_int64() && value->get_int64() >= 0) {
      number = static_cast<std::uint64_t>(value->get_int64());
    }
    if (number > most) {
      fail("'" + std::string(key) + "' must be a whole number from 0 to " + std::to_string(most));
    }
    return number;
  }
  void fail(std::string text) {
    if (!error_) error_ = Error{ErrorKind::bad_input, std::move(text)};
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const json::object& body_;
  std::optional<Error> error_;
};

Result<EnquiryOrder> read_order(const json::object& body) {
  Reader read(body);
  EnquiryOrder order;
  const auto address = read.text("address", 320);
  order.topic = read.word("topic", decide::parse_enquiry_topic, "other");
  order.customer_number = read.text("customer_number", k_enquiry_field_max);
  order.name = read.text("name", k_enquiry_field_max);
  order.text = read.text("text", k_enquiry_text_max, true);
  order.diagnosis = read.text("diagnosis", 64);
  order.call_back = read.flag("call_back");
  order.hours = read.text("hours", k_enquiry_field_max);
  const auto language = read.text("language", 8);
  if (language == "en") order.language = "en";
  if (!language.empty() && language != "en" && language != "ja") {
    read.fail("'language' must be ja or en");
  }
  if (read.error()) return std::unexpected(*read.error());
  if (address.empty()) return bad_input("'address' is needed");
  const auto parsed = MailAddress::parse(address);
  if (!parsed) return std::unexpected(parsed.error());
  order.address = parsed->text();
  if (order.text.empty() && !order.call_back) {
    return bad_input("'text' is needed, or 'call_back'");
  }
  return order;
}

// ---------------------------------------------------------------- whoever asks

ApiResponse send_enquiry(const Call& call) {
  auto order = read_order(call.body);
  if (!order) return bad_request(order.error());
  if (order->name.empty()) return error_response(400, "'name' is needed");
  if (call.brake != nullptr &&
      !call.brake->admit(OwnerAct::enquire, call.caller.ip, order->address)) {
    return too_often();
  }
  Caller by;
  by.who = "web";
  by.ip = call.caller.ip;
  const auto made = call.control.casework().open_enquiry(*order, by);
  // What exactly is broken, and how many wait, is none of a stranger's business.
  if (!made) return error_response(503);
  const Text said{
      "お問い合わせを受け付けました。番号を控えてください。回答はこの画面でご覧いただけます。お電話が"
      "必要なときは、ご登録の電話番号へおかけします。",
      "We have your enquiry. Please note its number. The answer will be shown here; if a call is "
      "needed, it goes to the telephone number that is registered."};
  json::object out;
  out["reference"] = decide::enquiry_reference(made->enquiry.id);
  out["key"] = made->key.reveal();
  out["message"] = json_of(said);
  return json_response(out, 201);
}

ApiResponse read_sent_enquiry(const Call& call) {
  const auto reference = read_text(call.body, "reference", 40);
  if (!reference) return bad_request(reference.error());
  auto key = read_secret(call.body, "key");
  if (!key) return bad_request(key.error());
  const auto id = decide::parse_enquiry_reference(*reference);
  if (!id || !*key || !(*key)->is_set()) {
    return error_response(400, "'reference' and 'key' are needed, as they were given");
  }
  if (call.brake != nullptr && !call.brake->admit(OwnerAct::go_on, call.caller.ip, *reference)) {
    return too_often();
  }
  const auto enquiry = call.control.casework().read_enquiry(*id, **key);
  if (!enquiry) return failure_response(enquiry.error(), false);
  return json_response(json_of_owner(*enquiry));
}

ApiResponse list_own_enquiries(const Call& call) {
  decide::EnquiryFilter query;
  query.account = call.owner->account;
  query.limit = k_own_enquiries;
  const auto page = call.control.casework().enquiries(query);
  if (!page) return failure_response(page.error(), false);
  json::array items;
  for (const auto& enquiry : page->items) {
    // What somebody else wrote in the account's name is not for its owner to answer for.
    if (enquiry.match != decide::ContractMatch::differs) items.push_back(json_of_owner(enquiry));
  }
  return json_response(json::object{{"items", std::move(items)}});
}

// ---------------------------------------------------------------- the desk

ApiResponse list_enquiries(const Call& call) {
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  decide::EnquiryFilter query;
  query.offset = paging->offset;
  query.limit = paging->limit;
  if (const auto state = call.target.find("state"); state && *state == "waiting") {
    query.waiting = true;
  } else if (state && !state->empty()) {
    query.state = decide::parse_enquiry_state(*state);
    if (!query.state) {
      return error_response(400, "'state' must be waiting, open, taken, answered or closed");
    }
  }
  if (const auto account = call.target.find("account"); account && !account->empty()) {
    const auto address = MailAddress::parse(*account);
    if (!address) return bad_request(address.error());
    query.account = address->text();
  }
  if (const auto mine = call.target.find("mine"); mine && (*mine == "1" || *mine == "true")) {
    query.taken_by = call.caller.who;
  }
  const auto page = call.control.casework().enquiries(query);
  if (!page) return failure_response(page.error(), false);
  return page_response(*page, query.offset);
}

ApiResponse details_response(const Result<EnquiryDetails>& details, bool changing) {
  if (!details) return failure_response(details.error(), changing);
  return json_response(json_of(*details));
}

ApiResponse take_in_enquiry(const Call& call) {
  auto order = read_order(call.body);
  if (!order) return bad_request(order.error());
  order->via = decide::EnquiryVia::telephone;
  const auto made = call.control.casework().open_enquiry(*order, call.caller);
  if (!made) return failure_response(made.error(), true);
  const auto details = call.control.casework().enquiry(made->enquiry.id);
  if (!details) return failure_response(details.error(), true);
  return json_response(json_of(*details), 201);
}

ApiResponse show_enquiry(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  return details_response(call.control.casework().enquiry(*id), false);
}

template <decide::EnquiryAct act>
ApiResponse act_on_enquiry(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  Reader read(call.body);
  const auto text = read.text("text", k_enquiry_text_max, true);
  auto what = act;
  if (act == decide::EnquiryAct::called && !read.flag("reached")) {
    what = decide::EnquiryAct::not_reached;
  }
  if (read.error()) return bad_request(*read.error());
  if (act == decide::EnquiryAct::answered && text.empty()) {
    return error_response(400, "'text' is needed");
  }
  return details_response(call.control.casework().act_on_enquiry(*id, what, text, call.caller),
                          true);
}

// ---------------------------------------------------------------- customers

ApiResponse show_customer(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto customer = call.control.casework().customer(address->text());
  if (!customer) return failure_response(customer.error(), false);
  return json_response(json_of(*customer));
}

ApiResponse put_customer(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  Reader read(call.body);
  decide::Customer customer;
  customer.account = address->text();
  customer.number = read.text("number", k_enquiry_field_max);
  customer.name = read.text("name", k_enquiry_field_max);
  customer.telephone = read.text("telephone", k_enquiry_field_max);
  customer.alternative = read.text("alternative", k_enquiry_field_max);
  customer.hours = read.text("hours", k_enquiry_field_max);
  customer.terms = read.text("terms", k_enquiry_field_max);
  const auto accepted = read.text("terms_accepted", 40);
  const auto reason = read.text("reason", k_reason_max);
  if (!accepted.empty()) {
    const auto t = parse_instant(accepted);
    if (!t) read.fail("'terms_accepted': " + t.error().text);
    customer.terms_accepted = t.value_or(Instant{});
  }
  if (read.error()) return bad_request(*read.error());
  // A number that a thief has changed is where a call-back must not go.
  if (reason.empty()) return error_response(400, "'reason' is needed");
  const auto kept = call.control.casework().put_customer(customer, reason, call.caller);
  if (!kept) return failure_response(kept.error(), true);
  return json_response(json_of(*kept));
}

ApiResponse list_notes(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto notes = call.control.casework().notes(address->text());
  if (!notes) return failure_response(notes.error(), false);
  return json_response(json::object{{"items", items_of(*notes)}});
}

ApiResponse add_note(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  Reader read(call.body);
  const auto text = read.text("text", k_account_note_max, true);
  if (read.error()) return bad_request(*read.error());
  if (text.empty()) return error_response(400, "'text' is needed");
  const auto note = call.control.casework().add_note(address->text(), text, call.caller);
  if (!note) return failure_response(note.error(), true);
  return json_response(json_of(*note), 201);
}

// ---------------------------------------------------------------- of an incident

ApiResponse list_feedback(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto list = call.control.casework().feedback(*id);
  if (!list) return failure_response(list.error(), false);
  return json_response(json::object{{"items", items_of(*list)}});
}

ApiResponse list_all_feedback(const Call& call) {
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  const auto page = call.control.casework().all_feedback(paging->offset, paging->limit);
  if (!page) return failure_response(page.error(), false);
  return page_response(*page, paging->offset);
}

ApiResponse put_feedback(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  Reader read(call.body);
  const auto verdict = read.word("verdict", decide::parse_feedback_verdict, "");
  const auto text = read.text("text", k_reason_max, true);
  if (read.error()) return bad_request(*read.error());
  const auto kept = call.control.casework().put_feedback(*id, verdict, text, call.caller);
  if (!kept) return failure_response(kept.error(), true);
  return json_response(json_of(*kept));
}

ApiResponse show_investigation(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto found = call.control.casework().investigation(*id);
  if (!found) return failure_response(found.error(), false);
  return json_response(json_of(*found, *id));
}

ApiResponse change_investigation(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  Reader read(call.body);
  decide::InvestigationOrder order;
  order.to = read.word("to", decide::parse_investigation_state, "");
  order.amount_yen = read.amount("amount_yen", decide::k_amount_max);
  order.scope = read.text("scope", k_enquiry_text_max, true);
  order.accepted_by = read.text("accepted_by", k_enquiry_field_max);
  const auto reason = read.text("reason", k_reason_max);
  if (read.error()) return bad_request(*read.error());
  const auto changed =
      call.control.casework().change_investigation(*id, order, reason, call.caller);
  if (!changed) return failure_response(changed.error(), true);
  return json_response(json_of(std::optional(*changed), *id));
}

using decide::EnquiryAct;

constexpr std::array k_routes = {
    Route{Method::post, "/api/v1/owner/enquiries", Access::owner_door, send_enquiry},
    Route{Method::post, "/api/v1/owner/enquiries/read", Access::owner_door, read_sent_enquiry},
    Route{Method::get, "/api/v1/owner/enquiries", Access::owner_look, list_own_enquiries},
    Route{Method::get, "/api/v1/enquiries", Access::authorised, list_enquiries},
    Route{Method::post, "/api/v1/enquiries", Access::authorised, take_in_enquiry},
    Route{Method::get, "/api/v1/enquiries/{id}", Access::authorised, show_enquiry},
    Route{Method::post, "/api/v1/enquiries/{id}/take", Access::authorised,
          act_on_enquiry<EnquiryAct::taken>},
    Route{Method::post, "/api/v1/enquiries/{id}/return", Access::authorised,
          act_on_enquiry<EnquiryAct::returned>},
    Route{Method::post, "/api/v1/enquiries/{id}/call", Access::authorised,
          act_on_enquiry<EnquiryAct::called>},
    Route{Method::post, "/api/v1/enquiries/{id}/answer", Access::authorised,
          act_on_enquiry<EnquiryAct::answered>},
    Route{Method::post, "/api/v1/enquiries/{id}/close", Access::authorised,
          act_on_enquiry<EnquiryAct::closed>},
    Route{Method::get, "/api/v1/accounts/{address}/customer", Access::authorised, show_customer},
    Route{Method::post, "/api/v1/accounts/{address}/customer", Access::authorised, put_customer},
    Route{Method::get, "/api/v1/accounts/{address}/notes", Access::authorised, list_notes},
    Route{Method::post, "/api/v1/accounts/{address}/notes", Access::authorised, add_note},
    Route{Method::get, "/api/v1/feedback", Access::authorised, list_all_feedback},
    Route{Method::get, "/api/v1/incidents/{id}/feedback", Access::authorised, list_feedback},
    Route{Method::post, "/api/v1/incidents/{id}/feedback", Access::authorised, put_feedback},
    Route{Method::get, "/api/v1/incidents/{id}/investigation", Access::authorised,
          show_investigation},
    Route{Method::post, "/api/v1/incidents/{id}/investigation", Access::authorised,
          change_investigation},
};

}  // namespace

std::span<const Route> casework_routes() { return k_routes; }

}  // namespace sekimori::web
