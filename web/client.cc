#include "web/client.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <tuple>

#include "web/http_stream.h"
#include "web/listeners.h"
#include "web/target.h"

namespace sekimori::web {
namespace http = beast::http;
namespace {

using Request = http::request<http::string_body>;

// Parameters are references into call(), which waits for the end.
asio::awaitable<Result<Client::Response>> exchange(HttpStream& stream, Protocol::endpoint endpoint,
                                                   std::string place, const Request& request,
                                                   bool changes) {
  const auto failed = [&place](bool sent, const boost::system::error_code& error) {
    auto text = fmt::format("{}: {}", place, error.message());
    if (sent) return std::unexpected(Error{ErrorKind::uncertain, std::move(text)});
    return std::unexpected(Error{ErrorKind::operating, std::move(text)});
  };
  auto [connected] = co_await stream.async_connect(endpoint, k_tuple);
  if (connected) co_return failed(false, connected);
  auto [error, size] = co_await http::async_write(stream, request, k_tuple);
  if (error) co_return failed(changes, error);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(Client::k_answer_max);
  std::tie(error, size) = co_await http::async_read(stream, buffer, parser, k_tuple);
  if (error) co_return failed(changes, error);
  Client::Response response;
  response.status = static_cast<int>(parser.get().result_int());
  response.body = std::move(parser.get().body());
  co_return response;
}

}  // namespace

Client::Client(ClientSettings settings) : settings_(std::move(settings)) {}

Result<Client::Response> Client::call(std::string_view method, std::string_view target,
                                      std::string_view body, std::string_view media) const {
  const auto verb = http::string_to_verb(method);
  if (verb != http::verb::get && verb != http::verb::post && verb != http::verb::delete_) {
    return bad_input("the method must be GET, POST or DELETE");
  }
  if (const auto parsed = parse_target(target); !parsed) return std::unexpected(parsed.error());
  // What parse_target lets pass unescaped (a blank) would still break the request line.
  for (const char c : target) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) == 0x7F) {
      return bad_input("blanks and control characters in a target must be escaped");
    }
  }
  Request request(verb, target, 11);
  request.set(http::field::host, "localhost");
  request.set(http::field::connection, "close");
  if (settings_.token.is_set()) {
    request.set(http::field::authorization, "Bearer " + std::string(settings_.token.reveal()));
  }
  if (!body.empty()) request.set(http::field::content_type, media);
  request.body() = body;
  request.prepare_payload();

  const bool local = !settings_.unix_socket.empty();
  if (local && settings_.unix_socket.size() >= 108)
    return bad_input("the socket's path is too long");
  Protocol::endpoint endpoint;
  std::string place;
  if (local) {
    endpoint = asio::local::stream_protocol::endpoint(settings_.unix_socket);
    place = settings_.unix_socket;
  } else {
    endpoint = asio::ip::tcp::endpoint(asio_address(settings_.address), settings_.port);
    place = fmt::format("{} port {}", settings_.address.to_string(), settings_.port);
  }
  asio::io_context io{1};
  HttpStream stream(io.get_executor());
  stream.expires_after(chrono_of(settings_.timeout));
  std::optional<Result<Response>> outcome;
  asio::co_spawn(io, exchange(stream, endpoint, place, request, verb != http::verb::get),
                 [&outcome](const std::exception_ptr& thrown, Result<Response> result) {
                   if (!thrown) outcome.emplace(std::move(result));
                 });
  io.run();
  if (!outcome) return operating_failure(place + ": the call broke off");
  return std::move(*outcome);
}

}  // namespace sekimori::web
