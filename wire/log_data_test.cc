// Real log lines with the fields that must be read from them (the project's data folder:
// $SEKIMORI_DATA, else ../shared/data beside the checkout). Skipped, and said so, where the folder
// is not there.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "wire/log_line.h"

namespace sekimori::wire {
namespace {

namespace json = boost::json;
using Fields = std::map<std::string, std::string>;

std::filesystem::path data_folder() {
  if (const char* folder = std::getenv("SEKIMORI_DATA")) return folder;
  return std::filesystem::path(SEKIMORI_SOURCE_DIR) / "../shared/data";
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

#define SKIP_WITHOUT(path)                                                                 \
  if (!std::filesystem::exists(path)) {                                                    \
    GTEST_SKIP() << "skipped: " << (path).string() << " is not there (set SEKIMORI_DATA)"; \
  }

const LogContext k_context{*parse_instant("2026-11-22T12:00:00Z"), 0};

std::string number(double v) { return fmt::format("{}", v); }

void put_peer(Fields& f, const LogPeer& peer) {
  if (!peer.name.empty()) f["postfix_client_hostname"] = peer.name;
  if (peer.ip().is_set()) f["postfix_client_ip"] = peer.ip().to_string();
  if (peer.port != 0) f["postfix_client_port"] = std::to_string(peer.port);
}

// Our record in the words of the grok cases.
struct Grok {
  Fields f;
  void operator()(const LogUnknown&) {}
  void operator()(const PostfixClient& r) {
    f["postfix_queueid"] = r.queue_id;
    put_peer(f, r.client);
  }
  void operator()(const PostfixMessageId& r) {
    f = {{"postfix_queueid", std::string(r.queue_id)},
         {"postfix_message-id", std::string(r.message_id)}};
  }
  void operator()(const PostfixQueueActive& r) {
    f["postfix_queueid"] = r.queue_id;
    f["kv"] = fmt::format("from=<{}>, size={}, nrcpt={}", r.from, r.size, r.nrcpt);
  }
  void operator()(const PostfixDelivery& r) {
    f["postfix_queueid"] = r.queue_id;
    f["postfix_status"] = r.status;
    for (const char* key : {"postfix_smtp_response", "postfix_pipe_response",
                            "postfix_local_response", "postfix_error_response"}) {
      f[key] = r.reason;
    }
    f["kv"] = fmt::format("to={}{}, relay={}, delay={}, delays={}, dsn={}", r.to,
                          r.orig_to.empty() ? "" : fmt::format(", orig_to={}", r.orig_to), r.relay,
                          r.delay_s, r.delays, r.dsn);
  }
  void operator()(const PostfixExpired& r) {
    f = {{"postfix_queueid", std::string(r.queue_id)},
         {"postfix_from", std::string(r.from)},
         {"postfix_status", std::string(r.status)}};
  }
  void operator()(const PostfixQueueChange& r) {
    f["postfix_queueid"] = r.queue_id;
    const char* words[] = {"removed", "removed", "placed on hold", "released from hold",
                           "requeued"};
    f["postfix_postsuper_action"] = words[static_cast<int>(r.change)];
    f["postfix_message"] = words[static_cast<int>(r.change)];
  }
  void operator()(const PostfixBounceNotice& r) {
    f = {{"postfix_queueid", std::string(r.queue_id)},
         {"postfix_bounce_queueid", std::string(r.notice_queue_id)},
         {"postfix_bounce_recipient", std::string(r.to)},
         {"postfix_bounce_reason", std::string(r.kind)}};
  }
  void operator()(const PostfixVerdict& r) {
    f["postfix_queueid"] = r.queue_id.empty() ? "NOQUEUE" : std::string(r.queue_id);
    f["postfix_action"] = r.action;
    if (r.action.starts_with("milter-")) f["postfix_milter_result"] = r.action.substr(7);
    if (r.action.starts_with("proxy-")) f["postfix_proxy_result"] = r.action.substr(6);
    f["postfix_smtp_stage"] = f["postfix_proxy_smtp_stage"] = r.stage;
    put_peer(f, r.client);
    if (r.code != 0)
      f["postfix_status_code"] = f["postfix_proxy_status_code"] = std::to_string(r.code);
    f["postfix_status_code_enhanced"] = f["postfix_proxy_status_code_enhanced"] = r.dsn;
    f["text"] = r.text;
    f["from"] = r.from;
    f["to"] = r.to;
    f["helo"] = r.helo;
    f["proto"] = r.proto;
  }
  void operator()(const PostfixPickup& r) {
    f["postfix_queueid"] = r.queue_id;
    f["kv"] = fmt::format("uid={} from=<{}>", r.uid, r.from);
  }
  void operator()(const PostfixAuthFailure& r) { put_peer(f, r.client); }
  void operator()(const PostfixConnect& r) { put_peer(f, r.client); }
  void operator()(const PostfixDisconnect& r) {
    put_peer(f, r.client);
    const auto count = [](const CommandCount& c) {
      return c.ok == c.tried ? std::to_string(c.ok) : fmt::format("{}/{}", c.ok, c.tried);
    };
    f["rcpt"] = count(r.counted().rcpt);
    f["commands"] = count(r.counted().commands);
  }
  void operator()(const PostfixLostConnection& r) {
    put_peer(f, r.client);
    f["postfix_smtpd_lostconn_data"] = r.how;
    f["postfix_smtp_stage"] = r.stage;
  }
  void operator()(const PostscreenNote& r) {
    put_peer(f, r.client);
    f["postfix_postscreen_access"] = f["postfix_postscreen_violation"] = r.verb;
    f["postfix_postscreen_dnsbl_rank"] = std::to_string(r.rank);
    f["postfix_postscreen_violation_time"] = number(r.after_s);
    f["postfix_smtp_stage"] = r.stage;
  }
  void operator()(const PostfixRemoteReply& r) {
    f["postfix_queueid"] = r.queue_id;
    f["postfix_smtp_response"] = r.reply;
    f["postfix_smtp_stage"] = r.stage;
    f["postfix_relay_hostname"] = r.remote.name;
    f["postfix_relay_ip"] = r.remote.ip().to_string();
  }
  template <class Dovecot>
  void operator()(const Dovecot&) {}
};

std::string text_of(const json::value& v) {
  if (v.is_string()) return std::string(v.as_string());
  if (v.is_double()) return number(v.as_double());
  return json::serialize(v);
}

// Without angle brackets and the keys we do not keep.
std::string plain(std::string text) {
  std::erase(text, '<');
  std::erase(text, '>');
  while (text.ends_with(',') || text.ends_with(' ')) text.pop_back();
  if (const auto tls = text.find(", tls="); tls != std::string::npos)
    text.erase(tls, text.find(", dsn") - tls);
  return text;
}

// Fields that name who, from where, with what outcome, how many.
const std::set<std::string> k_compared{"postfix_queueid",
                                       "postfix_client_hostname",
                                       "postfix_client_ip",
                                       "postfix_client_port",
                                       "postfix_action",
                                       "postfix_smtp_stage",
                                       "postfix_status_code",
                                       "postfix_status_code_enhanced",
                                       "postfix_status",
                                       "postfix_bounce_queueid",
                                       "postfix_bounce_recipient",
                                       "postfix_bounce_reason",
                                       "postfix_message-id",
                                       "postfix_milter_result",
                                       "postfix_proxy_result",
                                       "postfix_proxy_smtp_stage",
                                       "postfix_proxy_status_code",
                                       "postfix_proxy_status_code_enhanced",
                                       "postfix_from",
                                       "postfix_smtp_response",
                                       "postfix_pipe_response",
                                       "postfix_local_response",
                                       "postfix_error_response",
                                       "postfix_postscreen_access",
                                       "postfix_postscreen_violation",
                                       "postfix_postscreen_violation_time",
                                       "postfix_postscreen_dnsbl_rank",
                                       "postfix_postsuper_action",
                                       "postfix_smtpd_lostconn_data",
                                       "postfix_relay_hostname",
                                       "postfix_relay_ip"};

TEST(LogData, PostfixGrokCases) {
  const auto path = data_folder() / "mail-logs/postfix_grok_cases.jsonl";
  SKIP_WITHOUT(path);
  int modelled = 0;
  int compared = 0;
  std::vector<std::string> unknown;
  for (const std::string& text : lines_of(path)) {
    const json::value test = json::parse(text);
    const std::string name(test.at("case").as_string());
    const std::string daemon = name.substr(0, name.rfind('_'));
    const std::string data(test.at("data").as_string());
    const std::string raw = "Nov 20 03:04:05 mx1 postfix/" + daemon + "[77]: " + data;
    const auto line = parse_log_line(raw, k_context);
    ASSERT_TRUE(line) << name << line.error().text;
    EXPECT_EQ(line->daemon, daemon);
    EXPECT_EQ(line->pid, 77U);
    if (std::holds_alternative<LogUnknown>(line->record)) {
      unknown.push_back(name);
      // What is left out says nothing of a login, a message or its fate.
      for (const char* key :
           {"postfix_status", "postfix_action", "postfix_bounce_queueid", "postfix_message-id",
            "postfix_smtp_response", "postfix_postscreen_access", "postfix_command_counter_data"}) {
        if (name == "smtp_0032") break;  // our own login at a relay
        EXPECT_FALSE(test.at("results").as_object().contains(key)) << name << ": " << data;
      }
      continue;
    }
    ++modelled;
    Grok ours;
    std::visit(ours, line->record);
    for (const auto& [key, value] : test.at("results").as_object()) {
      const std::string expected = text_of(value);
      if (k_compared.contains(std::string(key))) {
        ++compared;
        if (key == "postfix_milter_result") {
          EXPECT_EQ(ours.f[key], expected) << name << ": " << data;
          continue;
        }
        EXPECT_EQ(ours.f[key], expected) << name << " " << key << ": " << data;
      } else if (key == "postfix_keyvalue_data" && ours.f.contains("kv")) {
        ++compared;
        EXPECT_EQ(plain(ours.f["kv"]), plain(expected)) << name;
      } else if (key == "postfix_keyvalue_data" && ours.f.contains("helo")) {
        ++compared;
        for (const char* part : {"from", "to", "helo"}) {
          const std::string whole = fmt::format("{}=<{}>", part, ours.f[part]);
          if (expected.find(fmt::format("{}=<", part)) != std::string::npos) {
            EXPECT_NE((" " + expected).find(" " + whole), std::string::npos)
                << name << " " << whole;
          }
        }
      } else if (key == "postfix_status_message") {
        ++compared;
        EXPECT_TRUE(ours.f["text"].ends_with(expected))
            << name << " " << ours.f["text"] << " | " << expected;
      } else if (key == "postfix_command_counter_data") {
        ++compared;
        EXPECT_TRUE(expected.ends_with("commands=" + ours.f["commands"]) ||
                    expected == "commands=0/0")
            << name << expected;
        if (expected.find("rcpt=") != std::string::npos) {
          EXPECT_NE(expected.find("rcpt=" + ours.f["rcpt"] + " "), std::string::npos)
              << name << expected;
        }
      }
    }
  }
  std::string left;
  for (const auto& name : unknown) left += name + " ";
  RecordProperty("unknown", left);
  if (std::getenv("WIRE_SHOW_UNKNOWN") != nullptr) fmt::print("unknown: {}\n", left);
  EXPECT_GE(modelled, 100) << left;
  EXPECT_GE(compared, 300);
}

TEST(LogData, CrowdsecCases) {
  const auto path = data_folder() / "mail-logs/crowdsec_parser_cases.jsonl";
  SKIP_WITHOUT(path);
  int compared = 0;
  for (const std::string& text : lines_of(path)) {
    const json::value test = json::parse(text);
    const json::object& expect = test.at("expect").as_object();
    const auto get = [&](const char* key) {
      const auto* v = expect.if_contains(key);
      return v == nullptr || !v->is_string() ? std::string() : std::string(v->as_string());
    };
    const std::string name =
        fmt::format("{} {}", text_of(test.at("test")), text_of(test.at("index")));
    const std::string program = get("Parsed.program");
    const std::string message = get("Parsed.message");
    if (message.empty() || (program != "dovecot" && !program.starts_with("postfix/"))) continue;
    std::string stamp = get("Parsed.timestamp8601");
    if (stamp.empty()) stamp = get("Parsed.timestamp");
    if (stamp.empty()) stamp = "Nov 20 03:04:05";
    const std::string pid =
        get("Parsed.pid").empty() || program == "dovecot" ? "" : "[" + get("Parsed.pid") + "]";
    const std::string whole = fmt::format("{} canyon {}{}: {}", stamp, program, pid, message);
    const auto line = parse_log_line(whole, k_context);
    ASSERT_TRUE(line) << name << line.error().text;
    EXPECT_EQ(line->host, "canyon");
    const std::string source = get("Meta.source_ip");
    const auto expect_ip = [&](const IpAddress& ip) {
      EXPECT_EQ(ip.to_string(), source) << name;
      ++compared;
    };
    const bool failed_login = get("Meta.dovecot_login_result") == "auth_failed";
    if (const auto* r = std::get_if<DovecotLogin>(&line->record)) {
      expect_ip(r->rip);
      EXPECT_EQ(r->user, get("Parsed.dovecot_user")) << name;
      EXPECT_EQ(to_string(r->service), get("Parsed.protocol"));
      EXPECT_FALSE(failed_login);
    } else if (const auto* f = std::get_if<DovecotLoginFailed>(&line->record)) {
      expect_ip(f->rip);
      EXPECT_EQ(f->user, get("Parsed.dovecot_user")) << name;
      EXPECT_EQ(f->lip.to_string(), get("Parsed.dovecot_local_ip")) << name;
      EXPECT_EQ(f->auth_failed, failed_login) << name;
      EXPECT_EQ(f->auth_failed, f->attempts > 0) << name;
      EXPECT_NE(get("Parsed.dovecot_login_message").find(f->detail), std::string::npos) << name;
      EXPECT_EQ(to_string(f->service), get("Parsed.protocol"));
    } else if (const auto* a = std::get_if<DovecotAuthFailure>(&line->record)) {
      expect_ip(a->rip);
      EXPECT_EQ(a->user, get("Parsed.dovecot_user")) << name;
      const std::string backend = get("Parsed.dovecot_user_backend");
      EXPECT_EQ(a->driver, backend.empty() ? "passwd-file" : backend);
      EXPECT_TRUE(get("Parsed.dovecot_login_message").starts_with(a->reason)) << name << a->reason;
      EXPECT_EQ(a->reason.find("assword:"), std::string::npos) << "a password in the record";
      EXPECT_TRUE(failed_login);
    } else if (const auto* w = std::get_if<PostfixAuthFailure>(&line->record)) {
      expect_ip(w->client.ip());
      EXPECT_EQ(w->client.name, get("Parsed.remote_host"));
    } else if (const auto* v = std::get_if<PostfixVerdict>(&line->record)) {
      expect_ip(v->client.ip());
      EXPECT_EQ(v->action, get("Parsed.action"));
      EXPECT_EQ(v->stage, get("Parsed.command"));
      EXPECT_EQ(std::to_string(v->code), get("Parsed.smtp_basic_status_code"));
      EXPECT_EQ(v->dsn, get("Parsed.smtp_enhanced_status_code"));
      EXPECT_TRUE(v->text.ends_with(get("Parsed.reason"))) << v->text;
    } else if (const auto* p = std::get_if<PostscreenNote>(&line->record)) {
      expect_ip(p->client.ip());
      EXPECT_EQ(p->verb, "PREGREET");
      EXPECT_EQ(std::to_string(p->rank), get("Parsed.count"));
      EXPECT_EQ(std::to_string(p->client.port), get("Parsed.port"));
    } else {
      EXPECT_NE(message.find("non-SMTP command"), std::string::npos) << name << message;
    }
  }
  EXPECT_GE(compared, 25);
}

// A whole server's log: nothing fails, nothing that matters stays unknown.
TEST(LogData, ModoboaLog) {
  const auto path = data_folder() / "mail-logs/modoboa-log/mail.log";
  SKIP_WITHOUT(path);
  std::map<std::size_t, int> records;
  std::set<std::string> active;
  int logins = 0;
  int sessions = 0;
  for (std::string line : lines_of(path)) {
    // The file is a template: "%(day)s" stands where the month and the day belong.
    if (const auto at = line.find("%(day)s"); at == 0) line.replace(0, 7, "Nov 16");
    const auto parsed = parse_log_line(line, k_context);
    ASSERT_TRUE(parsed) << line << parsed.error().text;
    EXPECT_EQ(parsed->host, "server");
    EXPECT_EQ(format_instant(parsed->t).substr(0, 10), "2026-11-16");
    ++records[parsed->record.index()];
    if (const auto* q = std::get_if<PostfixQueueActive>(&parsed->record))
      active.insert(std::string(q->queue_id));
    if (const auto* c = std::get_if<PostfixQueueChange>(&parsed->record)) {
      EXPECT_TRUE(active.contains(std::string(c->queue_id))) << line;
    }
    if (const auto event = to_event(*parsed)) {
      logins += std::holds_alternative<Login>(event->body) ? 1 : 0;
      sessions += std::holds_alternative<Session>(event->body) ? 1 : 0;
    }
    const bool says_nothing = parsed->program == "amavis" || parsed->program == "policyd-spf" ||
                              line.find("warning:") != std::string::npos ||
                              line.find("statistics:") != std::string::npos ||
                              line.find("TLS connection established") != std::string::npos ||
                              line.find("Connect from local") != std::string::npos ||
                              line.find("Disconnect from local") != std::string::npos ||
                              line.find("Debug:") != std::string::npos ||
                              line.find("ignoring ") != std::string::npos;
    if (std::holds_alternative<LogUnknown>(parsed->record) && !says_nothing &&
        std::getenv("WIRE_SHOW_UNKNOWN") != nullptr) {
      fmt::print("unknown: {}\n", line);
    }
  }
  EXPECT_EQ(logins, 38);  // 36 IMAP, 1 POP3, 1 ManageSieve
  EXPECT_EQ(sessions, 38);
  EXPECT_EQ(active.size(), 22U);
}

}  // namespace
}  // namespace sekimori::wire
