#include "password/totp.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sekimori::password {
namespace {

TotpKey key(std::string_view base32) {
  auto parsed = TotpKey::parse(base32);
  EXPECT_TRUE(parsed);
  return std::move(*parsed);
}

// "12345678901234567890", the key of RFC 6238's examples; those for SHA-256 and SHA-512 use the
// same digits up to 32 and 64 bytes (erratum 2866).
constexpr std::string_view k_key20 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
constexpr std::string_view k_key32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA";
constexpr std::string_view k_key64 =
    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3T"
    "QOJQGEZDGNA";

struct Vector {
  std::int64_t time;
  std::string_view sha1;
  std::string_view sha256;
  std::string_view sha512;
};
// RFC 6238, appendix B.
const std::vector<Vector> k_vectors{{59, "94287082", "46119246", "90693936"},
                                    {1111111109, "07081804", "68084774", "25091201"},
                                    {1111111111, "14050471", "67062674", "99943326"},
                                    {1234567890, "89005924", "91819424", "93441116"},
                                    {2000000000, "69279037", "90698825", "38618901"},
                                    {20000000000, "65353130", "77737706", "47863826"}};

std::optional<std::int64_t> step_of(const TotpKey& totp, std::string_view code, std::int64_t time,
                                    std::optional<std::int64_t> last = std::nullopt,
                                    TotpRules rules = {}) {
  const auto result = verify_totp(totp, code, Instant{time * 1'000'000}, last, rules);
  EXPECT_TRUE(result) << (result ? "" : result.error().text);
  return result ? *result : std::nullopt;
}

TEST(TotpTest, Rfc6238Examples) {
  const TotpKey key20 = key(k_key20);
  const TotpKey key32 = key(k_key32);
  const TotpKey key64 = key(k_key64);
  TotpRules rules;
  rules.digits = 8;
  rules.window = 0;
  for (const Vector& v : k_vectors) {
    rules.hash = TotpHash::sha1;
    EXPECT_EQ(step_of(key20, v.sha1, v.time, {}, rules), v.time / 30);
    EXPECT_EQ(step_of(key20, v.sha256, v.time, {}, rules), std::nullopt);
    rules.hash = TotpHash::sha256;
    EXPECT_EQ(step_of(key32, v.sha256, v.time, {}, rules), v.time / 30);
    rules.hash = TotpHash::sha512;
    EXPECT_EQ(step_of(key64, v.sha512, v.time, {}, rules), v.time / 30);
  }
}

// The code of 59 s (step 1) in six digits is the end of the eight.
TEST(TotpTest, TheWindowIsOneStepOnEitherSide) {
  const TotpKey totp = key(k_key20);
  EXPECT_EQ(step_of(totp, "287082", 0), 1);  // one step early
  EXPECT_EQ(step_of(totp, "287082", 59), 1);
  EXPECT_EQ(step_of(totp, "287082", 89), 1);  // one step late
  EXPECT_EQ(step_of(totp, "287082", 90), std::nullopt);
  TotpRules exact;
  exact.window = 0;
  EXPECT_EQ(step_of(totp, "287082", 29, {}, exact), std::nullopt);
  EXPECT_EQ(step_of(totp, "287082", 30, {}, exact), 1);
}

TEST(TotpTest, ACodeCountsOnce) {
  const TotpKey totp = key(k_key20);
  const auto step = step_of(totp, "081804", 1111111109);
  ASSERT_TRUE(step);
  EXPECT_EQ(step_of(totp, "081804", 1111111109, *step), std::nullopt);
  EXPECT_EQ(step_of(totp, "081804", 1111111109, *step + 1), std::nullopt);
  EXPECT_EQ(step_of(totp, "081804", 1111111109, *step - 1), step);
  // The next step's code still does.
  EXPECT_EQ(step_of(totp, "050471", 1111111111, *step), *step + 1);
}

TEST(TotpTest, ReadsCodesAsPeopleTypeThem) {
  const TotpKey totp = key(k_key20);
  EXPECT_EQ(step_of(totp, "287 082", 59), 1);
  EXPECT_EQ(step_of(totp, " 287082\n", 59), 1);
  EXPECT_EQ(step_of(totp, "２８７０８２", 59), 1);
  for (const std::string_view wrong :
       {"", "28708", "2870820", "94287082", "287081", "28708a", "-287082", "\xff\xfe"}) {
    EXPECT_EQ(step_of(totp, wrong, 59), std::nullopt) << wrong;
  }
  EXPECT_EQ(step_of(totp, std::string(1'000'000, '2'), 59), std::nullopt);
}

TEST(TotpTest, KeysAreReadAndWritten) {
  EXPECT_EQ(key(k_key20).bytes(), "12345678901234567890");
  EXPECT_EQ(key(k_key32).bytes(), "12345678901234567890123456789012");
  EXPECT_EQ(key("gezd gnbv gy3t qojq-gezd gnbv gy3t qojq").bytes(), "12345678901234567890");
  EXPECT_EQ(key(k_key20).base32().reveal(), k_key20);
  for (const std::string& bad :
       {std::string(), std::string("GEZDGNBV"), std::string("GEZDGNBVGY3TQOJ1"),
        std::string("GEZDGNBVGY3TQOJQ!"), std::string(300, 'A'), std::string(100'000, 'A'),
        std::string("GEZDGNBVGY3TQOJQG"), std::string("\xff\0", 2)}) {
    const auto parsed = TotpKey::parse(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().kind, ErrorKind::bad_input);
    EXPECT_TRUE(bad.empty() || parsed.error().text.find(bad) == std::string::npos);
  }
}

TEST(TotpTest, NewKeysDifferAndSurviveWriting) {
  const TotpKey one = TotpKey::generate();
  const TotpKey two = TotpKey::generate();
  EXPECT_EQ(one.bytes().size(), 20U);
  EXPECT_NE(one.bytes(), two.bytes());
  EXPECT_EQ(key(one.base32().reveal()).bytes(), one.bytes());
  const Secret uri = key(k_key20).uri("taro@example.jp", "サンプル");
  EXPECT_EQ(uri.reveal(),
            "otpauth://totp/%E3%82%B5%E3%83%B3%E3%83%97%E3%83%AB:taro%40example.jp?secret=" +
                std::string(k_key20) +
                "&issuer=%E3%82%B5%E3%83%B3%E3%83%97%E3%83%AB&algorithm=SHA1&digits=6&period=30");
}

TEST(TotpTest, RulesOutOfRangeAreRefused) {
  const TotpKey totp = key(k_key20);
  const auto refused = [&](TotpRules rules, Instant now = Instant{59'000'000}) {
    const auto result = verify_totp(totp, "287082", now, std::nullopt, rules);
    return !result && result.error().kind == ErrorKind::bad_input;
  };
  EXPECT_TRUE(refused({.digits = 5}));
  EXPECT_TRUE(refused({.digits = 9}));
  EXPECT_TRUE(refused({.step_seconds = 0}));
  EXPECT_TRUE(refused({.window = 11}));
  EXPECT_TRUE(refused({}, Instant{-1}));
}

}  // namespace
}  // namespace sekimori::password
