#include "web/json_aftermath.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;

json::value json_of(const decide::WaitingView& view) {
  json::array messages;
  messages.reserve(view.messages.size());
  for (const decide::WaitingMessage& m : view.messages) {
    json::object one;
    one["id"] = m.id;
    one["place"] = to_string(m.place);
    one["state"] = to_string(m.state);
    one["sender"] = m.sender;
    one["client"] = m.client;
    one["queue_id"] = m.queue_id;
    one["size"] = m.size;
    one["first"] = json_of(m.first);
    one["last"] = json_of(m.last);
    one["tries"] = m.tries;
    one["estimated"] = m.estimated;
    one["gives_up"] = json_of(m.first + view.give_up);
    one["ended"] = json_of(m.ended);
    messages.emplace_back(std::move(one));
  }
  json::object out;
  out["account"] = view.account;
  out["total"] = view.messages.size();
  out["waiting"] = view.waiting;
  out["arrived"] = view.arrived;
  out["given_up"] = view.given_up;
  out["uncounted_tries"] = view.uncounted_tries;
  out["gives_up"] = json_of(view.gives_up);
  out["summary"] = json_of(view.summary);
  out["messages"] = std::move(messages);
  return out;
}

}  // namespace sekimori::web
