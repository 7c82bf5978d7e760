#include "store/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "store/files.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

Event submission(int i) {
  Event event;
  event.t = Instant{1'790'000'000'000'000 + i};
  event.host = "mx1";
  event.id = "e" + std::to_string(i);
  event.account = "taro@example.jp";
  Submission body;
  body.ip = *IpAddress::parse("192.0.2.7");
  body.from = "taro@example.jp";
  body.to = {"hanako@example.org", "jiro+x@example.net"};
  body.size = 2345;
  body.queue_id = "4XyzAB" + std::to_string(i);
  body.message_id =
      "<a,\"seq\":7}b@example.jp>";  // looks like our key and must not be taken for it
  body.fate = Fate::held;
  event.body = body;
  return event;
}

Event received(int i) {
  Event event;
  event.t = Instant{1'790'000'000'000'000 + i};
  event.account = "a@b.jp";
  event.body = Received{.from = "c@d.jp"};
  return event;
}

std::unique_ptr<Journal> open_journal(const std::string& directory,
                                      std::uint64_t segment_bytes = 64 << 20) {
  auto journal = Journal::open({.directory = directory, .segment_bytes = segment_bytes});
  if (!journal) {
    ADD_FAILURE() << journal.error().text;
    return nullptr;
  }
  return std::move(*journal);
}

std::vector<std::uint64_t> sequences(const std::string& directory, std::uint64_t from = 1,
                                     JournalReading* reading = nullptr) {
  std::vector<std::uint64_t> found;
  auto result = read_journal(directory, from, [&](std::uint64_t sequence, const Event&) {
    found.push_back(sequence);
    return true;
  });
  EXPECT_TRUE(result) << (result ? "" : result.error().text);
  if (result && reading != nullptr) *reading = *result;
  return found;
}

std::vector<std::uint64_t> one_to(std::uint64_t last) {
  std::vector<std::uint64_t> all(last);
  for (std::uint64_t i = 0; i < last; ++i) all[i] = i + 1;
  return all;
}

TEST(JournalTest, GivesBackTheEventsItWasGiven) {
  const TemporaryDirectory directory;
  {
    const auto journal = open_journal(directory.path());
    for (int i = 1; i <= 10; ++i) EXPECT_EQ(journal->append(submission(i)).value(), i);
    EXPECT_EQ(journal->sync().value(), 10U);
    EXPECT_EQ(journal->counters().durable_sequence, 10U);
  }
  int i = 0;
  const auto reading =
      read_journal(directory.path(), 1, [&](std::uint64_t sequence, const Event& e) {
        ++i;
        EXPECT_EQ(sequence, i);
        EXPECT_EQ(e, submission(i));
        return true;
      });
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->events, 10U);
  EXPECT_EQ(reading->skipped, 0U);
  EXPECT_EQ(reading->missing, 0U);
  EXPECT_FALSE(reading->torn_tail);
}

TEST(JournalTest, GoesOnBehindTheLastSequenceAndOverSegments) {
  const TemporaryDirectory directory;
  std::uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    const auto journal = open_journal(directory.path(), 2000);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(journal->append(submission(i)).value(), ++last);
  }
  EXPECT_EQ(sequences(directory.path()), one_to(last));
  EXPECT_GT(journal_segments(directory.path())->size(), 5U);
  const auto tail = sequences(directory.path(), 37);
  ASSERT_EQ(tail.size(), last - 36);
  EXPECT_EQ(tail.front(), 37U);
}

TEST(JournalTest, AnEmptyOrMissingJournalIsNoError) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(sequences(directory / "none").empty());
  {
    const auto journal = open_journal(directory / "a/b");
  }
  const auto journal = open_journal(directory / "a/b");
  EXPECT_EQ(journal->append(submission(1)).value(), 1U);
}

