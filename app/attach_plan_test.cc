#include "app/attach_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "app/attach_dovecot.h"
#include "app/doctor.h"
#include "wire/conf_edit.h"

namespace sekimori::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view k_dovecot_23 =
    "# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf\n"
    "passdb {\n  args = /etc/dovecot/dovecot-sql.conf.ext\n  driver = sql\n}\n";
constexpr std::string_view k_dovecot_24 =
    "# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf\n"
    "dovecot_config_version = 2.4.0\npassdb sql {\n  driver = sql\n}\n";

AttachFacts facts(std::string_view dovecot = k_dovecot_23) {
  AttachFacts out;
  out.postfix_dir = "/etc/postfix";
  out.postfix = {{"mail_version", "3.7.11"},
                 {"smtpd_recipient_restrictions", "permit_mynetworks, reject_unauth_destination"},
                 {"smtpd_data_restrictions", ""},
                 {"smtpd_end_of_data_restrictions", ""},
                 {"smtpd_sasl_type", "dovecot"},
                 {"smtpd_sasl_auth_enable", "no"},
                 {"transport_maps", ""},
                 {"virtual_alias_maps", "$virtual_maps"},
                 {"virtual_mailbox_domains", "example.jp"},
                 {"enable_long_queue_ids", "no"}};
  out.postfix_own = {
      {"smtpd_recipient_restrictions", "permit_mynetworks, reject_unauth_destination"}};
  out.map_types = {"hash", "sqlite"};
  out.main_cf = "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination\n";
  out.master_cf =
      "smtp inet n - y - - smtpd\n"
      "submission inet n - y - - smtpd\n"
      "  -o smtpd_sasl_auth_enable=yes\n"
      "  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject\n"
      "10025 inet n - n - - smtpd\n"
      "  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n";
  out.services = {
      {"smtp", "inet", true, "smtpd", {}},
      {"submission",
       "inet",
       true,
       "smtpd",
       {{"smtpd_sasl_auth_enable", "yes"},
        {"smtpd_recipient_restrictions", "permit_sasl_authenticated,reject"}}},
      {"10025",
       "inet",
       false,
       "smtpd",
       {{"smtpd_recipient_restrictions", "permit_mynetworks,reject"}}},
  };
  out.dovecot_file = "/etc/dovecot/dovecot.conf";
  out.dovecot_text =
      "!include_try /usr/share/dovecot/protocols.d/*.protocol\n!include conf.d/*.conf\n";
  out.dovecot = wire::parse_doveconf(dovecot).value();
  return out;
}

AttachChoice choice() {
  AttachChoice out;
  out.policy = "inet:127.0.0.1:10040";
  out.auth_policy_url = "http://127.0.0.1:10041/";
  out.events_url = "http://127.0.0.1:10041/dovecot";
  out.guard = "/var/lib/sekimori/guard/guard.db";
  out.context = "mx";
  out.doveadm_address = "127.0.0.1";
  out.doveadm_port = 10042;
  out.doveadm_key = "thekey";
  out.nonce = "thenonce";
  return out;
}

const FileChange* change_of(const AttachPlan& plan, std::string_view path) {
  const auto found = std::ranges::find(plan.files, path, &FileChange::path);
  return found == plan.files.end() ? nullptr : &*found;
}

TEST(AttachPlan, ListsGetOneWordEach) {
  const auto plan = plan_attach(facts(), choice(), {});
  ASSERT_TRUE(plan) << plan.error().text;
  const auto* main = change_of(*plan, "/etc/postfix/main.cf");
  ASSERT_NE(main, nullptr);
  EXPECT_EQ(wire::main_cf_value(main->after, "smtpd_recipient_restrictions"),
            "$sekimori_submission, permit_mynetworks, reject_unauth_destination, "
            "$sekimori_arrivals");
  EXPECT_EQ(wire::main_cf_value(main->after, "smtpd_end_of_data_restrictions"), "$sekimori_policy");
  EXPECT_EQ(wire::main_cf_value(main->after, "transport_maps"),
            "proxy:sqlite:/etc/postfix/sekimori/waiting.cf");
  EXPECT_EQ(wire::main_cf_value(main->after, "virtual_alias_maps"),
            "$virtual_maps, proxy:sqlite:/etc/postfix/sekimori/inactive.cf");
  EXPECT_EQ(wire::main_cf_value(main->after, "enable_long_queue_ids"), "yes");
  EXPECT_THAT(main->after, HasSubstr("default_action=DUNNO"));
  const auto* master = change_of(*plan, "/etc/postfix/master.cf");
  ASSERT_NE(master, nullptr);
  EXPECT_THAT(master->after, HasSubstr("=$sekimori_submission,permit_sasl_authenticated,reject\n"));
  // Mail that comes back from a filter is not asked about a second time.
  EXPECT_THAT(master->after, HasSubstr("-o smtpd_recipient_restrictions=permit_mynetworks,reject"));
}

