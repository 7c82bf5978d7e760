#include "serve/wforce_desk.h"

#include <fmt/format.h>
#include <sodium.h>
#include <sys/resource.h>

#include <iterator>

#include "wire/json_text.h"

namespace sekimori::serve {
namespace {

using wire::WforceCommand;

// "Basic " and 64 KiB of base64 would be a strange password.
constexpr std::size_t k_authorization_max = 4096;

HttpReply failure(unsigned status, std::string_view reason) {
  return {status, wire::wforce_failure(reason)};
}
HttpReply ok() { return {200, std::string(wire::k_wforce_ok)}; }

std::int64_t msec(const timeval& t) { return t.tv_sec * 1000 + t.tv_usec / 1000; }

std::string login_of(const std::string& login, const decide::Directory& directory) {
  return directory.account_of(wire::valid_utf8(login));
}

}  // namespace

WforceDesk::WforceDesk(AuthDesk& desk, SignInLists& lists, WforceMetrics& metrics, Secret password,
                       Instant started)
    : desk_(desk),
      lists_(lists),
      metrics_(metrics),
      password_(std::move(password)),
      started_(started) {}

bool WforceDesk::knows_password(std::string_view authorization) const {
  const auto space = authorization.find(' ');
  if (space == std::string_view::npos || authorization.size() > k_authorization_max) return false;
  std::string scheme(authorization.substr(0, space));
  for (char& c : scheme) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const std::string_view coded = authorization.substr(space + 1);
  if (scheme != "basic") return false;
  std::string plain(coded.size(), '\0');
  std::size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(plain.data()), plain.size(), coded.data(),
                        coded.size(), " ", &length, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    return false;
  }
  plain.resize(length);
  const auto colon = plain.find(':');
  // Compared as hashes: in a time that tells neither where nor how long the password is.
  std::array<unsigned char, crypto_generichash_BYTES> given{};
  std::array<unsigned char, crypto_generichash_BYTES> wanted{};
  const std::string_view word =
      colon == std::string::npos ? std::string_view() : std::string_view(plain).substr(colon + 1);
  const std::string_view ours = password_.reveal();
  crypto_generichash(given.data(), given.size(),
                     reinterpret_cast<const unsigned char*>(word.data()), word.size(), nullptr, 0);
  crypto_generichash(wanted.data(), wanted.size(),
                     reinterpret_cast<const unsigned char*>(ours.data()), ours.size(), nullptr, 0);
  const bool same = sodium_memcmp(given.data(), wanted.data(), given.size()) == 0;
  sodium_memzero(plain.data(), plain.size());
  return same && colon != std::string::npos && !ours.empty();
}

std::optional<IpAddress> WforceDesk::to_look_up(const HttpQuestion& question, Instant now,
                                                const decide::Directory& directory) {
  if (wire::parse_wforce_command(question.method, question.target) != WforceCommand::allow ||
      !knows_password(question.authorization)) {
    return std::nullopt;
  }
  const auto request = wire::parse_wforce_login(question.body);
  if (!request) return std::nullopt;  // answer() says what is wrong with it
  return desk_.to_look_up(*request, now, directory);
}

