#include "app/cli_password.h"

#include <fmt/format.h>
#include <sodium.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "app/cli_commands.h"
#include "store/password_hash.h"

namespace sekimori::app {
namespace {

// NIST SP 800-63B §5.1.1.2: at least 8, and no rules about kinds of letters.
constexpr std::size_t k_password_chars_min = 8;

// The terminal without echo while it lives.
class NoEcho {
 public:
  NoEcho() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool changed_ = false;
};

Result<Secret> typed(const char* prompt) {
  fmt::print(stderr, "{}", prompt);
  std::fflush(stderr);
  const NoEcho silent;
  std::string line;
  const bool read = static_cast<bool>(std::getline(std::cin, line));
  fmt::print(stderr, "\n");
  Secret secret(std::move(line));
  if (!read) return bad_input("no password was given");
  return secret;
}

Result<Secret> long_enough(const Invocation& given, Secret password) {
  std::size_t letters = 0;
  for (const char c : password.reveal())
    letters += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  if (letters < k_password_chars_min || password.reveal().size() > store::k_password_bytes_max) {
    return bad_input(say(given, "パスワードは 8 文字以上 512 バイト以下にしてください",
                         "a password has at least 8 characters and at most 512 bytes"));
  }
  return password;
}

}  // namespace

Secret generated_password() {
  constexpr std::string_view letters = "abcdefghjkmnpqrstuvwxyz23456789";
  std::string text;
  for (int i = 0; i < 16; ++i) {
    if (i > 0 && i % 4 == 0) text += '-';
    text += letters[::randombytes_uniform(static_cast<std::uint32_t>(letters.size()))];
  }
  return Secret(std::move(text));
}

Result<Secret> password_from_stdin() {
  std::string line;
  if (!std::getline(std::cin, line)) return bad_input("no password on standard input");
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) return bad_input("the password on standard input is empty");
  return Secret(std::move(line));
}

Result<Secret> ask_password(const Invocation& given) {
  if (given.password_stdin) {
    auto piped = password_from_stdin();
    if (!piped) return piped;
    return long_enough(given, std::move(*piped));
  }
  if (::isatty(STDIN_FILENO) == 0) {
    return bad_input(say(given, "--password-stdin か --generate を指定してください",
                         "give --password-stdin or --generate"));
  }
  auto first = typed(say(given, "新しいパスワード: ", "new password: "));
  if (!first) return first;
  auto second = typed(say(given, "もう一度: ", "once more: "));
  if (!second) return second;
  if (first->reveal() != second->reveal()) {
    return bad_input(say(given, "2 回の入力が一致しません", "the two are not the same"));
  }
  return long_enough(given, std::move(*first));
}

}  // namespace sekimori::app
