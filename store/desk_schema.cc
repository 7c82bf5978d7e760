#include "store/desk_schema.h"

namespace sekimori::store {

const Migrations& desk_migrations() {
  static const Migrations migrations{
      // 1
      {
          "CREATE TABLE ip_rule (id BIGINT NOT NULL PRIMARY KEY, network VARCHAR(64) NOT NULL UNIQUE, "
          "action VARCHAR(8) NOT NULL, reason TEXT NOT NULL, created_us BIGINT NOT NULL, "
          "expires_us BIGINT NOT NULL, set_by VARCHAR(320) NOT NULL)",
          "CREATE TABLE recovery_code (account VARCHAR(320) NOT NULL PRIMARY KEY, "
          "hash VARCHAR(128) NOT NULL, expires_us BIGINT NOT NULL, tries INTEGER NOT NULL, "
          "made_by VARCHAR(320) NOT NULL)",
      },
      // 2: rules also for countries and ASNs, of domains and accounts, for receiving. The earlier
      // ones were for sign-ins to the whole server and stay so. `place` is what such a row sorts
      // by;
      // of earlier rows the text, until they are set again.
      {
          "CREATE TABLE address_rule (id BIGINT NOT NULL PRIMARY KEY, target VARCHAR(64) NOT NULL, "
          "target_kind VARCHAR(8) NOT NULL, place VARCHAR(64) NOT NULL, "
          "scope VARCHAR(8) NOT NULL, subject VARCHAR(320) NOT NULL, uses VARCHAR(8) NOT NULL, "
          "action VARCHAR(8) NOT NULL, reason TEXT NOT NULL, created_us BIGINT NOT NULL, "
          "expires_us BIGINT NOT NULL, set_by VARCHAR(320) NOT NULL, hits BIGINT NOT NULL, "
          "last_hit_us BIGINT NOT NULL)",
          "INSERT INTO address_rule (id, target, target_kind, place, scope, subject, uses, action, "
          "reason, created_us, expires_us, set_by, hits, last_hit_us) "
          "SELECT id, network, 'network', network, 'server', '', 'login', action, "
          "reason, created_us, expires_us, set_by, 0, 0 FROM ip_rule",
          "CREATE INDEX address_rule_target ON address_rule (target)",
          "CREATE INDEX address_rule_place ON address_rule (place)",
          "CREATE INDEX address_rule_created ON address_rule (created_us)",
          "CREATE INDEX address_rule_expires ON address_rule (expires_us)",
          // Numbers are never given twice: the audit names rules by them.
          "CREATE TABLE address_rule_number (last BIGINT NOT NULL)",
          "INSERT INTO address_rule_number (last) SELECT COALESCE(MAX(id), 0) FROM address_rule",
          "DROP TABLE ip_rule",
      },
  };
  return migrations;
}

}  // namespace sekimori::store
