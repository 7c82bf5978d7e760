#include <algorithm>
#include <boost/json/value.hpp>
#include <charconv>

#include "base/mail_address.h"
#include "web/handlers.h"

namespace sekimori::web {
namespace json = boost::json;

Result<std::string> read_domain(std::string_view text) {
  // 253 characters in labels of 1 to 63 letters, digits, '-' and '_' (RFC 1035 §2.3.4; '_' is seen
  // in the field). Japanese names come as their A-labels, as Postfix sees them.
  const auto wrong = [&] {
    return bad_input("'" + std::string(text.substr(0, 80)) + "' is no domain");
  };
  if (text.empty() || text.size() > 253) return wrong();
  std::size_t label = 0;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    if (c == '.' ? label == 0 : (!plain || ++label > 63)) return wrong();
    if (c == '.') label = 0;
  }
  if (label == 0) return wrong();
  return ascii_lower(text);
}

Result<std::uint64_t> read_number(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end || value > most) {
    return bad_input("'" + std::string(text.substr(0, 40)) +
                     "' must be a whole number of at most " + std::to_string(most));
  }
  return value;
}

Result<std::string> read_queue_id(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
  if (!plain || text.size() < 5 || text.size() > 40) {
    return bad_input("'" + std::string(text.substr(0, 40)) + "' is no queue id");
  }
  return std::string(text);
}

Result<Paging> read_paging(const Target& target) {
  Paging paging;
  if (const auto text = target.find("offset")) {
    const auto value = read_number(*text, 1'000'000'000);
    if (!value) return bad_input("offset: " + value.error().text);
    paging.offset = *value;
  }
  if (const auto text = target.find("limit")) {
    const auto value = read_number(*text, k_page_max);
    if (!value) return bad_input("limit: " + value.error().text);
    paging.limit = *value;
  }
  return paging;
}

Result<std::string> read_text(const json::object& body, std::string_view key, std::size_t most,
                              bool lines) {
  const auto* value = body.if_contains(key);
  if (value == nullptr || value->is_null()) return std::string();
  const auto name = "'" + std::string(key) + "'";
  if (!value->is_string()) return bad_input(name + " must be a text");
  const auto& text = value->get_string();
  if (text.size() > most) {
    return bad_input(name + " must be at most " + std::to_string(most) + " bytes");
  }
  const std::string_view view(text.data(), text.size());
  if (has_control(view, lines)) return bad_input(name + " has a control character");
  return std::string(view);
}

Result<std::optional<Secret>> read_secret(const json::object& body, std::string_view key) {
  // Longer than any password that is allowed, so that too long a one is judged, not just refused.
  constexpr std::size_t k_secret_max = 4096;
  const auto* value = body.if_contains(key);
  if (value == nullptr || value->is_null()) return std::optional<Secret>();
  const auto name = "'" + std::string(key) + "'";
  if (!value->is_string()) return bad_input(name + " must be a text");
  const auto& text = value->get_string();
  if (text.size() > k_secret_max) {
    return bad_input(name + " must be at most " + std::to_string(k_secret_max) + " bytes");
  }
  return std::optional<Secret>(Secret(std::string(text.data(), text.size())));
}

Result<std::vector<std::string>> read_targets(const json::object& body) {
  std::vector<std::string> out;
  const auto* value = body.if_contains("targets");
  if (value == nullptr || value->is_null()) return out;
  if (!value->is_array() || value->get_array().size() > k_targets_max) {
    return bad_input("'targets' must be a list of at most " + std::to_string(k_targets_max));
  }
  for (const auto& item : value->get_array()) {
    if (!item.is_string()) return bad_input("'targets' must be texts");
    const auto& text = item.get_string();
    const std::string_view view(text.data(), text.size());
    if (view.empty() || view.size() > k_reason_max || has_control(view)) {
      return bad_input("a target of 'targets' is empty, too long or has a control character");
    }
    out.emplace_back(view);
  }
  return out;
}

Result<ForwardsOrder> read_forwards_order(const json::object& body) {
  ForwardsOrder order;
  const auto word = read_text(body, "answer", 16);
  if (!word) return std::unexpected(word.error());
  if (*word != "keep" && *word != "remove") return bad_input("'answer' must be keep or remove");
  order.answer = *word == "keep" ? ForwardsAnswer::keep : ForwardsAnswer::remove;
  auto targets = read_targets(body);
  if (!targets) return std::unexpected(targets.error());
  order.targets = std::move(*targets);
  return order;
}

Result<PasswordRequest> read_password_request(const json::object& body) {
  PasswordRequest request;
  auto password = read_secret(body, "password");
  if (!password) return std::unexpected(password.error());
  auto old = read_secret(body, "old_password");
  if (!old) return std::unexpected(old.error());
  request.given = password->has_value();
  if (*password) request.order.password = std::move(**password);
  if (*old) request.order.old = std::move(**old);
  return request;
}

Result<Secret> read_candidate(const json::object& body) {
  auto password = read_secret(body, "password");
  if (!password) return std::unexpected(password.error());
  if (!*password) return bad_input("'password' is needed");
  return std::move(**password);
}

Result<std::optional<bool>> read_bool(const json::object& body, std::string_view key) {
  const auto* value = body.if_contains(key);
  if (value == nullptr || value->is_null()) return std::optional<bool>();
  if (!value->is_bool()) return bad_input("'" + std::string(key) + "' must be true or false");
  return std::optional<bool>(value->get_bool());
}

Result<decide::Subject> make_subject(decide::SubjectKind kind, std::string_view id) {
  switch (kind) {
    case decide::SubjectKind::account: {
      const auto address = MailAddress::parse(id);
      if (!address) return std::unexpected(address.error());
      return decide::Subject{kind, address->text()};
    }
    case decide::SubjectKind::domain: {
      auto domain = read_domain(id);
      if (!domain) return std::unexpected(domain.error());
      return decide::Subject{kind, std::move(*domain)};
    }
    case decide::SubjectKind::server: break;
  }
  if (!id.empty()) return bad_input("the server has no id");
  return decide::Subject{decide::SubjectKind::server, ""};
}

Result<std::optional<decide::Subject>> read_subject(const Target& target) {
  auto kind = std::optional<decide::SubjectKind>();
  std::string_view id;
  if (const auto account = target.find("account")) {
    kind = decide::SubjectKind::account;
    id = *account;
  } else if (const auto domain = target.find("domain")) {
    kind = decide::SubjectKind::domain;
    id = *domain;
  } else if (const auto word = target.find("kind")) {
    kind = decide::parse_subject_kind(*word);
    if (!kind) return bad_input("kind must be account, domain or server");
    id = target.find("id").value_or("");
  }
  if (!kind) return std::optional<decide::Subject>();
  auto subject = make_subject(*kind, id);
  if (!subject) return std::unexpected(subject.error());
  return std::optional<decide::Subject>(std::move(*subject));
}

}  // namespace sekimori::web
