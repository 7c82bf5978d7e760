#include "store/account_schema.h"

#include <array>
#include <utility>

namespace sekimori::store {
namespace {

using TableText = std::pair<std::string_view, std::string_view>;

// Columns, types and defaults as PostfixAdmin's upgrade.php makes them on SQLite.
constexpr std::string_view k_times =
    "created datetime NOT NULL DEFAULT '2000-01-01', "
    "modified datetime NOT NULL DEFAULT '2000-01-01', "
    "active tinyint(1) NOT NULL DEFAULT '1'";
constexpr std::string_view k_person =
    "phone varchar(30) NOT NULL DEFAULT '', email_other varchar(255) NOT NULL DEFAULT '', "
    "token varchar(255) NOT NULL DEFAULT '', "
    "token_validity datetime NOT NULL DEFAULT '2000-01-01'";

// "@times" and "@person" stand for the texts above.
constexpr std::array<TableText, 13> k_tables{{
    {"config",
     "id integer PRIMARY KEY AUTOINCREMENT NOT NULL, name TEXT NOT NULL UNIQUE DEFAULT '', "
     "value TEXT NOT NULL DEFAULT ''"},
    {"admin",
     "username varchar(255) NOT NULL, password varchar(255) NOT NULL, "
     "superadmin tinyint(1) NOT NULL DEFAULT '0', @times, @person, PRIMARY KEY (username)"},
    {"alias",
     "address varchar(255) NOT NULL, goto text NOT NULL, domain varchar(255) NOT NULL, @times, "
     "PRIMARY KEY (address)"},
    {"alias_domain",
     "alias_domain varchar(255) NOT NULL, target_domain varchar(255) NOT NULL, @times, "
     "PRIMARY KEY (alias_domain)"},
    {"domain",
     "domain varchar(255) NOT NULL, description varchar(255) NOT NULL, "
     "aliases int(11) NOT NULL DEFAULT 0, mailboxes int(11) NOT NULL DEFAULT 0, "
     "maxquota bigint(20) NOT NULL DEFAULT 0, quota bigint(20) NOT NULL DEFAULT 0, "
     "transport varchar(255) NOT NULL, backupmx tinyint(1) NOT NULL DEFAULT '0', @times, "
     "password_expiry int DEFAULT 0, PRIMARY KEY (domain)"},
    {"domain_admins",
     "username varchar(255) NOT NULL, domain varchar(255) NOT NULL, "
     "created datetime NOT NULL DEFAULT '2000-01-01', active tinyint(1) NOT NULL DEFAULT '1'"},
    {"fetchmail",
     "id integer PRIMARY KEY AUTOINCREMENT NOT NULL, domain varchar(255) DEFAULT '', "
     "mailbox varchar(255) NOT NULL, src_server varchar(255) NOT NULL, "
     "src_auth varchar(255) DEFAULT NULL, src_user varchar(255) NOT NULL, "
     "src_password varchar(255) NOT NULL, src_folder varchar(255) NOT NULL, "
     "poll_time int(11) NOT NULL DEFAULT '10', fetchall tinyint(1) NOT NULL DEFAULT '0', "
     "keep tinyint(1) NOT NULL DEFAULT '0', protocol text DEFAULT NULL, "
     "usessl tinyint(1) NOT NULL DEFAULT '0', sslcertck tinyint(1) NOT NULL DEFAULT '0', "
     "sslcertpath varchar(255) DEFAULT '', sslfingerprint varchar(255) DEFAULT '', "
     "extra_options text, returned_text text, mda varchar(255) NOT NULL, "
     "date datetime NOT NULL DEFAULT '2000-01-01', created datetime NOT NULL DEFAULT '2000-01-01', "
     "modified datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, "
     "active tinyint(1) NOT NULL DEFAULT '0', src_port int(11) NOT NULL DEFAULT 0"},
    {"mailbox",
     "username varchar(255) NOT NULL, password varchar(255) NOT NULL, name varchar(255) NOT NULL, "
     "maildir varchar(255) NOT NULL, quota bigint(20) NOT NULL DEFAULT 0, "
     "local_part varchar(255) NOT NULL, domain varchar(255) NOT NULL, @times, @person, "
     "password_expiry datetime NOT NULL DEFAULT '2000-01-01', PRIMARY KEY (username)"},
    {"quota",
     "username varchar(255) NOT NULL, path varchar(100) NOT NULL, "
     "current bigint(20) NOT NULL DEFAULT 0, PRIMARY KEY (username, path)"},
    {"quota2",
     "username varchar(255) NOT NULL, bytes bigint(20) NOT NULL DEFAULT 0, "
     "messages int(11) NOT NULL DEFAULT 0, PRIMARY KEY (username)"},
    {"vacation",
     "email varchar(255) NOT NULL, subject varchar(255) NOT NULL, body text NOT NULL, "
     "activefrom datetime NOT NULL DEFAULT '2000-01-01', "
     "activeuntil datetime NOT NULL DEFAULT '2038-01-18', cache text NOT NULL DEFAULT '', "
     "domain varchar(255) NOT NULL, interval_time int(11) NOT NULL DEFAULT 0, "
     "created datetime NOT NULL DEFAULT '2000-01-01', "
     "modified datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, "
     "active tinyint(1) NOT NULL DEFAULT '1', PRIMARY KEY (email)"},
    {"vacation_notification",
     "on_vacation varchar(255) NOT NULL, notified varchar(255) NOT NULL, "
     "notified_at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (on_vacation, notified), "
     "CONSTRAINT vacation_notification_pkey FOREIGN KEY (on_vacation) REFERENCES @vacation (email) "
     "ON DELETE CASCADE"},
    {"log",
     "id integer PRIMARY KEY AUTOINCREMENT NOT NULL, "
     "timestamp datetime NOT NULL DEFAULT '2000-01-01', username varchar(255) NOT NULL, "
     "domain varchar(255) NOT NULL, action varchar(255) NOT NULL, data text NOT NULL"},
}};

void replace(std::string& text, std::string_view mark, std::string_view by) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark)) {
    text.replace(at, mark.size(), by);
  }
}

}  // namespace

std::vector<std::string> postfixadmin_tables(
    const std::function<std::string(std::string_view)>& name_of) {
  std::vector<std::string> statements;
  for (const auto& [name, columns] : k_tables) {
    std::string text = "CREATE TABLE " + name_of(name) + " (" + std::string(columns) + ")";
    replace(text, "@times", k_times);
    replace(text, "@person", k_person);
    replace(text, "@vacation", name_of("vacation"));
    statements.push_back(std::move(text));
  }
  statements.push_back("INSERT INTO " + name_of("config") +
                       " (name, value) VALUES ('version', '1847')");
  // PostfixAdmin's own: the domain of superadmins.
  statements.push_back("INSERT INTO " + name_of("domain") +
                       " (domain, description, transport) VALUES ('ALL', '', '')");
  return statements;
}

}  // namespace sekimori::store
