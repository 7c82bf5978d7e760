// The forms of waiting mail and of damage reports (openapi.json).
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "base/text.h"
#include "web/aftermath.h"

namespace sekimori::web {

// Of messages and recipients so many are in the report itself; the rest is counted, and the
// recipients are all in the export.
inline constexpr std::size_t k_report_messages_max = 500;
inline constexpr std::size_t k_report_recipients_max = 500;

[[nodiscard]] boost::json::value json_of(const decide::WaitingView&);
[[nodiscard]] boost::json::object json_of(const decide::DamageReport&, Instant made);
[[nodiscard]] boost::json::value json_of(const NoteOutcome&);

// RFC 4180, CRLF, a heading line. A cell that a spreadsheet would take for a formula gets a quote
// before it. With `bom` Excel reads it as UTF-8.
[[nodiscard]] std::string recipients_csv(const std::vector<decide::DamageRecipient>&, Language,
                                         bool bom);

// A page of its own: no script, nothing from elsewhere, one <style>; made to be printed.
[[nodiscard]] std::string damage_html(const boost::json::value& report, Language);

}  // namespace sekimori::web
