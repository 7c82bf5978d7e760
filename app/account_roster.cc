#include "app/account_roster.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "base/mail_address.h"

namespace sekimori::app {
namespace {

// So quickly read that nobody waits: some ten thousand accounts.
constexpr std::chrono::milliseconds k_no_time{50};
constexpr int k_share = 20;
// Nobody looked at a list for so long: the memory is given back.
constexpr std::chrono::minutes k_forgotten{10};

// One that separates nothing: names are people's text.
char plain(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
}

}  // namespace

void Roster::Builder::add(std::string_view address, std::string_view name) {
  begins_.push_back(text_.size());
  for (const char c : address) text_ += plain(c);
  text_ += '\t';
  for (const char c : name) text_ += plain(c);
  text_ += '\n';
}

Roster Roster::Builder::build() && {
  begins_.push_back(text_.size());
  const auto line = [this](std::uint32_t i) {
    return std::string_view(text_).substr(begins_[i], begins_[i + 1] - begins_[i]);
  };
  const auto address = [&line](std::uint32_t i) {
    const auto all = line(i);
    return all.substr(0, all.find('\t'));
  };
  std::vector<std::uint32_t> order(begins_.size() - 1);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, {}, address);
  Roster out;
  out.text_.reserve(text_.size());
  out.begins_.clear();
  out.begins_.reserve(order.size() + 1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && address(order[i]) == address(order[i - 1])) continue;
    out.begins_.push_back(out.text_.size());
    out.text_ += line(order[i]);
  }
  out.begins_.push_back(out.text_.size());
  std::unordered_map<std::string_view, std::uint64_t> counts;  // into out.text_
  for (std::uint32_t i = 0; i < out.size(); ++i) ++counts[domain_of(out.address(i))];
  for (const auto& [domain, count] : counts) out.by_domain_.emplace(domain, count);
  return out;
}

std::string_view Roster::line(std::uint32_t number) const {
  return std::string_view(text_).substr(begins_[number], begins_[number + 1] - begins_[number]);
}

std::string_view Roster::address(std::uint32_t number) const {
  const auto all = line(number);
  return all.substr(0, all.find('\t'));
}

std::optional<std::uint32_t> Roster::find(std::string_view wanted) const {
  std::uint32_t low = 0;
  std::uint32_t high = size();
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (address(middle) < wanted)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == size() || address(low) != wanted) return std::nullopt;
  return low;
}

std::vector<std::uint32_t> Roster::matching(std::string_view search,
                                            std::string_view domain) const {
  std::vector<std::uint32_t> out;
  const std::string tail = domain.empty() ? "" : "@" + ascii_lower(domain);
  const auto fits = [&](std::uint32_t i) { return tail.empty() || address(i).ends_with(tail); };
  if (search.empty()) {
    out.reserve(tail.empty() ? size() : 0);
    for (std::uint32_t i = 0; i < size(); ++i) {
      if (fits(i)) out.push_back(i);
    }
    return out;
  }
  const std::string wanted = ascii_lower(search);
  if (std::ranges::any_of(wanted, [](unsigned char c) { return c < 0x20; })) return out;
  std::uint32_t number = 0;
  const char* const begin = text_.data();
  std::size_t at = 0;
  while (at < text_.size()) {
    const auto* hit = static_cast<const char*>(
        memmem(begin + at, text_.size() - at, wanted.data(), wanted.size()));
    if (hit == nullptr) break;
    const auto place = static_cast<std::size_t>(hit - begin);
    // The line it stands in: near by where many fit, far where few do.
    if (begins_[number + 1] <= place) {
      const auto after = std::upper_bound(begins_.begin() + number + 1, begins_.end(), place);
      number = static_cast<std::uint32_t>(after - begins_.begin() - 1);
    }
    if (fits(number)) out.push_back(number);
    at = begins_[++number];
    if (number == size()) break;
  }
  return out;
}

bool Roster::matches(std::uint32_t number, std::string_view search, std::string_view domain) const {
  if (!domain.empty() && !address(number).ends_with("@" + ascii_lower(domain))) return false;
  const std::string wanted = ascii_lower(search);
  if (std::ranges::any_of(wanted, [](unsigned char c) { return c < 0x20; })) return false;
  return line(number).contains(wanted);
}

Result<std::shared_ptr<const Roster>> AccountRoster::read_all() {
  const std::lock_guard reading(reading_);
  const auto begun = Clock::now();
  Roster::Builder builder;
  auto done = read_(
      [&builder](std::string_view address, std::string_view name) { builder.add(address, name); });
  if (!done) return std::unexpected(done.error());
  auto made = std::make_shared<const Roster>(std::move(builder).build());
  const std::lock_guard lock(mutex_);
  roster_ = made;
  read_at_ = Clock::now();
  cost_ = read_at_ - begun;
  return made;
}

Result<std::shared_ptr<const Roster>> AccountRoster::get() {
  std::shared_ptr<const Roster> known;
  bool is_old = false;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    used_at_ = now;
    if (roster_ && cost_ >= k_no_time) {
      known = roster_;
      is_old = now > read_at_ + cost_ * k_share;
    }
  }
  if (!known) {
    auto made = read_all();
    if (!made) return made;
    known = std::move(*made);
  }
  std::call_once(started_, [this] {
    thread_.start("roster", [this](bool is_called) -> std::optional<Clock::time_point> {
      const bool is_bad = is_called && !read_all();
      const std::lock_guard lock(mutex_);
      const auto now = Clock::now();
      // After a failure who asks next reads, and is told what is wrong.
      if (is_bad || now >= used_at_ + k_forgotten) roster_.reset();
      return std::max(now, used_at_) + k_forgotten;
    });
  });
  if (is_old) thread_.wake();
  return known;
}

}  // namespace sekimori::app
