// sekimori attach: looks, shows, asks, writes, tries; and --undo.
#include <fmt/format.h>
#include <glob.h>
#include <pwd.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "app/attach_dovecot.h"
#include "app/attach_ledger.h"
#include "app/attach_settings.h"
#include "app/attach_trials.h"
#include "app/cli_api.h"
#include "app/cli_attach.h"
#include "app/cli_commands.h"
#include "app/cli_password.h"
#include "app/cli_text.h"
#include "base/hash.h"
#include "store/guard_store.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

Exit failed(const Invocation& given, const Error& error) {
  print_failure(given, error);
  return Exit::refused;
}

// What the run found out and did, for people and machines.
struct Report {
  std::vector<FileChange> changes;
  std::vector<Text> notes;
  std::vector<TrialResult> trials;
  std::vector<Text> next;
  bool applied = false;
};

const char* state_word(const Invocation& given, TrialState state) {
  switch (state) {
    case TrialState::proved: return say(given, "確認", "proved");
    case TrialState::failed: return say(given, "失敗", "FAILED");
    case TrialState::skipped: return say(given, "未確認", "not tried");
  }
  return "";
}

json::array texts_json(const std::vector<Text>& texts) {
  json::array out;
  for (const auto& t : texts) out.push_back(json::object{{"ja", t.ja}, {"en", t.en}});
  return out;
}

void print_json(const Report& report) {
  json::array changes;
  std::string diff;
  for (const auto& change : report.changes) {
    changes.push_back(json::string(change.path));
    diff += shown_change(change);
  }
  json::array trials;
  for (const auto& trial : report.trials) {
    constexpr std::array<const char*, 3> words = {"proved", "failed", "skipped"};
    trials.push_back(
        json::object{{"name", trial.name},
                     {"state", words[static_cast<std::size_t>(trial.state)]},
                     {"words", json::object{{"ja", trial.words.ja}, {"en", trial.words.en}}}});
  }
  fmt::print("{}\n", json::serialize(json::object{{"applied", report.applied},
                                                  {"files", changes},
                                                  {"diff", diff},
                                                  {"notes", texts_json(report.notes)},
                                                  {"trials", trials},
                                                  {"next", texts_json(report.next)}}));
}

void print_plan(const Invocation& given, const Report& report) {
  for (const auto& change : report.changes) fmt::print("{}", shown_change(change));
  for (const auto& note : report.notes) {
    fmt::print("{}{}\n", say(given, "※ ", "Note: "), note.in(given.language));
  }
}

void print_outcome(const Invocation& given, const Report& report) {
  for (const auto& trial : report.trials) {
    fmt::print("[{}] {}: {}\n", state_word(given, trial.state), trial.name,
               harmless(trial.words.in(given.language)));
  }
  for (const auto& next : report.next) fmt::print("→ {}\n", next.in(given.language));
}

bool agreed(const Invocation& given) {
  if (given.attach.yes) return true;
  fmt::print("{}", say(given, "この変更を行いますか? [y/N] ", "Make these changes? [y/N] "));
  std::fflush(stdout);
  std::string line;
  std::getline(std::cin, line);
  return line == "y" || line == "Y" || line == "yes" || line == "はい";
}

// The guard's folder and database, which Postfix and Dovecot read by themselves.
Result<void> prepare_guard(AttachLedger& ledger, const std::string& database, uid_t uid,
                           gid_t own_group, gid_t postfix) {
  const std::string folder = database.substr(0, database.rfind('/'));
  const std::string above = folder.substr(0, folder.rfind('/'));
  struct stat info{};
  if (::stat(above.c_str(), &info) != 0) {
    if (auto done = ledger.prepare_folder({above, 0751, uid, own_group}); !done) return done;
  } else if ((info.st_mode & S_IXOTH) == 0) {
    // The mail servers pass through; they cannot list it.
    auto done =
        ledger.prepare_folder({above, (info.st_mode & 07777U) | S_IXOTH, info.st_uid, info.st_gid});
    if (!done) return done;
  }
  if (auto done = ledger.prepare_folder({folder, 02770, uid, postfix}); !done) return done;
  {
    auto guard = store::SqliteGuardStore::open({database});
    if (!guard) return std::unexpected(guard.error());
  }
  for (const auto* suffix : {"", "-wal", "-shm"}) {
    const std::string path = database + suffix;
    if (::access(path.c_str(), F_OK) != 0) continue;
    if (::lchown(path.c_str(), uid, postfix) != 0 || ::chmod(path.c_str(), 0660) != 0) {
      return operating_failure(fmt::format("the rights of {} could not be set", path));
    }
  }
  return {};
}