void WforceDesk::answer(const HttpQuestion& question, Instant now,
                        const decide::Directory& directory, std::function<void(HttpReply)> reply) {
  if (!knows_password(question.authorization)) {
    metrics_.unauthorized.add();
    HttpReply refused = failure(401, "Unauthorized");
    refused.asks_password = true;
    return reply(std::move(refused));
  }
  const WforceCommand command = wire::parse_wforce_command(question.method, question.target);
  metrics_.commands[static_cast<std::size_t>(command)].add();
  if (question.overloaded && command != WforceCommand::ping) {
    // A login must not wait for our load.
    if (command == WforceCommand::allow) return reply({200, wire::wforce_allow_answer(0, "", {})});
    return reply(failure(500, "Overloaded"));
  }
  if (question.method == "POST" && !question.content_type.starts_with("application/json") &&
      !wire::auth_policy_command_word(question.target).empty()) {
    return reply(failure(415, "Invalid Content-Type - must be application/json"));
  }
  switch (command) {
    case WforceCommand::unknown: return reply(failure(404, "Command not found"));
    case WforceCommand::allow: return reply(allow(question, now, directory));
    case WforceCommand::report: return reply(report(question.body, now, directory));
    case WforceCommand::reset: return reset(question.body, directory, std::move(reply));
    case WforceCommand::add_block:
    case WforceCommand::delete_block:
      return change(decide::SignInList::block, command == WforceCommand::add_block, question.body,
                    now, directory, std::move(reply));
    case WforceCommand::add_allow:
    case WforceCommand::delete_allow:
      return change(decide::SignInList::allow, command == WforceCommand::add_allow, question.body,
                    now, directory, std::move(reply));
    case WforceCommand::get_block: return show(decide::SignInList::block, now, std::move(reply));
    case WforceCommand::get_allow: return show(decide::SignInList::allow, now, std::move(reply));
    case WforceCommand::get_stats: return reply(figures(question.body, now, directory));
    case WforceCommand::ping: return reply(ok());
    case WforceCommand::stats: return reply({200, stats(now)});
  }
}

HttpReply WforceDesk::allow(const HttpQuestion& question, Instant now,
                            const decide::Directory& directory) {
  const auto request = wire::parse_wforce_login(question.body);
  if (!request) return failure(500, request.error().text);
  const SignInVerdict verdict = desk_.may_sign_in(*request, now, directory, question.lists);
  const decide::LoginAnswer& answer = verdict.answer;
  if (answer.status < 0) metrics_.denied.add();
  if (answer.status > 0) metrics_.delayed.add();
  wire::WforceAttributes attributes = verdict.attributes;
  if (attributes.empty() && answer.status != 0 && !answer.rule.empty()) {
    attributes.emplace_back("rule", answer.rule);
  }
  return {200, wire::wforce_allow_answer(
                   answer.status, AuthDesk::line_of(answer, request->service()), attributes)};
}

HttpReply WforceDesk::report(std::string_view body, Instant now,
                             const decide::Directory& directory) {
  const auto request = wire::parse_wforce_login(body);
  if (!request) return failure(500, request.error().text);
  desk_.signed_in(*request, now, directory);
  return ok();
}

void WforceDesk::change(decide::SignInList list, bool adding, std::string_view body, Instant now,
                        const decide::Directory& directory, std::function<void(HttpReply)> reply) {
  auto asked = wire::parse_wforce_entry(body, adding);
  if (!asked) return reply(failure(500, asked.error().text));
  if (!asked->login && !asked->network) return reply(ok());  // as there: nothing to do
  decide::SignInEntry entry;
  entry.list = list;
  if (asked->network) entry.network = *asked->network;
  if (asked->login) entry.login = login_of(*asked->login, directory);
  entry.created = now;
  entry.expires = now + seconds(asked->expire_secs);
  entry.reason = std::move(asked->reason);
  const bool removed = !adding || asked->expire_secs == 0;
  lists_.change(std::move(entry), removed, [reply = std::move(reply)](Result<void> done) {
    reply(done ? ok() : failure(500, done.error().text));
  });
}

void WforceDesk::reset(std::string_view body, const decide::Directory& directory,
                       std::function<void(HttpReply)> reply) {
  const auto key = wire::parse_wforce_key(body);
  if (!key) return reply(failure(500, key.error().text));
  if (!key->ip && !key->login) return reply(failure(415, "No ip or login field supplied"));
  const std::string login = key->login ? login_of(*key->login, directory) : std::string();
  const IpAddress ip = key->ip.value_or(IpAddress());
  lists_.reset({login, ip, ""});
  decide::SignInEntry entry;
  entry.list = decide::SignInList::block;
  entry.login = login;
  if (ip.is_set()) {
    if (auto one = IpNetwork::parse(ip.to_string())) entry.network = *one;
  }
  lists_.change(std::move(entry), true, [reply = std::move(reply)](Result<void> done) {
    reply(done ? ok() : failure(500, done.error().text));
  });
}

