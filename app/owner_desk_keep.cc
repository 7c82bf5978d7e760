// What an owner keeps at the portal: recovery contact, authenticator, the monthly check-up; and the
// settings for their mail program.
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <numeric>

#include "app/owner_desk.h"
#include "app/ways_service.h"
#include "base/mail_address.h"
#include "password/totp.h"

namespace sekimori::app {
namespace {

constexpr Duration k_code_lifetime = minutes(30);
constexpr int k_code_tries_max = 5;
// Nobody's mailbox is to be flooded through us.
constexpr int k_codes_an_hour = 3;
// A password older than this deserves a thought.
constexpr Duration k_password_old = days(365);

std::string masked_part(std::string_view text) {
  // The first and the last character of what is long enough, as bytes of UTF-8 begin.
  const auto is_inner = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; };
  std::size_t first = 1;
  while (first < text.size() && is_inner(text[first])) ++first;
  if (first >= text.size()) return "*";
  std::size_t last = text.size() - 1;
  while (last > first && is_inner(text[last])) --last;
  if (last <= first) return std::string(text.substr(0, first)) + "*";
  return std::string(text.substr(0, first)) + "****" + std::string(text.substr(last));
}

// h****o@e****e.jp
std::string masked_address(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return address.empty() ? std::string() : "****";
  const auto domain = address.substr(at + 1);
  const auto dot = domain.rfind('.');
  return masked_part(address.substr(0, at)) + "@" + masked_part(domain.substr(0, dot)) +
         (dot == std::string_view::npos ? std::string() : std::string(domain.substr(dot)));
}

std::string masked_phone(std::string_view phone) {
  if (phone.size() <= 4) return phone.empty() ? std::string() : "****";
  return "****" + std::string(phone.substr(phone.size() - 4));
}

std::string percent(double share) { return fmt::format("{:.0f}", share); }

web::CheckUpItem item(std::string code, bool good, Text what, Text next) {
  return {.code = std::move(code),
          .good = good,
          .what = std::move(what),
          .next = good ? Text{} : std::move(next)};
}

}  // namespace

// ---------------------------------------------------------------- contact

Result<web::OwnContact> OwnerDeskService::contact(std::string_view address) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  const auto row = row_of(*account);
  if (!row) return std::unexpected(row.error());
  web::OwnContact out;
  out.email = masked_address(row->email_other);
  out.phone = masked_phone(row->phone);
  auto key = totp_key(*account);
  if (!key) return std::unexpected(key.error());
  out.has_totp = key->is_set();
  const std::lock_guard lock(pending_mutex_);
  const auto at = pending_.find(*account);
  if (at != pending_.end() && at->second.expires > parts_.now()) {
    out.pending = masked_address(at->second.email);
  }
  return out;
}

Result<void> OwnerDeskService::propose_contact(std::string_view address, const std::string& email,
                                               Language language, const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  const auto wanted = MailAddress::parse(email);
  if (!wanted) return bad_input("that is no mail address");
  if (parts_.directory()->account_of(wanted->text()) == *account) {
    return bad_input("the contact must be another mailbox than this one");
  }
  const Instant now = parts_.now();
  std::string code = fmt::format("{:08}", randombytes_uniform(100'000'000));
  {
    const std::lock_guard lock(pending_mutex_);
    if (pending_.size() >= k_owner_matters_max && !pending_.contains(*account)) {
      pending_.erase(
          std::ranges::min_element(pending_, {}, [](const auto& one) { return one.second.begun; }));
    }
    Pending& pending = pending_[*account];
    if (!pending.begun.is_set() || now - pending.begun >= hours(1)) {
      pending.begun = now;
      pending.sent = 0;
    }
    if (pending.sent >= k_codes_an_hour) {
      return bad_input("three codes were sent within the hour; please try again later");
    }
    ++pending.sent;
    pending.email = wanted->text();
    pending.code = code;
    pending.expires = now + k_code_lifetime;
    pending.tries = 0;
  }
  const Text subject{"連絡先の確認コード", "Confirm your recovery contact"};
  const Text body{
      fmt::format(
          "{} の連絡先として登録するための確認コードです。\n\n    {}\n\n30 分以内に、"
          "ポータルの画面に入力してください。\n\nお心当たりのない場合は、このメールを破棄して"
          "ください。\n",
          *account, code),
      fmt::format("This code registers your address as the recovery contact of {}.\n\n    {}\n\n"
                  "Please enter it at the portal within 30 minutes.\n\nIf you did not ask for it, "
                  "please discard this mail.\n",
                  *account, code)};
  audited(by, "propose_contact", *account);
  auto sent = parts_.send_letter(wanted->text(), subject.in(language), body.in(language));
  sodium_memzero(code.data(), code.size());
  return sent;
}

