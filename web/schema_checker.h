// Holds a JSON value to a schema of our OpenAPI description: the subset that openapi.json uses,
// strict where OpenAPI is lax (a key that is not described is an error). For the tests.
#pragma once

#include <algorithm>
#include <boost/json/value.hpp>
#include <set>
#include <string>
#include <string_view>

#include "base/instant.h"

namespace sekimori::web {

class SchemaChecker {
 public:
  explicit SchemaChecker(const boost::json::value& document) : document_(document) {}

  // "" when `value` fits; else what does not, and where.
  std::string check(const boost::json::value& value, const boost::json::value& schema,
                    const std::string& where = "$") const {
    const auto& rule = resolve(schema).as_object();
    static const std::set<std::string_view> k_known = {
        "type",      "properties", "required",    "items",
        "enum",      "nullable",   "description", "additionalProperties",
        "allOf",     "minimum",    "maximum",     "format",
        "maxLength", "default"};
    for (const auto& [key, unused] : rule) {
      if (!k_known.contains(std::string_view(key))) {
        return where + ": the schema uses '" + std::string(key) + "', which is not checked";
      }
    }
    if (value.is_null()) {
      return rule.contains("nullable") && rule.at("nullable").as_bool() ? "" : where + " is null";
    }
    if (rule.contains("allOf")) return check(value, rule.at("allOf").as_array().at(0), where);
    if (rule.contains("enum")) {
      const auto& words = rule.at("enum").as_array();
      if (std::ranges::find(words, value) == words.end()) return where + ": not of the enum";
    }
    const auto& type = rule.at("type").as_string();
    if (type == "object") return check_object(value, rule, where);
    if (type == "array") {
      if (!value.is_array()) return where + " is no array";
      std::size_t at = 0;
      for (const auto& item : value.as_array()) {
        auto wrong = check(item, rule.at("items"), where + "[" + std::to_string(at++) + "]");
        if (!wrong.empty()) return wrong;
      }
      return "";
    }
    if (type == "string") {
      if (!value.is_string()) return where + " is no string";
      if (rule.contains("format") && rule.at("format").as_string() == "date-time" &&
          !parse_instant(std::string_view(value.as_string()))) {
        return where + " is no RFC 3339 time";
      }
      return "";
    }
    if (type == "boolean") return value.is_bool() ? "" : where + " is no boolean";
    if (type == "number") return value.is_number() ? "" : where + " is no number";
    if (type == "integer") {
      if (!value.is_int64() && !value.is_uint64()) return where + " is no integer";
      const auto number = value.to_number<double>();
      if (rule.contains("minimum") && number < rule.at("minimum").to_number<double>()) {
        return where + " is too small";
      }
      return "";
    }
    return where + ": unknown type in the schema";
  }

  // Follows $ref.
  const boost::json::value& resolve(const boost::json::value& node) const {
    const auto* ref = node.as_object().if_contains("$ref");
    if (ref == nullptr) return node;
    const std::string_view text = ref->as_string();
    return resolve(document_.at_pointer(text.substr(1)));
  }

 private:
  std::string check_object(const boost::json::value& value, const boost::json::object& rule,
                           const std::string& where) const {
    if (!value.is_object()) return where + " is no object";
    static const boost::json::object k_none;
    const auto& properties =
        rule.contains("properties") ? rule.at("properties").as_object() : k_none;
    const bool open = rule.contains("additionalProperties");
    if (rule.contains("required")) {
      for (const auto& key : rule.at("required").as_array()) {
        if (!value.as_object().contains(std::string_view(key.as_string()))) {
          return where + "." + std::string(key.as_string()) + " is missing";
        }
      }
    }
    for (const auto& [key, item] : value.as_object()) {
      const auto inside = where + "." + std::string(key);
      if (const auto* schema = properties.if_contains(key)) {
        auto wrong = check(item, *schema, inside);
        if (!wrong.empty()) return wrong;
      } else if (!open) {
        return inside + " is not described";
      }
    }
    return "";
  }

  const boost::json::value& document_;
};

}  // namespace sekimori::web
