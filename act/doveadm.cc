#include "act/doveadm.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <charconv>

#include <algorithm>
#include <boost/json.hpp>
#include <mutex>
#include <utility>

#include "act/curl_handle.h"

namespace sekimori::act {
namespace {

namespace json = boost::json;

// `who` of a server with 100,000 sessions is some 15 MB.
constexpr std::size_t k_answer_max = std::size_t{64} << 20;
constexpr std::int64_t k_exit_data = 65;     // EX_DATAERR: a script that does not compile
constexpr std::int64_t k_exit_no_user = 67;  // EX_NOUSER
constexpr std::int64_t k_exit_nobody = 68;   // EX_NOHOST: no such session, user or script

Result<void> check_name(std::string_view username) {
  std::string_view plain = username;
  if (plain.starts_with("*@")) plain.remove_prefix(2);  // a whole domain, meant
  if (plain.empty() || username.size() > 512 ||
      plain.find_first_of("*?") != std::string_view::npos) {
    return bad_input("this user name cannot be given to doveadm");
  }
  return {};
}

std::string text_of(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

struct Doveadm::Impl {
  DoveadmSettings settings;
  std::mutex mutex;
  CurlHandle curl;
  Secret authorization;

  // The rows of the answer; none where Dovecot says there is nobody.
  Result<json::array> call(std::string_view command, json::object parameters);
};

Doveadm::Doveadm(DoveadmSettings settings) : impl_(std::make_unique<Impl>()) {
  impl_->settings = std::move(settings);
  impl_->authorization =
      Secret("Authorization: X-Dovecot-API " + base64(impl_->settings.key.reveal()));
}

Doveadm::~Doveadm() = default;

Result<json::array> Doveadm::Impl::call(std::string_view command, json::object parameters) {
  const std::string body =
      json::serialize(json::array{json::array{command, std::move(parameters), "sekimori"}});
  const std::lock_guard lock(mutex);
  CURL* handle = curl.reset();
  if (handle == nullptr) return operating_failure("libcurl could not start");
  std::string answer;
  CurlList headers;
  headers.add("Content-Type: application/json");
  headers.add(std::string(authorization.reveal()).c_str());
  curl_easy_setopt(handle, CURLOPT_URL, settings.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl.set_timeout(settings.timeout);
  curl.collect(answer, k_answer_max);
  const CURLcode code = curl_easy_perform(handle);
  if (code != CURLE_OK) {
    return operating_failure(fmt::format("doveadm {}: {}", command, curl_easy_strerror(code)));
  }
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  if (status == 401 || status == 403) {
    return operating_failure("doveadm refused the key (dovecot.doveadm_key_file)");
  }
  if (status != 200) return operating_failure(fmt::format("doveadm answered HTTP {}", status));

  // [["doveadmResponse",[…],"tag"]] or [["error",{"type":"exitCode","exitCode":68},"tag"]]
  boost::system::error_code error;
  const json::value parsed = json::parse(answer, error);
  const json::array* outer = error ? nullptr : parsed.if_array();
  const json::array* inner =
      outer == nullptr || outer->empty() ? nullptr : outer->front().if_array();
  if (inner == nullptr || inner->size() < 2 || !inner->front().is_string()) {
    return operating_failure(fmt::format("doveadm {}: not an answer", command));
  }
  if (inner->front().get_string() == "doveadmResponse") {
    const json::array* rows = (*inner)[1].if_array();
    return rows == nullptr ? json::array() : *rows;
  }
  const json::object* failure = (*inner)[1].if_object();
  const json::value* exit = failure == nullptr ? nullptr : failure->if_contains("exitCode");
  if (exit != nullptr && exit->is_int64()) {
    if (exit->get_int64() == k_exit_nobody) return json::array();
    if (exit->get_int64() == k_exit_no_user) return not_found("Dovecot knows no such user");
    if (exit->get_int64() == k_exit_data) return bad_input("Dovecot does not take this script");
    return operating_failure(fmt::format("doveadm {} ended with {}", command, exit->get_int64()));
  }
  const std::string why = failure == nullptr ? "an error" : text_of(*failure, "type");
  if (why == "unknownMethod") return bad_input(fmt::format("this Dovecot has no {}", command));
  return operating_failure(fmt::format("doveadm {}: {}", command, why));
}

Result<std::uint32_t> Doveadm::kick(std::string_view username) {
  if (auto fits = check_name(username); !fits) return std::unexpected(fits.error());
  json::object parameters;
  parameters["mask"] = json::array{username};
  auto rows = impl_->call("kick", std::move(parameters));
  if (!rows) return std::unexpected(rows.error());
  return static_cast<std::uint32_t>(rows->size());
}

Result<void> Doveadm::auth_cache_flush(std::string_view username) {
  // An empty list means everybody; without the key Dovecot 2.3.19 ends the connection unanswered.
  json::array users;
  if (!username.empty()) {
    if (auto fits = check_name(username); !fits) return fits;
    users.emplace_back(username);
  }
  json::object parameters;
  parameters["user"] = std::move(users);
  auto rows = impl_->call("authCacheFlush", std::move(parameters));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<Doveadm::Quota> Doveadm::quota(std::string_view username) {
  if (auto fits = check_name(username); !fits) return std::unexpected(fits.error());
  auto rows = impl_->call("quotaGet", json::object{{"user", username}});
  if (!rows) return std::unexpected(rows.error());
  for (const json::value& row : *rows) {
    const json::object* object = row.if_object();
    if (object == nullptr || text_of(*object, "type") != "STORAGE") continue;
    // In KiB; the limit is "-" where there is none.
    const auto kib = [&](const char* key) {
      const std::string text = text_of(*object, key);
      std::uint64_t n = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
      return error == std::errc() && n < (std::uint64_t{1} << 50U) ? n * 1024 : 0;
    };
    return Quota{kib("value"), kib("limit")};
  }
  return not_found("Dovecot has no quota for this mailbox");
}

Result<std::vector<DoveadmSession>> Doveadm::who(std::string_view username) {
  json::object parameters;
  parameters["separateConnections"] = true;
  if (!username.empty()) {
    if (auto fits = check_name(username); !fits) return std::unexpected(fits.error());
    parameters["mask"] = json::array{username};
  }
  auto rows = impl_->call("who", std::move(parameters));
  if (!rows) return std::unexpected(rows.error());
  std::vector<DoveadmSession> sessions;
  for (const json::value& row : *rows) {
    const json::object* object = row.if_object();
    if (object == nullptr) continue;
    sessions.push_back(
        {text_of(*object, "username"), text_of(*object, "service"), text_of(*object, "ip")});
  }
  return sessions;
}

Result<bool> Doveadm::holds_subject(std::string_view username, std::string_view word) {
  if (auto fits = check_name(username); !fits) return std::unexpected(fits.error());
  const bool is_word = !word.empty() && word.size() <= 64 && std::ranges::all_of(word, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
  });
  if (!is_word) return bad_input("this is no word to look for");
  json::object parameters{{"user", username}};
  parameters["query"] = json::array{"MAILBOX", "*", "SAVEDSINCE", "1h", "SUBJECT", word};
  auto rows = impl_->call("search", std::move(parameters));
  if (!rows) return std::unexpected(rows.error());
  return !rows->empty();
}

Result<std::vector<DoveadmScript>> Doveadm::sieve_list(std::string_view username) {
  if (auto fits = check_name(username); !fits) return std::unexpected(fits.error());
  auto rows = impl_->call("sieveList", {{"user", username}});
  if (!rows) return std::unexpected(rows.error());
  std::vector<DoveadmScript> scripts;
  for (const json::value& row : *rows) {
    const json::object* object = row.if_object();
    if (object == nullptr) continue;
    scripts.push_back({text_of(*object, "script"), text_of(*object, "active") == "ACTIVE"});
  }
  return scripts;
}

Result<std::string> Doveadm::sieve_get(std::string_view username, std::string_view script) {
  if (auto fits = check_name(username); !fits) return std::unexpected(fits.error());
  auto rows = impl_->call("sieveGet", {{"user", username}, {"scriptname", script}});
  if (!rows) return std::unexpected(rows.error());
  const json::object* object = rows->empty() ? nullptr : rows->front().if_object();
  if (object == nullptr) return not_found("there is no such script");
  return text_of(*object, "sieve script");
}

Result<void> Doveadm::sieve_put(std::string_view username, std::string_view script,
                                std::string_view content) {
  if (auto fits = check_name(username); !fits) return fits;
  auto rows =
      impl_->call("sievePut", {{"user", username}, {"scriptname", script}, {"file", content}});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<void> Doveadm::sieve_activate(std::string_view username, std::string_view script) {
  if (auto fits = check_name(username); !fits) return fits;
  if (!script.empty()) {
    // doveadm ends with the same code for a script that is not there as for nobody logged in.
    auto there = sieve_list(username);
    if (!there) return std::unexpected(there.error());
    if (std::ranges::find(*there, script, &DoveadmScript::name) == there->end()) {
      return not_found(fmt::format("there is no Sieve script \"{}\"", script));
    }
  }
  json::object parameters{{"user", username}};
  if (!script.empty()) parameters["scriptname"] = script;
  auto rows =
      impl_->call(script.empty() ? "sieveDeactivate" : "sieveActivate", std::move(parameters));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<void> Doveadm::sieve_remove(std::string_view username, std::string_view script) {
  auto scripts = sieve_list(username);
  if (!scripts) return std::unexpected(scripts.error());
  for (const DoveadmScript& one : *scripts) {
    if (one.name != script) continue;
    // Pigeonhole keeps the active one.
    if (one.is_active) {
      if (auto done = sieve_activate(username, ""); !done) return done;
    }
    auto rows =
        impl_->call("sieveDelete", {{"user", username}, {"scriptname", json::array{script}}});
    if (!rows) return std::unexpected(rows.error());
  }
  return {};
}

}  // namespace sekimori::act
