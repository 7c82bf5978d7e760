// One notice as a letter: the facts put into the template's words, in both languages, as a MIME
// message that passes DKIM unchanged and that no vacation reply answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "act/notice_templates.h"
#include "base/event.h"
#include "base/instant.h"
#include "base/text.h"
#include "decide/notice.h"
#include "decide/switches.h"

namespace sekimori::act {

// The provider's side, the same in every notice.
struct NoticeSender {
  std::string from;                  // an address of a domain that signs here; "" = no mail
  std::string provider_name;         // "" = general words
  std::string server_name;           // for operators
  std::string portal_url;            // where an owner begins the way back
  std::string panel_url;             // for operators
  std::string help_url;              // where to ask
  std::string help_phone;            //
  std::string help_hours;            //
  Language language = Language::ja;  // stands first
};

// What a template may want to know of one notice.
struct NoticeFacts {
  std::string name;  // the owner's; "" = not known
  Standing standing = Standing::normal;
  Instant since;                      // of the standing
  decide::Switches switches;          // what people switched off
  std::uint64_t waiting_senders = 0;  // mail waiting outside
  Instant waiting_since;
  Instant lost_at;        // when the first of it is given up
  bool has_call = false;  // nobody can write to the owner: they are on the call list
};

// Local time of this machine, to the minute, with the zone: "2026-11-22 12:04 JST".
[[nodiscard]] std::string notice_time(Instant t);
// How the standing feels to an owner: what works and what does not.
[[nodiscard]] Text effect_of(Standing standing);
// The same with what people switched off beside it.
[[nodiscard]] Text effect_of(Standing standing, const decide::Switches& switches);

[[nodiscard]] NoticeValues notice_values(const decide::NoticeRow& row, const NoticeFacts& facts,
                                         const NoticeSender& sender, Language language);

struct Letter {
  std::string subject;
  std::string body;
};
// Both languages, the sender's first.
[[nodiscard]] Letter write_notice(const decide::NoticeRow& row, const NoticeFacts& facts,
                                  const NoticeSender& sender, const NoticeTemplates& templates);
// Many notices in one letter; `rows` are for one recipient, at least one.
[[nodiscard]] Letter write_digest(const std::vector<decide::NoticeRow>& rows,
                                  const NoticeSender& sender, const NoticeTemplates& templates);
// What is said when nothing else is known: subject and domain as people read them.
[[nodiscard]] Text subject_name(const decide::Subject& subject);

struct MailHeaders {
  std::string from;
  std::string from_name;        // UTF-8
  std::vector<std::string> to;  // addresses
  std::string message_id;       // "local@domain": the same notice has the same id
  Instant date;
};
// RFC 5322 and 2045–2047 by GMime: ASCII only, lines of at most 76 bytes, CRLF, Auto-Submitted
// (RFC 3834). Pure.
[[nodiscard]] std::string make_mail(const MailHeaders& headers, const Letter& letter);

}  // namespace sekimori::act
