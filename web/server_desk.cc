#include "web/server_desk.h"

namespace sekimori::web {

std::string_view to_string(PolicySource source) {
  switch (source) {
    case PolicySource::setting: return "setting";
    case PolicySource::domain: return "domain";
    case PolicySource::account: return "account";
    case PolicySource::probation: return "probation";
  }
  return "";
}

std::string_view to_string(DryRunState state) {
  switch (state) {
    case DryRunState::running: return "running";
    case DryRunState::done: return "done";
    case DryRunState::failed: return "failed";
  }
  return "";
}

std::string_view to_string(TextSource source) {
  switch (source) {
    case TextSource::shipped: return "shipped";
    case TextSource::file: return "file";
    case TextSource::panel: return "panel";
  }
  return "";
}

}  // namespace sekimori::web
