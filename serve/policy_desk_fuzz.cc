// Any bytes as a series of policy requests: each gets exactly one answer, and the desk's books
// balance.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "serve/policy_desk.h"
#include "wire/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori;
  static decide::Engine engine(
      [] {
        decide::EngineSettings s;
        s.mode = decide::Mode::enforce;
        s.limits.recipients_per_hour = 100;
        return s;
      }(),
      nullptr, nullptr);
  serve::ReservationTable reservations;
  serve::QueueIndex queue(100);
  serve::ServerMetrics metrics;
  serve::PolicyDeskOptions options;
  options.transactions.entries = 1000;
  options.log_followed = true;
  serve::PolicyDesk desk(engine, reservations, queue, metrics, std::move(options));
  const decide::Directory directory({{"a@b.jp"}, {{"c.jp", "b.jp"}}, {"b.jp"}}, "+", "b.jp");
  static Instant now{1'750'000'000'000'000};
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::string out;
  for (;;) {
    const auto end = wire::find_request(rest);
    if (!end || !*end) break;
    if (const auto request = wire::parse_policy_request(rest.substr(0, **end))) {
      out.clear();
      now = now + Duration{1000};
      desk.answer(*request, now, directory, out);
      SEKIMORI_CHECK(out.starts_with("action=") && out.find("\n\n") == out.size() - 2);
    }
    rest.remove_prefix(**end);
  }
  desk.sweep(now + hours(2), now + hours(2));
  SEKIMORI_CHECK(desk.transactions() == 0 && desk.waiting_commits() == 0);
  SEKIMORI_CHECK(reservations.reserved("a@b.jp") == 0);
  return 0;
}
