#include "app/smtp_dialogue.h"

#include <fmt/format.h>
#include <sodium.h>

#include <cctype>
#include <charconv>

#include "base/ip_address.h"
#include "base/mail_address.h"

namespace sekimori::app {
namespace {

// A reply of a sane server is a few lines.
constexpr int k_reply_lines_max = 200;

std::string base64(std::string_view bytes) {
  std::string out(::sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  ::sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                      bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  out.resize(out.find('\0'));
  return out;
}

// Refused recipients in a row after which the rest are not offered.
constexpr std::size_t k_refusals_max = 3;

// "2.0.0 Ok: queued as 4Vw…" → the id.
std::string queue_id_of(std::string_view text) {
  constexpr std::string_view mark = "queued as ";
  const auto at = text.find(mark);
  if (at == std::string_view::npos) return "";
  std::string out;
  for (const char c : text.substr(at + mark.size())) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) break;
    out += c;
  }
  return out;
}

}  // namespace

std::string smtp_data(std::string_view content) {
  std::string out;
  out.reserve(content.size() + content.size() / 32 + 8);
  bool line_start = true;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const char c = content[i];
    if (c == '\r' && i + 1 < content.size() && content[i + 1] == '\n') continue;
    if (c == '\n') {
      out += "\r\n";
      line_start = true;
      continue;
    }
    if (line_start && c == '.') out += '.';
    line_start = false;
    out += c;
  }
  if (!line_start) out += "\r\n";
  return out + ".\r\n";
}

Result<SmtpReply> SmtpDialogue::reply() {
  SmtpReply out;
  for (int lines = 0; lines < k_reply_lines_max; ++lines) {
    auto line = stream_.line();
    if (!line) return std::unexpected(line.error());
    int code = 0;
    const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), code);
    if (error != std::errc() || end != line->data() + 3 || line->size() < 3) {
      return operating_failure("no SMTP reply: " + line->substr(0, 100));
    }
    out.code = code;
    if (!out.text.empty()) out.text += ' ';
    if (line->size() > 4) out.text += line->substr(4);
    if (line->size() == 3 || (*line)[3] != '-') return out;
    extensions_.push_back(ascii_lower(line->substr(4)));
  }
  return operating_failure("an SMTP reply without an end");
}

Result<SmtpReply> SmtpDialogue::command(std::string_view line) {
  if (auto sent = stream_.send(fmt::format("{}\r\n", line)); !sent) {
    return std::unexpected(sent.error());
  }
  return reply();
}

Result<void> SmtpDialogue::hello() {
  extensions_.clear();
  auto answer = command("EHLO client.example");
  if (!answer) return std::unexpected(answer.error());
  if (!answer->ok()) return operating_failure("EHLO: " + answer->whole());
  // The last line is an extension, too.
  const auto last = answer->text.rfind(' ');
  extensions_.push_back(
      ascii_lower(last == std::string::npos ? answer->text : answer->text.substr(last + 1)));
  return {};
}

bool SmtpDialogue::offers(std::string_view keyword) const {
  for (const auto& extension : extensions_) {
    if (extension == keyword ||
        (extension.starts_with(keyword) && extension[keyword.size()] == ' ')) {
      return true;
    }
  }
  return false;
}

Result<SmtpDialogue> SmtpDialogue::open(const MailEndpoint& to, const std::string& client_ip) {
  auto stream = LineStream::connect(to);
  if (!stream) return std::unexpected(stream.error());
  SmtpDialogue smtp(std::move(*stream));
  auto greeting = smtp.reply();
  if (!greeting) return std::unexpected(greeting.error());
  if (!greeting->ok()) return operating_failure("greeting: " + greeting->whole());
  if (auto done = smtp.hello(); !done) return std::unexpected(done.error());
  if (!client_ip.empty() && smtp.offers("xclient")) {
    const auto ip = IpAddress::parse(client_ip);
    const bool v6 = ip && !ip->is_v4();
    auto answer = smtp.command(
        fmt::format("XCLIENT ADDR={}{} NAME=[UNAVAILABLE]", v6 ? "IPV6:" : "", client_ip));
    if (!answer) return std::unexpected(answer.error());
    smtp.spoke_for_other_ = answer->code == 220;
    if (auto done = smtp.hello(); !done) return std::unexpected(done.error());
  }
  return smtp;
}

Result<void> SmtpDialogue::start_tls() {
  if (!offers("starttls")) return operating_failure("the server does not offer STARTTLS");
  auto answer = command("STARTTLS");
  if (!answer) return std::unexpected(answer.error());
  if (answer->code != 220) return operating_failure("STARTTLS: " + answer->whole());
  if (auto done = stream_.start_tls(); !done) return done;
  return hello();
}

Result<SmtpReply> SmtpDialogue::auth(std::string_view login, const Secret& password) {
  std::string token(1, '\0');
  token += login;
  token += '\0';
  token += password.reveal();
  const Secret plain(std::move(token));
  const Secret line("AUTH PLAIN " + base64(plain.reveal()));
  return command(line.reveal());
}

Result<SmtpSent> SmtpDialogue::send(const SmtpMessage& message) {
  SmtpSent out;
  auto mail = command(fmt::format("MAIL FROM:<{}>", message.from));
  if (!mail) return std::unexpected(mail.error());
  if (!mail->ok()) {
    out.refused.push_back(*mail);
    return out;
  }
  std::size_t taken = 0;
  for (const auto& to : message.to) {
    auto rcpt = command(fmt::format("RCPT TO:<{}>", to));
    if (!rcpt) return std::unexpected(rcpt.error());
    if (rcpt->ok()) {
      ++taken;
    } else {
      out.refused.push_back(*rcpt);
      // A server hangs up on whoever goes on (smtpd_hard_error_limit).
      if (taken == 0 && out.refused.size() >= k_refusals_max) break;
    }
  }
  if (taken > 0) {
    auto data = command("DATA");
    if (!data) return std::unexpected(data.error());
    if (data->code == 354) {
      if (auto sent = stream_.send(smtp_data(message.content)); !sent) {
        return std::unexpected(sent.error());
      }
      data = reply();
      if (!data) return std::unexpected(data.error());
    }
    if (data->ok()) {
      out.accepted = taken;
      out.queue_id = queue_id_of(data->text);
      return out;
    }
    out.refused.push_back(*data);
  }
  auto reset = command("RSET");
  if (!reset) return std::unexpected(reset.error());
  return out;
}

void SmtpDialogue::quit() { static_cast<void>(command("QUIT")); }

}  // namespace sekimori::app
