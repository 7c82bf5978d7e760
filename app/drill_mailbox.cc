#include "app/drill_mailbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sekimori::app {
namespace {

// Untagged lines of one answer: a search over a test mailbox is far below it.
constexpr int k_answer_lines_max = 100'000;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// "BODY {123}" → 123.
std::optional<std::size_t> literal_at_end(std::string_view line) {
  const auto open = line.rfind('{');
  if (open == std::string_view::npos || !line.ends_with('}')) return std::nullopt;
  std::size_t size = 0;
  const char* last = line.data() + line.size() - 1;
  const auto [end, error] = std::from_chars(line.data() + open + 1, last, size);
  if (error != std::errc() || end != last || size > (std::size_t{1} << 20)) return std::nullopt;
  return size;
}

// "* SEARCH 3 5" → "3,5".
std::string found_ids(std::string_view untagged) {
  constexpr std::string_view mark = "* SEARCH";
  const auto at = untagged.find(mark);
  if (at == std::string_view::npos) return "";
  auto rest = untagged.substr(at + mark.size());
  rest = rest.substr(0, rest.find('\n'));
  std::string out;
  while (true) {
    const auto begin = rest.find_first_not_of(' ');
    if (begin == std::string_view::npos) return out;
    rest = rest.substr(begin);
    const auto end = rest.find(' ');
    if (!out.empty()) out += ',';
    out += rest.substr(0, end);
    if (end == std::string_view::npos) return out;
    rest = rest.substr(end);
  }
}

}  // namespace

Result<ImapSession::Answer> ImapSession::command(std::string_view text) {
  const std::string tag = fmt::format("d{}", ++tag_);
  if (auto sent = stream_.send(fmt::format("{} {}\r\n", tag, text)); !sent) {
    return std::unexpected(sent.error());
  }
  Answer out;
  for (int lines = 0; lines < k_answer_lines_max; ++lines) {
    auto line = stream_.line();
    if (!line) return std::unexpected(line.error());
    if (line->starts_with(tag + " ")) {
      const std::string rest = line->substr(tag.size() + 1);
      out.status = rest.substr(0, rest.find(' '));
      out.words = rest.size() > out.status.size() ? rest.substr(out.status.size() + 1) : "";
      return out;
    }
    out.untagged += *line + '\n';
    if (const auto size = literal_at_end(*line)) {
      auto literal = stream_.bytes(*size);
      if (!literal) return std::unexpected(literal.error());
      out.untagged += *literal;
    }
  }
  return operating_failure("an IMAP answer without an end");
}

Result<std::optional<ImapSession>> ImapSession::open(const MailEndpoint& to, std::string_view login,
                                                     const Secret& password,
                                                     const std::string& client_ip,
                                                     LoginOutcome& outcome) {
  auto stream = LineStream::connect(to);
  if (!stream) return std::unexpected(stream.error());
  ImapSession imap(std::move(*stream));
  auto greeting = imap.stream_.line();
  if (!greeting) return std::unexpected(greeting.error());
  if (!client_ip.empty()) {
    auto id = imap.command(
        fmt::format(R"(ID ("x-originating-ip" "{}" "x-originating-port" "50000"))", client_ip));
    if (!id) return std::unexpected(id.error());
  }
  auto tls = imap.command("STARTTLS");
  if (!tls) return std::unexpected(tls.error());
  if (tls->status == "OK") {
    if (auto done = imap.stream_.start_tls(); !done) return std::unexpected(done.error());
  }
  const Secret line(fmt::format("LOGIN {} {}", quoted(login), quoted(password.reveal())));
  auto answer = imap.command(line.reveal());
  if (!answer) return std::unexpected(answer.error());
  outcome.in = answer->status == "OK";
  outcome.words = answer->words;
  if (!outcome.in) return std::optional<ImapSession>();
  auto selected = imap.command("SELECT INBOX");
  if (!selected) return std::unexpected(selected.error());
  return std::optional<ImapSession>(std::move(imap));
}

Result<std::size_t> ImapSession::count_subject(std::string_view text) {
  // The server tells of new mail at NOOP.
  if (auto news = command("NOOP"); !news) return std::unexpected(news.error());
  auto answer = command("SEARCH SUBJECT " + quoted(text));
  if (!answer) return std::unexpected(answer.error());
  const std::string ids = found_ids(answer->untagged);
  if (ids.empty()) return std::size_t{0};
  return static_cast<std::size_t>(std::count(ids.begin(), ids.end(), ',')) + 1;
}

Result<void> ImapSession::remove_subject(std::string_view text) {
  auto answer = command("SEARCH SUBJECT " + quoted(text));
  if (!answer) return std::unexpected(answer.error());
  const std::string ids = found_ids(answer->untagged);
  if (ids.empty()) return {};
  auto marked = command(fmt::format(R"(STORE {} +FLAGS.SILENT (\Deleted))", ids));
  if (!marked) return std::unexpected(marked.error());
  auto expunged = command("EXPUNGE");
  if (!expunged) return std::unexpected(expunged.error());
  return {};
}

bool ImapSession::ended(std::chrono::milliseconds within) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (true) {
    auto answer = command("NOOP");
    if (!answer || answer->untagged.find("* BYE") != std::string::npos) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    // The server's BYE, or the next try.
    static_cast<void>(stream_.readable(std::chrono::milliseconds(100)));
  }
}

void ImapSession::logout() { static_cast<void>(command("LOGOUT")); }

Result<LoginOutcome> pop3_login(const MailEndpoint& to, std::string_view login,
                                const Secret& password, const std::string& client_ip) {
  auto stream = LineStream::connect(to);
  if (!stream) return std::unexpected(stream.error());
  auto line = stream->line();
  if (!line) return std::unexpected(line.error());
  const auto ask = [&](std::string_view text) -> Result<std::string> {
    if (auto sent = stream->send(fmt::format("{}\r\n", text)); !sent) {
      return std::unexpected(sent.error());
    }
    return stream->line();
  };
  if (!client_ip.empty()) {
    auto claimed = ask(fmt::format("XCLIENT ADDR={} PORT=50000", client_ip));
    if (!claimed) return std::unexpected(claimed.error());
  }
  auto tls = ask("STLS");
  if (!tls) return std::unexpected(tls.error());
  if (tls->starts_with("+OK")) {
    if (auto done = stream->start_tls(); !done) return std::unexpected(done.error());
  }
  auto user = ask(fmt::format("USER {}", login));
  if (!user) return std::unexpected(user.error());
  const Secret pass(fmt::format("PASS {}", password.reveal()));
  auto answer = ask(pass.reveal());
  if (!answer) return std::unexpected(answer.error());
  LoginOutcome out{answer->starts_with("+OK"), *answer};
  if (out.in) static_cast<void>(ask("QUIT"));
  return out;
}

}  // namespace sekimori::app
