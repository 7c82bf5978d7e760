#include "app/log_causes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "base/mail_address.h"

namespace sekimori::app {
namespace {

constexpr std::size_t k_read_max = 600;  // of a reply: two lines of 512 bytes say it all

struct Named {
  std::string_view key;
  Text words;
};
const std::array<Named, static_cast<std::size_t>(Cause::count_)>& names() {
  static const std::array<Named, static_cast<std::size_t>(Cause::count_)> k_names{{
      {"unknown_user", {"宛先のユーザーが存在しない", "no such user"}},
      {"mailbox_full", {"宛先のメールボックスがいっぱい", "mailbox full"}},
      {"no_such_domain", {"ドメインが存在しない", "no such domain"}},
      {"unreachable", {"相手のサーバーに接続できない", "server not reached"}},
      {"greylisted", {"グレイリスト(後で再送)", "greylisted"}},
      {"rate_limited", {"送信量の制限", "rate limited"}},
      {"listed", {"ブロックリストに掲載", "on a block list"}},
      {"reputation", {"迷惑メールまたは低い評価", "spam or bad reputation"}},
      {"policy", {"受信側の規則(SPF・DMARC など)", "policy (SPF, DMARC, …)"}},
      {"relay_denied", {"中継の拒否", "relay denied"}},
      {"bad_helo", {"HELO が不正", "bad HELO"}},
      {"no_reverse_name", {"逆引きできない接続元", "client without a name"}},
      {"sender_domain", {"差出人のドメインが不正", "sender's domain not found"}},
      {"login_mismatch", {"差出人とログインの不一致", "sender not owned by login"}},
      {"content", {"内容による拒否", "content"}},
      {"too_large", {"大きすぎるメール", "too large"}},
      {"loop", {"転送の繰り返し", "mail loop"}},
      {"tls", {"TLS の問題", "TLS"}},
      {"busy", {"サーバーの混雑・容量不足", "server busy or full"}},
      {"protocol", {"SMTP の手順違反", "protocol error"}},
      {"other", {"その他", "other"}},
  }};
  return k_names;
}

struct Sign {
  std::string_view words;  // lower case
  Cause cause;
};

// The first that is found counts: the surer ones stand first.
constexpr Sign k_signs[] = {
    {"greylist", Cause::greylisted},
    {"graylist", Cause::greylisted},
    {"grey list", Cause::greylisted},
    {"not owned by user", Cause::login_mismatch},
    {"not logged in", Cause::login_mismatch},
    {"relay access denied", Cause::relay_denied},
    {"relaying denied", Cause::relay_denied},
    {"relay not permitted", Cause::relay_denied},
    {"unable to relay", Cause::relay_denied},
    {"blocked using", Cause::listed},
    {"spamhaus", Cause::listed},
    {"spamcop", Cause::listed},
    {"barracudacentral", Cause::listed},
    {"sorbs", Cause::listed},
    {"blacklist", Cause::listed},
    {"blocklist", Cause::listed},
    {"block list", Cause::listed},
    {"black list", Cause::listed},
    {"dnsbl", Cause::listed},
    {" rbl", Cause::listed},
    {"is listed", Cause::listed},
    {"listed at", Cause::listed},
    {"user unknown", Cause::unknown_user},
    {"unknown user", Cause::unknown_user},
    {"no such user", Cause::unknown_user},
    {"no such recipient", Cause::unknown_user},
    {"no such mailbox", Cause::unknown_user},
    {"user doesn't exist", Cause::unknown_user},
    {"user does not exist", Cause::unknown_user},
    {"account that you tried to reach does not exist", Cause::unknown_user},
    {"recipient not found", Cause::unknown_user},
    {"mailbox unavailable", Cause::unknown_user},
    {"mailbox not found", Cause::unknown_user},
    {"invalid recipient", Cause::unknown_user},
    {"invalid mailbox", Cause::unknown_user},
    {"unknown in", Cause::unknown_user},
    {"undeliverable address", Cause::unknown_user},
    {"mailbox full", Cause::mailbox_full},
    {"mailbox is full", Cause::mailbox_full},
    {"over quota", Cause::mailbox_full},
    {"quota exceeded", Cause::mailbox_full},
    {"exceeded storage", Cause::mailbox_full},
    {"out of storage", Cause::mailbox_full},
    {"helo command rejected", Cause::bad_helo},
    {"ehlo command rejected", Cause::bad_helo},
    {"sender address rejected: domain not found", Cause::sender_domain},
    {"sender address rejected: need fully-qualified", Cause::sender_domain},
    {"sender address rejected: malformed", Cause::sender_domain},
    {"cannot find your reverse hostname", Cause::no_reverse_name},
    {"cannot find your hostname", Cause::no_reverse_name},
    {"reverse dns", Cause::no_reverse_name},
    {"reverse hostname", Cause::no_reverse_name},
    {"ptr record", Cause::no_reverse_name},
    {"host or domain name not found", Cause::no_such_domain},
    {"host not found", Cause::no_such_domain},
    {"domain not found", Cause::no_such_domain},
    {"name service error", Cause::no_such_domain},
    {"does not accept mail", Cause::no_such_domain},
    {"connection timed out", Cause::unreachable},
    {"connection refused", Cause::unreachable},
    {"no route to host", Cause::unreachable},
    {"network is unreachable", Cause::unreachable},
    {"lost connection", Cause::unreachable},
    {"timed out while", Cause::unreachable},
    {"connection reset", Cause::unreachable},
    {"rate limit", Cause::rate_limited},
    {"ratelimit", Cause::rate_limited},
    {"unusual rate", Cause::rate_limited},
    {"too many connections", Cause::rate_limited},
    {"too many messages", Cause::rate_limited},
    {"too many recipients", Cause::rate_limited},
    {"too much mail", Cause::rate_limited},
    {"throttl", Cause::rate_limited},
    {"message size exceeds", Cause::too_large},
    {"message too large", Cause::too_large},
    {"message too big", Cause::too_large},
    {"file too big", Cause::too_large},
    {"size limit", Cause::too_large},
    {"mail forwarding loop", Cause::loop},
    {"loops back to myself", Cause::loop},
    {"too many hops", Cause::loop},
    {"starttls", Cause::tls},
    {" tls", Cause::tls},
    {"certificate", Cause::tls},
    {"dmarc", Cause::policy},
    {" spf", Cause::policy},
    {"dkim", Cause::policy},
    {"virus", Cause::content},
    {"header ", Cause::content},
    {"attachment", Cause::content},
    {"spam", Cause::reputation},
    {"unsolicited", Cause::reputation},
    {"reputation", Cause::reputation},
    {"poor rep", Cause::reputation},
    {"access denied", Cause::policy},
    {"not allowed", Cause::policy},
    {"policy", Cause::policy},
    {"protocol error", Cause::protocol},
    {"improper use", Cause::protocol},
    {"all server ports busy", Cause::busy},
    {"insufficient system storage", Cause::busy},
    {"try again later", Cause::busy},
    {"temporarily unavailable", Cause::busy},
    {"service unavailable", Cause::busy},
};

Cause by_words(std::string_view text) {
  const std::string lower = ascii_lower(text.substr(0, k_read_max));
  const auto found = std::ranges::find_if(
      k_signs, [&](const Sign& sign) { return lower.find(sign.words) != std::string::npos; });
  return found == std::end(k_signs) ? Cause::other : found->cause;
}

// RFC 3463: the subject and detail of "x.y.z".
Cause by_status(std::string_view dsn) {
  if (dsn.size() < 5 || dsn[1] != '.') return Cause::other;
  const std::string_view detail = dsn.substr(2);
  struct Status {
    std::string_view detail;
    Cause cause;
  };
  constexpr Status k_status[] = {{"1.1", Cause::unknown_user},
                                 {"1.2", Cause::no_such_domain},
                                 {"1.8", Cause::sender_domain},
                                 {"1.10", Cause::no_such_domain},
                                 {"2.1", Cause::unknown_user},
                                 {"2.2", Cause::mailbox_full},
                                 {"2.3", Cause::too_large},
                                 {"3.1", Cause::busy},
                                 {"3.2", Cause::busy},
                                 {"3.4", Cause::too_large},
                                 {"4.1", Cause::unreachable},
                                 {"4.2", Cause::unreachable},
                                 {"4.4", Cause::no_such_domain},
                                 {"4.5", Cause::busy},
                                 {"4.6", Cause::loop},
                                 {"5.1", Cause::protocol},
                                 {"5.2", Cause::protocol},
                                 {"7.1", Cause::policy},
                                 {"7.4", Cause::tls},
                                 {"7.25", Cause::no_reverse_name},
                                 {"7.26", Cause::policy},
                                 {"6.0", Cause::content}};
  const auto found = std::ranges::find(k_status, detail, &Status::detail);
  return found == std::end(k_status) ? Cause::other : found->cause;
}

}  // namespace

std::string_view to_string(Cause cause) { return names()[static_cast<std::size_t>(cause)].key; }
const Text& words(Cause cause) { return names()[static_cast<std::size_t>(cause)].words; }

Cause delivery_cause(std::string_view dsn, std::string_view reason) {
  const Cause said = by_words(reason);
  return said == Cause::other ? by_status(dsn) : said;
}

Cause refusal_cause(std::string_view dsn, std::string_view text) {
  const Cause said = by_words(text);
  return said == Cause::other ? by_status(dsn) : said;
}

std::string_view block_list(std::string_view reply) {
  reply = reply.substr(0, k_read_max);
  const auto in_host = [&](std::size_t at) {
    const char c = reply[at];
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  };
  const auto host_at = [&](std::size_t begin) {
    auto end = begin;
    while (end < reply.size() && in_host(end)) ++end;
    std::string_view host = reply.substr(begin, end - begin);
    while (host.ends_with('.')) host.remove_suffix(1);
    return host;
  };
  if (const auto at = reply.find("blocked using "); at != std::string_view::npos) {
    if (const auto host = host_at(at + 14); host.find('.') != std::string_view::npos) return host;
  }
  // Domains of lists that large providers name in their replies.
  constexpr std::string_view k_lists[] = {
      "spamhaus.org",      "spamhaus.net",   "spamcop.net",     "barracudacentral.org",
      "sorbs.net",         "uceprotect.net", "spamrats.com",    "psbl.org",
      "surriel.com",       "abuseat.org",    "mailspike.net",   "cloudmark.com",
      "proofpoint.com",    "trendmicro.com", "senderscore.com", "invaluement.com",
      "backscatterer.org", "nixspam.net",    "blocklist.de"};
  for (const std::string_view list : k_lists) {
    const auto at = reply.find(list);
    if (at == std::string_view::npos) continue;
    auto begin = at;
    while (begin > 0 && in_host(begin - 1)) --begin;
    return reply.substr(begin, at - begin + list.size());
  }
  return {};
}

}  // namespace sekimori::app
