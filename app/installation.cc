#include "app/installation.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace sekimori::app {
namespace {

std::unexpected<Error> errno_error(const std::string& what) {
  return operating_failure(fmt::format("{}: {}", what, std::strerror(errno)));
}

struct Fd {
  int value;
  explicit Fd(int v) : value(v) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

Instant system_now() {
  return Instant{std::chrono::duration_cast<std::chrono::microseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count()};
}

store::StateStoreSettings state_database(const config::Settings& settings) {
  return {.url = settings.store.database,
          .busy_ms = 2000,
          .password_file = settings.store.database_password_file};
}

Result<HashKey> installation_key(const std::string& state_dir) {
  const std::string path = state_dir + "/hash.key";
  HashKey key{};
  {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.value >= 0) {
      if (::read(fd.value, key.data(), key.size()) == static_cast<ssize_t>(key.size())) return key;
      return operating_failure(
          fmt::format("{}: not 16 bytes long; restore it from the backup", path));
    }
    if (errno != ENOENT) return errno_error(path);
  }
  randombytes_buf(key.data(), key.size());
  const std::string fresh = path + ".new";
  {
    const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (fd.value < 0) return errno_error(fresh);
    if (::write(fd.value, key.data(), key.size()) != static_cast<ssize_t>(key.size()) ||
        ::fsync(fd.value) != 0) {
      return errno_error(fresh);
    }
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error(path);
  return key;
}

std::string host_name(const config::Settings& settings) {
  if (!settings.server.name.empty()) return settings.server.name;
  char buffer[256] = {};
  if (gethostname(buffer, sizeof buffer - 1) != 0 || buffer[0] == '\0') return "localhost";
  return buffer;
}

std::string boot_id() {
  return fmt::format("{:x}.{:x}", system_now().us, randombytes_uniform(0x10000));
}

Result<void> become_user(const std::string& user) {
  if (geteuid() != 0 || user.empty() || user == "root") return {};
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) {
    return operating_failure(fmt::format(
        "there is no user '{}' (server.user); make one with: useradd --system {}", user, user));
  }
  if (initgroups(entry->pw_name, entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 ||
      setuid(entry->pw_uid) != 0) {
    return errno_error(fmt::format("cannot become the user '{}'", user));
  }
  return {};
}

}  // namespace sekimori::app
