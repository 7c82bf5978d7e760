#include "decide/directory.h"

#include "base/mail_address.h"

namespace sekimori::decide {

Directory::Directory(const DirectorySnapshot& snapshot, std::string delimiters,
                     std::string default_domain)
    : accounts_(snapshot.accounts.begin(), snapshot.accounts.end()),
      domains_(snapshot.domains.begin(), snapshot.domains.end()),
      alias_domains_(snapshot.alias_domains.begin(), snapshot.alias_domains.end()),
      aliases_(snapshot.aliases.begin(), snapshot.aliases.end()),
      delimiters_(std::move(delimiters)),
      default_domain_(std::move(default_domain)) {}

std::string Directory::account_of(std::string_view login) const {
  std::string address = ascii_lower(login);
  if (address.find('@') == std::string::npos && !default_domain_.empty() && !address.empty()) {
    address += '@';
    address += default_domain_;
  }
  if (const auto it = alias_domains_.find(domain_of(address)); it != alias_domains_.end()) {
    address.resize(address.rfind('@') + 1);
    address += it->second;
  }
  const auto at = address.rfind('@');
  if (at != std::string::npos) {
    // The look among a million accounts comes last: hardly an address has a delimiter.
    const auto local = std::string_view(address).substr(0, at);
    const auto cut = delimiters_.size() == 1 ? local.find(delimiters_.front())
                                             : local.find_first_of(delimiters_);
    if (cut != std::string_view::npos && cut != 0 && !accounts_.contains(address)) {
      address.erase(cut, at - cut);
    }
  }
  return address;
}

bool Directory::is_account(std::string_view normalised) const {
  return accounts_.find(normalised) != accounts_.end();
}

std::string Directory::receiver_of(std::string_view address) const {
  std::string account = account_of(address);
  if (is_account(account)) return account;
  const auto alias = aliases_.find(account);
  return alias == aliases_.end() ? std::string() : alias->second;
}

bool Directory::is_local_domain(std::string_view domain) const {
  return domains_.find(domain) != domains_.end() ||
         alias_domains_.find(domain) != alias_domains_.end();
}

}  // namespace sekimori::decide
