// An account's queued mail as JSON.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

constexpr std::array<std::string_view, k_queue_parts> k_parts{"incoming", "active", "deferred",
                                                              "hold"};

json::value json_of(const QueuedMessage& message) {
  json::object out{{"queue_id", message.queue_id},
                   {"part", to_string(message.part)},
                   {"arrival", web::json_of(message.arrival)},
                   {"size", message.size},
                   {"sender", message.sender},
                   {"first_recipient", message.first_recipient},
                   {"recipients", message.recipients},
                   {"held_by_us", message.held_by_us},
                   {"reason", web::json_of(message.reason)}};
  out["subject"] = message.subject ? json::value(*message.subject) : json::value();
  return out;
}

}  // namespace

std::string_view to_string(QueuePart part) { return k_parts[static_cast<std::size_t>(part)]; }

std::optional<QueuePart> parse_queue_part(std::string_view text) {
  for (std::size_t i = 0; i < k_parts.size(); ++i) {
    if (k_parts[i] == text) return static_cast<QueuePart>(i);
  }
  return std::nullopt;
}

std::string_view to_string(QueueAction action) {
  switch (action) {
    case QueueAction::hold: return "hold";
    case QueueAction::release: return "release";
    default: return "delete";
  }
}

json::value json_of(const AccountQueue& queue, std::size_t offset) {
  json::array parts;
  for (std::size_t i = 0; i < k_queue_parts; ++i) {
    const QueueSum& sum = queue.parts[i];
    parts.push_back(json::object{{"part", k_parts[i]},
                                 {"messages", sum.messages},
                                 {"recipients", sum.recipients},
                                 {"bytes", sum.bytes}});
  }
  json::array items;
  for (const QueuedMessage& message : queue.items) items.push_back(json_of(message));
  return json::object{{"items", std::move(items)},
                      {"total", queue.total},
                      {"offset", offset},
                      {"parts", std::move(parts)},
                      {"oldest", json_of(queue.oldest)},
                      {"not_looked_at", queue.not_looked_at}};
}

json::value json_of(const QueueReport& report) {
  return json::object{{"done", report.done},
                      {"recipients", report.recipients},
                      {"gone", report.gone},
                      {"failed", report.failed},
                      {"remaining", report.remaining}};
}

}  // namespace sekimori::web
