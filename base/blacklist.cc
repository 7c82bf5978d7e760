#include "base/blacklist.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/mail_address.h"

namespace sekimori {
namespace {

struct Known {
  std::string_view name;
  std::string_view line;        // without a key
  std::string_view keyed_zone;  // with one; "" : it has none
};
// Codes and addresses as the lists' own pages have them.
constexpr std::array k_known = {
    Known{"spamhaus-zen",
          "zen.spamhaus.org name=zen.spamhaus.org weight=5 "
          "codes=127.0.0.2=SBL,127.0.0.3=CSS,127.0.0.4-127.0.0.7=XBL,127.0.0.9=DROP,"
          "127.0.0.10-127.0.0.11=PBL,127.0.0.30=BCL "
          "url=https://check.spamhaus.org/query/ip/{ip}",
          "{key}.zen.dq.spamhaus.net"},
    Known{"spamhaus-authbl",
          "authbl.dq.spamhaus.net name=authbl.spamhaus weight=5 "
          "codes=127.0.0.2=test,127.0.0.20=AuthBL url=https://check.spamhaus.org/query/ip/{ip}",
          "{key}.authbl.dq.spamhaus.net"},
    Known{"spamcop",
          "bl.spamcop.net name=bl.spamcop.net weight=3 v6=no codes=127.0.0.2 "
          "url=https://www.spamcop.net/bl.shtml?{ip}",
          ""},
    Known{"barracuda",
          "b.barracudacentral.org name=b.barracudacentral.org weight=3 v6=no codes=127.0.0.2 "
          "url=https://www.barracudacentral.org/lookups/lookup-reputation?ip_address={ip}",
          ""},
};

constexpr std::size_t k_line_max = 2000;
constexpr std::size_t k_reason_max = 200;

Error wrong(std::string text) { return Error{ErrorKind::bad_input, std::move(text)}; }

Result<double> parse_weight(std::string_view text) {
  double weight = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  if (error != std::errc() || end != text.data() + text.size() || !(weight > 0) ||
      weight > k_blacklist_weight_max) {
    return std::unexpected(wrong(fmt::format("'{}' is no weight: a number above 0, at most {}",
                                             text.substr(0, 40), k_blacklist_weight_max)));
  }
  return weight;
}

bool is_zone(std::string_view text) {
  if (text.empty() || text.size() > 200 || text.front() == '.' || text.back() == '.') return false;
  if (text.find('.') == std::string_view::npos || text.find("..") != std::string_view::npos) {
    return false;
  }
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

// "127.0.0.4-127.0.0.7=XBL:2": addresses, then what they mean, then what they weigh.
Result<BlacklistCodes> parse_codes(std::string_view text) {
  BlacklistCodes out;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    const auto word = text.substr(colon + 1);
    if (word == "0") {
      out.weight = -1;  // known, and no listing
    } else {
      const auto weight = parse_weight(word);
      if (!weight) return std::unexpected(weight.error());
      out.weight = *weight;
    }
    text = text.substr(0, colon);
  }
  if (const auto sign = text.find('='); sign != std::string_view::npos) {
    out.meaning = std::string(text.substr(sign + 1));
    text = text.substr(0, sign);
  }
  const auto dash = text.find('-');
  const auto first = IpAddress::parse(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : IpAddress::parse(text.substr(dash + 1));
  const auto is_code = [](const Result<IpAddress>& ip) {
    return ip && ip->is_v4() && ip->bytes()[12] == 127;
  };
  if (!is_code(first) || !is_code(last) || *last < *first) {
    return std::unexpected(
        wrong(fmt::format("'{}' are no codes: addresses within 127.0.0.0/8, as 127.0.0.4-127.0.0.7",
                          text.substr(0, 60))));
  }
  out.first = *first;
  out.last = *last;
  return out;
}

Result<void> take_word(Blacklist& list, std::string_view key, std::string_view value) {
  if (key == "name") {
    if (value.empty() || value.size() > 60)
      return std::unexpected(wrong("'name' is 1 to 60 characters"));
    list.name = std::string(value);
    return {};
  }
  if (key == "weight") {
    const auto weight = parse_weight(value);
    if (!weight) return std::unexpected(weight.error());
    list.weight = *weight;
    return {};
  }
  if (key == "v6") {
    if (value != "yes" && value != "no") return std::unexpected(wrong("'v6' is yes or no"));
    list.v6 = value == "yes";
    return {};
  }
  if (key == "url") {
    if (!value.starts_with("https://") && !value.starts_with("http://")) {
      return std::unexpected(wrong("'url' begins with https:// or http://"));
    }
    list.url = std::string(value);
    return {};
  }
  if (key == "key_file") {
    if (!value.starts_with('/')) return std::unexpected(wrong("'key_file' is an absolute path"));
    list.key_file = std::string(value);
    return {};
  }
  if (key == "codes") {
    list.codes.clear();
    while (!value.empty()) {
      const auto one = value.substr(0, value.find(','));
      value.remove_prefix(std::min(value.size(), one.size() + 1));
      auto codes = parse_codes(one);
      if (!codes) return std::unexpected(codes.error());
      list.codes.push_back(std::move(*codes));
    }
    if (list.codes.empty() || list.codes.size() > 64) {
      return std::unexpected(wrong("'codes' are 1 to 64, with commas between"));
    }
    return {};
  }
  return std::unexpected(wrong(fmt::format(
      "'{}' is none of name, weight, v6, codes, url, key_file and text", key.substr(0, 40))));
}

Result<void> take_words(Blacklist& list, std::string_view rest) {
  while (true) {
    const auto start = rest.find_first_not_of(' ');
    if (start == std::string_view::npos) return {};
    rest.remove_prefix(start);
    if (rest.starts_with("text=")) {
      list.text = std::string(rest.substr(5));
      return {};
    }
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    const auto sign = word.find('=');
    if (sign == std::string_view::npos) {
      return std::unexpected(
          wrong(fmt::format("'{}' wants the form key=value", word.substr(0, 60))));
    }
    if (auto done = take_word(list, word.substr(0, sign), word.substr(sign + 1)); !done)
      return done;
  }
}

std::string filled(std::string text, const Blacklist& list, const IpAddress& ip,
                   std::string_view reason) {
  const auto fill = [&text](std::string_view mark, std::string_view value) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      text.replace(at, mark.size(), value);
      at += value.size();
    }
  };
  fill("{url}", list.url);
  fill("{ip}", ip.to_string());
  fill("{list}", list.name);
  fill("{reason}", reason);
  return text;
}

}  // namespace

