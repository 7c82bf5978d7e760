// The hands: what the engine decides is done to Postfix (through the helper) and to Dovecot.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "act/doveadm.h"
#include "act/helper_client.h"
#include "decide/ports.h"

namespace sekimori::act {

struct MailHandsSettings {
  std::string helper_socket;
  Duration helper_timeout = seconds(90);
  DoveadmSettings doveadm;  // url "": Dovecot is not reached, which then counts as done
  // The account a login means (case, extension, alias domain), so that a session signed in under
  // another spelling is ended too. Empty: names are compared as they are. Any thread.
  std::function<std::string(std::string_view)> account_of = {};
};

// Threads: any.
class MailHands : public decide::Hands {
 public:
  explicit MailHands(MailHandsSettings settings);

  // "" flushes the cached logins of everybody.
  [[nodiscard]] Result<void> flush_auth_cache(std::string_view account) override;
  // "*@domain" ends the sessions of a domain.
  [[nodiscard]] Result<std::uint32_t> kick(std::string_view account) override;
  [[nodiscard]] Result<void> hold(std::span<const std::string> queue_ids) override;
  [[nodiscard]] Result<void> release(std::span<const std::string> queue_ids) override;
  [[nodiscard]] Result<std::uint64_t> remove(
      std::span<const decide::QueueTarget> messages) override;
  [[nodiscard]] Result<void> requeue(std::span<const std::string> queue_ids) override;
  [[nodiscard]] Result<void> list_queue(
      const std::function<bool(const decide::QueueEntry&)>& each) override;
  [[nodiscard]] Result<std::string> sasl_login_of(std::string_view queue_id) override;
  [[nodiscard]] Result<std::string> subject_of(std::string_view queue_id) override;
  [[nodiscard]] Result<void> stop_server_sending(bool stop) override;

  // For health checks.
  [[nodiscard]] HelperClient& helper() { return helper_; }
  [[nodiscard]] Doveadm* doveadm() { return doveadm_.get(); }

 private:
  HelperClient helper_;
  std::unique_ptr<Doveadm> doveadm_;
  std::function<std::string(std::string_view)> account_of_;
};

// One line of postqueue -j. Errors: bad_input.
[[nodiscard]] Result<decide::QueueEntry> parse_queue_entry(std::string_view line);

}  // namespace sekimori::act
