// Who may sign in to the panel: operators kept here, and PostfixAdmin's administrators with the
// password they have there. A superadmin is an operator, every other one a domain admin.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "decide/records.h"
#include "store/account_store.h"
#include "store/operator_store.h"
#include "web/sign_in.h"

namespace sekimori::app {

struct OperatorParts {
  store::OperatorStore& operators;
  store::PostfixadminStore& provider;
  bool provider_admins = true;
  std::string issuer;  // how authenticator apps name this server
  std::function<Instant()> now;
  std::function<void(decide::AuditEntry)> audit;
};

// Any thread.
class OperatorService : public web::People {
 public:
  explicit OperatorService(OperatorParts parts) : parts_(std::move(parts)) {}

  Result<Proved> prove(const Proof&, const IpAddress& from) override;
  Result<web::Person> person(std::string_view login) override;
  Result<std::vector<web::Person>> list() override;
  Result<Secret> add(const web::Person&, Secret password, const web::Caller& by) override;
  Result<Secret> set_password(std::string_view login, Secret password,
                              const web::Caller& by) override;
  Result<void> remove(std::string_view login, const web::Caller& by) override;
  Result<web::OperatorTotp> offer_totp(std::string_view login) override;
  Result<void> confirm_totp(std::string_view login, const Secret& code,
                            const web::Caller& by) override;
  Result<web::OperatorTotp> set_totp(std::string_view login, bool on,
                                     const web::Caller& by) override;

 private:
  // What proves somebody: the person, a check of their password, and their authenticator's key.
  struct Known {
    web::Person person;
    std::string hash;  // "": nobody, which no password fits
    Secret totp_key;
  };
  [[nodiscard]] Result<Known> known(std::string_view login);
  [[nodiscard]] Result<bool> code_fits(const Known& who, const Secret& code);
  // The password to keep: judged, or made where none is given (then also returned to show).
  struct Chosen {
    Secret password;
    bool made = false;
  };
  [[nodiscard]] Result<Chosen> choose(std::string_view login, Secret password);
  void audited(const std::string& who, std::string action, const std::string& login,
               const IpAddress& from);

  OperatorParts parts_;
  // Keys offered and not yet confirmed, by login.
  struct Offered {
    Secret key;
    Instant until;
  };
  std::mutex offered_mutex_;
  std::map<std::string, Offered, std::less<>> offered_;
};

}  // namespace sekimori::app