Result<Blacklist> parse_blacklist(std::string_view line) {
  if (line.size() > k_line_max || std::ranges::any_of(line, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e;
      })) {
    return std::unexpected(wrong("a blacklist is one line of printable ASCII"));
  }
  const auto start = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(start);
  const auto head = line.substr(0, line.find(' '));
  line.remove_prefix(head.size());
  Blacklist list;
  std::string_view keyed;
  const auto* known = std::ranges::find(k_known, head, &Known::name);
  if (known != k_known.end()) {
    const auto zone = known->line.substr(0, known->line.find(' '));
    list.zone = std::string(zone);
    if (auto done = take_words(list, known->line.substr(zone.size())); !done) {
      return std::unexpected(done.error());
    }
    keyed = known->keyed_zone;
  } else {
    std::string zone = ascii_lower(head);
    if (const auto mark = zone.find("{key}"); mark != std::string::npos) {
      keyed = head;
      zone.replace(mark, 5, "key");
    }
    if (!is_zone(zone)) {
      return std::unexpected(wrong(
          fmt::format("'{}' is neither a zone such as bl.example.net nor one of spamhaus-zen, "
                      "spamhaus-authbl, spamcop and barracuda",
                      head.substr(0, 80))));
    }
    list.zone = list.name = ascii_lower(head);
  }
  if (auto done = take_words(list, line); !done) return std::unexpected(done.error());
  if (!list.key_file.empty()) {
    if (keyed.empty()) {
      return std::unexpected(wrong(fmt::format(
          "'{}' has no place for a key: write {{key}} into its zone", head.substr(0, 80))));
    }
    list.zone = std::string(keyed);
  } else if (list.zone.find("{key}") != std::string::npos || head == "spamhaus-authbl") {
    return std::unexpected(wrong(fmt::format("'{}' wants key_file=/path", head.substr(0, 80))));
  }
  return list;
}

