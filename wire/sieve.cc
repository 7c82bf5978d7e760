#include "wire/sieve.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/mail_address.h"

namespace sekimori::wire {
namespace {

enum class Kind : std::uint8_t { end, identifier, tag, number, string, mark };

struct Token {
  Kind kind = Kind::end;
  std::string text;  // identifiers and tags in lower case, without the colon
  std::uint64_t number = 0;
  std::size_t at = 0;
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // False: `problem` says why, `at` where.
  bool next(Token& out) {
    if (!skip_blanks()) return false;
    out = {};
    out.at = at;
    if (at == text_.size()) return true;
    const char c = text_[at];
    if (is_letter(c)) return read_word(out);
    if (c == ':') {
      if (at + 1 == text_.size() || !is_letter(text_[at + 1])) return fail("a tag has no name");
      ++at;
      out.kind = Kind::tag;
      out.text = word();
      return true;
    }
    if (is_digit(c)) return read_number(out);
    if (c == '"') return read_quoted(out);
    if (std::string_view("[](){},;").find(c) == std::string_view::npos) {
      return fail("a character that means nothing here");
    }
    out.kind = Kind::mark;
    out.text = c;
    ++at;
    return true;
  }

  std::size_t at = 0;
  std::string problem;

 private:
  bool fail(std::string why) {
    problem = std::move(why);
    return false;
  }

  bool skip_blanks() {
    while (at < text_.size()) {
      const char c = text_[at];
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        ++at;
      } else if (c == '#') {
        at = std::min(text_.find('\n', at), text_.size());
      } else if (text_.substr(at, 2) == "/*") {
        const std::size_t close = text_.find("*/", at + 2);
        if (close == std::string_view::npos) return fail("a comment has no end");
        at = close + 2;
      } else {
        break;
      }
    }
    return true;
  }

  std::string word() {
    const std::size_t begin = at;
    while (at < text_.size() && (is_letter(text_[at]) || is_digit(text_[at]))) ++at;
    return ascii_lower(text_.substr(begin, at - begin));
  }

  bool read_word(Token& out) {
    out.text = word();
    out.kind = Kind::identifier;
    if (out.text == "text" && at < text_.size() && text_[at] == ':') {
      ++at;
      return read_lines(out);
    }
    return true;
  }

  // Behind "text:"; a line that begins with a dot was given one more (RFC 5228 §2.4.2).
  bool read_lines(Token& out) {
    out.kind = Kind::string;
    out.text.clear();
    while (at < text_.size() && (text_[at] == ' ' || text_[at] == '\t')) ++at;
    if (at < text_.size() && text_[at] == '#') at = std::min(text_.find('\n', at), text_.size());
    if (at < text_.size() && text_[at] == '\r') ++at;
    if (at == text_.size() || text_[at] != '\n') return fail("text: wants a line of its own");
    ++at;
    while (at < text_.size()) {
      const std::size_t end = std::min(text_.find('\n', at), text_.size());
      std::string_view line = text_.substr(at, end - at);
      std::string_view bare = line;
      if (bare.ends_with('\r')) bare.remove_suffix(1);
      if (bare == ".") {
        at += 1;
        return true;
      }
      if (end == text_.size()) break;
      if (line.starts_with("..")) line.remove_prefix(1);
      out.text.append(line);
      out.text += '\n';
      at = end + 1;
    }
    at = text_.size();
    return fail("text: has no end, a dot on a line of its own");
  }

  bool read_number(Token& out) {
    out.kind = Kind::number;
    const char* end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data() + at, end, out.number);
    if (error != std::errc()) return fail("a number is too large");
    at = static_cast<std::size_t>(stop - text_.data());
    if (at < text_.size() && is_letter(text_[at])) {
      const std::string unit = word();
      const unsigned shift = unit == "k" ? 10U : unit == "m" ? 20U : unit == "g" ? 30U : 0U;
      if (shift == 0) return fail("a number's unit is K, M or G");
      if (out.number > (UINT64_MAX >> shift)) return fail("a number is too large");
      out.number <<= shift;
    }
    return true;
  }

