#include "web/connection.h"

#include <sodium.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <ctime>
#include <optional>
#include <tuple>
#include <utility>

#include "web/admission.h"
#include "web/api.h"
#include "web/sign_in.h"

namespace sekimori::web {
namespace http = beast::http;
namespace {

std::string http_date() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  // IMF-fixdate (RFC 9110 §5.6.7); the daemon runs in the C locale.
  const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

// Every proxy that adds itself writes one of these; without them the peer is the client.
bool was_forwarded(const http::fields& fields) {
  return fields.find("X-Forwarded-For") != fields.end() ||
         fields.find("Forwarded") != fields.end() || fields.find("Via") != fields.end() ||
         fields.find("X-Real-IP") != fields.end();
}

// A proxy may send the absolute form (RFC 9112 §3.2.2); we know one host only.
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  return target;
}

std::string_view view_of(beast::string_view text) { return {text.data(), text.size()}; }

std::string_view find_field(const http::fields& fields, beast::string_view name) {
  const auto at = fields.find(name);
  return at == fields.end() ? std::string_view() : view_of(at->value());
}

// Runs `work` on the pool and comes back to this coroutine's thread with what it returned.
template <class Work>
asio::awaitable<ApiResponse> on_pool(asio::thread_pool& pool, Work& work) {
  auto start = [&pool, &work](auto handler) {
    asio::post(pool, [&work, done = std::move(handler)]() mutable {
      auto response = work();
      const auto home = asio::get_associated_executor(done);
      asio::post(home, [done = std::move(done), response = std::move(response)]() mutable {
        std::move(done)(std::move(response));
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(ApiResponse)>(
      std::move(start), asio::use_awaitable);
}

ApiResponse too_many_failures() {
  auto response = error_response(429);
  response.headers.emplace_back("Retry-After", "60");
  return response;
}

std::optional<int> status_of_read_error(const beast::error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  if (error.category() == http::make_error_code(http::error::bad_method).category()) return 400;
  return std::nullopt;  // the peer is gone or too slow
}

}  // namespace

struct Connection::Exchange {
  http::request_parser<http::string_body> parser;
  Caller caller;
  ApiResponse response;
  bool has_body_left = false;  // what follows is not the next request: the connection must end
  bool refused = false;        // `response` is the answer already
};

Connection::Connection(Protocol::socket socket, IpAddress peer, std::string who,
                       ConnectionHost& host)
    : stream_(std::move(socket)),
      wake_(std::make_shared<asio::steady_timer>(stream_.get_executor())),
      buffer_(host.config().header_bytes_max + 64 * 1024),
      peer_(peer),
      who_(std::move(who)),
      host_(host) {}

void Connection::stop_soon() {
  if (idle_ || streaming_) close();
}

void Connection::close() {
  wake_->cancel();
  boost::system::error_code ignored;
  stream_.socket().close(ignored);
}

asio::awaitable<void> Connection::run(std::shared_ptr<Connection> self) {
  while (self->stream_.socket().is_open() && !host_.is_stopping()) {
    const bool go_on = co_await serve_one();
    if (!go_on) break;
  }
  close();
}

bool Connection::use_session(Exchange& exchange, bool is_owners) {
  const auto& head = exchange.parser.get();
  auto* sign_ins = host_.sign_ins();
  if (sign_ins == nullptr || is_owners) return false;
  const auto token = cookie_of(find_field(head, "Cookie"), k_session_cookie);
  const auto session = sign_ins->find(token, exchange.caller.ip);
  if (!session) return false;
  auto& caller = exchange.caller;
  caller.who = session->person.login;
  caller.authorised = true;
  caller.role = session->person.role;
  caller.domains = session->person.domains;
  caller.may_read_metrics = caller.role != Role::domain_admin;
  caller.session = session->id;
  const auto shown = find_field(head, "X-Sekimori-CSRF");
  const auto& wanted = session->forgery_token;
  caller.forgery_safe = shown.size() == wanted.size() &&
                        sodium_memcmp(shown.data(), wanted.data(), wanted.size()) == 0;
  return true;
}

void Connection::authorise(Exchange& exchange, bool is_owners) {
  const auto& head = exchange.parser.get();
  auto& caller = exchange.caller;
  const auto refuse = [&exchange](int status) {
    exchange.response = error_response(status);
    exchange.refused = true;
    if (status == 429) exchange.response.headers.emplace_back("Retry-After", "60");
  };
  if (!is_tcp()) {
    caller.who = who_;
    caller.authorised = !who_.empty();
    caller.may_read_metrics = caller.authorised;
    if (!caller.authorised) refuse(403);
    return;
  }
  const auto& config = host_.config();
  caller.ip = client_behind(peer_, find_field(head, "X-Forwarded-For"), config.trusted_proxies);
  const auto header = is_owners ? std::string_view() : find_field(head, "Authorization");
  // A valid token is never shut out by what others at the same address (a proxy, an office) do: at
  // its length, guessing it is hopeless at any rate. The limits keep the rest from costing much.
  caller.authorised = !header.empty() && host_.token_matches(header);
  if (caller.authorised) {
    caller.who = "api";
  } else if (!header.empty()) {
    const bool admitted = host_.admit_failure(caller.ip);
    auto response = error_response(401);
    response.headers.emplace_back("WWW-Authenticate",
                                  "Bearer realm=\"sekimori\", error=\"invalid_token\"");
    exchange.response = std::move(response);
    exchange.refused = true;
    if (!admitted) refuse(429);
    return;
  } else if (use_session(exchange, is_owners)) {
    return;
  } else if (!host_.admit_request(caller.ip)) {
    refuse(429);
    return;
  }
  caller.may_read_metrics = caller.authorised || (config.metrics_loopback_without_token &&
                                                  peer_.is_loopback() && !was_forwarded(head));
}

asio::awaitable<bool> Connection::serve_one() {
  const auto& config = host_.config();
  if (buffer_.size() == 0) {
    // Between requests: silence is fine for a while, and a stop may close us.
    idle_ = true;
    stream_.expires_after(chrono_of(config.idle_timeout));
    const auto room = buffer_.prepare(4096);
    const auto [error, size] = co_await stream_.async_read_some(room, k_tuple);
    idle_ = false;
    if (error || host_.is_stopping()) co_return false;
    buffer_.commit(size);
  }
  Exchange exchange;
  auto& parser = exchange.parser;
  parser.header_limit(static_cast<std::uint32_t>(config.header_bytes_max));
  parser.body_limit(config.body_bytes_max);
  stream_.expires_after(chrono_of(config.request_timeout));
  auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, k_tuple);
  host_.count_request();
  if (error) {
    const auto status = status_of_read_error(error);
    if (!status) co_return false;
    exchange.response = error_response(*status);
    exchange.refused = true;
    exchange.has_body_left = true;
    co_return co_await answer(exchange);
  }
  const auto& request = parser.get();
  const auto method = parse_method(view_of(request.method_string()));
  const auto target = origin_form(view_of(request.target()));
  const auto access = access_of(method, target);
  const bool is_owners = access && (web::is_owners(*access) || *access == Access::owner_door ||
                                    *access == Access::sign_in);
  // RFC 9112 §3.2: exactly one Host in HTTP/1.1.
  const auto hosts = request.count(http::field::host);
  const bool host_is_right = hosts == 1 || (hosts == 0 && request.version() < 11);
  if (!host_is_right) {
    exchange.response = error_response(400, "one Host header is needed");
    exchange.refused = true;
  } else {
    authorise(exchange, is_owners);
  }
  // What a page of another site made a browser send changes nothing. The token is sent by no
  // browser by itself; a door that wants no cookie is also for the portal's plain form.
  const bool by_token = exchange.caller.authorised && exchange.caller.session == 0;
  if (!exchange.refused && is_tcp() && !by_token && method != Method::get &&
      method != Method::head) {
    const BrowserWord said{find_field(request, "Sec-Fetch-Site"), find_field(request, "Origin"),
                           find_field(request, "Host"), find_field(request, "X-Forwarded-Host")};
    const bool wants_no_cookie = is_owners && *access != Access::sign_in;
    if (is_from_another_site(said, config.public_url, wants_no_cookie)) {
      exchange.response = error_response(403, "it comes from a page of another site");
      exchange.refused = true;
    }
  }
  if (!exchange.refused) {
    if (auto refusal = refuse_early(method, target, exchange.caller)) {
      exchange.response = std::move(*refusal);
      exchange.refused = true;
    }
  }
  // Who cannot name the host may have meant something else by the rest, too: do not read on.
  exchange.has_body_left = !parser.is_done() || !host_is_right;
  if (is_owners && !exchange.refused) {
    // Open to anybody, so anybody's bytes: no more of them than an owner ever needs.
    parser.body_limit(k_owner_body_max);
    const auto length = parser.content_length();
    if (length && *length > k_owner_body_max) {
      exchange.response = error_response(413);
      exchange.refused = true;
    }
  }
  if (exchange.refused) co_return co_await answer(exchange);

  if (!parser.is_done()) {
    if (beast::iequals(find_field(request, "Expect"), "100-continue")) {
      static constexpr std::string_view k_continue = "HTTP/1.1 100 Continue\r\n\r\n";
      const auto line = asio::buffer(k_continue);
      const auto [failed, sent] = co_await asio::async_write(stream_, line, k_tuple);
      if (failed) co_return false;
    }
    std::tie(error, size) = co_await http::async_read(stream_, buffer_, parser, k_tuple);
    if (error) {
      const auto status = status_of_read_error(error);
      if (!status) co_return false;
      exchange.response = error_response(*status);
      co_return co_await answer(exchange);
    }
    exchange.has_body_left = false;
  }

  ApiRequest asked{method, target, find_field(request, "Content-Type"), request.body(),
                   find_field(request, "Authorization")};
  asked.encodings = find_field(request, "Accept-Encoding");
  asked.if_none_match = find_field(request, "If-None-Match");
  asked.user_agent = find_field(request, "User-Agent");
  // A stranger's word for it would only take the cookie away from themselves.
  asked.is_secure = find_field(request, "X-Forwarded-Proto") == "https";
  auto work = [this, &asked, &exchange] {
    return handle(asked, host_.control_of(), exchange.caller, &host_.brake(), host_.sign_ins());
  };
  auto& pool = is_owners ? host_.owner_workers() : host_.workers();
  stream_.expires_never();
  exchange.response = co_await on_pool(pool, work);
  // It may have held a password.
  auto& body = parser.get().body();
  if (!body.empty()) sodium_memzero(body.data(), body.size());
  if (is_owners && exchange.response.status == 401 && is_tcp() &&
      !host_.admit_failure(exchange.caller.ip)) {
    exchange.response = too_many_failures();
  }
  if (exchange.response.is_stream && method == Method::get) {
    if (host_.stream_begins()) {
      std::uint64_t after = 0;
      const auto last = find_field(request, "Last-Event-ID");
      std::from_chars(last.data(), last.data() + last.size(), after);
      co_await stream_news(after, exchange.caller);
      host_.stream_ends();
      co_return false;
    }
    exchange.response = error_response(503, "too many readers of the stream");
  }
  co_return co_await answer(exchange);
}

asio::awaitable<bool> Connection::answer(Exchange& exchange) {
  const auto& request = exchange.parser.get();
  auto& from = exchange.response;
  const unsigned version = request.version() == 10 ? 10 : 11;
  http::response<http::string_body> response(static_cast<http::status>(from.status), version);
  response.set(http::field::date, http_date());
  response.set(http::field::content_type, from.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  response.set("Cross-Origin-Opener-Policy", "same-origin");
  response.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  for (const auto& [name, value] : from.headers) response.set(name, value);
  // A wrong token costs a new connection.
  const bool keep = exchange.parser.is_header_done() && request.keep_alive() &&
                    !exchange.has_body_left && from.status != 401 && from.status != 429 &&
                    !host_.is_stopping();
  response.keep_alive(keep);
  response.content_length(from.body.size());
  if (request.method() != http::verb::head) response.body() = std::move(from.body);
  stream_.expires_after(chrono_of(host_.config().request_timeout));
  const auto [error, size] = co_await http::async_write(stream_, response, k_tuple);
  if (error) co_return false;
  if (!keep) co_await linger();
  co_return keep;
}

// Closing while the peer still sends makes the kernel reset the connection, and the answer may be
// lost on its way: say that we are done, and read what comes for a moment (RFC 9112 §9.6).
asio::awaitable<void> Connection::linger() {
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  stream_.expires_after(std::chrono::seconds(2));
  std::array<char, 16384> sink;
  // At most what a client may have in flight for one request that was too large.
  for (int reads = 0; reads < 256 && !host_.is_stopping(); ++reads) {
    const auto room = asio::buffer(sink);
    const auto [error, size] = co_await stream_.async_read_some(room, k_tuple);
    if (error || size == 0) break;
  }
}

asio::awaitable<void> Connection::stream_news(std::uint64_t after, Caller caller) {
  // A comment now and then keeps proxies from giving up, and shows us a reader that is gone.
  static constexpr auto k_beat = std::chrono::seconds(15);
  static constexpr std::string_view k_head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nX-Accel-Buffering: no\r\nConnection: close\r\n\r\n"
      "retry: 3000\n\n";
  streaming_ = true;
  const std::weak_ptr<asio::steady_timer> weak = wake_;
  const auto executor = stream_.get_executor();
  std::optional<std::vector<std::string>> only;
  if (caller.role == Role::domain_admin) only = caller.domains;
  const auto wake = [weak, executor] {
    asio::post(executor, [weak] {
      if (const auto waiting = weak.lock()) waiting->cancel();
    });
  };
  const auto reader = host_.hub_of().subscribe(after, wake, std::move(only));
  // Still who they were when they came? What they ask meanwhile is confirmed again (sign_in.h).
  const auto may_stay = [this, &caller] {
    if (caller.session == 0 || host_.sign_ins() == nullptr) return true;
    const auto now = host_.sign_ins()->view(caller.session);
    return now && now->person.role == caller.role && now->person.domains == caller.domains;
  };
  std::string out(k_head);
  while (!host_.is_stopping() && stream_.socket().is_open()) {
    for (const auto& frame : reader->take()) out += *frame;
    if (!out.empty()) {
      stream_.expires_after(chrono_of(host_.config().request_timeout));
      const auto bytes = asio::buffer(out);
      const auto [error, size] = co_await asio::async_write(stream_, bytes, k_tuple);
      if (error) break;
      out.clear();
      stream_.expires_never();
      continue;
    }
    wake_->expires_after(k_beat);
    const auto [error] = co_await wake_->async_wait(k_tuple);
    if (!error) out = ": still here\n\n";
    if (!may_stay()) break;
  }
  streaming_ = false;
}

}  // namespace sekimori::web
