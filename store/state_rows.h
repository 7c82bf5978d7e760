// How the state store's values stand in their rows: one struct for each table, filled by SOCI.
// Shared by the writing and the reading half of the store.
#pragma once

#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "base/mail_address.h"
#include "decide/records.h"
#include "store/database.h"
#include "store/like.h"

namespace sekimori::store {

using Number = long long;  // what SOCI binds for a BIGINT

[[nodiscard]] inline Number number(std::uint64_t value) { return static_cast<Number>(value); }
[[nodiscard]] inline Number number(Instant value) { return value.us; }
// No database agrees with another on what is not a number.
[[nodiscard]] inline double real(double value) { return std::isfinite(value) ? value : 0.0; }

// A word that somebody else wrote into our tables becomes an error of the read, not a guess.
template <class Enum>
[[nodiscard]] Enum word(std::optional<Enum> parsed, std::string_view text) {
  if (!parsed) throw std::runtime_error("unknown word in the database: " + std::string(text));
  return *parsed;
}

// The column `domain` of incidents and audit entries: "" of the server's.
[[nodiscard]] inline std::string domain_column(const decide::Subject& s) {
  switch (s.kind) {
    case decide::SubjectKind::account: return std::string(domain_of(s.id));
    case decide::SubjectKind::domain: return s.id;
    case decide::SubjectKind::server: break;
  }
  return {};
}
// Accounts of a domain, where a table has no such column.
[[nodiscard]] inline std::string within_pattern(std::string_view domain) {
  return "%@" + like_literal(domain);
}

struct SubjectRow {
  SubjectRow() = default;
  explicit SubjectRow(const decide::Subject& s) : kind(to_string(s.kind)), id(s.id) {}
  [[nodiscard]] decide::Subject value() const {
    return {word(decide::parse_subject_kind(kind), kind), id};
  }
  std::string kind;
  std::string id;
};

}  // namespace sekimori::store
