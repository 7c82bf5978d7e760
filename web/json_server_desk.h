// The forms of server_desk.h.
#pragma once

#include <boost/json/value.hpp>

#include "web/json_views.h"
#include "web/server_desk.h"

namespace sekimori::web {

[[nodiscard]] boost::json::value json_of(const DomainSummary&);
[[nodiscard]] boost::json::value json_of(const AdminSummary&);
[[nodiscard]] boost::json::value json_of(const PolicyView&);
[[nodiscard]] boost::json::value json_of(const SwitchesView&);
[[nodiscard]] boost::json::value json_of(const DryRun&);
[[nodiscard]] boost::json::value json_of(const SettingsView&);
[[nodiscard]] boost::json::value json_of(const NoticeTextSummary&);
[[nodiscard]] boost::json::value json_of(const NoticeTextView&);
[[nodiscard]] boost::json::value json_of(const NoticePreview&);
[[nodiscard]] boost::json::value json_of(const HealthSpanView&);

}  // namespace sekimori::web
