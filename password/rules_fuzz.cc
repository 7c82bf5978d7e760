// Any bytes as password, old password and person: judged, named, and never repeated in a text.
#include <algorithm>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "password/generator.h"
#include "password/rules.h"
#include "password/totp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::password;
  using sekimori::Secret;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Parts between newlines: password, old one, address, name, company.
  std::string_view rest = text;
  const auto next = [&] {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return std::string(part);
  };
  const Secret fresh(next());
  const Secret old(next());
  PersonWords person;
  person.address = next();
  person.name = next();
  person.company = next();

  int checks = 0;
  JudgeOptions options;
  options.old_password = &old;
  options.fits_stored = [&](const Secret& guess) -> sekimori::Result<bool> {
    ++checks;
    return guess.reveal() == old.reveal();
  };
  const Verdict verdict = judge(fresh, {}, person, options);
  SEKIMORI_CHECK(checks <= static_cast<int>(k_stored_checks_max));
  SEKIMORI_CHECK(verdict.score >= 0 && verdict.score <= 4);
  SEKIMORI_CHECK(person_words(person).size() <= k_person_words_max);
  for (const Finding& finding : verdict.findings) {
    SEKIMORI_CHECK(parse_problem(to_string(finding.problem)) == finding.problem);
    SEKIMORI_CHECK(!finding.words.ja.empty() && !finding.words.en.empty());
  }
  if (verdict.accepted()) SEKIMORI_CHECK(fresh.reveal() != old.reveal());
  (void)reading(fresh);
  (void)TotpKey::parse(text);
  return 0;
}
