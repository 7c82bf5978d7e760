#include "decide/recovery.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/words.h"

namespace sekimori::decide {
namespace {

constexpr std::array<std::string_view, k_gates> k_gate_words{
    "password_changed", "works_smtp",     "works_imap",        "old_refused", "cache_flushed",
    "app_passwords",    "sessions_ended", "forwards_answered", "reviewed"};
constexpr std::array<std::string_view, 4> k_state_words{"open", "proved", "not_needed",
                                                        "overridden"};

struct GateWords {
  Text title;
  Text missing;  // what the owner or, for `reviewed`, the administrator does
};

const std::array<GateWords, k_gates>& gate_words() {
  static const std::array<GateWords, k_gates> words{{
      {{"新しいパスワード", "A new password"},
       {"新しいパスワードを設定してください。", "Please set a new password."}},
      {{"送信の確認(SMTP)", "Signing in to send (SMTP)"},
       {"メールソフトの送信の設定に、新しいパスワードを入れてください。",
        "Please put the new password into your mail program's settings for sending."}},
      {{"受信の確認(IMAP・POP)", "Signing in to read (IMAP, POP)"},
       {"メールソフトの受信の設定に、新しいパスワードを入れてください。",
        "Please put the new password into your mail program's settings for receiving."}},
      {{"古いパスワードの無効化", "The earlier password refused"},
       {"古いパスワードが使えないことを確認しています。少しお待ちください。",
        "We are making sure that the earlier password no longer works. Please wait a moment."}},
      {{"サーバーの記憶の消去", "The server's memory emptied"},
       {"サーバーが覚えている古い認証を消しています。少しお待ちください。",
        "The server is forgetting the earlier sign-ins. Please wait a moment."}},
      {{"アプリ用パスワード", "App passwords"},
       {"アプリ用パスワードを止めています。少しお待ちください。",
        "App passwords are being withdrawn. Please wait a moment."}},
      {{"以前からの接続の切断", "Earlier connections ended"},
       {"以前からつながっている接続を切っています。少しお待ちください。",
        "Connections from before are being ended. Please wait a moment."}},
      {{"転送先の確認", "Forwards answered for"},
       {"ほかのアドレスへの転送が設定されています。ご自身で設定したものか、お答えください。",
        "Mail is forwarded to other addresses. Please say whether you set this up yourself."}},
      {{"管理者の確認", "Looked at by an administrator"},
       {"短い間に繰り返し不正に使われたため、管理者が確認します。管理者へご連絡ください。",
        "This has happened again within a short time, so an administrator looks at it first. Please "
        "get in touch."}},
  }};
  return words;
}

Text missing(GateKind kind) { return gate_words()[static_cast<std::size_t>(kind)].missing; }

bool holds(const std::vector<std::string>& list, std::string_view value) {
  return std::ranges::find(list, value) != list.end();
}

// What a new key opens again.
constexpr GateKind k_of_the_key[] = {GateKind::works_smtp, GateKind::works_imap,
                                     GateKind::old_refused, GateKind::cache_flushed,
                                     GateKind::sessions_ended};

}  // namespace

std::string_view to_string(GateKind v) { return word_of(k_gate_words, v); }
std::optional<GateKind> parse_gate_kind(std::string_view w) {
  return value_of<GateKind>(k_gate_words, w);
}
std::string_view to_string(GateState v) { return word_of(k_state_words, v); }
std::optional<GateState> parse_gate_state(std::string_view w) {
  return value_of<GateState>(k_state_words, w);
}

Text title(GateKind kind) { return gate_words()[static_cast<std::size_t>(kind)].title; }

Recovery open_recovery(RecoveryStart start) {
  Recovery r;
  r.account = std::move(start.account);
  r.incident = start.incident;
  r.contained = start.now;
  r.earlier_hash = start.stored_hash;
  r.current_hash = std::move(start.stored_hash);
  r.by_machine = start.by_machine;
  r.times = start.times;
  if (!start.pwhash.empty()) r.earlier_pwhashes.push_back(std::move(start.pwhash));
  for (std::size_t i = 0; i < k_gates; ++i) r.gates[i].evidence = missing(static_cast<GateKind>(i));
  if (r.times <= 1) {
    not_needed(r, GateKind::reviewed, {"初めてのため不要です。", "Not needed the first time."},
               start.now);
  }
  return r;
}

bool password_stored(Recovery& r, std::string_view fingerprint, std::string_view by, Instant now) {
  if (fingerprint.empty() || fingerprint == r.current_hash) return false;
  r.current_hash = fingerprint;
  if (fingerprint == r.earlier_hash) {
    // Put back as it was: whoever did that, the stolen key fits again.
    reopen(r, GateKind::password_changed, missing(GateKind::password_changed));
    for (const GateKind kind : k_of_the_key) reopen(r, kind, missing(kind));
    r.pwhash.clear();
    return true;
  }
  if (!r.begun.is_set()) {
    r.begun = now;
    r.begun_by = by;
  }
  if (!r.pwhash.empty() && !holds(r.earlier_pwhashes, r.pwhash) &&
      r.earlier_pwhashes.size() < k_earlier_pwhashes_max) {
    r.earlier_pwhashes.push_back(r.pwhash);
  }
  r.pwhash.clear();
  for (const GateKind kind : k_of_the_key) reopen(r, kind, missing(kind));
  r.gate(GateKind::password_changed) = {
      GateState::proved, {"パスワードが新しくなりました。", "The password is a new one."}, now};
  return true;
}

void prove(Recovery& r, GateKind kind, Text evidence, Instant now) {
  Gate& gate = r.gate(kind);
  if (gate.state == GateState::proved || gate.state == GateState::overridden) return;
  gate = {GateState::proved, std::move(evidence), now};
}

void not_needed(Recovery& r, GateKind kind, Text why, Instant now) {
  Gate& gate = r.gate(kind);
  if (gate.state != GateState::open) return;
  gate = {GateState::not_needed, std::move(why), now};
}

void reopen(Recovery& r, GateKind kind, Text what) {
  Gate& gate = r.gate(kind);
  gate.state = GateState::open;
  gate.evidence = std::move(what);
  gate.when = Instant{};
}

SignInMeans note_sign_in(Recovery& r, const SignIn& in) {
  const bool changed = r.gate(GateKind::password_changed).state != GateState::open;
  if (!changed) {
    if (!in.pwhash.empty() && !holds(r.earlier_pwhashes, in.pwhash) &&
        r.earlier_pwhashes.size() < k_earlier_pwhashes_max) {
      r.earlier_pwhashes.push_back(in.pwhash);
    }
    return SignInMeans::nothing;
  }
  if (in.is_ours) {
    // Only our own trial is known to have used the new password.
    if (!in.pwhash.empty()) r.pwhash = in.pwhash;
  } else if (!in.pwhash.empty() && in.pwhash != r.pwhash && holds(r.earlier_pwhashes, in.pwhash)) {
    return SignInMeans::earlier_password;
  }
  if (in.is_strange) return SignInMeans::nothing;
  if (r.pwhash.empty()) r.pwhash = in.pwhash;
  if (!in.pwhash.empty() && in.pwhash != r.pwhash) return SignInMeans::nothing;  // another key
  const auto proved = [&](GateKind kind, std::string_view ja, std::string_view en) {
    if (r.gate(kind).state != GateState::open) return SignInMeans::nothing;
    const std::string from = in.is_ours ? std::string() : in.ip.to_string();
    prove(r, kind,
          in.is_ours ? Text{fmt::format("新しいパスワードで{}できることを試しました。", ja),
                            fmt::format("Tried: the new password signs in {}.", en)}
                     : Text{fmt::format("{} から新しいパスワードで{}できました。", from, ja),
                            fmt::format("Signed in {} with the new password from {}.", en, from)},
          in.t);
    return SignInMeans::proof;
  };
  switch (in.service) {
    case Service::smtp: return proved(GateKind::works_smtp, "送信の認証が", "to send (SMTP)");
    case Service::imap:
    case Service::pop3: return proved(GateKind::works_imap, "受信の認証が", "to read");
    default: return SignInMeans::nothing;
  }
}

bool is_complete(const Recovery& r) {
  return std::ranges::none_of(r.gates, [](const Gate& g) { return g.state == GateState::open; });
}

std::vector<GateKind> open_gates(const Recovery& r) {
  std::vector<GateKind> out;
  for (std::size_t i = 0; i < k_gates; ++i) {
    if (r.gates[i].state == GateState::open) out.push_back(static_cast<GateKind>(i));
  }
  return out;
}

Text next_step(const Recovery& r) {
  if (r.ended.is_set()) return {};
  const auto open = open_gates(r);
  if (open.empty() && !r.by_machine) {
    // Whom a person stopped, a person lets go.
    return {"確認はすべて終わりました。担当者が確かめたあと、送信できるようになります。",
            "Everything is verified. Sending opens again once your administrator has had a look."};
  }
  if (open.empty()) {
    return {"確認はすべて終わりました。まもなく送信できるようになります。",
            "Everything is verified. You can send again in a moment."};
  }
  return r.gate(open.front()).evidence;
}

}  // namespace sekimori::decide
