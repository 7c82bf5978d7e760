#include "app/engine_settings.h"

#include <algorithm>

namespace sekimori::app {

decide::Mode engine_mode(config::Mode mode) {
  return mode == config::Mode::enforce ? decide::Mode::enforce : decide::Mode::observe;
}

std::vector<std::pair<std::string, decide::Mode>> engine_modes(const config::ModeTable& table) {
  std::vector<std::pair<std::string, decide::Mode>> out;
  for (const auto& [name, mode] : table) out.emplace_back(name, engine_mode(mode));
  return out;
}

decide::EngineSettings engine_settings(const config::Settings& s, const HashKey& key) {
  decide::EngineSettings out;
  out.key = key;
  out.mode = engine_mode(s.server.mode);
  out.domain_modes = engine_modes(s.mode.domains);
  out.account_modes = engine_modes(s.mode.accounts);
  out.portal_url = s.web.public_url;

  out.detect.eta = s.detect.eta;
  out.detect.hold_log_r = s.detect.hold_line;
  out.detect.restrict_log_r = s.detect.restrict_line;
  // A person is asked as far below the line as by default.
  const detect::DetectSettings initial;
  out.detect.ask_log_r = s.detect.restrict_line - (initial.restrict_log_r - initial.ask_log_r);
  out.detect.learn_below_log_r = s.detect.restrict_line / 2;
  out.detect.learning_delay = s.detect.learning_delay;
  // 0 turns the rule off: no message has so many recipients.
  out.detect.hold_new_recipients = s.detect.hold_new_recipients == 0
                                       ? UINT32_MAX
                                       : static_cast<std::uint32_t>(s.detect.hold_new_recipients);
  out.detect.accounts_max = static_cast<std::size_t>(s.memory.accounts_max);
  out.detect.contact_filter_bytes =
      static_cast<std::size_t>(s.memory.contact_filter.bytes) / decide::k_shards;
  out.restrict_log_r = s.detect.restrict_line;
  out.suspend_log_r = s.detect.suspend_line;
  out.suspend_by_machine = s.detect.suspend_automatic;
  out.suspend_channels = static_cast<int>(s.detect.suspend_channels_min);
  out.suspend_channel_nats = s.detect.suspend_channel_nats_min;
  out.timed_hold = s.detect.hold_duration;
  out.hold_pile = static_cast<std::uint32_t>(s.detect.hold_pile);
  out.breaker.false_alarm_budget = s.detect.false_alarm_budget;
  out.breaker.floor = static_cast<std::uint32_t>(s.detect.breaker_floor);
  out.probation = s.standing.probation;

  const auto u32 = [](std::int64_t v) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(v, 0, 4'000'000'000));
  };
  out.limits.recipients_per_message = u32(s.limits.recipients_per_message);
  out.limits.recipients_per_hour = u32(s.limits.recipients_per_hour);
  out.limits.recipients_per_day = u32(s.limits.recipients_per_day);
  out.limits.messages_per_hour = u32(s.limits.messages_per_hour);
  out.limits.new_recipients_per_day = u32(s.limits.new_recipients_per_day);
  out.limits.bytes_per_day = static_cast<std::uint64_t>(s.limits.bytes_per_day.bytes);
  // 0 = no limit on either side: the tighter one is the smaller of those that are set.
  const auto tighter = [](std::uint32_t usual, std::uint32_t probation) {
    return usual == 0 ? probation : probation == 0 ? usual : std::min(usual, probation);
  };
  out.probation_limits = out.limits;
  out.probation_limits.recipients_per_hour =
      tighter(out.limits.recipients_per_hour, u32(s.recovery.probation_recipients_per_hour));
  out.probation_limits.recipients_per_day =
      tighter(out.limits.recipients_per_day, u32(s.recovery.probation_recipients_per_day));
  return out;
}

}  // namespace sekimori::app
