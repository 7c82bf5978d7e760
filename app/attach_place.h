// Where the mail servers' files and programs are: this machine, or a root below it (a chroot, a
// container's root, as --root says). One thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "helper/process.h"

namespace sekimori::app {

class AttachPlace {
 public:
  // "" is this machine. Any other is an absolute path without a slash at its end.
  explicit AttachPlace(std::string root) : root_(std::move(root)) {}

  [[nodiscard]] const std::string& root() const { return root_; }
  // The mail server's path as this process sees it.
  [[nodiscard]] std::string outside(std::string_view path) const;
  // The other way round. Errors: bad_input (it lies outside the root).
  [[nodiscard]] Result<std::string> inside(std::string_view path) const;
  // Of a path inside; nullopt: there is no such file. Errors: operating (cannot be read, a symbolic
  // link, longer than 4 MiB).
  [[nodiscard]] Result<std::optional<std::string>> read(std::string_view path) const;
  // Runs one of the mail servers' programs (an absolute path inside).
  [[nodiscard]] Result<helper::Outcome> run(const std::string& program,
                                            std::vector<std::string> arguments) const;
  // The same, demanding exit code 0. Errors: operating, with what the program said last.
  [[nodiscard]] Result<std::string> output(const std::string& program,
                                           std::vector<std::string> arguments) const;
  // Errors: not_found.
  [[nodiscard]] Result<gid_t> group(const std::string& name) const;

 private:
  std::string root_;
};

// The whole file, by its path outside. As AttachPlace::read.
[[nodiscard]] Result<std::optional<std::string>> read_plain_file(const std::string& path);

}  // namespace sekimori::app
