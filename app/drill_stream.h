// A blocking line conversation over TCP, with STARTTLS: what SMTP, IMAP and POP3 have in common.
// For the drill, which plays mail programs; not for serving.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori::app {

struct MailEndpoint {
  std::string host;  // name or address
  std::uint16_t port = 0;
  // Reads "host:port" and "[2001:db8::1]:port". Errors: bad_input.
  [[nodiscard]] static Result<MailEndpoint> parse(std::string_view text);
  [[nodiscard]] bool set() const { return port != 0; }
};

// One thread at a time. Every wait ends after k_patience; after an error the stream is of no use.
class LineStream {
 public:
  // Longer than any delay of a login (auth_policy.delay_max) and Postfix's own.
  static constexpr std::chrono::seconds k_patience{30};
  static constexpr std::size_t k_line_max = 64 * 1024;

  // Errors: operating (name unknown, refused, late).
  [[nodiscard]] static Result<LineStream> connect(const MailEndpoint& to);
  LineStream(LineStream&&) noexcept;
  LineStream& operator=(LineStream&&) noexcept;
  ~LineStream();

  // TLS from here on. The certificate is checked against the host's name unless that is loopback (a
  // lab signs its own). Errors: operating.
  [[nodiscard]] Result<void> start_tls();
  [[nodiscard]] Result<void> send(std::string_view bytes);
  // One line without its line break. Errors: operating (closed, late, too long).
  [[nodiscard]] Result<std::string> line();
  // Exactly so many bytes (an IMAP literal).
  [[nodiscard]] Result<std::string> bytes(std::size_t count);
  // Does anything come, the end included, within this time? Reads nothing.
  [[nodiscard]] bool readable(std::chrono::milliseconds within);

 private:
  struct Impl;
  explicit LineStream(std::unique_ptr<Impl> impl);
  Result<void> fill();
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::app
