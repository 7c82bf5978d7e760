#include "app/attach_place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "store/files.h"
#include "wire/conf_edit.h"

namespace sekimori::app {
namespace {

// A reload or a look at the queue; a long one is no healthy server.
constexpr Duration k_program_deadline = seconds(60);

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const auto at = text.rfind('\n');
  return std::string(at == std::string_view::npos ? text : text.substr(at + 1));
}

}  // namespace

Result<std::optional<std::string>> read_plain_file(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return store::errno_failure("read", path);
  }
  if (S_ISLNK(info.st_mode)) {
    return operating_failure(
        fmt::format("{} is a symbolic link; name the folder of the real file instead", path));
  }
  auto text = store::read_file(path, wire::k_conf_file_max);
  if (!text) return std::unexpected(text.error());
  return std::move(*text);
}

std::string AttachPlace::outside(std::string_view path) const { return root_ + std::string(path); }

Result<std::string> AttachPlace::inside(std::string_view path) const {
  if (root_.empty()) return std::string(path);
  if (!path.starts_with(root_ + "/")) {
    return bad_input(
        fmt::format("{} lies outside {}, where the mail server cannot see it", path, root_));
  }
  return std::string(path.substr(root_.size()));
}

Result<std::optional<std::string>> AttachPlace::read(std::string_view path) const {
  return read_plain_file(outside(path));
}

Result<helper::Outcome> AttachPlace::run(const std::string& program,
                                         std::vector<std::string> arguments) const {
  helper::Command command;
  command.deadline = k_program_deadline;
  command.program = program;
  if (!root_.empty()) {
    arguments.insert(arguments.begin(), {root_, program});
    command.program = "/usr/sbin/chroot";
  }
  command.arguments = std::move(arguments);
  return helper::run(command);
}

Result<std::string> AttachPlace::output(const std::string& program,
                                        std::vector<std::string> arguments) const {
  auto done = run(program, std::move(arguments));
  if (!done) return std::unexpected(done.error());
  if (done->exit_code != 0) {
    const std::string said = last_line(done->complaint.empty() ? done->output : done->complaint);
    return operating_failure(fmt::format("{}: {}", program, said));
  }
  return std::move(done->output);
}

Result<gid_t> AttachPlace::group(const std::string& name) const {
  if (root_.empty()) {
    const ::group* found = ::getgrnam(name.c_str());
    if (found != nullptr) return found->gr_gid;
  } else if (auto text = read("/etc/group"); text && *text) {
    // group(5): name:password:number:members
    for (std::size_t at = 0; at < (*text)->size();) {
      const std::size_t end = std::min((*text)->find('\n', at), (*text)->size());
      const std::string_view line = std::string_view(**text).substr(at, end - at);
      at = end + 1;
      if (!line.starts_with(name + ":")) continue;
      const auto second = line.find(':', name.size() + 1);
      gid_t gid = 0;
      if (second != std::string_view::npos &&
          std::from_chars(line.data() + second + 1, line.data() + line.size(), gid).ec ==
              std::errc{}) {
        return gid;
      }
    }
  }
  return not_found(fmt::format("there is no group {}", name));
}

}  // namespace sekimori::app
