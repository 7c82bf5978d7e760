#include "report/origin.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <memory>

namespace sekimori::report {
namespace {

bool is_own(const std::vector<std::string>& hosts, const std::string& name) {
  return !name.empty() && std::ranges::find(hosts, name) != hosts.end();
}

}  // namespace

std::string_view to_string(Origin origin) {
  switch (origin) {
    case Origin::ours: return "ours";
    case Origin::forged: return "forged";
    case Origin::unknown: return "unknown";
  }
  return "unknown";
}

std::vector<std::string> own_queue_ids(const MailReport& report,
                                       const std::vector<std::string>& own_hosts) {
  std::vector<std::string> ids;
  for (const ReceivedHop& hop : report.original.received) {
    if (!hop.id.empty() && is_own(own_hosts, hop.by)) ids.push_back(hop.id);
  }
  return ids;
}

std::optional<Instant> parse_mail_date(std::string_view text) {
  if (text.empty() || text.size() > 200) return std::nullopt;
  const std::string date(text);
  GDateTime* const parsed = g_mime_utils_header_decode_date(date.c_str());
  if (parsed == nullptr) return std::nullopt;
  const Instant t{g_date_time_to_unix(parsed) * 1'000'000};
  g_date_time_unref(parsed);
  return t;
}

OriginVerdict judge_origin(const MailReport& report, const SentEvidence& evidence,
                           const std::vector<std::string>& own_hosts, Instant now) {
  OriginVerdict out;
  const OriginalMessage& original = report.original;
  // The oldest line is the last (RFC 5321 §4.4); a forger may write lines below the true ones, so
  // that it is shown as what the headers say, and never proves anything in our disfavour alone.
  for (const ReceivedHop& hop : original.received) {
    if (!hop.by.empty()) out.first_hop = hop.by;
  }
  if (evidence.stamped) {
    out.origin = Origin::ours;
    out.why = {"返送されたメールに、このサーバーが付けた印があります。",
               "The returned mail carries the mark that this server puts on its own."};
    return out;
  }
  if (evidence.queue_id_known) {
    out.origin = Origin::ours;
    out.why = {"返送されたメールの queue ID は、このサーバーが送信したものです。",
               "The returned mail's queue id is one that this server sent."};
    return out;
  }
  if (evidence.message_id_known) {
    out.origin = Origin::ours;
    out.why = {"返送されたメールの Message-ID は、このサーバーが送信したものです。",
               "The returned mail's Message-ID is one that this server sent."};
    return out;
  }
  if (evidence.passed) {
    out.why = {
        "このサーバーを通りましたが、このアカウントのログインによる送信ではありません(転送、Web フォームなど)。",
        "It passed this server without this account's sign-in (a forward, a web form)."};
    return out;
  }
  if (!original.found) {
    out.why = {"元のメールのヘッダーが返送されていないため、判断できません。",
               "The original's headers were not returned: it cannot be told."};
    return out;
  }
  // When it was written, as it says itself; a date in the future is no date.
  const auto written = parse_mail_date(original.date);
  const bool plausible = written && *written < now + days(1);
  const auto covered = [&](Instant since) {
    return since.is_set() && plausible && *written >= since;
  };
  const bool through_us = std::ranges::any_of(
      original.received, [&](const ReceivedHop& hop) { return is_own(own_hosts, hop.by); });
  if (through_us) {
    // Our name in a line without a queue id of ours: forged as well, or older than our memory.
    if (covered(evidence.stamped_since) || covered(evidence.remembered_since)) {
      out.origin = Origin::forged;
      out.why = {"このサーバーを通ったと書かれていますが、そのような送信の記録はありません。",
                 "It claims to have passed this server, which sent no such mail."};
    } else {
      out.why = {"このサーバーを通った可能性がありますが、記録が残っている期間より前のメールです。",
                 "It may have passed this server, before what this server remembers."};
    }
    return out;
  }
  // Some gateways return a handful of fields: what they left out may have been the stamp.
  if (covered(evidence.stamped_since) && !original.received.empty()) {
    out.origin = Origin::forged;
    out.why = {"このサーバーから送ったメールに必ず付く印がありません。",
               "It lacks the mark that every mail of this account carries."};
    return out;
  }
  const bool has_trace = !original.received.empty() || !original.message_id.empty();
  if (has_trace && covered(evidence.remembered_since)) {
    out.origin = Origin::forged;
    out.why = {"このサーバーの送信記録に該当するメールがなく、別のサーバーから送られています。",
               "This server's records hold no such mail; it was sent from elsewhere."};
    return out;
  }
  out.why = {"送信の記録が残っている期間の外のため、判断できません。",
             "It lies outside the time that this server remembers: it cannot be told."};
  return out;
}

}  // namespace sekimori::report
