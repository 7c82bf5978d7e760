// Telling people, put together from the settings and the stores.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "act/notices.h"
#include "base/result.h"
#include "config/check.h"
#include "decide/notice.h"

namespace sekimori::app {

class World;

// How to reach an owner outside of the mailbox, as the provider's store says.
struct RegisteredContact {
  std::string name;
  std::string email;
  std::string phone;
  // There and unchanged since before the incident. One that was changed since is the earlier one,
  // and not old.
  bool email_is_old = false;
  bool phone_is_old = false;
};
// Errors: not_found, operating. `incident` 0: whatever stands there now is taken as old.
[[nodiscard]] Result<RegisteredContact> registered_contact(World& world, const std::string& account,
                                                           std::uint64_t incident);

// Errors: operating (the webhook's secret cannot be read).
[[nodiscard]] Result<std::unique_ptr<act::Notices>> make_notices(World& world);

[[nodiscard]] act::NoticeSender notice_sender(const config::Settings& settings,
                                              const std::string& host);

// What is wrong with the texts in notices.template_dir, for `config check`.
[[nodiscard]] std::vector<config::Finding> template_findings(const config::Settings& settings);

// Errors: not_found (no such account).
[[nodiscard]] Result<decide::CallSheet> call_sheet_of(World& world, const std::string& account);

}  // namespace sekimori::app