std::vector<std::string> old_logs(const std::string& path) {
  std::vector<std::string> out;
  ::glob_t found{};
  if (::glob((path + "*").c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) out.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  return out;
}

// The first `own` of the changes are Sekimori's own settings.
Result<std::vector<AttachLedger::Write>> writes_of(const AttachPlace& place,
                                                   const std::vector<FileChange>& changes,
                                                   std::size_t own) {
  std::vector<AttachLedger::Write> out;
  for (const auto& change : changes) {
    // Sekimori's own files belong to this machine, also where the mail server has a root.
    AttachLedger::Write write{change, 0, out.size() < own};
    if (!change.before && change.group != "root") {
      auto gid = (write.own ? AttachPlace("") : place).group(change.group);
      if (!gid) return std::unexpected(gid.error());
      write.gid = *gid;
    }
    out.push_back(std::move(write));
  }
  return out;
}

Exit undo(const Invocation& given, const AttachPlace& place, const ServerPaths& paths,
          AttachLedger& ledger) {
  if (ledger.empty()) {
    return failed(given, {ErrorKind::not_found,
                          say(given, "組み込みの記録がありません。", "nothing is attached here")});
  }
  auto edited = ledger.edited();
  if (!edited) return failed(given, edited.error());
  if (!edited->empty() && !given.attach.force) {
    std::string names;
    for (const auto& each : *edited) {
      names += (names.empty() ? "" : ", ") + each.path;
      if (given.json) continue;
      fmt::print("{}", wire_diff(each));
    }
    return failed(
        given,
        {ErrorKind::bad_input,
         fmt::format(
             fmt::runtime(
                 say(given,
                     "組み込んだあとに編集されたファイルがあるため、何も変更していません: {}\n"
                     "上の編集を取り消してからもう一度実行するか、--undo --force で戻してください"
                     "(編集された内容は FILE.sekimori-edited に残します)。",
                     "edited since attach, so nothing was changed: {}\n"
                     "take the edit above back and try again, or put them back with --undo "
                     "--force (the edited text is kept as FILE.sekimori-edited)")),
             names)});
  }
  auto done = ledger.undo(given.attach.force);
  if (!done) return failed(given, done.error());
  auto facts = look_at_server(place, paths);
  Result<void> reloaded;
  if (facts) reloaded = reload_servers(place, *facts);
  if (given.json) {
    json::array files;
    for (const auto& path : *done) files.push_back(json::string(path));
    fmt::print("{}\n",
               json::serialize(json::object{{"undone", files}, {"reloaded", facts && reloaded}}));
  } else {
    for (const auto& path : *done) {
      fmt::print("{}{}\n", say(given, "元に戻しました: ", "put back: "), path);
    }
  }
  if (facts && reloaded) return Exit::done;
  print_failure(given, facts ? reloaded.error() : facts.error());
  return Exit::in_part;
}

Text next_start(const Invocation& given) {
  return {
      fmt::format("Sekimori を(再)起動してください: systemctl restart sekimori-helper sekimori"
                  "(または sekimori serve --config {})",
                  given.config),
      fmt::format("(re)start Sekimori: systemctl restart sekimori-helper sekimori (or: sekimori "
                  "serve --config {})",
                  given.config)};
}

}  // namespace

std::string attach_folder(const Invocation& given, const AttachPlace& place,
                          const ServerPaths& paths) {
  if (!given.attach.backup.empty()) return given.attach.backup;
  const std::string where = place.outside(paths.postfix_dir);
  if (where == "/etc/postfix") return "/var/lib/sekimori-attach";
  // A second Postfix on one machine has a memory of its own.
  return fmt::format("/var/lib/sekimori-attach-{:016x}", keyed_hash(HashKey{}, where));
}

ServerPaths attach_paths(const Invocation& given, const config::Settings& settings) {
  ServerPaths paths;
  paths.postfix_dir = settings.postfix.config_directory;
  if (!given.attach.postfix.empty()) paths.postfix_dir = given.attach.postfix;
  if (!given.attach.dovecot.empty()) paths.dovecot_file = given.attach.dovecot;
  if (given.attach.no_dovecot) paths.dovecot_file.clear();
  return paths;
}

