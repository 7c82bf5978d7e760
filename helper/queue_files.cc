#include "helper/queue_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace sekimori::helper {
namespace {

// Postfix takes at most this hash_queue_depth (dir_forest.c makes one folder a letter).
constexpr int k_depth_max = 6;

bool touch(int folder, const char* name) {
  const timespec now[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  return ::utimensat(folder, name, now, AT_SYMLINK_NOFOLLOW) == 0;
}

// Takes over `folder`.
void touch_below(int folder, std::unordered_set<std::string_view>& wanted, int depth) {
  DIR* open = ::fdopendir(folder);
  if (open == nullptr) {
    ::close(folder);
    return;
  }
  while (const dirent* entry = wanted.empty() ? nullptr : ::readdir(open)) {
    if (const auto found = wanted.find(entry->d_name); found != wanted.end()) {
      if (touch(folder, entry->d_name)) wanted.erase(found);
    } else if (std::strlen(entry->d_name) == 1 && entry->d_name[0] != '.' && depth < k_depth_max) {
      const int below =
          ::openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (below >= 0) touch_below(below, wanted, depth + 1);
    }
  }
  ::closedir(open);
}

// Takes over `folder`. Adds the messages in it and below until there are `most`.
void count_below(int folder, std::size_t most, std::size_t& count, int depth) {
  DIR* open = ::fdopendir(folder);
  if (open == nullptr) {
    ::close(folder);
    return;
  }
  while (const dirent* entry = count >= most ? nullptr : ::readdir(open)) {
    if (entry->d_name[0] == '.') continue;
    if (std::strlen(entry->d_name) > 1) {
      ++count;
    } else if (depth < k_depth_max) {
      const int below =
          ::openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (below >= 0) count_below(below, most, count, depth + 1);
    }
  }
  ::closedir(open);
}

}  // namespace

std::size_t messages_at_work(const std::string& queue_directory, std::size_t most) {
  std::size_t count = 0;
  for (const char* queue : {"/active", "/incoming"}) {
    const int folder =
        ::open((queue_directory + queue).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder >= 0) count_below(folder, most, count, 0);
  }
  return count;
}

void make_due(const std::string& queue_directory, const std::vector<std::string>& ids) {
  const int folder =
      ::open((queue_directory + "/hold").c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return;
  std::unordered_set<std::string_view> elsewhere;
  for (const std::string& id : ids) {
    if (!touch(folder, id.c_str())) elsewhere.insert(id);
  }
  // In folders below it where "hold" stands in hash_queue_names, or gone.
  if (elsewhere.empty()) {
    ::close(folder);
  } else {
    touch_below(folder, elsewhere, 0);
  }
}

}  // namespace sekimori::helper
