// What we see and change of Postfix's queue files without its programs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sekimori::helper {

// A held message that was put off before has a modification time in the future: its queue manager
// passes it over until then (qmgr(8), "deferred queue file time stamps"), whoever lets it go. Sets
// it to now in the hold queue below `queue_directory`, hashed or not. Ids that are not held are
// passed over; what cannot be changed waits as long as Postfix meant. No link is followed: the
// folders belong to Postfix, not to root.
void make_due(const std::string& queue_directory, const std::vector<std::string>& ids);

// The messages that Postfix works on or is about to (active and incoming), at most `most`.
[[nodiscard]] std::size_t messages_at_work(const std::string& queue_directory, std::size_t most);

}  // namespace sekimori::helper
