// Short hands for the judge's tests: one account's mail in a few words.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "detect/detector.h"
#include "detect/epoch.h"

namespace sekimori::detect::test {

inline constexpr Instant k_start{1'700'000'000'000'000};

inline IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

inline Submission mail(std::vector<std::string> to, std::string queue_id = {},
                       std::string_view from_ip = {}) {
  Submission s;
  s.to = std::move(to);
  s.queue_id = std::move(queue_id);
  if (!from_ip.empty()) s.ip = ip(from_ip);
  return s;
}

// `count` addresses nobody wrote to, different for every `tag`.
inline std::vector<std::string> strangers(std::size_t count, std::string_view tag) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(fmt::format("{}-{}@far{}.example", tag, i, i % 7));
  return out;
}

class Box {
 public:
  explicit Box(DetectSettings settings = {}) : detector(settings, HashKey{}, shipped_priors()) {
    me = detector.intern("taro@example.jp");
  }
  Verdict send(Instant t, const Submission& s, Fate fate = Fate::accepted) {
    detector.advance(t);
    const Verdict v = detector.judge(me, t, s);
    detector.commit(me, t, s, v, fate);
    return v;
  }
  // `days` days of four messages a day among ten contacts; returns the end.
  Instant live(Instant from, int days_lived, std::string_view from_ip = {}) {
    std::mt19937 random(7);
    for (int day = 0; day < days_lived; ++day) {
      for (int i = 0; i < 4; ++i) {
        const Instant t = from + days(day) + hours(1 + 2 * i) + seconds(random() % 3600);
        if (!from_ip.empty()) {
          Login login;
          login.ip = ip(from_ip);
          detector.login(me, t - minutes(1), login);
        }
        send(t, mail({fmt::format("friend{}@partner.example", random() % 10)},
                     fmt::format("q{}-{}", day, i), from_ip));
      }
    }
    return from + days(days_lived);
  }
  Detector detector;
  AccountIndex me;
};

}  // namespace sekimori::detect::test
