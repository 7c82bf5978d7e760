#include "serve/dnsbl_client.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "wire/dnsbl.h"

namespace sekimori::serve {
namespace {

std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// What has no SOA to say how long nothing holds, and what could not be learnt: asked again soon.
constexpr std::int64_t k_ttl_short_us = 30'000'000;
constexpr std::int64_t k_ttl_unknown_us = 5'000'000;
constexpr std::size_t k_answers_max = 32;  // addresses of one answer
constexpr std::size_t k_text_max = 200;    // bytes of a reason
constexpr int k_tries = 2;

struct AddressHash {
  std::size_t operator()(const IpAddress& ip) const {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, ip.bytes().data(), 8);
    std::memcpy(&low, ip.bytes().data() + 8, 8);
    return static_cast<std::size_t>(mix64(high ^ mix64(low)));
  }
};

// c-ares is initialised once a process.
bool library_ready() {
  static const bool ready = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return ready;
}

}  // namespace

struct DnsblClient::Impl {
  explicit Impl(DnsblBoard& b) : board(b) {}
  ~Impl() {
    ending = true;
    if (channel != nullptr) ares_destroy(channel);
    if (epoll >= 0) ::close(epoll);
  }

  // An address under way. Lives until its last answer, also behind the deadline.
  struct Pending {
    IpAddress ip;
    Answers answers;
    std::vector<std::int64_t> until;  // of each answer
    std::vector<Done> waiting;
    std::size_t open = 0;
    std::int64_t deadline = 0;
    bool is_late = false;
    std::list<Pending>::iterator self;
  };
  struct Query {  // one question to c-ares
    Impl* impl = nullptr;
    Pending* pending = nullptr;
    std::size_t list = 0;
    bool text = false;
    std::string name;
    // Of ask_name():
    const Blacklist* single = nullptr;
    std::function<void(const ListAnswer&)> done;
  };
  struct Remembered {
    Answers answers;
    std::int64_t until = 0;  // of the first that is over
    std::list<IpAddress>::iterator order;
  };

  static void socket_changed(void* data, ares_socket_t fd, int readable, int writable) {
    auto& self = *static_cast<Impl*>(data);
    epoll_event event{};
    event.data.fd = fd;
    event.events = (readable != 0 ? static_cast<std::uint32_t>(EPOLLIN) : 0U) |
                   (writable != 0 ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    if (event.events == 0) {
      ::epoll_ctl(self.epoll, EPOLL_CTL_DEL, fd, nullptr);
    } else if (::epoll_ctl(self.epoll, EPOLL_CTL_MOD, fd, &event) != 0) {
      ::epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &event);
    }
  }

  // The addresses of an answer, and for how long they hold.
  static bool read_addresses(const unsigned char* bytes, int length, std::vector<IpAddress>& out,
                             std::int64_t& ttl_us) {
    std::array<ares_addrttl, k_answers_max> found{};
    int count = found.size();
    if (ares_parse_a_reply(bytes, length, nullptr, found.data(), &count) != ARES_SUCCESS) {
      return false;
    }
    int ttl = INT32_MAX;
    for (int i = 0; i < count; ++i) {
      std::array<std::uint8_t, 16> raw{};
      raw[10] = raw[11] = 0xff;
      std::memcpy(raw.data() + 12, &found[static_cast<std::size_t>(i)].ipaddr, 4);
      out.push_back(IpAddress::from_bytes(raw));
      ttl = std::min(ttl, found[static_cast<std::size_t>(i)].ttl);
    }
    ttl_us = std::int64_t{std::max(ttl, 0)} * 1'000'000;
    return count > 0;
  }