TEST(JournalTest, OneWriterOnly) {
  const TemporaryDirectory directory;
  const auto first = open_journal(directory.path());
  const auto second = Journal::open({.directory = directory.path()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::operating);
}

// A power cut or kill may leave any prefix of the last lines. Whatever it is: every finished line
// is still there, the rest is cut off and counted, and writing goes on with the next number.
TEST(JournalTest, RecoversFromEveryTruncationOfTheTail) {
  const TemporaryDirectory directory;
  std::string whole;
  std::vector<std::size_t> ends;
  {
    const auto journal = open_journal(directory / "j");
    for (int i = 1; i <= 3; ++i) {
      ASSERT_TRUE(journal->append(received(i)));
      ends.push_back(journal->counters().bytes);
    }
  }
  const std::string path = journal_segments(directory / "j")->front().path;
  whole = read_file(path, 1 << 20).value();
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, cut);
    const auto complete =
        static_cast<std::uint64_t>(std::ranges::upper_bound(ends, cut) - ends.begin());
    JournalReading before;
    EXPECT_EQ(sequences(directory / "j", 1, &before), one_to(complete));
    EXPECT_EQ(before.torn_tail, cut != (complete == 0 ? 0 : ends[complete - 1])) << cut;
    {
      const auto journal = open_journal(directory / "j");
      ASSERT_NE(journal, nullptr);
      EXPECT_EQ(journal->counters().last_sequence, complete);
      EXPECT_EQ(journal->counters().torn_bytes, cut - (complete == 0 ? 0 : ends[complete - 1]));
      EXPECT_EQ(journal->append(submission(9)).value(), complete + 1);
    }
    JournalReading after;
    EXPECT_EQ(sequences(directory / "j", 1, &after), one_to(complete + 1));
    EXPECT_EQ(after.skipped, 0U);
  }
}

// After a power cut a file may be longer than what reached the disk: blocks of zeros, or old bytes.
TEST(JournalTest, CutsOffZerosAndGarbageBehindTheLastLine) {
  for (const std::string& garbage :
       {std::string(3'000'000, '\0'), std::string(5000, '\n'), std::string("{\"t\":1}\n{\"seq"),
        std::string("\0\0\n\0", 4), std::string(1'500'000, 'x') + "\n"}) {
    const TemporaryDirectory directory;
    {
      const auto journal = open_journal(directory.path());
      for (int i = 1; i <= 3; ++i) ASSERT_TRUE(journal->append(submission(i)));
    }
    const std::string path = journal_segments(directory.path())->front().path;
    std::ofstream(path, std::ios::binary | std::ios::app) << garbage;
    const auto journal = open_journal(directory.path());
    EXPECT_EQ(journal->counters().torn_bytes, garbage.size());
    EXPECT_EQ(journal->append(submission(4)).value(), 4U);
    JournalReading reading;
    EXPECT_EQ(sequences(directory.path(), 1, &reading), one_to(4));
    EXPECT_EQ(reading.skipped, 0U);
  }
}

