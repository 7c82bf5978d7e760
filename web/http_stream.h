// The one stream type that server and client instantiate Beast with: TCP and unix sockets alike, so
// that the heavy templates are compiled once each. Internal to web/.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>

#include "base/instant.h"

namespace sekimori::web {

namespace asio = boost::asio;
namespace beast = boost::beast;

using Protocol = asio::generic::stream_protocol;
using HttpStream = beast::basic_stream<Protocol, asio::any_io_executor>;
// co_await gives [error, …] instead of throwing.
inline constexpr auto k_tuple = asio::as_tuple(asio::use_awaitable);

[[nodiscard]] inline std::chrono::microseconds chrono_of(Duration d) {
  return std::chrono::microseconds(d.us);
}

}  // namespace sekimori::web
