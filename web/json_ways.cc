// The forms of the ways mail leaves. Nothing of them is secret (decide/ways.h: shown).
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;

json::value json_of(const decide::WayView& view) {
  const auto& c = view.change;
  json::object out;
  out["id"] = c.id;
  out["account"] = c.account;
  out["kind"] = to_string(c.kind);
  out["title"] = json_of(decide::title(c.kind));
  out["key"] = c.key;
  out["before"] = c.before ? json_of(view.before) : json::value();
  out["after"] = c.after ? json_of(view.after) : json::value();
  out["looked"] = json_of(c.looked);
  out["seen"] = json_of(c.seen);
  out["external"] = c.is_external;
  out["targets"] = json::array(view.targets.begin(), view.targets.end());
  out["state"] = to_string(c.state);
  out["changed"] = json_of(c.changed);
  out["by"] = c.by;
  out["reason"] = c.reason;
  out["editor"] = c.editor;
  return out;
}

json::value json_of(const decide::AccountWays& ways) {
  json::array list;
  for (const auto& way : ways.ways) {
    json::object one;
    one["kind"] = to_string(way.kind);
    one["title"] = json_of(decide::title(way.kind));
    one["key"] = way.key;
    one["content"] = json_of(way.content);
    one["external"] = way.is_external;
    one["targets"] = json::array(way.targets.begin(), way.targets.end());
    one["suspended"] = way.is_suspended;
    list.push_back(std::move(one));
  }
  json::object out;
  out["account"] = ways.account;
  out["items"] = std::move(list);
  out["looked"] = json_of(ways.looked);
  out["live"] = ways.is_live;
  return out;
}

}  // namespace sekimori::web
