// Who is an account, whatever the spelling of the login: case, +extension, alias domain. An
// immutable snapshot of the account store; a thread keeps a shared pointer to the one it uses.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "decide/ports.h"

namespace sekimori::decide {

class Directory {
 public:
  Directory() = default;
  // `delimiters` as Postfix's recipient_delimiter; "" = extensions mean nothing.
  // `default_domain` completes a login without '@' ("" = left as it is).
  Directory(const DirectorySnapshot& snapshot, std::string delimiters, std::string default_domain);

  // The account a login means: lower case, alias domain replaced, extension cut (unless the address
  // with its extension is an account itself). Never fails: an unknown login keeps its normal form,
  // so that a store that is down changes nothing for accounts spelled plainly.
  [[nodiscard]] std::string account_of(std::string_view login) const;
  [[nodiscard]] bool is_account(std::string_view normalised) const;
  // The account to which mail for the address goes, be it the account's own or an alias of that
  // account alone; "" where it is nobody's, or several people's.
  [[nodiscard]] std::string receiver_of(std::string_view address) const;
  // Is the domain one of this server's?
  [[nodiscard]] bool is_local_domain(std::string_view domain) const;
  [[nodiscard]] std::size_t size() const { return accounts_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  std::unordered_set<std::string, Hash, std::equal_to<>> accounts_;
  std::unordered_set<std::string, Hash, std::equal_to<>> domains_;
  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> alias_domains_;
  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> aliases_;
  std::string delimiters_ = "+";
  std::string default_domain_;
};

}  // namespace sekimori::decide