std::string_view to_string(ListState state) {
  switch (state) {
    case ListState::unknown: return "unknown";
    case ListState::clean: return "clean";
    case ListState::listed: break;
  }
  return "listed";
}

ListAnswer read_list_answer(const Blacklist& list, std::vector<IpAddress> codes) {
  ListAnswer out;
  out.codes = std::move(codes);
  for (const IpAddress& code : out.codes) {
    const auto& bytes = code.bytes();
    if (!code.is_v4() || bytes[12] != 127) {
      out.trouble = "it answers " + code.to_string() + ", which no blacklist does";
      return out;
    }
    if (bytes[13] == 255 && bytes[14] == 255) {
      out.trouble = "it answers with the error code " + code.to_string();
      return out;
    }
  }
  out.state = ListState::clean;
  for (const IpAddress& code : out.codes) {
    double weight = 0;
    std::string_view meaning;
    if (list.codes.empty()) weight = list.weight;
    for (const BlacklistCodes& codes_of : list.codes) {
      if (code < codes_of.first || codes_of.last < code) continue;
      weight = codes_of.weight == 0 ? list.weight : std::max(codes_of.weight, 0.0);
      meaning = codes_of.meaning;
    }
    if (weight <= 0) continue;
    out.state = ListState::listed;
    out.weight = std::max(out.weight, weight);
    if (!meaning.empty() && out.reason.find(meaning) == std::string::npos) {
      out.reason += (out.reason.empty() ? "" : ", ") + std::string(meaning);
    }
  }
  return out;
}

BlacklistVerdict weigh(std::span<const Blacklist> lists, std::span<const ListAnswer> answers,
                       const BlacklistLimits& limits, const IpAddress& ip) {
  BlacklistVerdict out;
  std::string listed;
  for (std::size_t i = 0; i < std::min(lists.size(), answers.size()); ++i) {
    const ListAnswer& answer = answers[i];
    if (answer.state != ListState::listed) continue;
    out.score += answer.weight;
    if (out.heaviest == SIZE_MAX || answer.weight > answers[out.heaviest].weight) out.heaviest = i;
    listed += (listed.empty() ? "" : ", ") + lists[i].name;
  }
  if (out.heaviest == SIZE_MAX) return out;
  const auto reaches = [&](double limit) { return limit > 0 && out.score >= limit; };
  out.action = reaches(limits.refuse)  ? BlacklistAction::refuse
               : reaches(limits.defer) ? BlacklistAction::defer
               : reaches(limits.mark)  ? BlacklistAction::mark
                                       : BlacklistAction::none;
  const Blacklist& list = lists[out.heaviest];
  const std::string reason = answers[out.heaviest].reason.substr(0, k_reason_max);
  if (out.action == BlacklistAction::mark) {
    out.header = fmt::format("X-Sekimori-Blacklist: score={:.1f} lists={}", out.score, listed);
    return out;
  }
  const char* code = out.action == BlacklistAction::defer ? "450 4.7.1 " : "554 5.7.1 ";
  std::string words = list.text;
  if (words.empty()) {
    words = "Client host [{ip}] is listed by {list}";
    // A TXT record often says where to look as well.
    if (!reason.empty()) words += ": {reason}";
    const std::string look = filled(list.url, list, ip, "");
    if (!list.url.empty() && reason.find(look) == std::string::npos) words += "; see {url}";
  }
  out.text = code + filled(std::move(words), list, ip, reason);
  return out;
}

}  // namespace sekimori
