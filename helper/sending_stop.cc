#include "helper/sending_stop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

namespace sekimori::helper {
namespace {

namespace json = boost::json;

std::vector<std::string> words_of(std::string_view text, std::string_view separators) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return words;
    const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

Result<void> failed(std::string_view what, const std::string& path) {
  return operating_failure(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

// One line of main.cf: names of transports, or $parameters.
bool is_plain(std::string_view list) {
  return std::ranges::all_of(list, [](char c) { return c >= ' ' && c < 0x7f; });
}

void sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const int fd = ::open(slash == std::string::npos ? "." : path.substr(0, slash + 1).c_str(),
                        O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

std::vector<std::string> smtp_transports(std::string_view master_services) {
  std::vector<std::string> transports{"smtp"};
  for (const std::string& line : words_of(master_services, "\n")) {
    // service type private unpriv chroot wakeup maxproc command
    const std::vector<std::string> fields = words_of(line, " \t");
    if (fields.size() < 8 || fields[1] != "unix" || fields[7] != "smtp") continue;
    if (fields[0] == "relay" || std::ranges::find(transports, fields[0]) != transports.end()) {
      continue;
    }
    transports.push_back(fields[0]);
  }
  return transports;
}

std::string with_transports(std::string_view list, const std::vector<std::string>& added) {
  const std::vector<std::string> present = words_of(list, ", \t\r\n");
  std::string result(list);
  for (const std::string& transport : added) {
    if (std::ranges::find(present, transport) != present.end()) continue;
    if (!result.empty()) result += ' ';
    result += transport;
  }
  return result;
}

std::string without_transports(std::string_view list, const std::vector<std::string>& removed) {
  std::string result;
  for (const std::string& word : words_of(list, ", \t\r\n")) {
    if (std::ranges::find(removed, word) != removed.end()) continue;
    if (!result.empty()) result += ' ';
    result += word;
  }
  return result;
}

Result<std::optional<SavedSending>> read_saved(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno == ENOENT) return std::optional<SavedSending>();
    return operating_failure(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  // What it says goes into main.cf: nobody else may have written it.
  struct stat found{};
  const bool ours_alone = ::fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
                          found.st_uid == ::geteuid() && (found.st_mode & 022) == 0;
  std::string text(65536, '\0');
  const ssize_t size = ours_alone ? ::read(fd, text.data(), text.size()) : -1;
  ::close(fd);
  if (!ours_alone) {
    return operating_failure(fmt::format("{} is not our own file: it is not believed", path));
  }
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  const json::object* object = error ? nullptr : parsed.if_object();
  const json::value* ours = object == nullptr ? nullptr : object->if_contains("ours");
  const json::value* added = object == nullptr ? nullptr : object->if_contains("added");
  if (ours == nullptr || !ours->is_string() || added == nullptr || !added->is_array()) {
    return operating_failure(fmt::format(
        "{} is damaged: set defer_transports by hand as it should be and remove the file", path));
  }
  SavedSending saved;
  saved.ours = std::string(ours->get_string());
  if (const json::value* earlier = object->if_contains("earlier");
      earlier != nullptr && earlier->is_string()) {
    saved.earlier = std::string(earlier->get_string());
  }
  for (const json::value& transport : added->get_array()) {
    if (transport.is_string()) saved.added.emplace_back(transport.get_string());
  }
  if (!is_plain(saved.ours) || !is_plain(saved.earlier.value_or(""))) {
    return operating_failure(fmt::format("{} does not hold a list of transports", path));
  }
  return saved;
}

Result<void> write_saved(const std::string& path, const SavedSending& saved) {
  json::object object;
  object["ours"] = saved.ours;
  object["earlier"] = saved.earlier ? json::value(*saved.earlier) : json::value(nullptr);
  object["added"] = json::value_from(saved.added);
  const std::string text = json::serialize(object) + "\n";
  const std::string aside = path + ".new";
  ::unlink(aside.c_str());
  const int fd = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed("write", aside);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(aside.c_str(), path.c_str()) != 0) return failed("write", path);
  sync_folder_of(path);
  return {};
}

Result<void> forget_saved(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path);
  sync_folder_of(path);
  return {};
}

}  // namespace sekimori::helper
