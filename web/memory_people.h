// People of the panel for the tests of this folder: real checks of a map of passwords in memory.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "web/sign_in.h"

namespace sekimori::web {

class MemoryPeople : public People {
 public:
  static constexpr std::string_view k_password = "a-long-good-password";

  MemoryPeople() {
    put("nao", Role::operator_, {});
    put("sho", Role::support, {});
    put("kanri@example.jp", Role::domain_admin, {"example.jp"});
  }
  static SignIns::Options options() {
    SignIns::Options out;
    out.now = [] { return Instant{1'790'000'000'000'000}; };
    return out;
  }
  void put(std::string_view login, Role role, std::vector<std::string> domains) {
    Known known;
    known.person.login = std::string(login);
    known.person.role = role;
    known.person.domains = std::move(domains);
    known.password = std::string(k_password);
    known_[known.person.login] = std::move(known);
  }
  void want_code(const std::string& login, std::string code) {
    known_[login].code = std::move(code);
  }

  Result<Proved> prove(const Proof& proof, const IpAddress&) override {
    const auto at = known_.find(proof.login);
    if (at == known_.end() || at->second.password != proof.password.reveal()) {
      return bad_input("not proved");
    }
    Proved out;
    out.person = at->second.person;
    if (!at->second.code.empty() && !proof.code.is_set()) {
      out.code_wanted = true;
    } else if (!at->second.code.empty() && at->second.code != proof.code.reveal()) {
      return bad_input("not proved");
    }
    return out;
  }
  Result<Person> person(std::string_view login) override {
    const auto at = known_.find(std::string(login));
    if (at == known_.end()) return not_found("gone");
    return at->second.person;
  }
  Result<std::vector<Person>> list() override {
    std::vector<Person> out;
    for (const auto& [login, known] : known_) out.push_back(known.person);
    return out;
  }
  Result<Secret> add(const Person& person, Secret, const Caller&) override {
    if (known_.contains(person.login)) return bad_input("taken");
    put(person.login, person.role, {});
    return Secret("made-for-them");
  }
  Result<Secret> set_password(std::string_view login, Secret password, const Caller&) override {
    const auto at = known_.find(std::string(login));
    if (at == known_.end()) return not_found("no such operator");
    if (!password.is_set()) return Secret("made-for-them");
    at->second.password = std::string(password.reveal());
    return Secret();
  }
  Result<void> remove(std::string_view login, const Caller&) override {
    if (known_.erase(std::string(login)) == 0) return not_found("no such operator");
    return {};
  }
  Result<OperatorTotp> offer_totp(std::string_view login) override {
    Caller nobody;
    return set_totp(login, true, nobody);
  }
  Result<void> confirm_totp(std::string_view, const Secret& code, const Caller&) override {
    if (code.reveal() != "246810") return bad_input("the code does not fit");
    return {};
  }
  Result<OperatorTotp> set_totp(std::string_view login, bool on, const Caller&) override {
    if (!known_.contains(std::string(login))) return not_found("no such operator");
    OperatorTotp out;
    if (on) {
      out.key = Secret("JBSWY3DPEHPK3PXP");
      out.uri = Secret("otpauth://totp/x");
    }
    return out;
  }

 private:
  struct Known {
    Person person;
    std::string password;
    std::string code;
  };
  std::map<std::string, Known> known_;
};

}  // namespace sekimori::web