  static ListAnswer read_answer(const Blacklist& list, int status, const unsigned char* bytes,
                                int length, std::int64_t& ttl_us) {
    ListAnswer out;
    ttl_us = k_ttl_unknown_us;
    std::vector<IpAddress> codes;
    if (status == ARES_SUCCESS && read_addresses(bytes, length, codes, ttl_us)) {
      out = read_list_answer(list, std::move(codes));
      if (out.state == ListState::unknown) ttl_us = k_ttl_unknown_us;
      return out;
    }
    // A name without an address is not on the list; only such an answer says so.
    if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
      out.state = ListState::clean;
      ttl_us = k_ttl_short_us;
      if (bytes != nullptr && length > 0) {
        const auto ttl = wire::dns_negative_ttl({bytes, static_cast<std::size_t>(length)});
        if (ttl) ttl_us = std::int64_t{*ttl} * 1'000'000;
      }
      return out;
    }
    out.trouble = status == ARES_SUCCESS ? "an answer that cannot be read" : ares_strerror(status);
    return out;
  }

  static std::string read_text(const unsigned char* bytes, int length) {
    ares_txt_ext* texts = nullptr;
    if (ares_parse_txt_reply_ext(bytes, length, &texts) != ARES_SUCCESS) return "";
    std::string out;
    for (const auto* text = texts; text != nullptr && out.size() < k_text_max; text = text->next) {
      if (text->record_start != 0 && !out.empty()) out += ' ';
      for (std::size_t i = 0; i < text->length && out.size() < k_text_max; ++i) {
        const char c = static_cast<char>(text->txt[i]);
        out += c >= 0x20 && c <= 0x7e ? c : '?';
      }
    }
    ares_free_data(texts);
    return out;
  }

  static void answered(void* data, int status, int /*timeouts*/, unsigned char* bytes, int length) {
    const std::unique_ptr<Query> query(static_cast<Query*>(data));
    Impl& self = *query->impl;
    if (self.ending) return;
    std::int64_t ttl_us = 0;
    if (query->single != nullptr) {
      query->done(read_answer(*query->single, status, bytes, length, ttl_us));
      return;
    }
    Pending& pending = *query->pending;
    ListAnswer& answer = pending.answers[query->list];
    if (query->text) {
      // Its reason, where it has one; the codes' meaning stands otherwise.
      if (status == ARES_SUCCESS) {
        if (auto text = read_text(bytes, length); !text.empty()) answer.reason = std::move(text);
      }
      return self.one_less(pending);
    }
    answer = read_answer(self.board.lists()[query->list], status, bytes, length, ttl_us);
    ttl_us = std::min(ttl_us, self.board.settings().ttl_max.us);
    pending.until[query->list] = steady_us() + ttl_us;
    self.board.answered(query->list, answer.state);
    if (answer.state == ListState::listed) {
      auto text = std::make_unique<Query>();
      text->impl = &self;
      text->pending = &pending;
      text->list = query->list;
      text->text = true;
      ++pending.open;
      ares_query(self.channel, query->name.c_str(), ns_c_in, ns_t_txt, answered, text.release());
    }
    self.one_less(pending);
  }

  void one_less(Pending& pending) {
    if (--pending.open != 0) return;
    if (!starting) return finish(pending);
    if (&pending != started) ready.push_back(&pending);
  }

  void finish(Pending& pending) {
    remember(pending.ip, pending.answers, *std::ranges::min_element(pending.until));
    // Whoever is told may ask again at once, and must not wait for what has ended.
    by_ip.erase(pending.ip);
    tell(pending);
    all.erase(pending.self);
  }
  static void tell(Pending& pending) {
    std::vector<Done> waiting;
    waiting.swap(pending.waiting);
    for (const Done& done : waiting) done(pending.answers);
  }

  void remember(const IpAddress& ip, const Answers& answers, std::int64_t until) {
    if (until <= steady_us()) return;
    if (const auto at = memory.find(ip); at != memory.end()) {
      order.splice(order.end(), order, at->second.order);
      at->second.answers = answers;
      at->second.until = until;
      return;
    }
    if (memory.size() >= std::max<std::size_t>(board.settings().cache_max, 1)) {
      memory.erase(order.front());
      order.pop_front();
    }
    order.push_back(ip);
    memory.emplace(ip, Remembered{answers, until, std::prev(order.end())});
  }

  DnsblBoard& board;
  ares_channel channel = nullptr;
  int epoll = -1;
  bool ending = false;
  // Within ask() nobody is told anything: whoever asks is in the middle of an answer. What ends
  // there (c-ares found that it cannot send) waits for process().
  bool starting = false;
  const Pending* started = nullptr;
  std::vector<Pending*> ready;
  std::list<Pending> all;  // first deadline first
  boost::unordered_flat_map<IpAddress, Pending*, AddressHash> by_ip;
  std::size_t singles = 0;
  boost::unordered_flat_map<IpAddress, Remembered, AddressHash> memory;
  std::list<IpAddress> order;  // longest unused first
  Answers now;                 // what ask() returned last
  std::vector<std::string> zones;
};

DnsblClient::DnsblClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DnsblClient::~DnsblClient() = default;

Result<std::unique_ptr<DnsblClient>> DnsblClient::open(DnsblBoard& board) {
  auto impl = std::make_unique<Impl>(board);
  impl->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (impl->epoll < 0 || !library_ready()) {
    return operating_failure(std::string("cannot make an epoll set: ") + std::strerror(errno));
  }
  ares_options options{};
  options.sock_state_cb = &Impl::socket_changed;
  options.sock_state_cb_data = impl.get();
  // A lost packet is asked again within the deadline.
  options.timeout =
      static_cast<int>(std::max<std::int64_t>(board.settings().timeout.us / 2000, 20));
  options.tries = k_tries;
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_STAYOPEN;
  const int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS;
  if (const int made = ares_init_options(&impl->channel, &options, mask); made != ARES_SUCCESS) {
    return operating_failure(std::string("DNS: ") + ares_strerror(made));
  }
  if (!board.settings().servers.empty()) {
    const int set = ares_set_servers_ports_csv(impl->channel, board.settings().servers.c_str());
    if (set != ARES_SUCCESS) {
      return operating_failure(std::string("dnsbl.servers: ") + ares_strerror(set));
    }
  }
  for (std::size_t i = 0; i < board.lists().size(); ++i) impl->zones.push_back(board.zone(i));
  return std::unique_ptr<DnsblClient>(new DnsblClient(std::move(impl)));
}

