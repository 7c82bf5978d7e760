#include "act/helper_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "helper/protocol.h"

namespace sekimori::act {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

// Milliseconds until `end`, as poll(2) takes them; 0 when it is over.
int left_until(Clock::time_point end) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::clamp<long>(left, 0, 3'600'000));
}

}  // namespace

struct HelperClient::Answer {
  json::object members;
};

HelperClient::HelperClient(std::string socket_path, Duration timeout)
    : path_(std::move(socket_path)), timeout_(timeout) {}

HelperClient::~HelperClient() { disconnect(); }

void HelperClient::disconnect() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<void> HelperClient::connect() {
  if (fd_ >= 0) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(address.sun_path)) return bad_input("helper.socket is too long");
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return operating_failure(fmt::format("socket: {}", std::strerror(errno)));
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    ::close(fd);
    return operating_failure(
        fmt::format("the helper is not reached at {}: {}", path_, std::strerror(error)));
  }
  fd_ = fd;
  return {};
}

Result<std::string> HelperClient::exchange(const std::string& request, const OnLine& on_line,
                                           bool& heard, bool& ended) {
  const auto end = Clock::now() + std::chrono::microseconds(timeout_.us);
  const auto wait = [&](short events) -> Result<void> {
    pollfd polled{fd_, events, 0};
    while (true) {
      const int n = ::poll(&polled, 1, left_until(end));
      if (n > 0) return {};
      if (n < 0 && errno == EINTR) continue;
      return operating_failure("the helper did not answer in time");
    }
  };
  std::string_view unsent = request;
  while (!unsent.empty()) {
    const ssize_t n = ::send(fd_, unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (n > 0) {
      unsent.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      if (auto ready = wait(POLLOUT); !ready) return std::unexpected(ready.error());
    } else if (n < 0 && errno != EINTR) {
      return uncertain_write(fmt::format("the helper was lost: {}", std::strerror(errno)));
    }
  }
  std::string buffer;
  std::size_t searched = 0;
  std::array<char, 65536> piece;
  while (true) {
    for (std::size_t at; (at = buffer.find('\n', searched)) != std::string::npos;) {
      std::string line = buffer.substr(0, at);
      buffer.erase(0, at + 1);
      searched = 0;
      if (line.starts_with(helper::k_answer_begin)) return line;
      if (on_line && !on_line(line)) {
        ended = true;
        return std::string();
      }
    }
    searched = buffer.size();
    if (buffer.size() > helper::k_listed_bytes_max + 1024) {
      return operating_failure("the helper sent a line that is too long");
    }
    const ssize_t n = ::recv(fd_, piece.data(), piece.size(), 0);
    if (n > 0) {
      heard = true;
      buffer.append(piece.data(), static_cast<std::size_t>(n));
    } else if (n == 0) {
      return uncertain_write("the helper ended before it answered");
    } else if (errno == EAGAIN) {
      if (auto ready = wait(POLLIN); !ready) return std::unexpected(ready.error());
    } else if (errno != EINTR) {
      return uncertain_write(fmt::format("the helper was lost: {}", std::strerror(errno)));
    }
  }
}

Result<HelperClient::Answer> HelperClient::ask(const std::string& request, const OnLine& on_line) {
  const std::lock_guard lock(mutex_);
  for (int attempt = 0;; ++attempt) {
    const bool kept =
        fd_ >= 0;  // from an earlier request: the helper may have been restarted since
    if (auto connected = connect(); !connected) return std::unexpected(connected.error());
    bool heard = false;
    bool ended = false;
    auto line = exchange(request, on_line, heard, ended);
    if (!line || ended) disconnect();
    if (ended) return Answer{};
    if (!line) {
      if (kept && attempt == 0 && !heard && line.error().kind == ErrorKind::uncertain) continue;
      return std::unexpected(line.error());
    }
    boost::system::error_code error;
    const json::value parsed = json::parse(*line, error);
    const json::object* members = error ? nullptr : parsed.if_object();
    const json::value* ok = members == nullptr ? nullptr : members->if_contains("ok");
    if (ok == nullptr || !ok->is_bool()) {
      disconnect();
      return operating_failure("the helper's answer is none");
    }
    if (ok->get_bool()) return Answer{*members};
    const auto text = [&](const char* key) {
      const json::value* value = members->if_contains(key);
      return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                    : std::string();
    };
    const std::string kind = text("kind");
    if (kind == "bad_input") return bad_input("helper: " + text("error"));
    if (kind == "not_found") return not_found("helper: " + text("error"));
    return operating_failure("helper: " + text("error"));
  }
}

Result<void> HelperClient::ask_in_batches(std::string_view op, std::span<const std::string> ids) {
  for (const std::string& id : ids) {
    if (!helper::is_queue_id(id)) return bad_input("not a queue id: " + id.substr(0, 40));
  }
  while (!ids.empty()) {
    const auto batch = ids.first(std::min(ids.size(), helper::k_ids_max));
    ids = ids.subspan(batch.size());
    std::string request = fmt::format("{{\"op\":\"{}\",\"ids\":[", op);
    for (const std::string& id : batch) request += fmt::format("\"{}\",", id);
    request.back() = ']';
    request += "}\n";
    if (auto answer = ask(request); !answer) return std::unexpected(answer.error());
  }
  return {};
}

Result<void> HelperClient::ping() {
  if (auto answer = ask("{\"op\":\"ping\"}\n"); !answer) return std::unexpected(answer.error());
  return {};
}

Result<void> HelperClient::hold(std::span<const std::string> ids) {
  return ask_in_batches("hold", ids);
}
Result<void> HelperClient::release(std::span<const std::string> ids) {
  return ask_in_batches("release", ids);
}
Result<void> HelperClient::requeue(std::span<const std::string> ids) {
  return ask_in_batches("requeue", ids);
}

Result<std::uint64_t> HelperClient::remove(std::span<const decide::QueueTarget> targets) {
  std::uint64_t kept = 0;
  while (!targets.empty()) {
    const auto batch = targets.first(std::min(targets.size(), helper::k_ids_max));
    targets = targets.subspan(batch.size());
    json::array messages;
    for (const decide::QueueTarget& target : batch) {
      json::object message;
      message["id"] = target.id;
      if (target.sender) message["sender"] = *target.sender;
      if (target.arrival.is_set()) message["arrival"] = target.arrival.us / 1'000'000;
      if (target.not_after.is_set()) message["not_after"] = target.not_after.us / 1'000'000;
      messages.push_back(std::move(message));
    }
    json::object request;
    request["op"] = "delete";
    request["messages"] = std::move(messages);
    auto answer = ask(json::serialize(request) + "\n");
    if (!answer) return std::unexpected(answer.error());
    if (const json::value* n = answer->members.if_contains("kept"); n != nullptr && n->is_int64()) {
      kept += static_cast<std::uint64_t>(n->get_int64());
    }
  }
  return kept;
}

Result<void> HelperClient::list(const std::function<bool(std::string_view)>& each) {
  auto answer = ask("{\"op\":\"list\"}\n", each);
  if (!answer) return std::unexpected(answer.error());
  const json::value* skipped = answer->members.if_contains("skipped");
  if (skipped != nullptr && skipped->is_int64() && skipped->get_int64() > 0) {
    return operating_failure(
        fmt::format("{} queued messages could not be listed", skipped->get_int64()));
  }
  return {};
}

Result<std::string> HelperClient::sasl_login(std::string_view id) {
  if (!helper::is_queue_id(id)) return bad_input("not a queue id");
  auto answer = ask(fmt::format("{{\"op\":\"sasl_login\",\"id\":\"{}\"}}\n", id));
  if (!answer) return std::unexpected(answer.error());
  const json::value* login = answer->members.if_contains("login");
  if (login == nullptr || !login->is_string()) {
    return operating_failure("the helper's answer names no login");
  }
  return std::string(login->get_string());
}

Result<std::string> HelperClient::subject(std::string_view id) {
  json::object request;
  request["op"] = "subject";
  request["id"] = id;
  auto answer = ask(json::serialize(request) + "\n");
  if (!answer) return std::unexpected(answer.error());
  const json::value* subject = answer->members.if_contains("subject");
  if (subject == nullptr || !subject->is_string()) {
    return operating_failure("the helper's answer has no subject");
  }
  return std::string(subject->get_string());
}

Result<void> HelperClient::stop_sending(bool on) {
  auto answer = ask(fmt::format("{{\"op\":\"stop_sending\",\"on\":{}}}\n", on));
  if (!answer) return std::unexpected(answer.error());
  return {};
}

}  // namespace sekimori::act