Result<web::OwnContact> OwnerDeskService::confirm_contact(std::string_view address,
                                                          const Secret& code,
                                                          const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  const auto row = row_of(*account);
  if (!row) return std::unexpected(row.error());
  std::string email;
  {
    const std::lock_guard lock(pending_mutex_);
    const auto at = pending_.find(*account);
    if (at == pending_.end() || at->second.code.empty() || at->second.expires <= parts_.now() ||
        at->second.tries >= k_code_tries_max) {
      return bad_input("the code is over; please ask for a new one");
    }
    std::string typed;
    for (const char c : code.reveal()) {
      if (c >= '0' && c <= '9') typed += c;
    }
    const bool fits = typed.size() == at->second.code.size() &&
                      sodium_memcmp(typed.data(), at->second.code.data(), typed.size()) == 0;
    sodium_memzero(typed.data(), typed.size());
    if (!fits) {
      ++at->second.tries;
      return bad_input("the code is not right");
    }
    email = at->second.email;
    at->second.code.clear();
    at->second.expires = {};
  }
  if (auto done = parts_.provider.put_way(*account, decide::WayKind::contact, "email_other", email);
      !done) {
    return std::unexpected(done.error());
  }
  audited(by, "set_contact", *account);
  if (!row->email_other.empty() && row->email_other != email) {
    // Whoever loses it must hear of it; that it cannot be sent keeps nobody from a new one.
    (void)parts_.send_letter(
        row->email_other, "連絡先が変わりました / Your recovery contact was changed",
        fmt::format("{} の連絡先が、このアドレスから別のアドレスに変わりました。\n"
                    "お心当たりのない場合は、すぐに窓口へお知らせください。\n\n"
                    "The recovery contact of {} was changed from this address to another.\n"
                    "If that was not you, please tell your provider at once.\n",
                    *account, *account));
  }
  return contact(*account);
}

// ---------------------------------------------------------------- authenticator

Result<Secret> OwnerDeskService::totp_key(const std::string& account) {
  auto own = parts_.recoveries.own_totp(account);
  if (!own) return std::unexpected(own.error());
  if (*own) return std::move((*own)->key);
  return parts_.provider.totp_secret(account);
}

Result<bool> OwnerDeskService::take_totp(const std::string& account, const Secret& key_text,
                                         const Secret& code) {
  const Instant now = parts_.now();
  auto key = password::TotpKey::parse(key_text.reveal());
  if (!key) return operating_failure("an authenticator's key cannot be read");
  auto last = parts_.recoveries.totp_step(account, now);
  if (!last) return std::unexpected(last.error());
  auto step = password::verify_totp(*key, code.reveal(), now, *last);
  if (!step) return std::unexpected(step.error());
  if (*step) return parts_.recoveries.use_totp_step(account, **step);
  if (auto done = parts_.recoveries.count_wrong_totp(account, now); !done) {
    return std::unexpected(done.error());
  }
  return false;
}

Result<web::OwnTotp> OwnerDeskService::propose_totp(std::string_view address,
                                                    const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  auto there = totp_key(*account);
  if (!there) return std::unexpected(there.error());
  // Whoever holds a stolen password must not put theirs in its place.
  if (there->is_set()) return bad_input("an authenticator is enrolled; remove it first");
  const auto key = password::TotpKey::generate();
  web::OwnTotp out;
  out.key = key.base32();
  const std::string issuer = parts_.help.provider.empty() ? "Mail" : parts_.help.provider;
  out.uri = key.uri(*account, issuer);
  const Instant now = parts_.now();
  const std::lock_guard lock(pending_mutex_);
  if (pending_.size() >= k_owner_matters_max && !pending_.contains(*account)) {
    pending_.erase(
        std::ranges::min_element(pending_, {}, [](const auto& one) { return one.second.begun; }));
  }
  Pending& pending = pending_[*account];
  if (!pending.begun.is_set()) pending.begun = now;
  pending.totp = out.key.reveal();
  audited(by, "propose_totp", *account);
  return out;
}