const DnsblClient::Answers* DnsblClient::ask(const IpAddress& ip, Done done) {
  Impl& self = *impl_;
  auto& totals = self.board.totals;
  totals.questions.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t now = steady_us();
  if (const auto at = self.memory.find(ip); at != self.memory.end()) {
    if (at->second.until > now) {
      totals.cached.fetch_add(1, std::memory_order_relaxed);
      self.order.splice(self.order.end(), self.order, at->second.order);
      return &at->second.answers;
    }
    self.order.erase(at->second.order);
    self.memory.erase(at);
  }
  if (const auto at = self.by_ip.find(ip); at != self.by_ip.end()) {
    if (at->second->is_late) return &at->second->answers;  // what came in time; the rest may follow
    at->second->waiting.push_back(std::move(done));
    return nullptr;
  }
  const std::size_t lists = self.board.lists().size();
  if (self.all.size() >= self.board.settings().pending_max) {
    totals.overloaded.fetch_add(1, std::memory_order_relaxed);
    self.now.assign(lists, ListAnswer{});
    return &self.now;
  }
  Impl::Pending& pending = self.all.emplace_back();
  pending.self = std::prev(self.all.end());
  pending.ip = ip;
  pending.deadline = now + self.board.settings().timeout.us;
  pending.answers.resize(lists);
  // Lists that are not asked now may be asked again soon.
  pending.until.assign(lists, now + k_ttl_unknown_us);
  self.starting = true;
  self.started = &pending;
  for (std::size_t i = 0; i < lists; ++i) {
    if (!self.board.asked(i, !ip.is_v4())) {
      pending.answers[i].trouble = "not asked";
      continue;
    }
    auto query = std::make_unique<Impl::Query>();
    query->impl = &self;
    query->pending = &pending;
    query->list = i;
    query->name = wire::dnsbl_name(ip, self.zones[i]);
    const std::string name = query->name;
    ++pending.open;
    ares_query(self.channel, name.c_str(), ns_c_in, ns_t_a, &Impl::answered, query.release());
  }
  self.starting = false;
  self.started = nullptr;
  if (pending.open == 0) {
    // No list is asked, or c-ares could not even send: known at once.
    self.now = pending.answers;
    self.remember(ip, pending.answers, *std::ranges::min_element(pending.until));
    self.all.erase(pending.self);
    return &self.now;
  }
  self.by_ip.emplace(ip, &pending);
  pending.waiting.push_back(std::move(done));
  return nullptr;
}

void DnsblClient::ask_name(const std::string& name, const Blacklist& list,
                           std::function<void(const ListAnswer&)> done) {
  auto query = std::make_unique<Impl::Query>();
  query->impl = impl_.get();
  query->single = &list;
  ++impl_->singles;
  query->done = [self = impl_.get(), done = std::move(done)](const ListAnswer& answer) {
    --self->singles;
    done(answer);
  };
  ares_query(impl_->channel, name.c_str(), ns_c_in, ns_t_a, &Impl::answered, query.release());
}

int DnsblClient::descriptor() const { return impl_->epoll; }

int DnsblClient::wait_ms() const {
  const Impl& self = *impl_;
  if (!self.ready.empty()) return 0;
  if (self.all.empty() && self.singles == 0) return -1;
  timeval most{3600, 0};
  timeval found{};
  const timeval* next = ares_timeout(self.channel, &most, &found);
  // Rounded up, and 0 only when the time has come: loops call process() at 0.
  std::int64_t wait = next == nullptr ? 1000 : next->tv_sec * 1000 + (next->tv_usec + 999) / 1000;
  const std::int64_t now = steady_us();
  for (const auto& pending : self.all) {
    if (pending.is_late) continue;
    wait = std::min(wait, (pending.deadline - now + 999) / 1000);
    break;
  }
  return static_cast<int>(std::clamp<std::int64_t>(wait, 0, 1000));
}

void DnsblClient::process() {
  Impl& self = *impl_;
  std::array<epoll_event, 64> events{};
  const int n = ::epoll_wait(self.epoll, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < n; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    const bool in = (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
    const bool out = (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    ares_process_fd(self.channel, in ? event.data.fd : ARES_SOCKET_BAD,
                    out ? event.data.fd : ARES_SOCKET_BAD);
  }
  ares_process_fd(self.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // what timed out
  std::vector<Impl::Pending*> ready;
  ready.swap(self.ready);
  for (Impl::Pending* pending : ready) self.finish(*pending);
  const std::int64_t now = steady_us();
  for (auto it = self.all.begin(); it != self.all.end();) {
    Impl::Pending& pending = *it++;
    if (pending.is_late) continue;
    if (pending.deadline > now) break;
    pending.is_late = true;
    self.board.totals.late.fetch_add(1, std::memory_order_relaxed);
    for (ListAnswer& answer : pending.answers) {
      if (answer.state == ListState::unknown && answer.trouble.empty()) {
        answer.trouble = "no answer in time";
      }
    }
    Impl::tell(pending);
  }
}

std::size_t DnsblClient::remembered() const { return impl_->memory.size(); }
std::size_t DnsblClient::pending() const { return impl_->all.size(); }

}  // namespace sekimori::serve
