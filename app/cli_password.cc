#include "app/cli_password.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "app/cli_commands.h"

namespace sekimori::app {
namespace {

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

}  // namespace

password::PasswordRules password_rules(const config::Settings::Password& settings) {
  password::PasswordRules rules;
  rules.min_length = static_cast<std::size_t>(settings.length_min);
  rules.need_upper = settings.upper;
  rules.need_lower = settings.lower;
  rules.need_digit = settings.digit;
  rules.need_symbol = settings.symbol;
  rules.min_score = static_cast<int>(settings.strength_min);
  return rules;
}

Result<Secret> password_from_stdin() {
  std::string line;
  if (!std::getline(std::cin, line)) return bad_input("no password on standard input");
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) return bad_input("the password on standard input is empty");
  return Secret(std::move(line));
}

Result<Secret> ask_password(const Invocation& given) {
  if (given.password_stdin) return password_from_stdin();
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
  return first;
}

}  // namespace sekimori::app
