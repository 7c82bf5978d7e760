// What people set for this server in the panel, in the state database: values of domains and
// accounts in place of the settings (decide/policy.h), notices' texts in place of ours; and how
// each lever was over time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "base/text.h"
#include "decide/policy.h"
#include "store/state_store.h"

namespace sekimori::store {

struct PolicyRow {
  decide::Subject subject;
  decide::PolicyField field = decide::PolicyField::mode;
  double value = 0;
  Instant changed;
  std::string by;
  std::string reason;
};

// An operator's own words of a notice: "restricted.owner.ja".
struct NoticeTextRow {
  std::string name;
  std::string text;  // "Subject: …", an empty line, the body
  Instant changed;
  std::string by;
};

// A lever was like this from `since` to `last`, looked at once a minute. Between two of an item's
// spans nobody looked: the daemon was away.
struct HealthSpan {
  std::string item;
  std::string level;  // "ok", "warning", "failing"
  Instant since, last;
  Text verdict;
};

// Any thread; calls are served one at a time. Never throws.
class PolicyStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<PolicyStore>> open(
      const StateStoreSettings& settings);
  ~PolicyStore();

  // By kind, subject and field. `subject` unset: all.
  [[nodiscard]] Result<std::vector<PolicyRow>> policy(
      const std::optional<decide::Subject>& subject);
  // The subject's values are these from now on; what stands as it was keeps its author. Durable
  // when it returns. bad_input: more than decide::k_policy_entries_max subjects.
  [[nodiscard]] Result<void> put_policy(const decide::Subject& subject,
                                        const decide::PolicyValues& values, Instant now,
                                        const std::string& by, const std::string& reason);

  [[nodiscard]] Result<std::vector<NoticeTextRow>> notice_texts();
  [[nodiscard]] Result<void> put_notice_text(const NoticeTextRow& row);
  // false: there was none.
  [[nodiscard]] Result<bool> remove_notice_text(const std::string& name);

  // Lengthens the spans that `now` continues (same item and level, the last of the item, at most
  // `pause` ago) and begins the others.
  [[nodiscard]] Result<void> note_health(const std::vector<HealthSpan>& now, Duration pause);
  // Spans that lasted until `since` or longer, by item and time; at most `limit` of the newest.
  [[nodiscard]] Result<std::vector<HealthSpan>> health(Instant since, std::size_t limit);
  [[nodiscard]] Result<void> prune_health(Instant before);

 private:
  struct Impl;
  explicit PolicyStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
