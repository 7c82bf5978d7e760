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
#include <thread>
#include <utility>

#include "helper/protocol.h"

namespace sekimori::act {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

// Postfix delivers hundreds a second.
constexpr std::chrono::seconds k_room_patience{10};
constexpr std::chrono::milliseconds k_room_poll{250};

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

// How many of `wanted` may be let go now: all of them, or as many as ever may be at once.
Result<std::size_t> HelperClient::room_for(std::size_t wanted) {
  const auto until = Clock::now() + k_room_patience;
  while (true) {
    auto answer = ask("{\"op\":\"room\"}\n");
    if (!answer) return std::unexpected(answer.error());
    const auto number = [&](const char* key) -> std::size_t {
      const json::value* value = answer->members.if_contains(key);
      return value != nullptr && value->is_int64() && value->get_int64() > 0
                 ? static_cast<std::size_t>(value->get_int64())
                 : 0;
    };
    const std::size_t portion = std::min(wanted, std::max<std::size_t>(number("most"), 1));
    if (number("room") >= portion) return portion;
    if (Clock::now() >= until) {
      return operating_failure(
          "Postfix works on half of what it takes at a time (qmgr_message_active_limit), and the "
          "rest is for other people's mail: the messages are let go when it has delivered more");
    }
    std::this_thread::sleep_for(k_room_poll);
  }
}

Result<void> HelperClient::hold(std::span<const std::string> ids) {
  return ask_in_batches("hold", ids);
}
Result<void> HelperClient::release(std::span<const std::string> ids) {
  while (!ids.empty()) {
    const auto room = room_for(std::min(ids.size(), helper::k_ids_max));
    if (!room) return std::unexpected(room.error());
    if (auto done = ask_in_batches("release", ids.first(*room)); !done) return done;
    ids = ids.subspan(*room);
  }
  return {};
}
Result<void> HelperClient::requeue(std::span<const std::string> ids) {
  return ask_in_batches("requeue", ids);
}

Result<std::uint64_t> HelperClient::remove(std::span<const decide::QueueTarget> targets) {
  // A request holds what fits, measured as the text it becomes.
  constexpr std::size_t k_text_max = helper::k_request_bytes_max - 4096;
  std::uint64_t kept = 0;
  while (!targets.empty()) {
    std::string request = "{\"op\":\"delete\",\"messages\":[";
    std::size_t taken = 0;
    while (taken < std::min(targets.size(), helper::k_deletions_max)) {
      const decide::QueueTarget& target = targets[taken];
      json::object message;
      message["id"] = target.id;
      if (target.sender) message["sender"] = *target.sender;
      if (target.arrival.is_set()) message["arrival"] = target.arrival.us / 1'000'000;
      if (target.not_after.is_set()) message["not_after"] = target.not_after.us / 1'000'000;
      const std::string text = json::serialize(message);
      if (taken > 0 && request.size() + text.size() > k_text_max) break;
      if (taken++ > 0) request += ',';
      request += text;
    }
    targets = targets.subspan(taken);
    auto answer = ask(request + "]}\n");
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

// ---------------------------------------------------------------- the firewall

Result<void> HelperClient::firewall(std::string_view what, std::string_view rest) {
  auto answer = ask(fmt::format("{{\"op\":\"firewall\",\"do\":\"{}\"{}}}\n", what, rest));
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<void> HelperClient::firewall_begin() { return firewall("begin", ""); }
Result<void> HelperClient::firewall_state() { return firewall("state", ""); }
Result<void> HelperClient::firewall_end() { return firewall("end", ""); }

namespace {
std::string bans_text(std::span<const HelperClient::Ban> bans) {
  std::string out = ",\"bans\":[";
  for (const auto& ban : bans) {
    out += fmt::format("{}[\"{}\",{}]", out.back() == '[' ? "" : ",", ban.network.to_string(),
                       ban.seconds);
  }
  return out + "]";
}
}  // namespace

Result<void> HelperClient::firewall_add(std::span<const Ban> bans) {
  while (!bans.empty()) {
    const auto batch = bans.first(std::min(bans.size(), helper::k_bans_max));
    bans = bans.subspan(batch.size());
    if (auto done = firewall("add", bans_text(batch)); !done) return done;
  }
  return {};
}

Result<void> HelperClient::firewall_networks(std::span<const Ban> bans) {
  bool first = true;
  do {
    const auto batch = bans.first(std::min(bans.size(), helper::k_bans_max));
    bans = bans.subspan(batch.size());
    const std::string flag = fmt::format(",\"first\":{}", first);
    if (auto done = firewall("networks", flag + bans_text(batch)); !done) return done;
    first = false;
  } while (!bans.empty());
  return {};
}

Result<void> HelperClient::firewall_remove(std::span<const IpNetwork> networks) {
  while (!networks.empty()) {
    const auto batch = networks.first(std::min(networks.size(), helper::k_bans_max));
    networks = networks.subspan(batch.size());
    std::string rest = ",\"bans\":[";
    for (const IpNetwork& network : batch) {
      rest += fmt::format("{}\"{}\"", rest.back() == '[' ? "" : ",", network.to_string());
    }
    if (auto done = firewall("remove", rest + "]"); !done) return done;
  }
  return {};
}

}  // namespace sekimori::act
