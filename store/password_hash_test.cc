#include "store/password_hash.h"

#include <gtest/gtest.h>

namespace sekimori::store {
namespace {

bool fits(std::string_view stored, std::string_view password) {
  const auto result = verify_password(stored, Secret(std::string(password)));
  EXPECT_TRUE(result) << (result ? "" : result.error().text);
  return result && *result;
}

// Hashes of "secret" made by other programs (openssl, libxcrypt, libsodium, doveadm's formats), not
// by the code under test.
TEST(PasswordHashTest, ReadsEveryScheme) {
  for (const std::string_view stored :
       {"{SHA512-CRYPT}$6$3sPZMXWivMWpbh0e$bqPy8YOJXKqTlz5b3eWJ1gzSvfd0liYbu0bu"
        "Jr9cHLpC..H939ZEoDWo0VVjkqN1DaAq4ku0ex/yC/xqBqgfv1",
        "{SHA256-CRYPT}$5$dVrJum/SkVUxupmU$5RUydZhrW.Zbwr0tdazS5h7ZYXBCm0aEF90swe2IW/A",
        "{MD5-CRYPT}$1$9Ip17.NM$6VZq0e.BZ/IQoh/pwm2uB1",
        "{BLF-CRYPT}$2y$05$PBmCDEnU1wAV5HZhBea72OvkvwftMgQeTGhgOkALYmXeUNrM9pxpa",
        "{DES-CRYPT}20ereUtVz6Ei.",
        "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$0J/34gWvdjjZsDwdJ7ghig$9wtZ4S"
        "7U2V9uK46jFHELzLSM8D86VittFBJQQKup7Fo",
        "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$zOFMM3gywWX1rfBIEP/Qkg$GJkm2bU6"
        "Shi7CCbKfULJgdpuc9aq2w54JjyrjAfD4U4",
        "{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69",
        "{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
        "{SMD5}YibOJJyC3L0x0BP+dwMEypg054M=",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "{SSHA}iKN+8Tzk1M0l78L/2HhuzOPBO3t63c7q",
        "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
        "{SSHA256}bRO9O+ODCmHydjYapQ/5eMLPjw0STsDErZgGHSUQ/S7IcYhD",
        "{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2"
        "cmW192CF5bDufKRpayrW/isg==",
        "{SSHA512}QDAMsPuYSm0GbTqwdEnmjbkAceG2+Gw7+Dv5oLGMs3UzzxMeWjijYBj/3aASa"
        "BOKtNI3ZScSQPR0FOsiZGqRkpiBOG0=",
        "{SSHA.HEX}1f5bd6f23f5bb3173a89e4875a7e9ea41cee7529a118cffe",
        "{SHA256.HEX}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
        "{PLAIN}secret",
        "{CRYPT}$2y$05$HdI7KOo5EotvVbmoNQly9uIB30f9MraRyPEPmDUnHkzCc5sksCIhq",
        "$1$0v6bgNT9$7aA7eGXs0yHUMu2FCnEjN0",
        "$5$nCLJjAFqHOjdQg7H$eQouPxiY3NpEB9NoqCoesSeV95jRwzVjn9UlDbbtSv6",
        "$6$hKZBoQw.hYPdGb9z$JUEIml/f.ExU99maOgbhZDmeqTq/bht6TzOAtgx9V/Lb3xZZjT"
        "cg/Vd6le5aywVXMJZvKg/YpzMKAJE8DyALV0",
        "5ebe2294ecd0e0f08eab7690d2a6ee69"}) {
    EXPECT_TRUE(fits(stored, "secret")) << stored;
    EXPECT_FALSE(fits(stored, "Secret")) << stored;
    EXPECT_FALSE(fits(stored, "")) << stored;
    EXPECT_FALSE(fits(stored, std::string_view("secret\0x", 8))) << stored;
    const std::size_t begin = stored.find('}') == std::string_view::npos ? 1 : stored.find('}') + 1;
    const bool slow = stored.find("argon2") != std::string_view::npos;
    // A hash that was cut short lets nobody in (base64's padding may be missing).
    for (std::size_t i = begin; i < stored.find_last_not_of('='); i += slow ? 9 : 1) {
      const auto cut = verify_password(stored.substr(0, i), Secret("secret"));
      EXPECT_FALSE(cut && *cut) << stored.substr(0, i);
    }
  }
}

TEST(PasswordHashTest, WhatIsWrittenFitsAndIsSalted) {
  const Secret password("正しい馬 battery");
  const std::string first = hash_password(password).value();
  const std::string second = hash_password(password).value();
  EXPECT_TRUE(first.starts_with("{SHA512-CRYPT}$6$")) << first;
  EXPECT_NE(first, second);
  EXPECT_TRUE(fits(first, password.reveal()));
  EXPECT_FALSE(fits(first, "x"));
  const std::string bare = hash_password(password, HashForm::bare).value();
  EXPECT_TRUE(bare.starts_with("$6$"));
  EXPECT_TRUE(fits(bare, password.reveal()));
  EXPECT_EQ(form_like(bare), HashForm::bare);
  EXPECT_EQ(form_like(first), HashForm::prefixed);
}

TEST(PasswordHashTest, RefusesWhatCryptWouldCut) {
  EXPECT_FALSE(hash_password(Secret("")));
  EXPECT_FALSE(hash_password(Secret(std::string("a\0b", 3))));
  EXPECT_FALSE(hash_password(Secret(std::string(k_password_bytes_max + 1, 'x'))));
  EXPECT_TRUE(hash_password(Secret(std::string(k_password_bytes_max - 1, 'x'))));
}

TEST(PasswordHashTest, AnUnknownSchemeIsNamedButNotTheHash) {
  const auto result = verify_password("{FOO}topsecret", Secret("x"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::bad_input);
  EXPECT_NE(result.error().text.find("{FOO}"), std::string::npos);
  EXPECT_EQ(result.error().text.find("topsecret"), std::string::npos);
  EXPECT_FALSE(verify_password("", Secret("")));
  EXPECT_FALSE(verify_password("{PLAIN", Secret("x")));
  EXPECT_FALSE(*verify_password("{PLAIN}", Secret("")));
  EXPECT_FALSE(*verify_password("{CRYPT}", Secret("")));
}

}  // namespace
}  // namespace sekimori::store