Exit run_attach_command(const Invocation& given) {
  auto own = AttachSettings::read(given.config);
  if (!own) return failed(given, own.error());
  const AttachPlace place(given.attach.root);
  const ServerPaths paths = attach_paths(given, own->settings());
  auto ledger = AttachLedger::open(attach_folder(given, place, paths));
  if (!ledger) return failed(given, ledger.error());
  if (given.attach.undo) return undo(given, place, paths, *ledger);

  auto facts = look_at_server(place, paths);
  if (!facts) return failed(given, facts.error());
  Report report;
  auto choice = own->choose(place, *facts, given.attach.webmail, ledger->empty(), report.notes);
  if (!choice) return failed(given, choice.error());
  PresentFiles present;
  for (const auto& path : attach_files(*facts)) {
    auto text = place.read(path);
    if (!text) return failed(given, text.error());
    if (*text) present.emplace_back(path, std::move(**text));
  }
  auto plan = plan_attach(*facts, *choice, present);
  if (!plan) return failed(given, plan.error());
  auto own_changes = own->changes();
  if (!own_changes) return failed(given, own_changes.error());
  report.changes = std::move(*own_changes);
  const std::size_t own_count = report.changes.size();
  for (auto& change : plan->files) {
    change.path = place.outside(change.path);
    report.changes.push_back(std::move(change));
  }
  std::ranges::move(plan->notes, std::back_inserter(report.notes));

  TrialSetup trial{place, *facts, own->settings(), ports_of(*facts), given.account, {}};
  for (const auto& [words, to] : {std::pair(given.submission, &trial.ports.submission),
                                  std::pair(given.mx, &trial.ports.mx)}) {
    if (words.empty()) continue;
    auto endpoint = MailEndpoint::parse(words);
    if (!endpoint) return failed(given, endpoint.error());
    *to = *endpoint;
  }
  if (!given.json) print_plan(given, report);
  if (given.attach.dry_run) {
    if (given.json) print_json(report);
    return Exit::done;
  }
  if (::geteuid() != 0) {
    return failed(
        given, {ErrorKind::operating, say(given, "root で実行してください。", "run this as root")});
  }
  const bool runs = postfix_runs(place, *facts);
  if (!given.account.empty()) {
    if (!given.password_stdin) {
      print_failure(given, 400, "--trial-account needs --password-stdin");
      return Exit::usage;
    }
    auto password = password_from_stdin();
    if (!password) return failed(given, password.error());
    trial.password = std::move(*password);
    // What cannot sign in before would prove nothing afterwards.
    if (runs) {
      if (auto in = account_signs_in(trial); !in) return failed(given, in.error());
    }
  }
  if (!report.changes.empty() && !agreed(given)) {
    if (given.json) print_json(report);
    if (!given.json)
      fmt::print("{}\n", say(given, "何も変更していません。", "nothing was changed"));
    return Exit::refused;
  }

  const passwd* user = ::getpwnam(own->settings().server.user.c_str());
  if (user == nullptr) {
    return failed(given, {ErrorKind::operating,
                          fmt::format("there is no user '{0}' (server.user); make one with: "
                                      "useradd --system {0}",
                                      own->settings().server.user)});
  }
  auto postfix = place.group("postfix");
  if (!postfix) return failed(given, postfix.error());
  auto writes = writes_of(place, report.changes, own_count);
  if (!writes) return failed(given, writes.error());
  auto done = ledger->apply(*writes);
  if (done) {
    done = prepare_guard(*ledger, own->settings().guard.database, user->pw_uid, user->pw_gid,
                         *postfix);
  }
  if (done) done = configuration_holds(place, *facts);
  if (done) done = reload_servers(place, *facts);
  if (!done) {
    const auto back = ledger->undo(false);
    if (back) (void)reload_servers(place, *facts);
    return failed(given, {done.error().kind,
                          fmt::format("{} ({})", done.error().text,
                                      back ? say(given, "元に戻しました", "everything was put back")
                                           : back.error().text.c_str())});
  }
  report.applied = true;
  if (runs) {
    report.trials = run_trials(trial);
  } else {
    report.next.push_back(
        {"Postfix が動いていないため、試していません。起動してからもう一度 sekimori "
         "attach を実行すると試します。",
         "Postfix does not run, so nothing was tried; start it and run sekimori "
         "attach again"});
  }
  if (daemon_state(own->settings()) != DaemonState::alive || own->is_changed()) {
    report.next.push_back(next_start(given));
  }
  const auto logs = old_logs(own->settings().maillog.path);
  if (!given.attach.learn && !logs.empty()) {
    const std::string command = fmt::format("sekimori learn {}*", own->settings().maillog.path);
    report.next.push_back({"これまでのログから学ばせると、はじめから精度が上がります: " + command,
                           "let it learn from the logs there are: " + command});
  }
  report.next.push_back(
      {"元に戻すには: sekimori attach --undo", "to undo: sekimori attach --undo"});
  if (given.json) {
    print_json(report);
  } else {
    print_outcome(given, report);
  }
  Exit exit = std::ranges::any_of(report.trials,
                                  [](const auto& t) { return t.state == TrialState::failed; })
                  ? Exit::in_part
                  : Exit::done;
  if (given.attach.learn && !logs.empty()) {
    Invocation learning = given;
    learning.logs = logs;
    if (run_learn_command(learning) != Exit::done) exit = Exit::in_part;
  }
  return exit;
}

}  // namespace sekimori::app
