// Against what a drill is played: a lab (its endpoints.json), or a test account of a real server.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/cli_api.h"
#include "app/cli_options.h"
#include "app/drill_stream.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/settings.h"

namespace sekimori::app {

struct DrillPerson {
  std::string address;
  Secret password;
};

struct DrillTarget {
  bool is_lab = false;
  DrillPerson owner;                    // whose mailbox is hijacked
  std::vector<DrillPerson> colleagues;  // other accounts of the same server; empty: none known
  MailEndpoint submission;
  MailEndpoint imap;
  MailEndpoint pop3;    // unset: not played
  MailEndpoint mx;      // unset: not played
  std::string sink;     // the folder of what left; "": unknown
  std::string maillog;  // "": unknown
  std::unique_ptr<Api> api;
};

// Finds it from the command line; asks for nothing on the terminal. Errors: bad_input (what is
// missing), operating (files, no daemon).
[[nodiscard]] Result<DrillTarget> drill_target(const Invocation& given,
                                               const config::Settings& settings);

// The endpoints.json of the lab that this settings file belongs to: beside it or in a folder above;
// "" when there is none.
[[nodiscard]] std::string endpoints_beside(const std::string& config_path);

}  // namespace sekimori::app
