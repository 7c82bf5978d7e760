// What `sekimori attach` would change on a mail server, worked out from what Postfix and Dovecot
// say of themselves. Pure: reads nothing, runs nothing; the same facts give the same plan.
//
// The levers and why they are written as they are: docs/operate/attach.md and
// docs/decisions/022-attach.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "wire/mail_conf.h"

namespace sekimori::app {

// As found. Paths are the mail server's own (below its root, where it has one).
struct AttachFacts {
  std::string postfix_dir;       // "/etc/postfix"
  wire::ConfValues postfix;      // every parameter's value
  wire::ConfValues postfix_own;  // those that main.cf sets
  std::vector<wire::PostfixService> services;
  std::vector<std::string> map_types;  // postconf -m
  std::string main_cf;
  std::string master_cf;

  std::string dovecot_file;  // "/etc/dovecot/dovecot.conf"; "" without Dovecot
  std::string dovecot_text;
  wire::DovecotConf dovecot;
};

// What Sekimori's own settings say, and what was chosen for this server.
struct AttachChoice {
  std::string policy = {};           // "inet:127.0.0.1:10040"
  std::string auth_policy_url = {};  // "http://127.0.0.1:10041/"
  std::string events_url = {};       // "http://127.0.0.1:10041/dovecot"
  std::string api_header = {};       // "Name: value", or ""
  std::string guard = {};            // guard.db, as the mail server sees it
  std::string context = {};          // this host's name in policy questions
  std::string doveadm_address = {};  // where Dovecot's API is to listen
  std::uint16_t doveadm_port = 0;
  std::string doveadm_key = {};
  std::string nonce = {};
  std::vector<std::string> webmail =
      {};  // addresses of webmail hosts that tell whom they speak for
};

struct FileChange {
  std::string path;
  std::optional<std::string> before;  // nullopt: there is none
  std::string after;
  // Of a new file; one that is there keeps its own.
  unsigned mode = 0644;
  std::string group = "root";
  bool is_secret = false;  // shown with stars
  bool operator==(const FileChange&) const = default;
};

struct AttachPlan {
  std::vector<FileChange> files;  // only what really changes
  std::vector<Text> notes;        // for the person to know
};

inline constexpr std::string_view k_attach_mark =
    "# Written by \"sekimori attach\"; \"sekimori attach --undo\" takes it away.";

// Files that are there already and that the plan may replace: their text by path.
using PresentFiles = std::vector<std::pair<std::string, std::string>>;

// Errors: bad_input, in words for a person: what stands in the way and the command that mends it.
[[nodiscard]] Result<AttachPlan> plan_attach(const AttachFacts& facts, const AttachChoice& choice,
                                             const PresentFiles& present);

// The files that a plan may write anew, so that the caller can read them first.
[[nodiscard]] std::vector<std::string> attach_files(const AttachFacts& facts);

// The nonce or key that an earlier attach wrote into the text of its secrets file, or "".
[[nodiscard]] std::string attach_secret(std::string_view text, std::string_view setting);

// As a unified diff; secrets of our own are starred.
[[nodiscard]] std::string shown_change(const FileChange& change);

// Dovecot's value of an auth_policy_… setting, which 2.4 prints within a block; "" when not set.
[[nodiscard]] std::string auth_policy_setting(const wire::DovecotConf& conf, std::string_view name);

// Where the account store is, from the sql files behind virtual_mailbox_maps.
struct FoundAccounts {
  std::string kind;      // "sqlite", "mysql", "pgsql"
  std::string url;       // as accounts.database has it; without a password
  std::string password;  // which Postfix's map names; "" = none
  std::string table;     // "mailbox", or what it is called here
};
// The map files named in the value, in order: (type, path).
[[nodiscard]] std::vector<std::pair<std::string, std::string>> sql_maps(std::string_view value);
// From one such file's text. Errors: not_found (it asks no table named …mailbox).
[[nodiscard]] Result<FoundAccounts> accounts_of_map(std::string_view kind, std::string_view text);

}  // namespace sekimori::app