  bool read_quoted(Token& out) {
    out.kind = Kind::string;
    for (++at; at < text_.size(); ++at) {
      char c = text_[at];
      if (c == '"') {
        ++at;
        return true;
      }
      if (c == '\0') return fail("a string holds a zero byte");
      // Of what else than '"' and '\' is escaped, the backslash is left away.
      if (c == '\\') {
        if (++at == text_.size()) break;
        c = text_[at];
      }
      out.text += c;
    }
    return fail("a string has no end");
  }

  std::string_view text_;
};

struct Argument {
  Kind kind = Kind::string;  // tag, number or string (a list too)
  std::string tag;
  std::vector<std::string> strings;
};

struct VerbName {
  std::string_view name;
  SieveVerb verb;
};
constexpr std::array k_verbs{
    VerbName{"keep", SieveVerb::keep},         VerbName{"discard", SieveVerb::discard},
    VerbName{"stop", SieveVerb::stop},         VerbName{"redirect", SieveVerb::redirect},
    VerbName{"fileinto", SieveVerb::fileinto}, VerbName{"reject", SieveVerb::reject},
    VerbName{"ereject", SieveVerb::reject},    VerbName{"vacation", SieveVerb::vacation},
    VerbName{"notify", SieveVerb::notify},     VerbName{"include", SieveVerb::include},
    VerbName{"pipe", SieveVerb::pipe},         VerbName{"filter", SieveVerb::pipe},
    VerbName{"execute", SieveVerb::pipe},
};

