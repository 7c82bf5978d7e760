// An owner's desk over plain values, for the tests of this folder.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "web/control.h"

namespace sekimori::web {

class MemoryOwnerDesk : public OwnerDesk {
 public:
  static constexpr std::string_view k_password = "Old-pass-1";
  static constexpr std::string_view k_code = "246810";

  bool password_is_enough = true;
  std::vector<std::pair<std::string, bool>> answered;  // networks

  Result<bool> knows_password(std::string_view address, const Secret& password) override {
    return address == "taro@example.jp" && password.reveal() == k_password;
  }
  Result<bool> password_suffices(std::string_view) override { return password_is_enough; }
  Result<void> end_session(const Secret&) override { return {}; }
  Result<OwnStatus> status(std::string_view address) override {
    OwnStatus out;
    out.account = address;
    out.standing = Standing::restricted;
    out.since = out.now = k_now;
    out.since_text = {"2026年11月18日 0:00", "2026-11-18 00:00"};
    out.send = OwnUse::stopped;
    out.what = {"送信だけを止めています。", "Only sending is stopped."};
    out.why = {"<大量>の送信がありました。", "It sent in <bulk>."};
    out.help.phone = "03-0000-0000";
    out.is_recovering = true;
    return out;
  }
  Result<OwnHistoryView> history(std::string_view, const IpAddress&) override {
    OwnHistoryView out;
    out.now = k_now;
    decide::OwnSignIn group;
    group.network = "192.0.2.0";
    group.good = 2;
    group.last = k_now;
    out.sign_ins.push_back({group, true, false});
    out.sign_ins.push_back({group, std::nullopt, true});
    out.history.comparison.emplace_back();
    return out;
  }
  Result<void> answer_sign_in(std::string_view, const OwnAnswer& answer, const Caller&) override {
    answered.emplace_back(answer.network, answer.mine);
    return {};
  }
  Result<Instant> note_computer(std::string_view, const Caller&) override { return k_now; }
  Result<OwnDevices> devices(std::string_view, const IpAddress&) override {
    OwnDevices out;
    out.app_passwords.push_back({"7", {"電話", "phone"}, false});
    out.sessions.push_back({"imap", {}, true});
    return out;
  }
  Result<void> revoke(std::string_view, std::string_view, const Caller&) override { return {}; }
  Result<std::uint32_t> sign_out(std::string_view, const Caller&) override { return 2U; }
  Result<OwnWays> ways(std::string_view address) override {
    OwnWays out;
    out.ways.account = address;
    out.changes.push_back(change());
    return out;
  }
  Result<decide::WayView> answer_way(std::string_view, std::uint64_t, bool keep,
                                     const Caller&) override {
    auto view = change();
    view.change.state = keep ? decide::WayState::kept : decide::WayState::reverted;
    return view;
  }
  Result<std::vector<OwnService>> services(std::string_view) override {
    return std::vector<OwnService>{{"bank.example", "bank", "銀行", "Bank", 3, true}};
  }
  Result<LiveTest> begin_test(std::string_view, Language, const Caller&) override {
    LiveTest out;
    out.started = out.sent = out.now = k_now;
    out.mark = "TEST-7K2M9Q";
    out.reading = LiveSignIn{k_now, Service::imap, {}, true, true, true};
    out.sending = LiveSignIn{k_now, Service::smtp, {}, true, false, false};
    return out;
  }
  Result<LiveTest> test(std::string_view address, const IpAddress&) override {
    return begin_test(address, Language::ja, {});
  }
  Result<OwnContact> contact(std::string_view) override {
    return OwnContact{"h****o@e****e.jp", "****0000", "", false};
  }
  Result<void> propose_contact(std::string_view, const std::string&, Language,
                               const Caller&) override {
    return {};
  }
  Result<OwnContact> confirm_contact(std::string_view address, const Secret& code,
                                     const Caller&) override {
    if (code.reveal() != k_code) return bad_input("the code is not right");
    return contact(address);
  }
  Result<OwnTotp> propose_totp(std::string_view, const Caller&) override {
    OwnTotp out;
    out.key = Secret("JBSWY3DPEHPK3PXP");
    out.uri = Secret("otpauth://totp/x");
    return out;
  }
  Result<OwnContact> confirm_totp(std::string_view address, const Secret& code,
                                  const Caller& by) override {
    return confirm_contact(address, code, by);
  }
  Result<OwnContact> remove_totp(std::string_view address, const Secret& code,
                                 const Caller& by) override {
    return confirm_contact(address, code, by);
  }
  Result<CheckUp> check_up(std::string_view) override {
    CheckUp out;
    out.at = k_now;
    out.items.push_back({"forwards", true, {"ありません。", "None."}, {}});
    out.items.push_back({"contact", false, {"ありません。", "None."}, {"登録を", "Register"}});
    return out;
  }
  Result<ProfileView> profile(std::string_view) override {
    ProfileView out;
    out.servers.push_back({"imap", "mail.example.jp", 993, "tls"});
    out.srv.emplace_back("_imaps._tcp.example.jp. 3600 IN SRV 0 1 993 mail.example.jp.");
    return out;
  }
  Result<ProfileFile> profile_file(ProfileForm form, std::string_view) override {
    return ProfileFile{form == ProfileForm::mobileconfig ? "application/x-apple-aspen-config"
                                                         : "text/xml; charset=utf-8",
                       "<a/>"};
  }
  ProfileFile autodiscover(std::string_view request) override {
    return {"text/xml; charset=utf-8", request.empty() ? "<none/>" : "<some/>"};
  }

 private:
  static constexpr Instant k_now{1'795'000'000'000'000};
  static decide::WayView change() {
    decide::WayView view;
    view.change.id = 1;
    view.change.account = "taro@example.jp";
    view.change.key = "collector@thief.example";
    view.change.after = "collector@thief.example";
    view.change.seen = k_now;
    view.change.by = "operator-nao";
    view.change.reason = "not for owners";
    view.after = decide::shown(view.change.kind, view.change.after);
    return view;
  }
};

// The part of MemoryControl that is the owner's desk.
class MemoryOwn : public Control {
 public:
  OwnerDesk& own() override { return own_desk; }
  MemoryOwnerDesk own_desk;
};

}  // namespace sekimori::web
