// Settings for mail programs, in the forms and at the addresses that programs ask for; and the
// owner's status as a page without scripts. Open to anybody: the settings hold nothing of an
// account, and the card wants the mailbox's password.
#include <sodium.h>

#include <array>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_own.h"
#include "web/status_page.h"

namespace sekimori::web {
namespace {

ApiResponse file_response(ProfileFile file) {
  ApiResponse response;
  response.content_type = std::move(file.type);
  response.body = std::move(file.body);
  return response;
}

ApiResponse file_of(const Call& call, ProfileForm form, std::string_view key) {
  const auto address = call.target.find(key).value_or("");
  if (address.size() > 320) return error_response(400, "the address is too long");
  auto file = call.control.own().profile_file(form, address);
  if (!file) return failure_response(file.error(), false);
  return file_response(std::move(*file));
}

ApiResponse autoconfig(const Call& call) {
  return file_of(call, ProfileForm::autoconfig, "emailaddress");
}

ApiResponse autodiscover(const Call& call) {
  const auto body = call.request == nullptr ? std::string_view() : call.request->body;
  return file_response(call.control.own().autodiscover(body));
}

ApiResponse mobileconfig(const Call& call) {
  auto response = file_of(call, ProfileForm::mobileconfig, "address");
  if (response.status == 200) {
    response.headers.emplace_back("Content-Disposition",
                                  "attachment; filename=\"mail.mobileconfig\"");
  }
  return response;
}

ApiResponse show_profile(const Call& call) {
  const auto address = call.target.find("address").value_or("");
  if (address.size() > 320) return error_response(400, "the address is too long");
  const auto view = call.control.own().profile(address);
  if (!view) return failure_response(view.error(), false);
  return json_response(json_of(*view));
}

// application/x-www-form-urlencoded: read as the query that it looks like.
ApiResponse status_page(const Call& call) {
  const auto body = call.request == nullptr ? std::string_view() : call.request->body;
  auto form = parse_target("/?" + std::string(body));
  const auto value_of = [&](std::string_view key) {
    return form ? form->find(key).value_or("") : std::string_view();
  };
  const auto language = value_of("language") == "en" ? Language::en : Language::ja;
  const auto address = MailAddress::parse(value_of("address"));
  const Secret password{std::string(value_of("password"))};
  if (form) {
    for (auto& [key, value] : form->query) {
      if (key == "password" && !value.empty()) sodium_memzero(value.data(), value.size());
    }
  }
  const auto refused = [&](StatusRefusal why) {
    auto response = page_response(refused_status_page(why, language));
    response.status = why == StatusRefusal::too_often     ? 429
                      : why == StatusRefusal::unavailable ? 503
                                                          : 200;
    return response;
  };
  if (!address || !password.is_set()) return refused(StatusRefusal::not_proved);
  if (call.brake != nullptr &&
      !call.brake->admit(OwnerAct::prove, call.caller.ip, address->text())) {
    return refused(StatusRefusal::too_often);
  }
  const auto known = call.control.own().knows_password(address->text(), password);
  if (!known) return refused(StatusRefusal::unavailable);
  if (!*known) return refused(StatusRefusal::not_proved);
  if (call.brake != nullptr) {
    call.brake->take_back(OwnerAct::prove, call.caller.ip, address->text());
  }
  const auto status = call.control.own().status(address->text());
  if (!status) return refused(StatusRefusal::unavailable);
  return page_response(status_html(*status, language));
}

constexpr std::array k_routes = {
    Route{Method::get, "/.well-known/autoconfig/mail/config-v1.1.xml", Access::open, autoconfig},
    Route{Method::get, "/mail/config-v1.1.xml", Access::open, autoconfig},
    Route{Method::post, "/autodiscover/autodiscover.xml", Access::owner_door, autodiscover, false,
          true},
    // As Outlook spells it.
    Route{Method::post, "/Autodiscover/Autodiscover.xml", Access::owner_door, autodiscover, false,
          true},
    Route{Method::get, "/portal/mail.mobileconfig", Access::open, mobileconfig},
    Route{Method::post, "/portal/status", Access::owner_door, status_page, false, true},
    Route{Method::get, "/api/v1/mail-profile", Access::open, show_profile},
};

}  // namespace

std::span<const Route> profile_routes() { return k_routes; }

}  // namespace sekimori::web
