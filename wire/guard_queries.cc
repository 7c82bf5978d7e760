#include "wire/guard_queries.h"

#include <fmt/format.h>

namespace sekimori::wire {
namespace {

std::string address_of(std::string_view key) {
  return fmt::format(
      "(SELECT address, CASE WHEN instr(address, '+') BETWEEN 2 AND instr(address, '@') "
      "THEN substr(address, 1, instr(address, '+') - 1) || substr(address, instr(address, '@')) "
      "ELSE address END AS plain FROM (SELECT lower('{}') AS address))",
      key);
}

constexpr std::string_view k_no_bypass = "NOT EXISTS (SELECT 1 FROM bypass WHERE on_off = 1)";

// `columns` of the nearest standing that has `flag` set.
std::string standing(std::string_view columns, std::string_view flag, std::string_view key) {
  return fmt::format(
      "SELECT {} FROM standing, {} WHERE {} = 1 AND instr(address, '@') > 1 AND {} "
      "AND ((kind = 'account' AND id = plain) "
      "OR (kind = 'domain' AND id = substr(address, instr(address, '@') + 1)) "
      "OR kind = 'server') "
      "ORDER BY CASE kind WHEN 'account' THEN 0 WHEN 'domain' THEN 1 ELSE 2 END LIMIT 1",
      columns, address_of(key), flag, k_no_bypass);
}

// `column` where another panel has set the mailbox inactive and its mail waits.
std::string inactive(std::string_view column, std::string_view key) {
  return fmt::format(
      "SELECT {} FROM inactive, {} WHERE inactive.address = plain AND waits = 1 AND {} LIMIT 1",
      column, address_of(key), k_no_bypass);
}

std::string either(const std::string& first, const std::string& second) {
  return fmt::format("SELECT * FROM ({}) UNION ALL SELECT * FROM ({}) LIMIT 1", first, second);
}

}  // namespace

std::string guard_senders_query(std::string_view key) {
  return standing(
      "CASE reply WHEN '' THEN '525 5.7.13 sending is suspended for this account' ELSE reply END",
      "no_send", key);
}

std::string guard_recipients_query(std::string_view key) {
  constexpr std::string_view k_reply =
      "'450 4.2.1 mailbox temporarily suspended, please try again later'";
  return either(standing(k_reply, "no_receive", key), inactive(k_reply, key));
}

std::string guard_inactive_query(std::string_view key) {
  return inactive(fmt::format("'{}'", key), key);
}

std::string guard_waiting_query(std::string_view key) {
  return either(standing("'retry:4.2.1 mailbox temporarily suspended'", "no_receive", key),
                inactive("'retry:4.2.1 mailbox temporarily inactive'", key));
}

std::string guard_gate_query(std::string_view key) {
  return standing(
      "NULL AS password, 'Y' AS nopassword, CASE reason WHEN '' THEN "
      "'This account is suspended.' ELSE reason END AS reason",
      "no_login", key);
}

}  // namespace sekimori::wire