Result<web::OwnContact> OwnerDeskService::confirm_totp(std::string_view address, const Secret& code,
                                                       const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  Secret key;
  {
    const std::lock_guard lock(pending_mutex_);
    const auto at = pending_.find(*account);
    if (at == pending_.end() || at->second.totp.empty()) {
      return bad_input("no authenticator was proposed; please begin again");
    }
    key = Secret(at->second.totp);
  }
  const auto right = take_totp(*account, key, code);
  if (!right) return std::unexpected(right.error());
  if (!*right) return bad_input("the code is not right");
  if (auto done = parts_.recoveries.set_own_totp(*account, key, parts_.now()); !done) {
    return std::unexpected(done.error());
  }
  {
    const std::lock_guard lock(pending_mutex_);
    if (const auto at = pending_.find(*account); at != pending_.end()) at->second.totp.clear();
  }
  audited(by, "set_totp", *account);
  return contact(*account);
}

Result<web::OwnContact> OwnerDeskService::remove_totp(std::string_view address, const Secret& code,
                                                      const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  auto own = parts_.recoveries.own_totp(*account);
  if (!own) return std::unexpected(own.error());
  if (!*own) return bad_input("no authenticator was enrolled here");
  const auto right = take_totp(*account, (*own)->key, code);
  if (!right) return std::unexpected(right.error());
  if (!*right) return bad_input("the code is not right");
  if (auto done = parts_.recoveries.set_own_totp(*account, Secret(), parts_.now()); !done) {
    return std::unexpected(done.error());
  }
  audited(by, "remove_totp", *account);
  return contact(*account);
}

// ---------------------------------------------------------------- the check-up

Result<web::CheckUp> OwnerDeskService::check_up(std::string_view address) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  const auto row = row_of(*account);
  if (!row) return std::unexpected(row.error());
  auto ways = parts_.ways.in_force(*account);
  if (!ways) return std::unexpected(ways.error());
  auto folded = fold(*account);
  if (!folded) return std::unexpected(folded.error());
  web::CheckUp out;
  out.at = parts_.now();

  std::uint64_t away = 0;
  std::uint64_t app_passwords = 0;
  for (const decide::WayInForce& way : ways->ways) {
    if (way.is_external) ++away;
    if (way.kind == decide::WayKind::app_password && !way.is_suspended) ++app_passwords;
  }
  out.items.push_back(
      item("forwards", away == 0,
           away == 0 ? Text{"メールは、ほかの場所へ転送されていません。",
                            "Your mail is not forwarded anywhere."}
                     : Text{fmt::format("メールが、ほかの場所へ転送されています({} 件)。", away),
                            fmt::format("Your mail goes on to other places ({}).", away)},
           {"「転送と設定」で、ご自分のものか確かめてください。",
            "Please see \"Forwards and settings\" and check that they are yours."}));

  const auto plain = std::accumulate(
      folded->sign_ins.begin(), folded->sign_ins.end(), std::uint64_t{0},
      [](std::uint64_t sum, const decide::OwnSignIn& group) { return sum + group.plain; });
  out.items.push_back(item(
      "plain", plain == 0,
      plain == 0
          ? Text{"暗号化されていないサインインは、ありませんでした。",
                 "There was no sign-in without encryption."}
          : Text{fmt::format("暗号化されていないサインインが、2 週間で {} 回ありました。", plain),
                 fmt::format("There were {} sign-ins without encryption in two weeks.", plain)},
      {"「メールソフトの設定」を見て、接続の保護を SSL/TLS に変えてください。",
       "Please see \"Set up a mail program\" and turn on SSL/TLS."}));

  out.items.push_back(
      item("app_passwords", app_passwords == 0,
           app_passwords == 0
               ? Text{"アプリ用パスワードは、使われていません。", "No app passwords are in use."}
               : Text{fmt::format("アプリ用パスワードが {} 件あります。", app_passwords),
                      fmt::format("There are {} app passwords.", app_passwords)},
           {"もう使っていない機器のものは「機器」で止めてください。",
            "Please stop those of devices you no longer use under \"Devices\"."}));

  // As far as passwords were set through us.
  auto entries = parts_.reader.audit(decide::Subject{decide::SubjectKind::account, *account}, 500);
  if (!entries) return std::unexpected(entries.error());
  const auto newest = std::ranges::find(*entries, "set_password", &decide::AuditEntry::action);
  if (newest != entries->end()) {
    const Duration age = out.at - newest->t;
    out.items.push_back(
        item("password_age", age < k_password_old,
             {fmt::format("パスワードを変えてから {} 日です。", percent(age.days())),
              fmt::format("Your password is {} days old.", percent(age.days()))},
             {"ほかのサービスと同じものを使っていないか考えて、新しいものに変えてください。",
              "Please choose a new one, used nowhere else."}));
  }
  out.items.push_back(item(
      "contact", !row->email_other.empty() || !row->phone.empty(),
      row->email_other.empty() && row->phone.empty()
          ? Text{"困ったときの連絡先が、登録されていません。", "No recovery contact is registered."}
          : Text{"困ったときの連絡先が登録されています。", "A recovery contact is registered."},
      {"「連絡先と認証アプリ」で登録しておくと、止まったときに自分で再開できます。",
       "Register one: with it you can get your mail back by yourself."}));
  auto key = totp_key(*account);
  if (!key) return std::unexpected(key.error());
  out.items.push_back(item(
      "totp", key->is_set(),
      key->is_set()
          ? Text{"認証アプリが登録されています。", "An authenticator is enrolled."}
          : Text{"認証アプリは、まだ登録されていません。", "No authenticator is enrolled yet."},
      {"「連絡先と認証アプリ」で登録すると、パスワードを知られても安心です。",
       "Enrol one: then a stolen password alone opens nothing here."}));
  return out;
}

