#include "store/state_schema.h"

namespace sekimori::store {

const Migrations& state_migrations() {
  static const Migrations migrations{
      // 1
      {
          // Numbers given out (incidents, steps, audit): never given twice, also after a removal.
          "CREATE TABLE counter (name VARCHAR(32) NOT NULL PRIMARY KEY, value BIGINT NOT NULL)",

          "CREATE TABLE standing (kind VARCHAR(16) NOT NULL, id VARCHAR(320) NOT NULL, "
          "standing VARCHAR(16) NOT NULL, epoch BIGINT NOT NULL, since_us BIGINT NOT NULL, "
          "set_by VARCHAR(320) NOT NULL, reason_ja TEXT NOT NULL, reason_en TEXT NOT NULL, "
          "incident BIGINT NOT NULL, PRIMARY KEY (kind, id))",

          "CREATE TABLE incident (id BIGINT NOT NULL PRIMARY KEY, kind VARCHAR(16) NOT NULL, "
          "subject VARCHAR(320) NOT NULL, state VARCHAR(16) NOT NULL, opened_us BIGINT NOT NULL, "
          "onset_us BIGINT NOT NULL, closed_us BIGINT NOT NULL, mode VARCHAR(16) NOT NULL, "
          "standing VARCHAR(16) NOT NULL, log_r DOUBLE PRECISION NOT NULL, "
          "family VARCHAR(64) NOT NULL, summary_ja TEXT NOT NULL, summary_en TEXT NOT NULL, "
          "opened_by VARCHAR(320) NOT NULL)",
          "CREATE INDEX incident_subject ON incident (kind, subject)",
          "CREATE INDEX incident_state ON incident (state)",

          "CREATE TABLE evidence (incident BIGINT NOT NULL, line INTEGER NOT NULL, "
          "channel VARCHAR(64) NOT NULL, nats DOUBLE PRECISION NOT NULL, text_ja TEXT NOT NULL, "
          "text_en TEXT NOT NULL, PRIMARY KEY (incident, line))",

          "CREATE TABLE hold (queue_id VARCHAR(64) NOT NULL PRIMARY KEY, "
          "account VARCHAR(320) NOT NULL, held_us BIGINT NOT NULL, release_us BIGINT NOT NULL, "
          "recipients BIGINT NOT NULL, bytes BIGINT NOT NULL, kind VARCHAR(16) NOT NULL, "
          "state VARCHAR(16) NOT NULL, incident BIGINT NOT NULL, log_r DOUBLE PRECISION NOT NULL, "
          "reason_ja TEXT NOT NULL, reason_en TEXT NOT NULL, ended_by VARCHAR(320) NOT NULL)",
          "CREATE INDEX hold_account ON hold (account)",
          "CREATE INDEX hold_state ON hold (state)",

          "CREATE TABLE audit (id BIGINT NOT NULL PRIMARY KEY, t_us BIGINT NOT NULL, "
          "who VARCHAR(320) NOT NULL, action VARCHAR(64) NOT NULL, kind VARCHAR(16) NOT NULL, "
          "subject VARCHAR(320) NOT NULL, incident BIGINT NOT NULL, why TEXT NOT NULL, "
          "detail TEXT NOT NULL)",
          "CREATE INDEX audit_subject ON audit (kind, subject, id)",
          "CREATE INDEX audit_time ON audit (t_us)",

          "CREATE TABLE note (id BIGINT NOT NULL PRIMARY KEY, t_us BIGINT NOT NULL, "
          "who VARCHAR(320) NOT NULL, action VARCHAR(64) NOT NULL, kind VARCHAR(16) NOT NULL, "
          "subject VARCHAR(320) NOT NULL, incident BIGINT NOT NULL, why TEXT NOT NULL, "
          "detail TEXT NOT NULL)",
          "CREATE INDEX note_incident ON note (incident, id)",

          "CREATE TABLE step (id BIGINT NOT NULL PRIMARY KEY, incident BIGINT NOT NULL, "
          "kind VARCHAR(16) NOT NULL, subject VARCHAR(320) NOT NULL, epoch BIGINT NOT NULL, "
          "step VARCHAR(32) NOT NULL, state VARCHAR(16) NOT NULL, tries INTEGER NOT NULL, "
          "created_us BIGINT NOT NULL, changed_us BIGINT NOT NULL, detail TEXT NOT NULL)",
          "CREATE INDEX step_state ON step (state, id)",
          "CREATE INDEX step_incident ON step (incident, id)",
          "CREATE INDEX step_subject ON step (kind, subject, epoch)",
      },
      // 2: approvals given beforehand
      {
          "CREATE TABLE approval (id BIGINT NOT NULL PRIMARY KEY, account VARCHAR(320) NOT NULL, "
          "state VARCHAR(16) NOT NULL, cause VARCHAR(16) NOT NULL, epoch BIGINT NOT NULL, "
          "recipients BIGINT NOT NULL, per_message BIGINT NOT NULL, size_min BIGINT NOT NULL, "
          "size_max BIGINT NOT NULL, network VARCHAR(64) NOT NULL, from_us BIGINT NOT NULL, "
          "until_us BIGINT NOT NULL, repeats VARCHAR(16) NOT NULL, days VARCHAR(128) NOT NULL, "
          "start_minute BIGINT NOT NULL, minutes BIGINT NOT NULL, zone VARCHAR(64) NOT NULL, "
          "zone_rule VARCHAR(64) NOT NULL, created_us BIGINT NOT NULL, "
          "created_by VARCHAR(320) NOT NULL, changed_us BIGINT NOT NULL, "
          "changed_by VARCHAR(320) NOT NULL, reason TEXT NOT NULL)",
          "CREATE INDEX approval_account ON approval (account, id)",
          "CREATE INDEX approval_state ON approval (state, id)",
      },
      // 3: what the judge's channels said of a held message, for experts.
      {
          "ALTER TABLE hold ADD COLUMN evidence VARCHAR(512) NOT NULL DEFAULT ''",
      },
      // 4: when a hold ended, or when a person asked for its end.
      {
          "ALTER TABLE hold ADD COLUMN ended_us BIGINT NOT NULL DEFAULT 0",
      },
      // 5: pages of long lists come from an index, also a domain's own.
      {
          "ALTER TABLE incident ADD COLUMN domain VARCHAR(320) NOT NULL DEFAULT ''",
          "UPDATE incident SET domain = CASE kind WHEN 'account' THEN "
          "SUBSTR(subject, INSTR(subject, '@') + 1) ELSE subject END",
          "CREATE INDEX incident_domain ON incident (domain, id)",
          "CREATE INDEX incident_domain_state ON incident (domain, state, id)",
          "CREATE INDEX incident_by_state ON incident (state, id)",
          "CREATE INDEX incident_by_subject ON incident (kind, subject, id)",
          "DROP INDEX incident_state ON incident",
          "DROP INDEX incident_subject ON incident",

          "ALTER TABLE audit ADD COLUMN domain VARCHAR(320) NOT NULL DEFAULT ''",
          "UPDATE audit SET domain = CASE kind WHEN 'account' THEN "
          "SUBSTR(subject, INSTR(subject, '@') + 1) ELSE subject END",
          "ALTER TABLE note ADD COLUMN domain VARCHAR(320) NOT NULL DEFAULT ''",
          "CREATE INDEX audit_domain ON audit (domain, id)",
          "CREATE INDEX audit_who ON audit (who, id)",
          "CREATE INDEX audit_action ON audit (action, id)",
      },
  };
  return migrations;
}

}  // namespace sekimori::store
