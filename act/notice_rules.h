// Whom each kind of notice concerns. Shared by the two halves of Notices.
#pragma once

#include <string>
#include <string_view>

#include "decide/notice.h"

namespace sekimori::act {

// One that can stand in an SMTP command as it is.
[[nodiscard]] bool is_plain_address(const std::string& address);
[[nodiscard]] bool is_containment(std::string_view kind);
// Mail waits for a closed mailbox, by its standing or by a person's switch.
[[nodiscard]] bool is_of_waiting_mail(std::string_view kind);
// A person switched receiving or signing in.
[[nodiscard]] bool is_of_switch(std::string_view kind);
// Kinds without which a suspended owner would not know what to do.
[[nodiscard]] bool wants_call(std::string_view kind);
// Names what is told to whom; the same notice has the same key.
[[nodiscard]] std::string key_of(const decide::NoticeRow& row);

// Beside the operators. What nobody but we know stays with us.
struct Concerned {
  bool owner = true;
  bool mailbox = true;
  bool admins = true;
  bool operators = true;  // by mail; programs hear of all
};
[[nodiscard]] Concerned concerned(std::string_view kind);

}  // namespace sekimori::act
