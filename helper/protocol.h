// What the daemon and the privileged helper say to each other, shared by both sides.
//
// One JSON object a line each way, over a unix socket; strictly one answer to one request.
//
//   {"op":"ping"}
//   {"op":"hold","ids":["4Vw…",…]}           also release, requeue
//   {"op":"room"}                            {"ok":true,"room":9000,"most":10000}: so many messages
//   may be let go now, and while Postfix has nothing else to do
//   {"op":"delete","messages":[{"id":"4Vw…","sender":"a@b"?,"arrival":1700000000?,
//     "not_after":1700000000?},…]}
//   {"op":"list"}                            lines of `postqueue -j`, then the answer
//   {"op":"sasl_login","id":"4Vw…"}
//   {"op":"subject","id":"4Vw…"}             only where the settings allow it
//   {"op":"stop_sending","on":true}
//   {"op":"firewall","do":"begin"}           our table, new and empty; only where the settings
//   allow
//   {"op":"firewall","do":"add","bans":[["192.0.2.1",900],…]}    addresses; seconds, 0 = no end
//   {"op":"firewall","do":"remove","bans":["192.0.2.1",…]}
//   {"op":"firewall","do":"networks","first":true,"bans":[["192.0.2.0/24",900],…]}
//                                            first: in place of all networks; else more of them
//   {"op":"firewall","do":"state"}           {"ok":true,"works":true}: is our table there?
//   {"op":"firewall","do":"end"}             takes the table away
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

// The longest request line: 10,000 messages with senders of the usual length fit.
inline constexpr std::size_t k_request_bytes_max = std::size_t{2} << 20;
// Ids in one request: what postsuper does well within its deadline.
inline constexpr std::size_t k_ids_max = 1000;
// Messages in one request to delete: the whole queue is looked over for each request, to see that
// they are the ones that were meant, so that few large requests are cheaper than many.
inline constexpr std::size_t k_deletions_max = 10'000;
// The longest listed message: some 100,000 recipients with their reasons.
inline constexpr std::size_t k_listed_bytes_max = std::size_t{32} << 20;
// Bans in one request.
inline constexpr std::size_t k_bans_max = 8000;
inline constexpr std::string_view k_answer_begin = "{\"ok\":";
inline constexpr std::string_view k_listed_begin = "{\"queue_name\":";

// Is it a queue id as Postfix makes them? Short ones are 6–20 upper-case hex digits, long ones
// (enable_long_queue_ids) 10–20 of Postfix's digits and consonants (src/global/mail_queue.h).
// Neither can be "ALL", an option or a path.
[[nodiscard]] bool is_queue_id(std::string_view text);

}  // namespace sekimori::helper
