// The command line as a value, and its parser.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace sekimori::app {

// account approve, as it was typed.
struct ApprovalWords {
  std::uint64_t recipients = 0;
  std::uint64_t per_message = 0;
  std::string size;     // "10k-200k"
  std::string network;  // CIDR
  std::string from;     // "24h" or RFC 3339
  std::string until;
  std::string repeat;
  std::string days;   // "mon,fri", "1,last"
  std::string start;  // "09:00"
  std::uint64_t minutes = 0;
  std::string zone;
};

// ip, as it was typed.
struct RuleWords {
  std::string action;  // of import and list
  std::string use;
  std::string kind;  // of list
  std::string sort;
  bool partial = false;  // of import
  bool dry_run = false;
};

// attach and doctor, as they were typed. Empty: where Debian has it.
struct AttachWords {
  std::string root;
  std::string postfix;  // its folder
  std::string dovecot;  // its dovecot.conf
  std::string backup;
  std::vector<std::string> webmail;
  bool no_dovecot = false;
  bool yes = false;
  bool dry_run = false;
  bool undo = false;
  bool force = false;
  bool learn = false;
};

// One command with all it was given. Only the fields that the command takes are set.
struct Invocation {
  std::string command;        // "account list", "config check", "serve"
  std::string config;         // path of the settings file
  bool config_given = false;  // by --config or $SEKIMORI_CONFIG
  bool json = false;
  Language language = Language::en;

  std::string subject;  // ADDRESS, DOMAIN, ID, NETWORK, QUEUE-ID, on|off: the first argument
  std::string text;     // note's TEXT
  std::string reason;
  bool probation = false;
  // lists
  std::string search;
  std::string domain;
  std::string standing;
  bool no_letter = false;    // the owner is not written to
  std::string switched_off;  // "any", "receive" or "login": switched off by a person
  std::string state;
  std::string account;
  std::uint64_t limit = 100;
  std::string ip;  // account diagnose
  // queue
  bool all = false;
  bool subjects = false;
  // account add, password
  std::string name;
  bool password_stdin = false;
  bool generate = false;
  bool old_password_stdin = false;  // behind the new one, where that is piped, too
  // account recovery: one of these, or none to look
  bool check = false;
  bool keep_forwards = false;
  bool remove_forwards = false;
  std::vector<std::string> targets;  // of the two above, empty: all; or of queue: queue ids
  std::string review;
  bool with_code = false;  // call-sheet
  bool named = false;      // incident delisting
  std::string change;      // incident keep, incident revert
  ApprovalWords approval;  // account approve
  std::string role;        // operator add
  bool off = false;        // operator totp
  // incident report, incident warn-recipients; html also of analyze
  std::string html;  // files to write; "-" is standard output
  std::string csv;
  bool send = false;
  std::string title;
  std::string text_file;
  // ip; also search, account, domain and limit
  std::string expires;  // "24h" or RFC 3339
  RuleWords rule;
  // release-all
  bool every = false;
  // replay
  std::vector<std::string> events;  // none: the journal of this installation
  std::string compare;              // a second settings file
  std::string from;                 // as event_source.h: parse_moment
  std::string until;
  std::string decisions;
  std::string mode = "enforce";
  bool hash = false;
  // learn, analyze
  std::vector<std::string> logs;
  std::uint64_t threads = 0;  // 0: as many as there are cores
  AttachWords attach;
  // drill; account, submission and mx also of attach
  std::string endpoints;
  std::string submission;
  std::string imap;
  std::string mx;
  std::string sink;
};

// What to print and how to exit instead of running a command: help, or what was wrong.
struct UsageEnd {
  int exit_code = 0;
  std::string text;
  bool to_stderr = false;
};

// The parts of the environment that the command line listens to.
struct CliEnvironment {
  std::string locale;  // $LC_ALL, else $LC_MESSAGES, else $LANG
  std::string config;  // $SEKIMORI_CONFIG
};

// Reads the words behind the program's name. --config, --json and --lang may stand anywhere.
[[nodiscard]] std::expected<Invocation, UsageEnd> parse_command_line(
    const std::vector<std::string>& words, const CliEnvironment& environment);

// Japanese for a locale that begins with "ja", English for every other one.
[[nodiscard]] Language language_of_locale(std::string_view locale);

}  // namespace sekimori::app