TEST(JournalTest, ReportsAMalformedLineWithFileAndNumberAndGoesOn) {
  const TemporaryDirectory directory;
  {
    const auto journal = open_journal(directory.path());
    for (int i = 1; i <= 3; ++i) ASSERT_TRUE(journal->append(submission(i)));
  }
  const std::string path = journal_segments(directory.path())->front().path;
  std::string whole = read_file(path, 1 << 20).value();
  const std::size_t second = whole.find('\n') + 1;
  whole[whole.find("submission", second)] = 'X';
  std::ofstream(path, std::ios::binary | std::ios::trunc) << whole;
  JournalReading reading;
  EXPECT_EQ(sequences(directory.path(), 1, &reading), (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(reading.skipped, 1U);
  EXPECT_EQ(reading.missing, 0U);
  ASSERT_EQ(reading.problems.size(), 1U);
  EXPECT_NE(reading.problems[0].find("events-00000000000000000001.ndjson:2: "), std::string::npos)
      << reading.problems[0];
}

TEST(JournalTest, CountsMissingSequenceNumbers) {
  const TemporaryDirectory directory;
  {
    const auto journal = open_journal(directory.path(), 700);
    for (int i = 1; i <= 30; ++i) ASSERT_TRUE(journal->append(submission(i)));
  }
  const auto segments = journal_segments(directory.path()).value();
  ASSERT_GT(segments.size(), 4U);
  ASSERT_EQ(::unlink(segments[2].path.c_str()), 0);
  JournalReading reading;
  const auto found = sequences(directory.path(), 1, &reading);
  EXPECT_EQ(reading.missing, segments[3].first - segments[2].first);
  EXPECT_EQ(found.size() + reading.missing, 30U);
}

// kill -9 of a writer in the middle of its work: everything it was told is in the journal is there.
TEST(JournalTest, KillLosesNothingThatWasAcknowledged) {
  for (int round = 0; round < 5; ++round) {
    const TemporaryDirectory directory;
    int acknowledged[2];
    ASSERT_EQ(::pipe(acknowledged), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(acknowledged[0]);
      auto journal = Journal::open({.directory = directory.path(), .segment_bytes = 20'000});
      for (int i = 1; journal; ++i) {
        const auto sequence = (*journal)->append(submission(i));
        if (!sequence || ::write(acknowledged[1], &*sequence, 8) != 8) break;
      }
      ::_exit(1);
    }
    ::close(acknowledged[1]);
    std::uint64_t last = 0;
    std::uint64_t sequence = 0;
    const std::uint64_t enough = 300 + 200 * static_cast<std::uint64_t>(round);
    bool killed = false;
    while (::read(acknowledged[0], &sequence, 8) == 8) {
      last = sequence;
      if (last >= enough && !killed) {
        ::kill(child, SIGKILL);
        killed = true;
      }
    }
    ::close(acknowledged[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_GE(last, enough);
    const auto journal = open_journal(directory.path());
    ASSERT_NE(journal, nullptr);
    const std::uint64_t recovered = journal->counters().last_sequence;
    EXPECT_GE(recovered, last);
    EXPECT_EQ(sequences(directory.path()), one_to(recovered));
  }
}

// A file size limit stands for the full disk: the write is cut short in the middle of a line
// exactly as ENOSPC does it.
TEST(JournalTest, AFullDiskIsAnErrorAndHealsByItself) {
  const TemporaryDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto journal = Journal::open({.directory = directory.path()});
    if (!journal) ::_exit(10);
    for (int i = 1; i <= 5; ++i) {
      if (!(*journal)->append(submission(i))) ::_exit(11);
    }
    const std::uint64_t bytes = (*journal)->counters().bytes;
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes + 50;  // half a line fits
    ::setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 3; ++i) {
      const auto refused = (*journal)->append(submission(6));
      if (refused || refused.error().kind != ErrorKind::operating) ::_exit(12);
    }
    if ((*journal)->counters().failed != 3) ::_exit(13);
    limit.rlim_cur = before;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto healed = (*journal)->append(submission(6));
    ::_exit(healed && *healed == 6 ? 0 : 14);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  ASSERT_EQ(WEXITSTATUS(status), 0);
  JournalReading reading;
  EXPECT_EQ(sequences(directory.path(), 1, &reading), one_to(6));
  EXPECT_EQ(reading.skipped, 0U);
}

TEST(JournalTest, ManyThreadsAppendWhileOneSyncs) {
  const TemporaryDirectory directory;
  constexpr int k_threads = 4;
  constexpr int k_each = 3000;
  const auto journal = open_journal(directory.path(), 100'000);
  std::atomic<bool> done = false;
  std::thread syncer([&] {
    while (!done) EXPECT_TRUE(journal->sync());
  });
  std::vector<std::vector<std::uint64_t>> given(k_threads);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < k_threads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < k_each; ++i) {
          given[static_cast<std::size_t>(t)].push_back(journal->append(submission(i)).value());
        }
      });
    }
  }
  done = true;
  syncer.join();
  std::set<std::uint64_t> all;
  for (const auto& list : given) {
    EXPECT_TRUE(std::ranges::is_sorted(list));
    all.insert(list.begin(), list.end());
  }
  EXPECT_EQ(all.size(), static_cast<std::size_t>(k_threads * k_each));
  EXPECT_EQ(journal->sync().value(), static_cast<std::uint64_t>(k_threads * k_each));
  EXPECT_EQ(sequences(directory.path()), one_to(k_threads * k_each));
}

TEST(JournalTest, RemovesOldSegmentsButNothingThatIsNeeded) {
  const TemporaryDirectory directory;
  const auto journal = open_journal(directory.path(), 700);
  for (int i = 1; i <= 40; ++i) ASSERT_TRUE(journal->append(submission(i)));
  const auto segments = journal_segments(directory.path()).value();
  ASSERT_GT(segments.size(), 6U);
  const Instant future{4'000'000'000'000'000};
  EXPECT_EQ(journal->remove_old(Instant{1}, 41).value(), 0U);  // nothing is that old
  EXPECT_EQ(journal->remove_old(future, 1).value(), 0U);       // all is needed
  // The event `first` of the fourth segment and all behind it are needed.
  EXPECT_EQ(journal->remove_old(future, segments[3].first).value(), 3U);
  EXPECT_EQ(sequences(directory.path(), segments[3].first).size(), 41 - segments[3].first);
  EXPECT_EQ(journal->remove_old(future, 1000).value(), segments.size() - 4);
  EXPECT_EQ(journal->counters().segments, 1U);
  EXPECT_EQ(journal->append(submission(41)).value(), 41U);
}

TEST(JournalTest, ADeletedJournalIsNoticedAndBegunAnew) {
  const TemporaryDirectory directory;
  const auto journal = open_journal(directory / "j");
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(journal->append(submission(i)));
  std::filesystem::remove_all(directory / "j");
  const auto noticed = journal->sync();
  ASSERT_FALSE(noticed);
  EXPECT_EQ(noticed.error().kind, ErrorKind::operating);
  EXPECT_EQ(journal->append(submission(4)).value(), 4U);
  EXPECT_TRUE(journal->sync());
  EXPECT_EQ(sequences(directory / "j"), (std::vector<std::uint64_t>{4}));
}

TEST(JournalTest, ReadsWhileItIsWritten) {
  const TemporaryDirectory directory;
  const auto journal = open_journal(directory.path(), 50'000);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 1; i <= 5000; ++i) EXPECT_TRUE(journal->append(submission(i)));
    done = true;
  });
  std::size_t before = 0;
  do {
    JournalReading reading;
    const auto found = sequences(directory.path(), 1, &reading);
    EXPECT_EQ(found, one_to(found.size()));
    EXPECT_GE(found.size(), before);
    EXPECT_EQ(reading.skipped, 0U);
    before = found.size();
  } while (!done);
  writer.join();
  EXPECT_EQ(sequences(directory.path()), one_to(5000));
}

// No promise is tested here that a slow machine could break; the figures are for the reader.
TEST(JournalTest, FiguresOfAppendingAndReading) {
  const TemporaryDirectory directory;
  constexpr int k_events = 100'000;
  const Event event = submission(1);
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  {
    const auto journal = open_journal(directory.path());
    for (int i = 0; i < k_events; ++i) ASSERT_TRUE(journal->append(event));
  }
  const auto middle = Clock::now();
  EXPECT_EQ(sequences(directory.path()).size(), static_cast<std::size_t>(k_events));
  const auto end = Clock::now();
  const auto rate = [](auto from, auto to) {
    return static_cast<long>(k_events / std::chrono::duration<double>(to - from).count());
  };
  RecordProperty("appends_per_second", std::to_string(rate(start, middle)));
  std::printf("journal: %ld appends/s, %ld events read/s\n", rate(start, middle),
              rate(middle, end));
}

TEST(JournalTest, FindsThePlaceOfATimeAndReadsOnlyWhatIsWanted) {
  TemporaryDirectory directory;
  EXPECT_FALSE(journal_place(directory / "none", Instant{1})->first.is_set());
  {
    auto journal = open_journal(directory / "j", 4096);
    for (int i = 0; i < 400; ++i) {
      Event event = received(0);
      event.t = Instant{1'790'000'000'000'000} + hours(i);
      if (i % 10 == 0) event.account = "rare@b.jp";
      ASSERT_TRUE(journal->append(event));
    }
  }
  const Instant begin{1'790'000'000'000'000};
  for (const int hour : {-5, 0, 1, 77, 200, 399, 4000}) {
    const auto place = journal_place(directory / "j", begin + hours(hour));
    ASSERT_TRUE(place);
    EXPECT_EQ(place->first, begin);
    int rare = 0;
    const auto reading = read_journal(
        directory / "j", place->from,
        [&](std::uint64_t, const Event& event) {
          EXPECT_EQ(event.account, "rare@b.jp");
          if (event.t >= begin + hours(hour)) ++rare;
          return true;
        },
        [](std::string_view line) { return line.contains("rare@b.jp"); });
    ASSERT_TRUE(reading);
    EXPECT_EQ(reading->missing, 0U);
    int expected = 0;
    for (int i = 0; i < 400; i += 10) expected += i >= hour ? 1 : 0;
    EXPECT_EQ(rare, expected) << hour;
  }
  EXPECT_GT(journal_place(directory / "j", begin + hours(399))->from, 300U);
}

TEST(LineSequenceTest, ReadsOnlyTheKeyAtTheEnd) {
  EXPECT_EQ(line_sequence(R"({"a":1,"seq":17})"), 17U);
  EXPECT_EQ(line_sequence(R"({"a":1,"seq":18446744073709551615})"), UINT64_MAX);
  EXPECT_EQ(line_sequence(R"({"a":1,"seq":18446744073709551616})"), 0U);
  EXPECT_EQ(line_sequence(R"({"a":1,"seq":})"), 0U);
  EXPECT_EQ(line_sequence(R"({"a":1,"seq":-1})"), 0U);
  EXPECT_EQ(line_sequence(R"({"seq":1,"a":2})"), 0U);
  EXPECT_EQ(line_sequence("{}"), 0U);
  EXPECT_EQ(line_sequence(""), 0U);
}

}  // namespace
}  // namespace sekimori::store
