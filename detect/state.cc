// The detector's state as bytes and as one hash.
#include <cstring>

#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

constexpr std::uint64_t k_magic = 0x33305444494b4553ULL;  // "SEKIDT03"

}  // namespace

void Detector::save(std::string& out) const {
  const Impl& i = *impl_;
  const std::size_t from = out.size();
  put(out, k_magic);
  put(out, static_cast<std::uint64_t>(i.models.size()));
  for (const AccountModel& m : i.models) {
    put(out, i.names.name(m));
    put(out, m);
  }
  put(out, i.clock_hand);
  put(out, static_cast<std::uint64_t>(i.domains.size()));
  for (std::size_t n = 0; n < i.domains.size(); ++n) {
    put(out, i.domains[n].key);
    put(out, i.domain_learning[n].delta);
    put(out, static_cast<std::uint8_t>(i.domain_learning[n].touched));
  }
  i.contacts.save(out);
  i.writers.save(out);
  i.queue.save(out);
  put(out, i.new_contacts);
  put(out, i.new_mail_domains);
  put(out, i.audit);
  i.raised.save(out);
  put(out, i.fleet == nullptr ? std::vector<FleetPattern>() : i.fleet->patterns());
  put(out, i.newest);
  if (i.of_past) {
    put(out, i.contact_pairs);
    put(out, i.writer_pairs);
    put(out, i.doubts);
  }
  seal(out, from);
}

Result<void> Detector::load(std::string_view bytes) {
  Impl& old = *impl_;
  const auto blank = [&old] {
    auto made = std::make_unique<Impl>(old.settings, old.key, old.priors);
    made->of_past = old.of_past;
    return made;
  };
  auto fresh = blank();
  const auto fail = [&](const char* why) -> Result<void> {
    impl_ = blank();
    return bad_input(why);
  };
  ByteReader in(unseal(bytes));
  if (in.get<std::uint64_t>() != k_magic) {
    return fail("the saved detector state is cut, altered or of another version");
  }
  Impl& i = *fresh;
  const auto count = in.get<std::uint64_t>();
  for (std::uint64_t n = 0; n < count && in.ok(); ++n) {
    const std::string_view name = in.get_text();
    i.models.push_back(in.get<AccountModel>());
    if (in.ok()) i.names.add(i.models, static_cast<AccountIndex>(n), name);
  }
  i.clock_hand = in.get<std::uint32_t>();
  const auto domain_count = in.get<std::uint64_t>();
  for (std::uint64_t n = 0; n < domain_count && in.ok(); ++n) {
    LocalDomain& d = i.domains.emplace_back();
    DomainLearning& learning = i.domain_learning.emplace_back();
    d.key = in.get<std::uint64_t>();
    learning.delta = in.get<PriorsBuilder::Impl::Delta>();
    learning.touched = in.get<std::uint8_t>() != 0;
    i.domain_index.put(d.key == 0 ? 1 : d.key, n);
  }
  i.contacts.load(in);
  i.writers.load(in);
  for (const AccountModel& m : i.models) {
    if (m.domain >= i.domains.size()) return fail("the saved detector state names unknown domains");
  }
  const bool queue_ok = i.queue.load(in, [&](AccountIndex a) -> std::optional<std::uint64_t> {
    if (a >= i.models.size()) return std::nullopt;
    return i.salt_of(i.models[a]);
  });
  in.get_into(i.new_contacts);
  in.get_into(i.new_mail_domains);
  i.audit = in.get<AuditSums>();
  i.raised.load(in);
  std::vector<FleetPattern> shared;
  in.get_into(shared);
  if (!shared.empty()) i.fleet = std::make_shared<FleetSet>(std::move(shared));
  i.newest = in.get<Instant>();
  if (i.of_past) {
    in.get_into(i.contact_pairs);
    in.get_into(i.writer_pairs);
    in.get_into(i.doubts);
  }
  if (!queue_ok || !in.at_end()) {
    return fail("the saved detector state has another length than it should");
  }
  i.link_domains();
  impl_ = std::move(fresh);
  return {};
}

std::uint64_t Detector::hash() const { return impl_->hash(); }

std::uint64_t Detector::Impl::hash() const {
  // Sums over accounts and domains: which index they got does not matter.
  std::uint64_t accounts = 0;
  const AccountModel untouched{};
  const auto* blank = reinterpret_cast<const char*>(&untouched) + k_identity_bytes;
  for (const AccountModel& m : models) {
    const auto* bytes = reinterpret_cast<const char*>(&m);
    // An account that was only asked about is in no journal.
    if (std::memcmp(bytes + k_identity_bytes, blank, sizeof m - k_identity_bytes) == 0) continue;
    accounts += hash_bytes({bytes + k_identity_bytes, sizeof m - k_identity_bytes}, m.name_hash);
  }
  std::uint64_t domain_sum = 0;
  for (std::size_t n = 0; n < domains.size(); ++n) {
    const DomainLearning& d = domain_learning[n];
    if (!d.touched) continue;
    domain_sum +=
        hash_bytes({reinterpret_cast<const char*>(&d.delta), sizeof d.delta}, domains[n].key);
  }
  std::uint64_t waiting = 0;
  for (std::uint64_t n = queue.first(); n != queue.last(); ++n) {
    const LearningRecord& r = queue.at(n);
    waiting = mix64(waiting ^ queue.hash_of(r) ^ models[r.account].name_hash);
  }
  std::uint64_t fresh = 0;
  for (const std::uint64_t k : new_contacts) fresh += mix64(k);
  for (const std::uint64_t k : new_mail_domains) fresh += mix64(~k);
  std::uint64_t h = mix64(accounts);
  const std::uint64_t audited = hash_bytes({reinterpret_cast<const char*>(&audit), sizeof audit});
  const std::uint64_t pooled = mix64(raised.hash()) ^ (fleet == nullptr ? 0 : fleet->hash());
  for (const std::uint64_t part : {pooled, domain_sum, contacts.hash(), writers.hash(), waiting,
                                   fresh, audited, static_cast<std::uint64_t>(newest.us)}) {
    h = mix64(h ^ part);
  }
  return h;
}

}  // namespace sekimori::detect
