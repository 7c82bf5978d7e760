// Receiving and signing in of an account, switched by a person.
#include "app/server_desk.h"
#include "base/mail_address.h"
#include "decide/standing.h"

namespace sekimori::app {

using decide::AccountSwitch;
using decide::SubjectKind;

Result<web::SwitchesView> ServerDeskService::switches(std::string_view address) {
  web::SwitchesView view;
  view.account = parts_.directory()->account_of(address);
  auto closed = parts_.switches.of(view.account);
  // One that the store no longer has may still need to be let go.
  if (auto there = exists({SubjectKind::account, view.account}); !there && !closed.any()) {
    return std::unexpected(there.error());
  }
  const auto own = parts_.engine.standing_of({SubjectKind::account, view.account}).standing;
  const auto domain =
      parts_.engine.standing_of({SubjectKind::domain, std::string(domain_of(view.account))})
          .standing;
  const auto state = [&](AccountSwitch what, bool (*forbids)(Standing)) {
    web::SwitchState out;
    out.standing_allows = !forbids(own) && !forbids(domain);
    out.off = std::move(closed.at(what));
    out.works = out.standing_allows && !out.off;
    out.done = parts_.switches.is_done(view.account, what);
    out.letter = parts_.switches.letter_of(view.account, what);
    return out;
  };
  view.receive = state(AccountSwitch::receive, decide::forbids_receiving);
  view.login = state(AccountSwitch::login, decide::forbids_login);
  return view;
}

Result<web::SwitchesView> ServerDeskService::set_switch(const web::SwitchOrder& given,
                                                        const web::Caller& by) {
  web::SwitchOrder order = given;
  order.account = parts_.directory()->account_of(given.account);
  if (auto there = exists({SubjectKind::account, order.account});
      !there && !parts_.switches.of(order.account).any()) {
    return std::unexpected(there.error());
  }
  if (!order.on && order.until.is_set() && order.until <= parts_.now()) {
    return bad_input("'until' is over already");
  }
  if (auto done = parts_.switches.set(order, by.who); !done) return std::unexpected(done.error());
  return switches(order.account);
}

}  // namespace sekimori::app
