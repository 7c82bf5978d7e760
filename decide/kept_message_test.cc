#include "decide/kept_message.h"

#include <gtest/gtest.h>

#include <random>

namespace sekimori::decide {
namespace {

// Whatever came before, what is kept is the event with the answer's two words and nothing else.
TEST(KeptMessage, IsTheMessageWithItsAnswer) {
  std::mt19937 random(20261122);
  KeptMessage kept;
  const auto word = [&] {
    return std::string(random() % 40, static_cast<char>('a' + random() % 26));
  };
  for (int round = 0; round < 2000; ++round) {
    Event event;
    event.t = Instant{static_cast<std::int64_t>(random())};
    event.host = word();
    event.id = word();
    event.account = word();
    Submission mail;
    mail.ip = *IpAddress::parse("192.0.2.1");
    mail.place.asn = random() % 3;
    mail.place.hosting = random() % 2 == 0;
    mail.helo = word();
    mail.from = word();
    const std::size_t recipients =
        random() % 20 == 0 ? KeptMessage::k_spare_max + random() % 300 : random() % 8;
    for (std::size_t i = 0; i < recipients; ++i) mail.to.push_back(word());
    mail.size = random();
    mail.queue_id = word();
    if (random() % 2 == 0) mail.message_id = word();
    if (random() % 2 == 0) mail.sketch = random();
    event.body = mail;
    const Fate fate = random() % 2 == 0 ? Fate::held : Fate::accepted;
    const std::uint64_t approval = random() % 3;
    Event expected = event;
    std::get<Submission>(expected.body).fate = fate;
    std::get<Submission>(expected.body).approval = approval;
    ASSERT_EQ(kept.with(event, fate, approval), expected) << "round " << round;
  }
}

}  // namespace
}  // namespace sekimori::decide
