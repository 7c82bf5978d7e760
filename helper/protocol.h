// What the daemon and the privileged helper say to each other, shared by both sides.
//
// One JSON object a line each way, over a unix socket; strictly one answer to one request.
//
//   {"op":"ping"}
//   {"op":"hold","ids":["4Vw…",…]}           also release, requeue
//   {"op":"delete","messages":[{"id":"4Vw…","sender":"a@b"?,"arrival":1700000000?,
//     "not_after":1700000000?},…]}
//   {"op":"list"}                            lines of `postqueue -j`, then the answer
//   {"op":"sasl_login","id":"4Vw…"}
//   {"op":"subject","id":"4Vw…"}             only where the settings allow it
//   {"op":"stop_sending","on":true}
//
//   {"ok":true,…}                            done; further keys say what
//   {"ok":false,"kind":"bad_input","error":"…"}   kind: bad_input, operating, not_found
//
// An answer always begins with {"ok": and a listed message with {"queue_name": so that a listing is
// streamed without being taken apart. Nothing here is a program's argument except a checked queue
// id.
#pragma once

#include <cstddef>
#include <string_view>

namespace sekimori::helper {

// The longest request line: 40,000 ids fit.
inline constexpr std::size_t k_request_bytes_max = std::size_t{1} << 20;
// Ids in one request: what postsuper does well within its deadline.
inline constexpr std::size_t k_ids_max = 1000;
// The longest listed message: some 100,000 recipients with their reasons.
inline constexpr std::size_t k_listed_bytes_max = std::size_t{32} << 20;
inline constexpr std::string_view k_answer_begin = "{\"ok\":";
inline constexpr std::string_view k_listed_begin = "{\"queue_name\":";

// Is it a queue id as Postfix makes them? Short ones are 6–20 upper-case hex digits, long ones
// (enable_long_queue_ids) 10–20 of Postfix's digits and consonants (src/global/mail_queue.h).
// Neither can be "ALL", an option or a path.
[[nodiscard]] bool is_queue_id(std::string_view text);

}  // namespace sekimori::helper
