#include "app/drill_sink.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace sekimori::app {
namespace {

// Enough for the header of any message of a drill, its longest recipient list included.
constexpr std::size_t k_head_bytes = 64 * 1024;

// What a busy server logs within a few seconds.
constexpr std::streamoff k_log_tail = std::streamoff{4} << 20;

std::string head_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(k_head_bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  for (const std::string_view end : {"\r\n\r\n", "\n\n"}) {
    if (const auto at = text.find(end); at != std::string::npos) text.resize(at);
  }
  return text;
}

// The first header of this name ("Subject:"), "" when there is none.
std::string_view field(std::string_view head, std::string_view name) {
  std::size_t at = 0;
  while (at < head.size()) {
    auto end = head.find('\n', at);
    if (end == std::string_view::npos) end = head.size();
    const auto line = head.substr(at, end - at);
    if (line.starts_with(name)) return line.substr(name.size());
    at = end + 1;
  }
  return {};
}

}  // namespace

DrillSink::DrillSink(std::string folder) : folder_(std::move(folder)) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  first_ =
      fmt::format("{:020d}", std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

template <class Look>
void DrillSink::each_head(const Look& look) const {
  if (folder_.empty()) return;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const auto& path = entry.path();
    if (path.extension() != ".eml" || path.filename().string() < first_) continue;
    look(head_of(path));
  }
}

std::size_t DrillSink::recipients_with(std::string_view text) const {
  std::size_t count = 0;
  each_head([&](const std::string& head) {
    const auto to = field(head, "X-Envelope-To:");
    for (auto at = to.find(text); at != std::string_view::npos; at = to.find(text, at + 1)) ++count;
  });
  return count;
}

std::size_t DrillSink::messages_with(std::string_view text) const {
  std::size_t count = 0;
  each_head([&](const std::string& head) {
    if (field(head, "Subject:").find(text) != std::string_view::npos) ++count;
  });
  return count;
}

bool DrillSink::deferred(const std::string& maillog, std::string_view queue_id) {
  std::ifstream file(maillog, std::ios::binary | std::ios::ate);
  if (!file) return false;
  const auto size = static_cast<std::streamoff>(file.tellg());
  file.seekg(size > k_log_tail ? size - k_log_tail : 0);
  std::string line;
  while (std::getline(file, line)) {
    if (line.find(queue_id) != std::string::npos &&
        line.find("status=deferred") != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace sekimori::app
