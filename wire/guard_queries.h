// The SQL by which Postfix (sqlite_table(5)) and Dovecot (passdb sql) look into guard.db. One
// meaning of "this account's standing" for both: the login in lower case with a +extension taken
// off, its domain, or the whole server; and nothing at all while bypass is on. Pure; any thread.
//
// `key` is the server's own placeholder for the address, which it escapes itself: %s in Postfix, %u
// in Dovecot 2.3, %{user} in 2.4.
#pragma once

#include <string>
#include <string_view>

namespace sekimori::wire {

// check_sasl_access: who may not send, and the words for it.
[[nodiscard]] std::string guard_senders_query(std::string_view key);
// check_recipient_access: whose mail waits at the sender (450 4.2.1).
[[nodiscard]] std::string guard_recipients_query(std::string_view key);
// virtual_alias_maps, the last of them: a mailbox that PostfixAdmin has set inactive is no unknown
// one, so that its mail waits instead of bouncing (550).
[[nodiscard]] std::string guard_inactive_query(std::string_view key);
// transport_maps: what was taken all the same (aliases, lists, sendmail(1)) waits in the queue.
[[nodiscard]] std::string guard_waiting_query(std::string_view key);
// A passdb before all others that lets nobody in: whoever it finds is refused, with the reason.
[[nodiscard]] std::string guard_gate_query(std::string_view key);

}  // namespace sekimori::wire
