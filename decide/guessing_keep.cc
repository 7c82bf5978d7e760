// The counters as records of a file: kind u8, the record's bytes, check u32.
#include <span>

#include "decide/guessing.h"
#include "decide/kept_records.h"

namespace sekimori::decide {
namespace {

// Records of another shape mean something else: the number grows with each change of them.
constexpr std::string_view k_head = "sekimori guess counters 1\n";
// A call's share of one table, so that none starves the others.
constexpr std::size_t k_least_at_once = 1000;
constexpr std::size_t k_part = 1U << 20U;

template <class Record>
void append_record(std::string& out, std::uint8_t kind, const Record& record) {
  const std::size_t start = out.size();
  append_number(out, kind);
  append_number(out, record);
  append_number(out, record_sum(std::string_view(out).substr(start)));
}

}  // namespace

std::string_view GuessGuard::head() { return k_head; }

// work(kind, table) for each table that is kept.
template <class Guard, class Work>
void GuessGuard::each_kept(Guard& guard, const Work& work) {
  std::uint8_t kind = 0;
  work(kind++, guard.addresses_);
  work(kind++, guard.networks_);
  work(kind++, guard.wider_);
  work(kind++, guard.pairs_);
  work(kind++, guard.accounts_);
}

void GuessGuard::take_changes(std::string& out, std::size_t bytes_max) {
  each_kept(*this, [&](std::uint8_t kind, auto& table) {
    const std::size_t room = out.size() < bytes_max ? bytes_max - out.size() : 0;
    (void)table.take_changed(std::max(room / sizeof(Pair), k_least_at_once),
                             [&](const auto& record) { append_record(out, kind, record); });
  });
}

Result<void> GuessGuard::dump(const std::function<Result<void>(std::string_view)>& each) const {
  Result<void> done;
  std::string part;
  each_kept(*this, [&](std::uint8_t kind, const auto& table) {
    table.each([&](const auto& record) {
      if (!done) return;
      append_record(part, kind, record);
      if (part.size() < k_part) return;
      done = each(part);
      part.clear();
    });
  });
  if (done && !part.empty()) done = each(part);
  return done;
}

Result<std::size_t> GuessGuard::load(std::string_view bytes, Instant oldest) {
  if (!bytes.starts_with(k_head)) return bad_input("these are no counters of guesses");
  bytes.remove_prefix(k_head.size());
  const std::uint32_t bound = oldest.seconds32();
  std::size_t taken = 0;
  bool whole = true;
  while (!bytes.empty() && whole) {
    const auto given = number_at<std::uint8_t>(bytes, 0);
    whole = false;
    each_kept(*this, [&](std::uint8_t kind, auto& table) {
      if (kind != given) return;
      using Record = typename std::remove_reference_t<decltype(table)>::Kept;
      constexpr std::size_t k_length = 1 + sizeof(Record) + 4;
      if (bytes.size() < k_length) return;
      const std::string_view record = bytes.substr(0, k_length);
      if (number_at<std::uint32_t>(record, k_length - 4) !=
          record_sum(record.substr(0, k_length - 4))) {
        return;
      }
      whole = true;
      const auto read = number_at<Record>(record, 1);
      bytes.remove_prefix(k_length);
      if (read.seen < bound || read.key == 0) return;
      table.put(read);
      ++taken;
    });
  }
  return taken;
}

}  // namespace sekimori::decide
