// web::OwnerDesk over the engine, the stores and the journal: what owners look at and do beyond the
// way back. Tests under way, addresses and authenticators that wait for their code live in memory:
// a restart asks for them again and changes nothing.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/control_service.h"
#include "decide/switches.h"
#include "web/owner_desk.h"
#include "wire/mail_profile.h"

namespace sekimori::app {

// Accounts with a test or a code under way at once; beyond it the oldest ends. So many owners at
// the portal in one hour would be a disaster of another kind.
inline constexpr std::size_t k_owner_matters_max = 2000;

// Any thread.
class OwnerDeskService : public web::OwnerDesk {
 public:
  // Both outlive it.
  OwnerDeskService(ControlParts& parts, ControlService& control)
      : parts_(parts), control_(control) {}

  Result<bool> knows_password(std::string_view address, const Secret& password) override;
  Result<bool> password_suffices(std::string_view address) override;
  Result<void> end_session(const Secret& token) override;
  Result<web::OwnStatus> status(std::string_view address) override;
  Result<web::OwnHistoryView> history(std::string_view address, const IpAddress& from) override;
  Result<void> answer_sign_in(std::string_view address, const web::OwnAnswer& answer,
                              const web::Caller& by) override;
  Result<Instant> note_computer(std::string_view address, const web::Caller& by) override;
  Result<web::OwnDevices> devices(std::string_view address, const IpAddress& from) override;
  Result<void> revoke(std::string_view address, std::string_view key,
                      const web::Caller& by) override;
  Result<std::uint32_t> sign_out(std::string_view address, const web::Caller& by) override;
  Result<web::OwnWays> ways(std::string_view address) override;
  Result<decide::WayView> answer_way(std::string_view address, std::uint64_t change, bool keep,
                                     const web::Caller& by) override;
  Result<std::vector<web::OwnService>> services(std::string_view address) override;
  Result<web::LiveTest> begin_test(std::string_view address, Language language,
                                   const web::Caller& by) override;
  Result<web::LiveTest> test(std::string_view address, const IpAddress& from) override;
  Result<web::OwnContact> contact(std::string_view address) override;
  Result<void> propose_contact(std::string_view address, const std::string& email,
                               Language language, const web::Caller& by) override;
  Result<web::OwnContact> confirm_contact(std::string_view address, const Secret& code,
                                          const web::Caller& by) override;
  Result<web::OwnTotp> propose_totp(std::string_view address, const web::Caller& by) override;
  Result<web::OwnContact> confirm_totp(std::string_view address, const Secret& code,
                                       const web::Caller& by) override;
  Result<web::OwnContact> remove_totp(std::string_view address, const Secret& code,
                                      const web::Caller& by) override;
  Result<web::CheckUp> check_up(std::string_view address) override;
  Result<web::ProfileView> profile(std::string_view address) override;
  Result<web::ProfileFile> profile_file(web::ProfileForm form, std::string_view address) override;
  web::ProfileFile autodiscover(std::string_view request) override;

  // The key that a sign-in at the portal asks a code of: the one enrolled here, else the
  // provider's. Not set: none.
  [[nodiscard]] Result<Secret> totp_key(const std::string& account);
  // A code of that key, used up. False: wrong (counted). Errors: bad_input (tried too often).
  [[nodiscard]] Result<bool> take_totp(const std::string& account, const Secret& key,
                                       const Secret& code);

 private:
  struct Test {
    web::LiveTest view;
    std::uint64_t read = 0;  // the journal's last event looked at
  };
  struct Pending {
    Instant begun;
    std::string email;
    std::string code;
    Instant expires;
    int tries = 0;
    int sent = 0;  // codes since `begun`
    std::string totp;
  };
  struct Incident {
    std::uint64_t number = 0;
    decide::OwnIncident facts;
  };

  // The account as it is kept. Errors: not_found.
  [[nodiscard]] Result<std::string> account_of(std::string_view address);
  [[nodiscard]] Result<decide::AccountRow> row_of(const std::string& account);
  // What people switched off; none where there is no such account.
  [[nodiscard]] decide::Switches switches_of(const std::string& account);
  // The last incident; number 0: none.
  [[nodiscard]] Result<Incident> incident_of(const std::string& account);
  [[nodiscard]] Result<decide::OwnHistory> fold(const std::string& account);
  // Looks at what was heard since; with tests_mutex_ held.
  void look(const std::string& account, Test& test, const IpAddress& from);
  // For whoever looks at the last incident; nothing where there is none.
  [[nodiscard]] Result<void> note(const std::string& account, const web::Caller& by,
                                  std::string why);
  void audited(const web::Caller& by, std::string action, const std::string& account,
               std::string detail = {});

  ControlParts& parts_;
  ControlService& control_;
  std::mutex tests_mutex_;
  std::map<std::string, Test> tests_;
  std::mutex pending_mutex_;
  std::map<std::string, Pending> pending_;
};

}  // namespace sekimori::app
