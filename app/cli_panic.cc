// The panic handles: bypass and release-all, also with the daemon dead and databases broken.
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <optional>

#include "act/doveadm.h"
#include "act/hands.h"
#include "act/helper_client.h"
#include "app/cli_api.h"
#include "app/cli_commands.h"
#include "app/cli_helper.h"
#include "app/cli_print.h"
#include "app/cli_requests.h"
#include "app/installation.h"
#include "store/guard_store.h"
#include "store/state_store.h"

namespace sekimori::app {
namespace {

Exit failed(const Invocation& given, const Error& error) {
  print_failure(given, error);
  return Exit::refused;
}

std::string who() {
  if (const passwd* entry = ::getpwuid(::getuid()); entry != nullptr) {
    return std::string("cli:") + entry->pw_name;
  }
  return fmt::format("cli:uid{}", ::getuid());
}

// Dovecot remembers refused logins; without this a lifted one stays refused for the cache's hour.
Result<void> flush_all_logins(const config::Settings& settings, Result<Secret> key) {
  if (settings.dovecot.doveadm_url.empty()) return {};
  if (!key) return std::unexpected(key.error());
  act::DoveadmSettings doveadm;
  doveadm.url = settings.dovecot.doveadm_url;
  doveadm.timeout = settings.dovecot.doveadm_timeout;
  doveadm.key = std::move(*key);
  return act::Doveadm(std::move(doveadm)).auth_cache_flush("");
}

Result<Secret> doveadm_key(const config::Settings& settings) {
  if (settings.dovecot.doveadm_key_file.empty()) return Secret();
  return read_secret(settings.dovecot.doveadm_key_file);
}

// ---------------------------------------------------------------- bypass

// With the daemon dead: guard.db alone, whatever else is broken.
Result<std::string> bypass_alone(const Invocation& given, const config::Settings& settings) {
  const bool on = given.subject == "on";
  const std::string by = who();
  if (auto done = become_user(settings.server.user); !done) return std::unexpected(done.error());
  auto guard = store::SqliteGuardStore::open({.path = settings.guard.database, .busy_ms = 5000});
  if (!guard) return std::unexpected(guard.error());
  if (auto done = (*guard)->set_bypass(on); !done) return std::unexpected(done.error());
  decide::AuditEntry entry;
  entry.t = system_now();
  entry.who = by;
  entry.action = on ? "bypass_on" : "bypass_off";
  entry.subject = {decide::SubjectKind::server, ""};
  entry.why = given.reason;
  Result<void> noted = operating_failure("no state database");
  if (auto state = store::SqlStateStore::open(state_database(settings)); state) {
    noted = (*state)->append_audit(entry);
  } else {
    noted = std::unexpected(state.error());
  }
  if (!noted) {
    fmt::print(stderr, "{} ({})\n",
               say(given, "監査の記録は書けませんでした。", "It could not be noted in the audit."),
               noted.error().text);
  }
  return boost::json::serialize(boost::json::object{{"bypass", on}});
}

Exit bypass(const Invocation& given, const config::Settings& settings) {
  auto key = doveadm_key(settings);
  std::string body;
  switch (daemon_state(settings)) {
    case DaemonState::forbidden:
    case DaemonState::alive: {
      auto api = Api::connect(settings);
      if (!api) return failed(given, api.error());
      const auto request = api_request(given, system_now());
      if (!request) return failed(given, request.error());
      const auto answer = (*api)->call(request->method, request->target, request->body);
      if (!answer) return failed(given, answer.error());
      if (answer->status != 200) {
        if (given.json) {
          fmt::print("{}{}", answer->body, answer->body.ends_with('\n') ? "" : "\n");
        } else {
          fmt::print(stderr, "sekimori: {}\n", printed_error(given, answer->status, answer->body));
        }
        return Exit::refused;
      }
      body = answer->body;
      break;
    }
    case DaemonState::dead: {
      auto done = bypass_alone(given, settings);
      if (!done) return failed(given, done.error());
      body = std::move(*done);
    }
  }
  fmt::print("{}",
             given.json ? body + (body.ends_with('\n') ? "" : "\n") : printed_answer(given, body));
  if (auto flushed = flush_all_logins(settings, std::move(key)); !flushed) {
    fmt::print(
        stderr, "{} ({})\n",
        say(given,
            "Dovecot の認証キャッシュを空にできなかったため、ログインへの反映が遅れることがあります。",
            "Dovecot's auth cache could not be emptied: logins may follow later."),
        flushed.error().text);
    return Exit::in_part;
  }
  return Exit::done;
}

// ---------------------------------------------------------------- release-all

struct Released {
  std::uint64_t ours = 0;
  std::uint64_t failed = 0;
  std::uint64_t others = 0;  // --every: what else was in the hold queue
  bool others_failed = false;
  std::string trouble;  // what kept it from being whole
};

// Requests to the daemon, or to the same code here, until nothing is left that can be let go: each
// answers within seconds, however much is held.
Result<Released> release_through_api(const Invocation& given, Api& api) {
  const auto request = api_request(given, system_now());
  if (!request) return std::unexpected(request.error());
  const bool shows = ::isatty(STDERR_FILENO) == 1 && !given.json;
  Released out;
  while (true) {
    const auto answer = api.call(request->method, request->target, request->body);
    if (!answer) return std::unexpected(answer.error());
    boost::system::error_code broken;
    const auto report = boost::json::parse(answer->body, broken);
    if (answer->status != 200 || broken || !report.is_object()) {
      return operating_failure(printed_error(given, answer->status, answer->body));
    }
    const auto count = [&](const char* key) -> std::uint64_t {
      const auto* value = report.get_object().if_contains(key);
      return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
    };
    out.ours += count("released");
    out.failed = count("failed");  // the same ones are tried again
    const std::uint64_t remaining = count("remaining");
    if (shows && (remaining > 0 || out.ours > count("released"))) {
      fmt::print(stderr, "\r{}", say(given, "送信中: ", "released: "));
      fmt::print(stderr, "{} / {}\x1b[K{}", out.ours, out.ours + remaining,
                 remaining > 0 ? "" : "\n");
    }
    if (remaining == 0) return out;
    if (count("released") == 0) {
      out.failed += remaining;
      return out;
    }
  }
}

// Without engine and journal: what the state database says is held, through the helper. The daemon
// finds the messages gone when it compares with the queue.
Result<Released> release_from_database(const config::Settings& settings, act::HelperClient& helper,
                                       const std::string& by) {
  auto state = store::SqlStateStore::open(state_database(settings));
  if (!state) return std::unexpected(state.error());
  Released out;
  decide::StateStore::HoldFilter filter;
  filter.limit = 1000;
  for (const auto wanted : {decide::HoldState::held, decide::HoldState::releasing}) {
    filter.state = wanted;
    filter.offset = 0;
    while (true) {
      auto page = (*state)->holds(filter);
      if (!page) return std::unexpected(page.error());
      if (page->empty()) break;
      std::vector<std::string> ids;
      for (const auto& hold : *page) ids.push_back(hold.queue_id);
      if (auto done = helper.release(ids); !done) {
        out.failed += ids.size();
        out.trouble = done.error().text;
        filter.offset += page->size();
        continue;
      }
      out.ours += ids.size();
      for (auto& hold : *page) {
        hold.state = decide::HoldState::released;
        hold.ended_by = by;
        hold.ended_at = system_now();
        if (auto noted = (*state)->put_hold(hold); !noted) {
          out.trouble = noted.error().text;
          ++filter.offset;  // it stays in the list
        }
      }
    }
  }
  return out;
}

// Everything else in the hold queue, whoever put it there.
Result<std::uint64_t> release_every(act::HelperClient& helper) {
  std::vector<std::string> ids;
  auto listed = helper.list([&](std::string_view line) {
    const auto entry = act::parse_queue_entry(line);
    if (entry && entry->queue_name == "hold") ids.push_back(entry->queue_id);
    return true;
  });
  if (!listed) return std::unexpected(listed.error());
  if (ids.empty()) return 0;
  if (auto done = helper.release(ids); !done) return std::unexpected(done.error());
  return ids.size();
}

// A helper for the parts that do not go through the daemon: the one that runs, or a stand-in.
struct HelperAtHand {
  std::optional<StandInHelper> stand_in;
  std::string socket;
};
HelperAtHand helper_at_hand(const config::Settings& settings, bool may_stand_in) {
  HelperAtHand out;
  out.socket = settings.helper.socket;
  if (!may_stand_in || ::geteuid() != 0 || helper_answers(out.socket)) return out;
  if (auto made = StandInHelper::start(settings); made) {
    out.socket = made->socket();
    out.stand_in.emplace(std::move(*made));
  }
  return out;
}

Exit print_released(const Invocation& given, const Released& r) {
  const bool whole = r.failed == 0 && r.trouble.empty() && !r.others_failed;
  if (given.json) {
    boost::json::object out{{"released", r.ours}, {"failed", r.failed}, {"complete", whole}};
    if (given.every) out["others"] = r.others;
    if (!r.trouble.empty()) out["trouble"] = r.trouble;
    fmt::print("{}\n", boost::json::serialize(out));
  } else {
    fmt::print(fmt::runtime(say(given, "保留していたメールを {} 通送りました。失敗: {} 通\n",
                                "released {} held messages; {} failed\n")),
               r.ours, r.failed);
    if (given.every) {
      fmt::print(fmt::runtime(say(given, "保留キューに残っていたほかのメールを {} 通送りました。\n",
                                  "released {} other messages from the hold queue\n")),
                 r.others);
    }
    if (!r.trouble.empty()) fmt::print(stderr, "sekimori: {}\n", r.trouble);
  }
  return whole ? Exit::done : Exit::in_part;
}

Exit release_all(const Invocation& given, const config::Settings& settings) {
  const std::string by = who();
  const auto state = daemon_state(settings);
  const HelperAtHand at_hand = helper_at_hand(settings, state == DaemonState::dead);
  config::Settings own = settings;
  own.helper.socket = at_hand.socket;

  Released report;
  auto api = Api::connect(own);
  if (api) {
    auto done = release_through_api(given, **api);
    if (!done) {
      if (!given.every) return failed(given, done.error());
      report.trouble = done.error().text;
    } else {
      report = *done;
    }
  }
  act::HelperClient helper(at_hand.socket, settings.helper.timeout);
  if (!api) {
    if (state != DaemonState::dead) return failed(given, api.error());
    fmt::print(stderr, "{} ({})\n",
               say(given, "状態を開けないため、保留の記録だけを頼りに解放します。",
                   "The state cannot be opened; going by the record of held mail alone."),
               api.error().text);
    auto done = release_from_database(settings, helper, by);
    if (!done) {
      if (!given.every) {
        print_failure(given, done.error());
        fmt::print(stderr, "{}\n",
                   say(given, "「--every」を付けると、記録がなくても保留キューのすべてを送れます。",
                       "With --every, all of the hold queue is released without any record."));
        return Exit::refused;
      }
      report.trouble = done.error().text;
    } else {
      report = *done;
    }
  }
  if (given.every) {
    auto done = release_every(helper);
    if (done) {
      report.others = *done;
    } else {
      report.others_failed = true;
      report.trouble = done.error().text;
    }
  }
  return print_released(given, report);
}

}  // namespace

Exit run_panic_command(const Invocation& given) {
  auto loaded = load_settings(given);
  if (!loaded) return failed(given, loaded.error());
  return given.command == "bypass" ? bypass(given, loaded->settings)
                                   : release_all(given, loaded->settings);
}

}  // namespace sekimori::app
