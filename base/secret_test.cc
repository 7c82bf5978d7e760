// A secret leaves no bytes behind where it has been.
#include "base/secret.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <new>

namespace sekimori {
namespace {

TEST(Secret, AMovedFromOneHoldsNothingOfIt) {
  // Short ones live within the object, long ones on the heap: both must be gone from the object.
  for (const std::string_view word : {"Kamine-4827!", "a passphrase that is longer than fifteen"}) {
    alignas(Secret) unsigned char place[sizeof(Secret)];
    std::memset(place, 0, sizeof place);
    auto* const from = ::new (place) Secret{std::string(word)};
    const Secret to(std::move(*from));
    EXPECT_EQ(to.reveal(), word);
    const std::string_view bytes(reinterpret_cast<const char*>(place), sizeof place);
    EXPECT_EQ(bytes.find(word.substr(0, 6)), std::string_view::npos) << word;
    from->~Secret();
  }
}

}  // namespace
}  // namespace sekimori
