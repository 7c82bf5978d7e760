// One HTTP connection of the server, from the first byte to the last. Internal to web/; everything
// here runs on the server's I/O thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "web/api.h"
#include "web/http_stream.h"
#include "web/server.h"

namespace sekimori::web {

// What a connection needs of its server.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  [[nodiscard]] virtual const ServerSettings& config() const = 0;
  [[nodiscard]] virtual bool is_stopping() const = 0;
  [[nodiscard]] virtual bool token_matches(std::string_view header) const = 0;
  // Count one and say whether it is within what an address may do in a minute.
  [[nodiscard]] virtual bool admit_request(const IpAddress&) = 0;
  [[nodiscard]] virtual bool admit_failure(const IpAddress&) = 0;
  [[nodiscard]] virtual OwnerBrake& brake() = 0;
  // nullptr: there are no sessions.
  [[nodiscard]] virtual SignIns* sign_ins() = 0;
  virtual void count_request() = 0;
  [[nodiscard]] virtual bool stream_begins() = 0;
  virtual void stream_ends() = 0;
  [[nodiscard]] virtual Control& control_of() = 0;
  [[nodiscard]] virtual Hub& hub_of() = 0;
  [[nodiscard]] virtual asio::thread_pool& workers() = 0;
  // Of their own: a refused proof takes its time on purpose, and must not take the others'.
  [[nodiscard]] virtual asio::thread_pool& owner_workers() = 0;
};

class Connection {
 public:
  // `peer` unset: a unix socket, and `who` is whom the kernel named ("" = not believed).
  Connection(Protocol::socket socket, IpAddress peer, std::string who, ConnectionHost& host);
  // Serves requests until the connection ends. `self` keeps the object alive meanwhile.
  [[nodiscard]] asio::awaitable<void> run(std::shared_ptr<Connection> self);
  // Takes no further request; what is under way is answered.
  void stop_soon();
  void close();
  [[nodiscard]] bool is_tcp() const { return peer_.is_set(); }

 private:
  struct Exchange;
  [[nodiscard]] asio::awaitable<bool> serve_one();
  [[nodiscard]] asio::awaitable<bool> answer(Exchange& exchange);
  // `session`: whose reader it is, 0 = nobody's; the stream ends with it.
  [[nodiscard]] asio::awaitable<void> stream_news(std::uint64_t after, Caller caller);
  [[nodiscard]] asio::awaitable<void> linger();
  // Sets exchange.caller, and a refusal when too much is asked for. For the owner's routes the
  // header Authorization is none of ours: handle() takes it.
  void authorise(Exchange& exchange, bool is_owners);
  // True when a good session's cookie came with it: exchange.caller is set.
  [[nodiscard]] bool use_session(Exchange& exchange, bool is_owners);

  HttpStream stream_;
  // Shared, because news posted by other threads may look for it after we are gone.
  std::shared_ptr<asio::steady_timer> wake_;
  beast::flat_buffer buffer_;
  IpAddress peer_;
  std::string who_;
  ConnectionHost& host_;
  bool idle_ = false;       // between two requests
  bool streaming_ = false;  // /stream has begun
};

}  // namespace sekimori::web
