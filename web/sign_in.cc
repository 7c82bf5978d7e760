#include "web/sign_in.h"

#include <sodium.h>

#include <algorithm>

#include "base/mail_address.h"

namespace sekimori::web {
namespace {

constexpr std::size_t k_token_bytes = 32;
constexpr std::size_t k_agent_max = 200;

std::string random_text() {
  std::array<unsigned char, k_token_bytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char,
             sodium_base64_ENCODED_LEN(k_token_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING)>
      text{};
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return text.data();
}

std::string key_of(std::string_view token) {
  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(token.data()),
                     token.size(), nullptr, 0);
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::operator_: return "operator";
    case Role::support: return "support";
    case Role::domain_admin: break;
  }
  return "domain_admin";
}

std::optional<Role> parse_role(std::string_view word) {
  for (const auto role : {Role::operator_, Role::support, Role::domain_admin}) {
    if (to_string(role) == word) return role;
  }
  return std::nullopt;
}

std::string_view cookie_of(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    auto pair = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(header.size(), pair.size() + 1));
    while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return pair.substr(equals + 1);
    }
  }
  return {};
}

bool SignIns::is_over(const Session& session, Instant now) const {
  return now >= session.view.expires || now >= session.view.seen + options_.idle;
}

bool SignIns::admits(const IpAddress& from) const {
  return options_.networks.empty() ||
         std::ranges::any_of(options_.networks,
                             [&from](const auto& network) { return network.contains(from); });
}

void SignIns::make_room(std::string_view login, Instant now) {
  std::erase_if(sessions_, [&](const auto& item) { return is_over(item.second, now); });
  const auto drop_oldest = [this](auto&& counts, std::size_t most) {
    for (;;) {
      std::size_t count = 0;
      auto oldest = sessions_.end();
      for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
        if (!counts(at->second)) continue;
        ++count;
        if (oldest == sessions_.end() || at->second.view.seen < oldest->second.view.seen) {
          oldest = at;
        }
      }
      if (count < most) return;
      sessions_.erase(oldest);
    }
  };
  drop_oldest([login](const Session& s) { return s.view.person.login == login; },
              k_sessions_of_one_max);
  drop_oldest([](const Session&) { return true; }, k_sessions_max);
}

Result<SignIns::Begun> SignIns::begin(const People::Proof& proof, const IpAddress& from,
                                      std::string_view agent) {
  auto proved = people_.prove(proof, from);
  if (!proved) return std::unexpected(proved.error());
  Begun begun;
  begun.code_wanted = proved->code_wanted;
  if (begun.code_wanted) return begun;
  auto token = random_text();
  const auto now = options_.now();
  Session session;
  session.view.person = std::move(proved->person);
  session.view.created = session.view.seen = session.confirmed = now;
  session.view.expires = now + options_.length;
  session.view.from = from;
  session.view.agent = std::string(agent.substr(0, k_agent_max));
  session.view.forgery_token = random_text();
  const std::scoped_lock lock(mutex_);
  make_room(session.view.person.login, now);
  session.view.id = ++last_id_;
  begun.view = session.view;
  sessions_.emplace(key_of(token), std::move(session));
  begun.token = Secret(std::move(token));
  return begun;
}

std::optional<SessionView> SignIns::find(std::string_view token, const IpAddress& from) {
  // Ours are 43 characters; hashing much more would be work for a stranger's asking.
  if (token.empty() || token.size() > 64 || !admits(from)) return std::nullopt;
  const auto key = key_of(token);
  const auto now = options_.now();
  const std::scoped_lock lock(mutex_);
  const auto at = sessions_.find(key);
  if (at == sessions_.end()) return std::nullopt;
  if (is_over(at->second, now)) {
    sessions_.erase(at);
    return std::nullopt;
  }
  at->second.view.seen = now;
  return at->second.view;
}

bool SignIns::confirm(Caller& caller) {
  const auto now = options_.now();
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [key, session] : sessions_) {
      if (session.view.id == caller.session && now < session.confirmed + options_.confirmed_for) {
        return true;
      }
    }
  }
  const auto person = people_.person(caller.who);
  const std::scoped_lock lock(mutex_);
  for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
    auto& session = at->second;
    if (session.view.id != caller.session) continue;
    if (person) {
      session.confirmed = now;
      session.view.person = *person;
      caller.role = person->role;
      caller.domains = person->domains;
      return true;
    }
    // A database that is down for a moment throws nobody out.
    if (person.error().kind != ErrorKind::not_found) return true;
    sessions_.erase(at);
    return false;
  }
  return false;
}

std::optional<SessionView> SignIns::view(std::uint64_t id) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& [key, session] : sessions_) {
    if (session.view.id == id) return session.view;
  }
  return std::nullopt;
}

bool SignIns::is_open(std::uint64_t id) const {
  const auto now = options_.now();
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(sessions_, [&](const auto& item) {
    return item.second.view.id == id && now < item.second.view.expires;
  });
}

std::vector<SessionView> SignIns::sessions_of(std::string_view login) const {
  const auto now = options_.now();
  std::vector<SessionView> out;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [key, session] : sessions_) {
      if (session.view.person.login == login && !is_over(session, now)) out.push_back(session.view);
    }
  }
  std::ranges::sort(out, std::ranges::greater{}, &SessionView::seen);
  return out;
}

std::size_t SignIns::end(std::string_view login, std::uint64_t id, std::uint64_t except) {
  const std::scoped_lock lock(mutex_);
  return std::erase_if(sessions_, [&](const auto& item) {
    const auto& view = item.second.view;
    if (view.person.login != login) return false;
    return id != 0 ? view.id == id : view.id != except;
  });
}

}  // namespace sekimori::web