bool wants_target(SieveVerb verb) {
  return verb != SieveVerb::keep && verb != SieveVerb::discard && verb != SieveVerb::stop;
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0U | (c >> 6U));
    out += static_cast<char>(0x80U | (c & 0x3FU));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0U | (c >> 12U));
    out += static_cast<char>(0x80U | ((c >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (c & 0x3FU));
  } else {
    out += static_cast<char>(0xF0U | (c >> 18U));
    out += static_cast<char>(0x80U | ((c >> 12U) & 0x3FU));
    out += static_cast<char>(0x80U | ((c >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (c & 0x3FU));
  }
}

// "${hex:40 41}" or "${unicode:40}"; what is not well formed stays as it is (RFC 5228 §2.4.2.4).
std::string decoded(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t open = text.find("${");
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    text.remove_prefix(open);
    const std::size_t close = text.find('}');
    const std::string inner =
        ascii_lower(text.substr(2, close == std::string_view::npos ? 0 : close - 2));
    const bool is_hex = inner.starts_with("hex:");
    const bool is_unicode = inner.starts_with("unicode:");
    std::string bytes;
    bool is_good = is_hex || is_unicode;
    std::string_view digits = std::string_view(inner).substr(is_hex ? 4 : is_unicode ? 8 : 0);
    int count = 0;
    while (is_good) {
      const std::size_t begin = digits.find_first_not_of(" \t\r\n");
      if (begin == std::string_view::npos) break;
      digits.remove_prefix(begin);
      std::uint32_t code = 0;
      const auto [stop, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
      const auto used = static_cast<std::size_t>(stop - digits.data());
      const bool is_surrogate = code >= 0xD800 && code < 0xE000;
      is_good = error == std::errc() && (is_hex ? used <= 2 : code <= 0x10FFFF && !is_surrogate);
      if (is_hex) {
        bytes += static_cast<char>(code & 0xFFU);
      } else if (is_good) {
        append_utf8(bytes, code);
      }
      digits.remove_prefix(used);
      ++count;
    }
    if (is_good && count > 0) {
      out += bytes;
      text.remove_prefix(close + 1);
    } else {
      out += "${";
      text.remove_prefix(2);
    }
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), lexer_(text) {}

  Result<SieveScript> run() {
    if (advance() && commands(0) && token_.kind != Kind::end) fail("a '}' too many");
    if (!problem_.empty()) return bad_input(where(problem_at_) + problem_);
    return std::move(script_);
  }

 private:
  bool advance() {
    if (lexer_.next(token_)) return true;
    return fail_at(lexer_.at, lexer_.problem);
  }
  bool fail_at(std::size_t at, std::string why) {
    problem_at_ = at;
    problem_ = std::move(why);
    return false;
  }
  bool fail(std::string why) { return fail_at(token_.at, std::move(why)); }
  [[nodiscard]] bool is_mark(char c) const {
    return token_.kind == Kind::mark && token_.text.front() == c;
  }

  // Tokens come in order: lines are counted once over.
  std::pair<std::uint32_t, std::uint32_t> position(std::size_t at) {
    if (at < counted_) {
      counted_ = line_begin_ = 0;
      line_ = 1;
    }
    for (; counted_ < at && counted_ < text_.size(); ++counted_) {
      if (text_[counted_] != '\n') continue;
      ++line_;
      line_begin_ = counted_ + 1;
    }
    return {line_, static_cast<std::uint32_t>(at - line_begin_ + 1)};
  }
  std::string where(std::size_t at) {
    const auto [line, column] = position(at);
    return fmt::format("line {}, column {}: ", line, column);
  }

  // Up to '}' or the end.
  bool commands(int depth) {
    bool may_else = false;
    while (token_.kind != Kind::end && !is_mark('}')) {
      if (token_.kind != Kind::identifier) return fail("a command is expected");
      if (!command(depth, may_else)) return false;
    }
    return true;
  }

  bool command(int depth, bool& may_else) {
    const std::string name = token_.text;
    const std::size_t at = token_.at;
    const bool is_else = name == "elsif" || name == "else";
    if (is_else && !may_else) return fail(fmt::format("'{}' without an 'if' before it", name));
    const bool wants_test = name == "if" || name == "elsif";
    const bool wants_block = wants_test || name == "else";
    std::vector<Argument> arguments;
    if (!advance() || !read_arguments(arguments)) return false;
    bool has_test = false;
    if (token_.kind == Kind::identifier) {
      has_test = true;
      if (!test(depth + 1)) return false;
    } else if (is_mark('(')) {
      has_test = true;
      if (!tests(depth + 1)) return false;
    }
    if (has_test != wants_test && (wants_test || wants_block || verb_of(name))) {
      return fail(wants_test ? fmt::format("'{}' wants a test", name)
                             : fmt::format("'{}' takes no test; a ';' may be missing", name));
    }
    may_else = wants_test;
    if (name == "require" && !require(arguments, at)) return false;
    if (name != "require") is_begun_ = true;
    if (is_mark('{')) {
      if (verb_of(name) || name == "require") return fail("a ';' is expected");
      if (depth >= k_sieve_nesting_max) return fail("nested too deeply");
      if (!advance() || !commands(depth + 1)) return false;
      if (!is_mark('}')) return fail("a '}' is missing");
      return advance();
    }
    if (wants_block) return fail("a '{' is expected");
    if (!is_mark(';')) return fail("a ';' is expected");
    if (const auto verb = verb_of(name); verb && !act(*verb, name, arguments, at, depth)) {
      return false;
    }
    return advance();
  }

  static std::optional<SieveVerb> verb_of(std::string_view name) {
    const auto found = std::ranges::find(k_verbs, name, &VerbName::name);
    return found == k_verbs.end() ? std::nullopt : std::optional(found->verb);
  }

  bool read_arguments(std::vector<Argument>& out) {
    while (true) {
      Argument argument;
      argument.kind = token_.kind;
      if (token_.kind == Kind::tag) {
        argument.tag = token_.text;
      } else if (token_.kind == Kind::string) {
        argument.strings.push_back(std::move(token_.text));
      } else if (is_mark('[')) {
        argument.kind = Kind::string;
        if (!strings(argument.strings)) return false;
      } else if (token_.kind != Kind::number) {
        return true;
      }
      out.push_back(std::move(argument));
      if (!advance()) return false;
    }
  }

  // From '[' to ']', which is left as the token.
  bool strings(std::vector<std::string>& out) {
    do {
      if (!advance()) return false;
      if (token_.kind != Kind::string) return fail("a string is expected");
      out.push_back(std::move(token_.text));
      if (!advance()) return false;
    } while (is_mark(','));
    return is_mark(']') || fail("a ']' is expected");
  }

  bool test(int depth) {
    if (depth > k_sieve_nesting_max) return fail("nested too deeply");
    if (token_.kind != Kind::identifier) return fail("a test is expected");
    std::vector<Argument> arguments;
    if (!advance() || !read_arguments(arguments)) return false;
    if (token_.kind == Kind::identifier) return test(depth + 1);
    return is_mark('(') ? tests(depth + 1) : true;
  }

  bool tests(int depth) {
    if (depth > k_sieve_nesting_max) return fail("nested too deeply");
    do {
      if (!advance() || !test(depth + 1)) return false;
    } while (is_mark(','));
    if (!is_mark(')')) return fail("a ')' is expected");
    return advance();
  }

  bool require(const std::vector<Argument>& arguments, std::size_t at) {
    if (is_begun_) return fail_at(at, "'require' stands before everything else");
    if (arguments.size() != 1 || arguments[0].kind != Kind::string) {
      return fail_at(at, "'require' takes one list of strings");
    }
    for (const std::string& extension : arguments[0].strings) {
      script_.extensions.push_back(extension);
      has_encoded_ = has_encoded_ || extension == "encoded-character";
      has_variables_ = has_variables_ || extension == "variables";
    }
    return true;
  }

  [[nodiscard]] std::string value(const std::string& text) const {
    return has_encoded_ ? decoded(text) : text;
  }

  bool act(SieveVerb verb, const std::string& name, const std::vector<Argument>& arguments,
           std::size_t at, int depth) {
    if (script_.actions.size() >= k_sieve_actions_max) return fail_at(at, "too many actions");
    SieveAction action;
    action.verb = verb;
    action.depth = depth;
    std::tie(action.line, action.column) = position(at);
    const Argument* last = nullptr;
    std::string_view tag;
    for (const Argument& argument : arguments) {
      if (argument.kind == Kind::tag) {
        tag = argument.tag;
        action.copy = action.copy || tag == "copy";
        action.is_global = action.is_global || tag == "global";
        if (tag == "list") action.is_constant = false;
        continue;
      }
      if (argument.kind == Kind::string) {
        take(action, tag, argument);
        last = &argument;
      }
      tag = {};
    }
    if (wants_target(verb)) {
      if (last == nullptr || last->strings.empty()) {
        const bool is_bare_notify = verb == SieveVerb::notify;
        if (!is_bare_notify) return fail_at(at, fmt::format("'{}' wants a string", name));
      } else {
        action.target =
            value(verb == SieveVerb::pipe ? last->strings.front() : last->strings.back());
      }
    }
    if (has_variables_ && action.target.find("${") != std::string::npos) {
      action.is_constant = false;
    }
    script_.actions.push_back(std::move(action));
    return true;
  }

  void take(SieveAction& action, std::string_view tag, const Argument& argument) const {
    if (action.verb != SieveVerb::vacation) return;
    const std::string first = value(argument.strings.front());
    if (tag == "from") action.from = first;
    if (tag == "handle") action.handle = first;
    if (tag == "subject") action.subject = first;
    if (tag == "addresses") {
      for (const std::string& one : argument.strings) action.addresses.push_back(value(one));
    }
  }

  std::string_view text_;
  Lexer lexer_;
  Token token_;
  SieveScript script_;
  std::string problem_;
  std::size_t problem_at_ = 0;
  bool is_begun_ = false;
  bool has_encoded_ = false;
  bool has_variables_ = false;
  std::size_t counted_ = 0;
  std::size_t line_begin_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace

Result<SieveScript> parse_sieve(std::string_view script) {
  if (script.size() > k_sieve_max) {
    return bad_input(
        fmt::format("the script is {} bytes long; {} are allowed", script.size(), k_sieve_max));
  }
  if (script.starts_with("\xEF\xBB\xBF")) script.remove_prefix(3);  // a byte order mark
  return Parser(script).run();
}

std::vector<std::string> sieve_targets(const SieveScript& script) {
  std::vector<std::string> targets;
  for (const SieveAction& action : script.actions) {
    std::string_view target = action.target;
    if (action.verb == SieveVerb::notify) {
      if (!ascii_lower(target.substr(0, 7)).starts_with("mailto:")) continue;
      target = target.substr(7, target.find('?') - 7);
    } else if (action.verb != SieveVerb::redirect) {
      continue;
    }
    if (!target.empty()) targets.push_back(ascii_lower(target));
  }
  std::ranges::sort(targets);
  const auto repeated = std::ranges::unique(targets);
  targets.erase(repeated.begin(), repeated.end());
  return targets;
}

std::string sieve_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace sekimori::wire
