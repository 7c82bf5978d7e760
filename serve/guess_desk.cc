#include "serve/guess_desk.h"

#include <utility>

namespace sekimori::serve {

decide::SignInTry GuessDesk::try_of(const SignIn& sign_in, bool exists, const Place& place) const {
  decide::SignInTry out;
  out.account = sign_in.account;
  out.exists = exists;
  out.service = sign_in.service;
  out.ip = sign_in.ip;
  out.place = place;
  out.pwhash = decide::guess_pwhash(sign_in.pwhash);
  out.now = sign_in.now;
  return out;
}

decide::Acquaintance GuessDesk::acquaintance(const decide::SignInTry& t) const {
  decide::Acquaintance out = guard_.familiar(t);
  // Of a place that vouches nothing more is asked.
  if (!out.known && t.pwhash != 0) {
    out.right_hash = t.pwhash == decide::guess_pwhash(engine_.view(t.account, t.now).pwhash);
  }
  return out;
}

void GuessDesk::ask(const SignIn& sign_in, bool exists, SignInVerdict& verdict) {
  if (!sign_in.ip.is_set() || engine_.bypass()) return;
  // The place is looked up only where the account's own memory is asked.
  decide::SignInTry t = try_of(sign_in, exists, {});
  const decide::GuessAnswer answer = guard_.ask(t, [&] {
    if (options_.place) t.place = options_.place(sign_in.ip);
    return acquaintance(t);
  });
  if (answer.action == decide::GuessAnswer::Action::pass) return;
  if (options_.enforced && !options_.enforced()) return;
  if (answer.action == decide::GuessAnswer::Action::refuse) {
    verdict.answer = {-1, answer.message, std::string(answer.rule)};
    if (answer.ban != 0) verdict.attributes.emplace_back("ban", std::to_string(answer.ban));
  } else if (answer.seconds > verdict.answer.status) {
    verdict.answer.status = answer.seconds;
    verdict.answer.rule = std::string(answer.rule);
  }
}

GuessesBefore GuessDesk::ended(const SignIn& sign_in, bool exists, const Place& place,
                               LoginResult result) {
  if (!sign_in.ip.is_set()) return {};
  GuessesBefore behind;
  decide::GuessNews news;
  const decide::SignInTry t = try_of(sign_in, exists, place);
  const auto acquainted = [&] { return acquaintance(t); };
  if (result == LoginResult::ok) {
    behind = guard_.right(t, false, acquainted, news);
  } else {
    guard_.wrong(t, result == LoginResult::refused, acquainted, news);
  }
  if (!news.is_empty() && options_.news) options_.news(std::move(news));
  return behind;
}

}  // namespace sekimori::serve
