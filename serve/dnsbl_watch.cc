#include "serve/dnsbl_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "wire/dnsbl.h"

namespace sekimori::serve {
namespace {

// A list that is not well is tried again this often: often enough to be of use soon, seldom enough
// to be no burden to it.
constexpr Duration k_again = minutes(1);
constexpr std::int64_t k_doubt_pause_ms = 1000;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

DnsblFinding judge_dnsbl(const Blacklist& list, const DnsblProof& proof) {
  DnsblFinding out;
  const auto is = [](const ListAnswer& answer, ListState state) { return answer.state == state; };
  if (is(proof.clean, ListState::listed) || is(proof.clean_v6, ListState::listed)) {
    out.health = DnsblHealth::dead;
    out.words = {
        "どのアドレスも「登録あり」と答えるため、使っていません(廃止されたリストに多い症状です)。",
        "not asked: it says 'listed' for everything, as lists do that were given up"};
    return out;
  }
  for (const ListAnswer* answer : {&proof.listed, &proof.clean}) {
    if (!is(*answer, ListState::unknown)) continue;
    // An answer that is no listing: the list is there and refuses, or somebody else has its name.
    out.health = answer->codes.empty() ? DnsblHealth::silent : DnsblHealth::dead;
    out.words = {fmt::format("使っていません: {}", answer->trouble),
                 fmt::format("not asked: {}", answer->trouble)};
    return out;
  }
  if (is(proof.listed, ListState::clean)) {
    out.health = DnsblHealth::dead;
    out.words = {"試験用のアドレス(127.0.0.2)を「登録なし」と答えるため、使っていません。",
                 "not asked: it does not list its own test entry, 127.0.0.2"};
    return out;
  }
  out.v6 =
      list.v6 && is(proof.listed_v6, ListState::listed) && is(proof.clean_v6, ListState::clean);
  return out;
}

DnsblWatch::DnsblWatch(DnsblBoard& board, std::function<Instant()> now,
                       std::function<void(const Blacklist&, const DnsblFinding&)> changed)
    : board_(board), now_(std::move(now)), changed_(std::move(changed)) {}

DnsblWatch::~DnsblWatch() { stop(); }

Result<void> DnsblWatch::start() {
  auto client = DnsblClient::open(board_);
  if (!client) return std::unexpected(client.error());
  client_ = std::move(*client);
  wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_ < 0) {
    return operating_failure(std::string("cannot make a descriptor: ") + std::strerror(errno));
  }
  board_.doubts = [this] { doubt(); };
  thread_ = std::thread([this] { run(); });
  return {};
}

void DnsblWatch::stop() {
  stopping_ = true;
  if (wake_ >= 0) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
  }
  if (thread_.joinable()) thread_.join();
  if (wake_ >= 0) ::close(wake_);
  wake_ = -1;
}

void DnsblWatch::doubt() const {
  doubted_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
}

// Until the client has something to do, somebody wakes us, or the time has come.
void DnsblWatch::wait(std::int64_t until_ms) {
  pollfd fds[] = {{wake_, POLLIN, 0}, {client_->descriptor(), POLLIN, 0}};
  std::int64_t timeout = std::clamp<std::int64_t>(until_ms - steady_ms(), 0, 60'000);
  if (const int soon = client_->wait_ms(); soon >= 0)
    timeout = std::min<std::int64_t>(timeout, soon);
  ::poll(fds, 2, static_cast<int>(timeout));
  std::uint64_t count = 0;
  [[maybe_unused]] const auto n = ::read(wake_, &count, sizeof count);
  client_->process();
}

void DnsblWatch::run() {
  while (!stopping_) {
    const bool well = test_all();
    const Duration pace =
        well ? board_.settings().test_interval : std::min(board_.settings().test_interval, k_again);
    const std::int64_t tested = steady_ms();
    const std::int64_t next = tested + pace.us / 1000;
    doubted_ = false;
    while (!stopping_ && steady_ms() < next) {
      if (doubted_ && steady_ms() - tested >= k_doubt_pause_ms) break;
      wait(doubted_ ? tested + k_doubt_pause_ms : next);
    }
  }
}

bool DnsblWatch::test_all() {
  const auto lists = board_.lists();
  // A test entry may have a code that the list's table does not count.
  std::vector<Blacklist> bare(lists.begin(), lists.end());
  for (Blacklist& list : bare) list.codes.clear();
  std::vector<DnsblProof> proofs(lists.size());
  std::size_t open = lists.size() * 4;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const std::string zone = board_.zone(i);
    const auto ask = [&](const std::string& name, ListAnswer& into) {
      client_->ask_name(name, bare[i], [&open, &into](const ListAnswer& answer) {
        into = answer;
        --open;
      });
    };
    const auto v4 = [&](const char* ip) { return wire::dnsbl_name(*IpAddress::parse(ip), zone); };
    ask(v4("127.0.0.2"), proofs[i].listed);
    ask(v4("127.0.0.1"), proofs[i].clean);
    ask(wire::dnsbl_test_name_v6(2, zone), proofs[i].listed_v6);
    ask(wire::dnsbl_test_name_v6(1, zone), proofs[i].clean_v6);
  }
  // c-ares answers each question in the end, if only with a time-out. What is left where we stop
  // would write into these proofs: the client goes with them.
  while (open > 0 && !stopping_) wait(steady_ms() + 60'000);
  if (open > 0) {
    client_.reset();
    return false;
  }
  const auto before = board_.view();
  bool well = true;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const DnsblFinding finding = judge_dnsbl(lists[i], proofs[i]);
    well = well && finding.health == DnsblHealth::good;
    board_.tested(i, finding.health, finding.v6, finding.words, now_());
    if (changed_ && finding.health != before[i].health) changed_(lists[i], finding);
  }
  return well;
}

}  // namespace sekimori::serve