void WforceDesk::show(decide::SignInList list, Instant now, std::function<void(HttpReply)> reply) {
  // Half a million entries take half a second: not on the thread that answers sign-ins.
  lists_.later([this, list, now, reply = std::move(reply)] {
    std::string out =
        list == decide::SignInList::block ? R"({"bl_entries": [)" : R"({"wl_entries": [)";
    bool first = true;
    for (const decide::SignInEntry& entry : lists_.all(list, now)) {
      if (!first) out += ", ";
      first = false;
      out += fmt::format("{{\"expiration\": \"{}\", \"{}\": ", wire::wforce_time(entry.expires),
                         to_string(entry.kind()));
      wire::append_json_string(out, entry.key());
      out += ", \"reason\": ";
      wire::append_json_string(out, entry.reason);
      out += '}';
    }
    out += "]}";
    reply({200, std::move(out)});
  });
}

HttpReply WforceDesk::figures(std::string_view body, Instant now,
                              const decide::Directory& directory) {
  const auto key = wire::parse_wforce_key(body);
  if (!key) return failure(500, "Could not parse input");
  if (!key->ip && !key->login) return failure(415, "No ip or login field supplied");
  const std::string login = key->login ? login_of(*key->login, directory) : std::string();
  const IpAddress ip = key->ip.value_or(IpAddress());
  std::string out = "{";
  const auto member = [&out](std::string_view name, std::string_view text) {
    if (out.size() > 1) out += ", ";
    wire::append_json_string(out, name);
    out += ": ";
    wire::append_json_string(out, text);
  };
  const auto on_list = [&](decide::SignInList list, std::string_view word,
                           std::string_view prefix) {
    const auto entry = lists_.entry(list, ip, login, now);
    out += fmt::format("{}\"{}\": {}", out.size() > 1 ? ", " : "", word, entry.has_value());
    member(fmt::format("{}_reason", prefix), entry ? entry->reason : "");
    member(fmt::format("{}_expire", prefix), entry ? wire::wforce_time(entry->expires) : "");
  };
  on_list(decide::SignInList::block, "blacklisted", "bl");
  if (key->ip && key->login) {
    member("ip_login", fmt::format("{}:{}", ip.to_string(), login));
  } else {
    member(key->login ? "login" : "ip", key->login ? login : ip.to_string());
  }
  out += R"(, "stats": {)";
  bool first = true;
  for (const auto& figure : lists_.figures({login, ip, ""}, now)) {
    out += first ? R"("sekimori": {)" : ", ";
    first = false;
    wire::append_json_string(out, figure.window->to_string());
    out += fmt::format(": {}", figure.count);
  }
  out += first ? "}" : "}}";
  on_list(decide::SignInList::allow, "whitelisted", "wl");
  out += '}';
  return {200, std::move(out)};
}

std::string WforceDesk::stats(Instant now) const {
  const auto count = [this](WforceCommand command) {
    return metrics_.commands[static_cast<std::size_t>(command)].get();
  };
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  std::string out =
      fmt::format(R"({{"allows": {}, "commandstats": {{)", count(WforceCommand::allow));
  for (std::size_t i = 1; i < wire::k_wforce_commands; ++i) {
    out += fmt::format("{}\"{}\": {}", i == 1 ? "" : ", ",
                       wire::to_string(static_cast<WforceCommand>(i)), metrics_.commands[i].get());
  }
  fmt::format_to(std::back_inserter(out),
                 R"(}}, "customstats": {{}}, "denieds": {}, "perfstats": {{}}, "reports": {}, )"
                 R"("sys-msec": {}, "uptime": {}, "user-msec": {}}})",
                 metrics_.denied.get(), count(WforceCommand::report), msec(used.ru_stime),
                 static_cast<std::int64_t>((now - started_).seconds()), msec(used.ru_utime));
  return out;
}

}  // namespace sekimori::serve