TEST(AttachPlan, AListThatEndsInRejectIsNotOpened) {
  auto found = facts();
  found.postfix["smtpd_recipient_restrictions"] = "permit_mynetworks, reject";
  found.main_cf = "smtpd_recipient_restrictions = permit_mynetworks, reject\n";
  const auto plan = plan_attach(found, choice(), {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(wire::main_cf_value(change_of(*plan, "/etc/postfix/main.cf")->after,
                                "smtpd_recipient_restrictions"),
            "$sekimori_submission, permit_mynetworks, reject");
}

TEST(AttachPlan, ASecondTimeNothingIsLeftToDo) {
  for (const auto dovecot : {k_dovecot_23, k_dovecot_24}) {
    for (const char* text : {"!include conf.d/*.conf\n", "passdb {\n  driver = pam\n}\n", ""}) {
      auto found = facts(dovecot);
      found.dovecot_text = text;
      auto plan = plan_attach(found, choice(), {});
      ASSERT_TRUE(plan);
      PresentFiles present;
      for (const auto& change : plan->files) {
        present.emplace_back(change.path, change.after);
        if (change.path == "/etc/postfix/main.cf") found.main_cf = change.after;
        if (change.path == "/etc/postfix/master.cf") found.master_cf = change.after;
        if (change.path == found.dovecot_file) found.dovecot_text = change.after;
      }
      for (auto& service : found.services) {
        if (service.name == "submission") {
          service.options["smtpd_recipient_restrictions"] =
              "$sekimori_submission,permit_sasl_authenticated,reject";
        }
      }
      found.postfix["smtpd_policy_service_policy_context"] = "mx";
      found.postfix["enable_long_queue_ids"] = "yes";
      plan = plan_attach(found, choice(), present);
      ASSERT_TRUE(plan);
      EXPECT_TRUE(plan->files.empty()) << plan->files.front().path;
    }
  }
}

TEST(AttachPlan, TheGateIsTheFirstPassdb) {
  auto found = facts();
  auto plan = plan_attach(found, choice(), {});
  EXPECT_NE(change_of(*plan, "/etc/dovecot/conf.d/00-sekimori.conf"), nullptr);
  EXPECT_EQ(change_of(*plan, found.dovecot_file), nullptr);
  found.dovecot_text = "# mine\nprotocols = imap\npassdb {\n}\n!include conf.d/*.conf\n";
  plan = plan_attach(found, choice(), {});
  ASSERT_NE(change_of(*plan, found.dovecot_file), nullptr);
  EXPECT_EQ(change_of(*plan, found.dovecot_file)->after,
            "# mine\nprotocols = imap\n!include /etc/dovecot/sekimori-first.conf\npassdb {\n}\n"
            "!include conf.d/*.conf\n!include /etc/dovecot/sekimori-last.conf\n");
}

TEST(AttachPlan, EachDovecotInItsOwnWords) {
  auto plan = plan_attach(facts(k_dovecot_24), choice(), {});
  ASSERT_TRUE(plan);
  const auto* gate = change_of(*plan, "/etc/dovecot/conf.d/00-sekimori.conf");
  ASSERT_NE(gate, nullptr);
  EXPECT_THAT(gate->after, HasSubstr("passdb sekimori {"));
  EXPECT_THAT(gate->after, HasSubstr("sqlite_path = /var/lib/sekimori/guard/guard.db"));
  EXPECT_THAT(gate->after, HasSubstr("'%{user}'"));
  EXPECT_EQ(change_of(*plan, "/etc/dovecot/sekimori-gate.conf.ext"), nullptr);
  plan = plan_attach(facts(), choice(), {});
  const auto* query = change_of(*plan, "/etc/dovecot/sekimori-gate.conf.ext");
  ASSERT_NE(query, nullptr);
  EXPECT_THAT(query->after, HasSubstr("lower('%u')"));
}

TEST(AttachPlan, SecretsAreNotShown) {
  const auto plan = plan_attach(facts(), choice(), {});
  for (const auto& change : plan->files) {
    EXPECT_THAT(shown_change(change), Not(HasSubstr("thekey"))) << change.path;
    EXPECT_THAT(shown_change(change), Not(HasSubstr("thenonce"))) << change.path;
  }
  const FileChange key{"/k", "old\n", "new\n", 0640, "root", true};
  EXPECT_THAT(shown_change(key), Not(HasSubstr("old")));
  EXPECT_THAT(shown_change(key), Not(HasSubstr("new")));
  EXPECT_FALSE(shown_change(key).empty());
}

TEST(AttachPlan, WhatStandsInTheWayIsNamed) {
  auto found = facts();
  found.map_types = {"hash"};
  EXPECT_THAT(plan_attach(found, choice(), {}).error().text, HasSubstr("postfix-sqlite"));
  found = facts();
  found.postfix["mail_version"] = "3.3.0";
  EXPECT_FALSE(plan_attach(found, choice(), {}));
  found = facts();
  found.dovecot.root.settings.emplace_back("auth_policy_server_url", "http://127.0.0.1:8084/");
  EXPECT_THAT(plan_attach(found, choice(), {}).error().text, HasSubstr("8084"));
}

TEST(AttachPlan, AccountsAreFoundBehindTheMaps) {
  const auto maps = sql_maps("proxy:mysql:/etc/a.cf, hash:/b pgsql:/c.cf");
  ASSERT_EQ(maps.size(), 2U);
  EXPECT_EQ(maps[0], std::pair(std::string("mysql"), std::string("/etc/a.cf")));
  auto found = accounts_of_map("mysql",
                               "user = postfix\npassword = x\nhosts = db1 db2\ndbname = mail\n"
                               "query = SELECT maildir FROM pfa_mailbox WHERE username='%s'\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->url, "mysql://postfix@db1/mail");
  EXPECT_EQ(found->password, "x");
  EXPECT_EQ(found->table, "pfa_mailbox");
  found = accounts_of_map("pgsql",
                          "user = m@x\npassword = a b\nhosts = unix:/run/postgresql\n"
                          "dbname = mail\nquery = SELECT maildir FROM mailbox\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->url, "postgresql://m%40x@localhost/mail?socket=/run/postgresql");
  EXPECT_EQ(found->password, "a b");
  found = accounts_of_map("sqlite", "dbpath = /v/p.db\nquery = SELECT x FROM mailbox\n");
  EXPECT_EQ(found->url, "sqlite:///v/p.db");
  EXPECT_FALSE(accounts_of_map("sqlite", "dbpath = /v/p.db\nquery = SELECT x FROM domain\n"));
}

TEST(Doctor, FindsWhatThePlanPutThere) {
  auto found = facts();
  config::Settings settings;
  const auto level = [](const std::vector<Check>& checks, std::string_view name) {
    const auto at = std::ranges::find(checks, name, &Check::name);
    return at == checks.end() ? Finding::unknown : at->level;
  };
  auto checks = postfix_checks(found, settings);
  EXPECT_EQ(level(checks, "policy_lists"), Finding::bad);
  EXPECT_EQ(level(checks, "sasl_map"), Finding::bad);

  const auto plan = plan_attach(found, choice(), {});
  const auto& main = change_of(*plan, "/etc/postfix/main.cf")->after;
  for (const auto* name :
       {"sekimori_policy", "sekimori_submission", "sekimori_arrivals", "transport_maps",
        "smtpd_recipient_restrictions", "smtpd_data_restrictions", "virtual_alias_maps",
        "smtpd_end_of_data_restrictions", "enable_long_queue_ids"}) {
    found.postfix[name] = wire::main_cf_value(main, name).value();
  }
  found.services[1].options["smtpd_recipient_restrictions"] =
      "$sekimori_submission,permit_sasl_authenticated,reject";
  checks = postfix_checks(found, settings);
  for (const auto* name : {"policy_lists", "default_action", "policy_timeout", "policy_restart",
                           "sasl_map", "waiting_map", "inactive_map", "queue_ids"}) {
    EXPECT_EQ(level(checks, name), Finding::good) << name;
  }
  found.postfix["sekimori_policy"] = "check_policy_service inet:127.0.0.1:10040";
  found.postfix["smtpd_policy_service_default_action"] = "451 4.3.5 Server configuration problem";
  found.postfix["smtpd_policy_service_timeout"] = "100s";
  found.postfix["smtpd_policy_service_try_limit"] = "2";
  checks = postfix_checks(found, settings);
  EXPECT_EQ(level(checks, "default_action"), Finding::bad);
  EXPECT_EQ(level(checks, "policy_timeout"), Finding::warning);
  EXPECT_EQ(level(checks, "policy_restart"), Finding::good);
  found.postfix["smtpd_policy_service_request_limit"] = "0";
  found.postfix["smtpd_policy_service_try_limit"] = "1";
  EXPECT_EQ(level(postfix_checks(found, settings), "policy_restart"), Finding::warning);

  EXPECT_EQ(level(dovecot_checks(found, settings), "auth_policy"), Finding::bad);
  EXPECT_EQ(level(dovecot_checks(found, settings), "gate"), Finding::bad);
  EXPECT_EQ(mail_loop_check("a\nb: mail for x loops back to myself\n").level, Finding::warning);
  EXPECT_EQ(mail_loop_check("a\n").level, Finding::good);
}

}  // namespace
}  // namespace sekimori::app
