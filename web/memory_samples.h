// What MemoryControl has to show from the beginning, for the tests of this folder.
#pragma once

#include "base/mail_address.h"
#include "web/control.h"

namespace sekimori::web {

inline decide::AccountRow sample_row(const std::string& address, Instant now) {
  decide::AccountRow row;
  row.address = address;
  row.name = address == "taro@example.jp" ? "関 太郎" : "Somebody";
  row.domain = std::string(domain_of(address));
  row.quota_bytes = 1 << 30;
  row.created = row.modified = now;
  return row;
}

inline decide::Incident sample_incident(Instant now) {
  decide::Incident incident;
  incident.id = 1;
  incident.subject = {decide::SubjectKind::account, "taro@example.jp"};
  incident.state = decide::IncidentState::open;
  incident.opened = now;
  incident.onset = now - minutes(5);
  incident.log_r = 9.5;
  incident.family = "spray_fast";
  incident.summary = {"3 分間に 47 通を送りました。", "47 messages in 3 minutes."};
  incident.evidence = {{"shape", 3.14159265, {"宛先が多めです。", "Many recipients."}}};
  incident.by = "machine";
  return incident;
}

inline decide::HeldMessage sample_hold(const std::string& id, Instant now) {
  decide::HeldMessage held;
  held.queue_id = id;
  held.account = "taro@example.jp";
  held.held_at = now;
  held.release_at = now + minutes(20);
  held.recipients = 20;
  held.size = 2048;
  held.log_r = 7.5;
  held.reason = {"確認のため、お預かりしています。", "Held for a check."};
  held.incident = 1;
  return held;
}

inline MetricsReport sample_metrics() {
  MetricsReport report;
  report.totals.events = 42;
  report.gauges = {{"sekimori_queue_length", "Waiting.", "queue=\"steps\"", 3, false},
                   {"sekimori_queue_length", "Waiting.", "queue=\"events\"", 0.5, false}};
  return report;
}

}  // namespace sekimori::web