// ---------------------------------------------------------------- mail programs

namespace {

std::string domain_in(std::string_view address) {
  const auto at = address.rfind('@');
  const auto domain = at == std::string_view::npos ? address : address.substr(at + 1);
  // What a stranger asks for is put into files: names only.
  const auto checked = MailAddress::parse("a@" + std::string(domain));
  return checked ? std::string(domain_of(checked->text())) : std::string();
}

}  // namespace

Result<web::ProfileView> OwnerDeskService::profile(std::string_view address) {
  const wire::MailProfile& profile = parts_.profile;
  web::ProfileView out;
  out.provider = profile.provider;
  out.is_signed = static_cast<bool>(parts_.sign_profile);
  const auto put = [&](std::string_view protocol, const wire::MailServer& server) {
    if (server.host.empty()) return;
    out.servers.push_back(
        {.protocol = std::string(protocol),
         .host = server.host,
         .port = server.port,
         .security = server.security == wire::MailSecurity::tls ? "tls" : "starttls"});
  };
  put("imap", profile.imap);
  put("pop3", profile.pop3);
  put("smtp", profile.smtp);
  const std::string domain = domain_in(address);
  if (profile.is_set() && !domain.empty()) {
    for (const auto& record : wire::srv_records(profile, domain)) out.srv.push_back(record.text());
  }
  return out;
}

Result<web::ProfileFile> OwnerDeskService::profile_file(web::ProfileForm form,
                                                        std::string_view address) {
  const wire::MailProfile& profile = parts_.profile;
  if (!profile.is_set()) return not_found("no mail servers are set (profile.imap_host)");
  if (form == web::ProfileForm::autoconfig) {
    return web::ProfileFile{"text/xml; charset=utf-8",
                            wire::autoconfig_xml(profile, domain_in(address))};
  }
  const auto whole = MailAddress::parse(address);
  if (!whole) return bad_input("an address is needed");
  if (form == web::ProfileForm::autodiscover) {
    return web::ProfileFile{"text/xml; charset=utf-8",
                            wire::autodiscover_xml(profile, whole->text())};
  }
  web::ProfileFile file{"application/x-apple-aspen-config",
                        wire::apple_mobileconfig(profile, whole->text(), "")};
  if (parts_.sign_profile) {
    auto made = parts_.sign_profile(file.body);
    if (!made) return std::unexpected(made.error());
    file.body = std::move(*made);
  }
  return file;
}

web::ProfileFile OwnerDeskService::autodiscover(std::string_view request) {
  web::ProfileFile out{"text/xml; charset=utf-8", ""};
  auto address = wire::parse_autodiscover_request(request);
  if (!address) {
    out.body = wire::autodiscover_error_xml(600, "Invalid Request");
    return out;
  }
  auto file = profile_file(web::ProfileForm::autodiscover, *address);
  if (!file) {
    out.body = wire::autodiscover_error_xml(500, "The email address can't be found.");
    return out;
  }
  return std::move(*file);
}

}  // namespace sekimori::app
