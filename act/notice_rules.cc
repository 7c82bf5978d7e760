#include "act/notice_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mail_address.h"

namespace sekimori::act {

using decide::NoticeRow;

bool is_containment(std::string_view kind) {
  return kind == "restricted" || kind == "suspended" || kind == "again";
}

bool is_of_waiting_mail(std::string_view kind) {
  return kind == "mail_waiting" || kind == "mail_waiting_off";
}

bool is_of_switch(std::string_view kind) {
  return kind == "receive_off" || kind == "receive_on" || kind == "login_off" || kind == "login_on";
}

bool is_plain_address(const std::string& address) {
  return MailAddress::parse(address).has_value() &&
         address.find_first_of("<>\r\n \t,;\"") == std::string::npos &&
         std::ranges::all_of(address, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Concerned concerned(std::string_view kind) {
  if (kind == "verified") return {.owner = true, .mailbox = true, .admins = false};
  if (kind == "recovering") return {.owner = true, .mailbox = true, .admins = false};
  if (kind == "held_asked") return {.owner = true, .mailbox = true, .admins = false};
  // Colleagues did it, and the stream and the audit say so.
  if (is_of_switch(kind))
    return {.owner = true, .mailbox = true, .admins = true, .operators = false};
  if (kind == "notice_failed" || kind == "complained" || kind.starts_with("breaker_"))
    return {.owner = false, .mailbox = false, .admins = false};
  return {};
}

bool wants_call(std::string_view kind) {
  return is_containment(kind) || kind == "still_contained" || kind == "mail_waiting";
}

std::string key_of(const NoticeRow& row) {
  return fmt::format("{}/{}/{}/{}/{}/{}/{}", row.incident, row.kind, to_string(row.subject.kind),
                     row.subject.id, to_string(row.channel), to_string(row.audience), row.to);
}

}  // namespace sekimori::act
