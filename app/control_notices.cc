// The telling half of ControlService.
#include <fmt/format.h>

#include "app/control_service.h"

namespace sekimori::app {

Result<web::Page<decide::NoticeRow>> ControlService::notices(const decide::NoticeFilter& filter) {
  auto rows = parts_.notices.rows(filter);
  if (!rows) return std::unexpected(rows.error());
  auto total = parts_.notices.count(filter);
  if (!total) return std::unexpected(total.error());
  return web::Page<decide::NoticeRow>{std::move(*rows), *total};
}

Result<decide::NoticeRow> ControlService::acknowledge_notice(std::uint64_t id,
                                                             const web::Caller& by) {
  auto before = parts_.notices.row(id);
  if (!before || before->state == decide::NoticeState::acknowledged) return before;
  auto row = parts_.notices.acknowledge(id, by.who, parts_.now());
  if (!row) return row;
  audited(by, "acknowledge_notice", row->subject, row->incident,
          fmt::format("{} ({})", row->kind, to_string(row->channel)));
  return row;
}

Result<decide::CallSheet> ControlService::call_sheet(std::string_view address) {
  return parts_.call_sheet(normalised(address));
}

}  // namespace sekimori::app
