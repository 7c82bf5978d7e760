#include "web/metrics.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace sekimori::web {
namespace {

void family(std::string& out, std::string_view name, std::string_view help, std::string_view type) {
  fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}
void head(std::string& out, std::string_view name, std::string_view help, bool counter) {
  family(out, name, help, counter ? "counter" : "gauge");
}

// A histogram's lines (_bucket, then _count and _sum) are one family under the name before that.
std::string_view histogram_of(std::string_view name) {
  constexpr std::string_view k_bucket = "_bucket";
  return name.ends_with(k_bucket) ? name.substr(0, name.size() - k_bucket.size()) : "";
}

void line(std::string& out, std::string_view name, std::string_view labels, double value) {
  out += name;
  if (!labels.empty()) fmt::format_to(std::back_inserter(out), "{{{}}}", labels);
  if (std::isnan(value)) {
    out += " NaN\n";
  } else if (std::isinf(value)) {
    out += value > 0 ? " +Inf\n" : " -Inf\n";
  } else {
    fmt::format_to(std::back_inserter(out), " {}\n", value);
  }
}

void total(std::string& out, std::string_view name, std::string_view help, std::uint64_t value,
           bool counter = true) {
  head(out, name, help, counter);
  fmt::format_to(std::back_inserter(out), "{} {}\n", name, value);
}

}  // namespace

std::string metrics_text(const MetricsReport& report) {
  const auto& t = report.totals;
  std::string out;
  total(out, "sekimori_events_total", "Events folded since the start.", t.events);
  total(out, "sekimori_duplicate_events_total", "Events seen before and left out.", t.duplicates);
  total(out, "sekimori_submissions_total", "Messages handed in by authenticated clients.",
        t.submissions);
  head(out, "sekimori_recipients_total", "Recipients of those messages, by what was answered.",
       true);
  line(out, "sekimori_recipients_total", "fate=\"accepted\"", static_cast<double>(t.accepted));
  line(out, "sekimori_recipients_total", "fate=\"held\"", static_cast<double>(t.held));
  line(out, "sekimori_recipients_total", "fate=\"refused\"", static_cast<double>(t.refused));
  total(out, "sekimori_restrictions_total", "Accounts restricted.", t.restrictions);
  total(out, "sekimori_suspensions_total", "Accounts suspended.", t.suspensions);
  total(out, "sekimori_approved_messages_total", "Messages that an approval covered.",
        t.approved_messages);
  total(out, "sekimori_approved_recipients_total", "Recipients of those messages.",
        t.approved_recipients);
  total(out, "sekimori_approvals_suspended_total",
        "Approvals that wait because something changed at the account.", t.approvals_suspended);
  total(out, "sekimori_journal_failures_total", "Events that could not be journaled.",
        t.journal_failures);
  total(out, "sekimori_accounts", "Accounts that the model knows.", t.accounts, false);
  total(out, "sekimori_holds_open", "Messages held now.", t.holds_open, false);
  total(out, "sekimori_model_bytes", "Memory of the accounts' model.", t.model_bytes, false);
  total(out, "sekimori_contact_filter_bytes", "Memory of the contact filter.",
        t.contact_filter_bytes, false);
  std::string_view last;
  std::string_view histogram;
  for (const auto& gauge : report.gauges) {
    const std::string_view name = gauge.name;
    const bool in_histogram = !histogram.empty() && name.starts_with(histogram) &&
                              (name.ends_with("_count") || name.ends_with("_sum"));
    if (name != last && !in_histogram) {
      histogram = histogram_of(name);
      if (histogram.empty()) {
        head(out, name, gauge.help, gauge.counter);
      } else {
        family(out, histogram, gauge.help, "histogram");
      }
    }
    last = name;
    line(out, gauge.name, gauge.labels, gauge.value);
  }
  return out;
}

}  // namespace sekimori::web
