#include "app/operator_service.h"

#include <fmt/format.h>

#include "password/generator.h"
#include "password/totp.h"
#include "store/password_hash.h"

namespace sekimori::app {
namespace {

constexpr std::size_t k_length_min = 12;

password::PasswordRules operator_rules() {
  // Whoever signs in here can let every account go: longer than an owner's, and of any characters
  // (a sentence is as good as symbols).
  password::PasswordRules rules;
  rules.min_length = k_length_min;
  rules.need_upper = rules.need_lower = rules.need_digit = rules.need_symbol = false;
  rules.min_score = 3;
  return rules;
}

// Long enough to set an authenticator up.
constexpr Duration k_offered_for = minutes(15);

// Checked where there is nobody, so that it takes as long as for somebody.
const std::string& nobodys_hash() {
  static const std::string hash =
      store::hash_operator_password(Secret("nobody has this password")).value_or("");
  return hash;
}

}  // namespace

void OperatorService::audited(const std::string& who, std::string action, const std::string& login,
                              const IpAddress& from) {
  decide::AuditEntry entry;
  entry.t = parts_.now();
  entry.who = who;
  entry.action = std::move(action);
  entry.subject = {decide::SubjectKind::server, ""};
  entry.detail = from.is_set()
                     ? fmt::format(R"({{"login":"{}","from":"{}"}})", login, from.to_string())
                     : fmt::format(R"({{"login":"{}"}})", login);
  parts_.audit(std::move(entry));
}

Result<OperatorService::Known> OperatorService::known(std::string_view login) {
  Known out;
  out.person.login = std::string(login);
  auto own = parts_.operators.find(login);
  if (!own) return std::unexpected(own.error());
  if (*own) {
    const auto role = web::parse_role((*own)->role);
    if (!role) return operating_failure("an operator has an unknown role");
    out.person.role = *role;
    out.hash = (*own)->hash;
    out.totp_key = std::move((*own)->totp_key);
    out.person.has_totp = out.totp_key.is_set();
    return out;
  }
  if (!parts_.provider_admins) return out;
  auto admin = parts_.provider.admin(login);
  if (!admin) return std::unexpected(admin.error());
  // Who looks after no domain has nothing to see.
  if (!*admin || (!(*admin)->is_superadmin && (*admin)->domains.empty())) return out;
  out.person.role = (*admin)->is_superadmin ? web::Role::operator_ : web::Role::domain_admin;
  if (!(*admin)->is_superadmin) out.person.domains = std::move((*admin)->domains);
  out.person.is_foreign = true;
  out.hash = std::move((*admin)->password_hash);
  out.totp_key = std::move((*admin)->totp_secret);
  out.person.has_totp = out.totp_key.is_set();
  return out;
}

Result<bool> OperatorService::code_fits(const Known& who, const Secret& code) {
  auto key = password::TotpKey::parse(who.totp_key.reveal());
  if (!key) return operating_failure("an authenticator's key cannot be read");
  const auto step = password::verify_totp(*key, code.reveal(), parts_.now());
  if (!step) return std::unexpected(step.error());
  if (!*step) return false;
  return parts_.operators.use_step(who.person.login, **step);
}

Result<web::People::Proved> OperatorService::prove(const Proof& proof, const IpAddress& from) {
  auto who = known(proof.login);
  if (!who) return std::unexpected(who.error());
  const auto refused = [&]() -> Result<Proved> {
    audited("panel", "sign_in_refused", who->hash.empty() ? "" : proof.login, from);
    return bad_input("not proved");
  };
  bool fits = false;
  if (who->hash.empty()) {
    (void)store::operator_password_fits(nobodys_hash(), proof.password);
  } else if (who->person.is_foreign) {
    fits = store::verify_password(who->hash, proof.password).value_or(false);
  } else {
    fits = store::operator_password_fits(who->hash, proof.password);
  }
  if (!fits) return refused();
  Proved out;
  if (who->totp_key.is_set()) {
    if (!proof.code.is_set()) {
      out.code_wanted = true;
      return out;
    }
    const auto right = code_fits(*who, proof.code);
    if (!right) return std::unexpected(right.error());
    if (!*right) return refused();
  }
  out.person = std::move(who->person);
  audited(out.person.login, "sign_in", out.person.login, from);
  return out;
}

Result<web::Person> OperatorService::person(std::string_view login) {
  auto who = known(login);
  if (!who) return std::unexpected(who.error());
  if (who->hash.empty()) return not_found("may not sign in any more");
  return std::move(who->person);
}

Result<std::vector<web::Person>> OperatorService::list() {
  auto rows = parts_.operators.list();
  if (!rows) return std::unexpected(rows.error());
  std::vector<web::Person> out;
  for (const auto& row : *rows) {
    web::Person person;
    person.login = row.login;
    person.role = web::parse_role(row.role).value_or(web::Role::support);
    person.has_totp = row.totp_key.is_set();
    out.push_back(std::move(person));
  }
  return out;
}

Result<OperatorService::Chosen> OperatorService::choose(std::string_view login, Secret password) {
  password::PersonWords person;
  person.address = std::string(login);
  Chosen out;
  if (!password.is_set()) {
    auto made = password::generate(operator_rules(), person);
    if (!made) return std::unexpected(made.error());
    out.password = std::move(*made);
    out.made = true;
    return out;
  }
  const auto verdict = password::judge(password, operator_rules(), person);
  if (!verdict.accepted()) return bad_input(verdict.findings.front().words.en);
  out.password = std::move(password);
  return out;
}

Result<Secret> OperatorService::add(const web::Person& person, Secret password,
                                    const web::Caller& by) {
  auto chosen = choose(person.login, std::move(password));
  if (!chosen) return std::unexpected(chosen.error());
  auto hash = store::hash_operator_password(chosen->password);
  if (!hash) return std::unexpected(hash.error());
  store::OperatorRow row;
  row.login = person.login;
  row.role = std::string(to_string(person.role));
  row.hash = std::move(*hash);
  row.created = row.changed = parts_.now();
  if (auto done = parts_.operators.add(row); !done) return std::unexpected(done.error());
  audited(by.who, "operator_add", person.login, by.ip);
  return chosen->made ? std::move(chosen->password) : Secret();
}

Result<Secret> OperatorService::set_password(std::string_view login, Secret password,
                                             const web::Caller& by) {
  auto chosen = choose(login, std::move(password));
  if (!chosen) return std::unexpected(chosen.error());
  auto hash = store::hash_operator_password(chosen->password);
  if (!hash) return std::unexpected(hash.error());
  if (auto done = parts_.operators.set_hash(login, *hash, parts_.now()); !done) {
    return std::unexpected(done.error());
  }
  audited(by.who, "operator_password", std::string(login), by.ip);
  return chosen->made ? std::move(chosen->password) : Secret();
}

Result<void> OperatorService::remove(std::string_view login, const web::Caller& by) {
  if (auto done = parts_.operators.remove(login); !done) return done;
  audited(by.who, "operator_remove", std::string(login), by.ip);
  return {};
}

Result<web::OperatorTotp> OperatorService::offer_totp(std::string_view login) {
  auto own = parts_.operators.find(login);
  if (!own) return std::unexpected(own.error());
  if (!*own) return not_found("this login is not kept here");
  const auto key = password::TotpKey::generate();
  web::OperatorTotp out;
  out.key = key.base32();
  out.uri = key.uri(login, parts_.issuer);
  const Instant now = parts_.now();
  const std::lock_guard lock(offered_mutex_);
  std::erase_if(offered_, [now](const auto& item) { return item.second.until < now; });
  offered_.insert_or_assign(std::string(login), Offered{key.base32(), now + k_offered_for});
  return out;
}

Result<void> OperatorService::confirm_totp(std::string_view login, const Secret& code,
                                           const web::Caller& by) {
  const Instant now = parts_.now();
  Secret kept;
  {
    const std::lock_guard lock(offered_mutex_);
    const auto at = offered_.find(login);
    if (at == offered_.end() || at->second.until < now) return bad_input("nothing was offered");
    auto key = password::TotpKey::parse(at->second.key.reveal());
    if (!key) return std::unexpected(key.error());
    const auto step = password::verify_totp(*key, code.reveal(), now);
    if (!step) return std::unexpected(step.error());
    if (!*step) return bad_input("the code does not fit");
    kept = std::move(at->second.key);
    offered_.erase(at);
  }
  if (auto done = parts_.operators.set_totp(login, kept, now); !done) return done;
  audited(by.who, "operator_totp", std::string(login), by.ip);
  return {};
}

Result<web::OperatorTotp> OperatorService::set_totp(std::string_view login, bool on,
                                                    const web::Caller& by) {
  web::OperatorTotp out;
  Secret kept;
  if (on) {
    const auto key = password::TotpKey::generate();
    out.key = key.base32();
    out.uri = key.uri(login, parts_.issuer);
    kept = key.base32();
  }
  if (auto done = parts_.operators.set_totp(login, kept, parts_.now()); !done) {
    return std::unexpected(done.error());
  }
  audited(by.who, on ? "operator_totp" : "operator_totp_off", std::string(login), by.ip);
  return out;
}

}  // namespace sekimori::app
