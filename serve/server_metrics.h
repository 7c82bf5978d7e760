// What the listeners count for /metrics. Plain atomics, written with relaxed order from any thread;
// a reader sees each figure whole, not all of them at one instant.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sekimori::serve {

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  void subtract(std::uint64_t n = 1) { value_.fetch_sub(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Bucket i counts what took less than 2^i microseconds (and no less than half of that): the last
// one begins at 8 s, longer than any deadline here.
class LatencyHistogram {
 public:
  static constexpr std::size_t k_buckets = 24;

  void record(std::uint64_t nanoseconds) {
    const std::uint64_t us = nanoseconds / 1000;
    const auto bucket = static_cast<std::size_t>(std::bit_width(us));
    buckets_[bucket < k_buckets ? bucket : k_buckets - 1].add();
    sum_ns_.add(nanoseconds);
  }
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const { return buckets_[i].get(); }
  // The upper bound of bucket i, in seconds.
  [[nodiscard]] static double bound(std::size_t i) { return static_cast<double>(1ULL << i) / 1e6; }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_ns_.get()) / 1e9; }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t n = 0;
    for (const Counter& b : buckets_) n += b.get();
    return n;
  }

 private:
  std::array<Counter, k_buckets> buckets_;
  Counter sum_ns_;
};

struct ServerMetrics {
  // Policy server. Requests by wire::PolicyState (other, connect, ehlo, helo, mail, rcpt, data,
  // end_of_message, vrfy, etrn), answers by decide::Answer::Action (dunno, hold, refuse, warn).
  std::array<Counter, 10> policy_requests;
  std::array<Counter, 4> policy_answers;
  Counter policy_bad_requests;  // answered DUNNO, or the connection was closed
  Counter policy_connections_total;
  Counter policy_connections_open;
  Counter policy_connections_refused;  // over the maximum
  Counter policy_accept_pauses;        // no file descriptors left
  Counter policy_timeouts;             // idle, half a request, or an answer nobody reads
  LatencyHistogram policy_latency;     // from the whole request read to its answer made

  // The desk.
  Counter transactions_open;
  Counter transactions_evicted;  // the table was full: the oldest was forgotten
  Counter transactions_expired;
  Counter repeated_questions;  // a second stanza or a retry: answered, not counted
  Counter withdrawn_messages;  // accepted by us, refused or dropped later: given back

  // Dovecot auth policy and events.
  Counter auth_allow;
  Counter auth_report;
  Counter auth_refused;
  Counter auth_overloaded;  // answered 0 without a look
  Counter auth_bad_requests;
  Counter auth_forbidden;  // wrong or missing secret
  Counter auth_connections_open;
  LatencyHistogram auth_latency;
  Counter dovecot_events;
  Counter dovecot_events_unused;

  // The mail log.
  Counter log_bytes;
  Counter log_lines;
  Counter log_lines_unknown;
  Counter log_lines_too_long;
  Counter log_rotations;
  Counter log_truncations;
  Counter log_events;
};

}  // namespace sekimori::serve
