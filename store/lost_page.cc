#include "store/lost_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "store/files.h"

namespace sekimori::store {
namespace {

// What /proc/self/maps calls a copy: "/memfd:" and this.
constexpr const char* k_copy_name = "sekimori-lost-page";
constexpr std::string_view k_copy_path = "/memfd:sekimori-lost-page";
constexpr std::string_view k_index_suffix = "-shm";
constexpr std::size_t k_lost_max = 64;  // SQLite's index takes a page for some 500 pages of WAL

struct LostPage {
  std::uintptr_t address = 0;
  off_t offset = 0;  // in the file
  ino_t inode = 0;
  std::array<char, PATH_MAX> path{};
};

// Of the signal handler, under g_busy; it may neither allocate nor take a mutex.
std::atomic_flag g_busy;
std::array<LostPage, k_lost_max> g_lost;
std::atomic<std::size_t> g_lost_count;
std::uintptr_t g_page_bytes = 4096;
std::mutex g_mapped;  // see hold_mapped_pages()

class Busy {
 public:
  Busy() {
    while (g_busy.test_and_set(std::memory_order_acquire)) {
    }
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() { g_busy.clear(std::memory_order_release); }
};

// A line of /proc/self/maps (proc(5)).
struct Mapping {
  std::uintptr_t begin = 0, end = 0;
  off_t offset = 0;
  ino_t inode = 0;
  std::string_view path;
};

std::string_view next_word(std::string_view& rest) {
  const std::size_t begin = std::min(rest.find_first_not_of(' '), rest.size());
  rest.remove_prefix(begin);
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

template <class Number>
Number number_of(std::string_view digits, int base) {
  Number number = 0;
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  return number;
}

Mapping parse_mapping(std::string_view line) {
  const std::string_view range = next_word(line);
  const std::size_t dash = std::min(range.find('-'), range.size());
  Mapping mapping;
  mapping.begin = number_of<std::uintptr_t>(range.substr(0, dash), 16);
  mapping.end = number_of<std::uintptr_t>(range.substr(std::min(dash + 1, range.size())), 16);
  (void)next_word(line);  // permissions
  mapping.offset = number_of<off_t>(next_word(line), 16);
  (void)next_word(line);  // device
  mapping.inode = number_of<ino_t>(next_word(line), 10);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.path = line;
  return mapping;
}

// Calls use(mapping) for the one that holds `address`; false: nothing is mapped there, or it cannot
// be found out. Allocates nothing.
template <class Use>
bool with_mapping(std::uintptr_t address, const Use& use) {
  const int fd = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::array<char, 2 * PATH_MAX> buffer{};
  std::size_t filled = 0;
  bool is_found = false;
  while (!is_found && filled < buffer.size()) {
    const ssize_t got = ::read(fd, buffer.data() + filled, buffer.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
    std::string_view rest(buffer.data(), filled);
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos && !is_found;
         end = rest.find('\n')) {
      const Mapping mapping = parse_mapping(rest.substr(0, end));
      is_found = mapping.begin <= address && address < mapping.end;
      if (is_found) use(mapping);
      rest.remove_prefix(end + 1);
    }
    if (is_found) break;
    std::memmove(buffer.data(), rest.data(), rest.size());
    filled = rest.size();
  }
  ::close(fd);
  return is_found;
}

// A copy of the page in its place. SQLite's other threads wait meanwhile: whoever writes there gets
// the signal as well.
bool replace_by_copy(void* page) {
  const int fd = ::memfd_create(k_copy_name, MFD_CLOEXEC);
  if (fd < 0) return false;
  const bool is_whole = ::write(fd, page, g_page_bytes) == static_cast<ssize_t>(g_page_bytes);
  const bool is_replaced = is_whole && ::mmap(page, g_page_bytes, PROT_READ | PROT_WRITE,
                                              MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED;
  ::close(fd);
  return is_replaced;
}

// The note of the page at `address`, an older one or a new one; nullptr: there is no room.
LostPage* note_of(std::uintptr_t address) {
  const std::size_t count = g_lost_count.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) {
    if (g_lost[i].address == address) return &g_lost[i];
  }
  if (count == g_lost.size()) return nullptr;
  g_lost_count.store(count + 1, std::memory_order_release);
  return &g_lost[count];
}

bool keep_page(void* page) {
  const auto address = reinterpret_cast<std::uintptr_t>(page);
  bool is_kept = false;
  const bool is_found = with_mapping(address, [&](const Mapping& mapping) {
    if (mapping.path.starts_with(k_copy_path)) {  // another thread was first
      is_kept = true;
      return;
    }
    if (!mapping.path.ends_with(k_index_suffix) || mapping.path.size() >= PATH_MAX) return;
    LostPage* const note = note_of(address);
    if (note == nullptr) return;
    note->address = address;
    note->offset = mapping.offset + static_cast<off_t>(address - mapping.begin);
    note->inode = mapping.inode;
    note->path.fill('\0');
    mapping.path.copy(note->path.data(), mapping.path.size());
    is_kept = replace_by_copy(page);
  });
  return is_found && is_kept;
}

void on_bus_error(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int errno_before = errno;
  auto* const at = static_cast<char*>(info->si_addr);
  char* const page = at - reinterpret_cast<std::uintptr_t>(at) % g_page_bytes;
  bool is_kept = false;
  if (info->si_code == BUS_ADRERR) {
    const Busy busy;
    is_kept = keep_page(page);
  }
  // Not ours: the same write comes again, and ends the process.
  if (!is_kept) (void)std::signal(SIGBUS, SIG_DFL);
  errno = errno_before;
}

bool is_a_copy(std::uintptr_t address) {
  bool is_one = false;
  with_mapping(address,
               [&](const Mapping& mapping) { is_one = mapping.path.starts_with(k_copy_path); });
  return is_one;
}

Result<void> restore(const LostPage& lost) {
  if (!is_a_copy(lost.address)) return {};  // closed since
  const std::string path = lost.path.data();
  auto file = open_file(path, O_RDWR);
  if (!file) return std::unexpected(file.error());
  struct stat info{};
  if (::fstat(file->get(), &info) != 0) return errno_failure("look at", path);
  if (info.st_ino != lost.inode) return {};  // the database was replaced; it is opened anew
  void* const page = reinterpret_cast<void*>(lost.address);  // NOLINT(performance-no-int-to-ptr)
  if (::mmap(page, g_page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file->get(),
             lost.offset) == MAP_FAILED) {
    return errno_failure("map", path);
  }
  return {};
}

}  // namespace

void keep_lost_pages() {
  g_page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  (void)::sigaction(SIGBUS, &action, nullptr);
}

Result<void> restore_lost_pages() {
  if (g_lost_count.load(std::memory_order_acquire) == 0) return {};
  const std::lock_guard lock(g_mapped);
  for (;;) {
    LostPage last;
    {
      const Busy busy;
      const std::size_t count = g_lost_count.load(std::memory_order_relaxed);
      if (count == 0) return {};
      last = g_lost[count - 1];
    }
    if (auto done = restore(last); !done) return done;
    const Busy busy;
    const std::size_t count = g_lost_count.load(std::memory_order_relaxed);
    // One more may have been lost meanwhile, behind this one.
    for (std::size_t i = 0; i < count; ++i) {
      if (g_lost[i].address != last.address) continue;
      g_lost[i] = g_lost[count - 1];
      g_lost_count.store(count - 1, std::memory_order_release);
      break;
    }
  }
}

std::unique_lock<std::mutex> hold_mapped_pages() { return std::unique_lock(g_mapped); }

}  // namespace sekimori::store
