#include "web/control.h"

namespace sekimori::web {

std::string_view to_string(HealthLevel level) {
  switch (level) {
    case HealthLevel::ok: return "ok";
    case HealthLevel::warning: return "warning";
    case HealthLevel::failing: return "failing";
  }
  return "failing";
}

std::string_view to_string(OwnerProofKind kind) {
  switch (kind) {
    case OwnerProofKind::code: return "code";
    case OwnerProofKind::contact: return "contact";
    case OwnerProofKind::totp: return "totp";
    case OwnerProofKind::password: return "password";
  }
  return "code";
}

std::optional<OwnerProofKind> parse_owner_proof_kind(std::string_view word) {
  for (const auto kind : {OwnerProofKind::code, OwnerProofKind::contact, OwnerProofKind::totp,
                          OwnerProofKind::password}) {
    if (to_string(kind) == word) return kind;
  }
  return std::nullopt;
}

std::string_view to_string(OwnUse use) {
  switch (use) {
    case OwnUse::works: return "works";
    case OwnUse::watched: return "watched";
    case OwnUse::waits: return "waits";
    case OwnUse::stopped: return "stopped";
  }
  return "stopped";
}

}  // namespace sekimori::web
