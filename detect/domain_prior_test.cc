// A domain where a mailbox was taken over is suspected more, for a time, and never more than said.
#include <cmath>

#include "detect/detector_test_support.h"

namespace sekimori::detect::test {
namespace {

void epoch(Detector& d, std::shared_ptr<const Priors>& priors) {
  PriorsBuilder builder(priors);
  d.contribute(builder);
  priors = builder.build();
  d.install(priors);
}

// What a day of silence adds to R of an account that was just restored.
double a_days_injection(Detector& d, AccountIndex account, Instant t) {
  d.restored(account, t);
  return std::exp(d.log_r(account, t + days(1)));
}

TEST(DomainPrior, ATakeoverRaisesItsDomainForNinetyDaysAndNoOther) {
  Box box;
  auto priors = shipped_priors();
  const AccountIndex colleague = box.detector.intern("hana@example.jp");
  const AccountIndex outsider = box.detector.intern("ken@other.example");
  EXPECT_NEAR(a_days_injection(box.detector, colleague, k_start), 1, 1e-6);
  box.detector.contained(box.me, k_start, k_start);
  EXPECT_NEAR(a_days_injection(box.detector, colleague, k_start), 1, 1e-6) << "before the epoch";
  epoch(box.detector, priors);
  EXPECT_NEAR(a_days_injection(box.detector, colleague, k_start), 1.5, 1e-6);
  EXPECT_NEAR(a_days_injection(box.detector, outsider, k_start), 1, 1e-6);
  EXPECT_NEAR(a_days_injection(box.detector, colleague, k_start + days(88)), 1.5, 1e-6);
  EXPECT_NEAR(a_days_injection(box.detector, colleague, k_start + days(91)), 1, 1e-6);
}

TEST(DomainPrior, ManyTakeoversRaiseItNoFurther) {
  Box box;
  auto priors = shipped_priors();
  const AccountIndex colleague = box.detector.intern("hana@example.jp");
  for (int i = 0; i < 20; ++i) {
    box.detector.contained(box.me, k_start + hours(i), k_start + hours(i));
    epoch(box.detector, priors);
  }
  EXPECT_NEAR(a_days_injection(box.detector, colleague, k_start + days(1)), 1.5, 1e-6);
}

}  // namespace
}  // namespace sekimori::detect::test
