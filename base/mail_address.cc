#include "base/mail_address.h"

#include <fmt/format.h>

#include <algorithm>

namespace sekimori {

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view{} : address.substr(at + 1);
}

Result<MailAddress> MailAddress::parse(std::string_view text) {
  if (text.size() >= 2 && text.front() == '<' && text.back() == '>') {
    text = text.substr(1, text.size() - 2);
  }
  const auto at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) {
    return bad_input(fmt::format("'{}' is no address of the form name@domain", text.substr(0, 80)));
  }
  if (text.size() > 320) {
    return bad_input(fmt::format("the address is {} bytes long; 320 are allowed", text.size()));
  }
  if (std::ranges::any_of(text, [](unsigned char c) { return c <= ' ' || c == 0x7f; })) {
    return bad_input("the address holds a blank or a control character");
  }
  MailAddress out;
  out.text_ = ascii_lower(text);
  out.at_ = at;
  return out;
}

std::string_view MailAddress::local_part() const { return std::string_view(text_).substr(0, at_); }

std::string_view MailAddress::domain() const {
  return text_.empty() ? std::string_view{} : std::string_view(text_).substr(at_ + 1);
}

MailAddress MailAddress::without_extension(std::string_view delimiters) const {
  const auto cut = local_part().find_first_of(delimiters);
  if (cut == std::string_view::npos || cut == 0) return *this;
  MailAddress out;
  out.text_.reserve(text_.size());
  out.text_.append(text_, 0, cut);
  out.text_.append(text_, at_);
  out.at_ = cut;
  return out;
}

}  // namespace sekimori
