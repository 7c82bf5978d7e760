#include "decide/casework.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/words.h"

namespace sekimori::decide {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array k_enquiry_states{"open"sv, "taken"sv, "answered"sv, "closed"sv};
constexpr std::array k_topics{"cannot_receive"sv, "slow"sv,      "cannot_sign_in"sv,
                              "cannot_send"sv,    "suspended"sv, "suspicious"sv,
                              "other"sv};
constexpr std::array k_vias{"web"sv, "telephone"sv};
constexpr std::array k_matches{"not_known"sv, "matches"sv, "differs"sv};
constexpr std::array k_acts{"opened"sv,      "taken"sv,    "returned"sv, "called"sv,
                            "not_reached"sv, "answered"sv, "closed"sv};
constexpr std::array k_verdicts{"right"sv, "wrong"sv, "unsure"sv};
constexpr std::array k_investigation_states{"estimated"sv, "accepted"sv, "declined"sv, "started"sv,
                                            "finished"sv};

// One character of UTF-8 from the front; what is none is taken byte by byte.
char32_t take_character(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC0 || text.size() < length) {
    text.remove_prefix(1);
    return lead;
  }
  char32_t value = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    value = (value << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  text.remove_prefix(length);
  return value;
}

bool is_blank_or_hyphen(char32_t c) {
  return c == U' ' || c == U'\t' || c == 0x3000 || c == 0xA0 || c == U'-' || c == 0x2010 ||
         c == 0x2011 || c == 0x2012 || c == 0x2013 || c == 0x2014 || c == 0x2212 || c == 0xFF0D;
}

std::u32string folded(std::string_view text) {
  std::u32string out;
  while (!text.empty()) {
    char32_t c = take_character(text);
    if (is_blank_or_hyphen(c)) continue;
    if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;  // full-width forms of ASCII
    if (c >= U'A' && c <= U'Z') c += U'a' - U'A';
    out += c;
  }
  return out;
}

constexpr std::string_view k_reference_prefix = "E-";

}  // namespace

std::string_view to_string(EnquiryState v) { return word_of(k_enquiry_states, v); }
std::string_view to_string(EnquiryTopic v) { return word_of(k_topics, v); }
std::string_view to_string(EnquiryVia v) { return word_of(k_vias, v); }
std::string_view to_string(ContractMatch v) { return word_of(k_matches, v); }
std::string_view to_string(EnquiryAct v) { return word_of(k_acts, v); }
std::string_view to_string(FeedbackVerdict v) { return word_of(k_verdicts, v); }
std::string_view to_string(InvestigationState v) { return word_of(k_investigation_states, v); }
std::optional<EnquiryState> parse_enquiry_state(std::string_view t) {
  return value_of<EnquiryState>(k_enquiry_states, t);
}
std::optional<EnquiryTopic> parse_enquiry_topic(std::string_view t) {
  return value_of<EnquiryTopic>(k_topics, t);
}
std::optional<EnquiryVia> parse_enquiry_via(std::string_view t) {
  return value_of<EnquiryVia>(k_vias, t);
}
std::optional<ContractMatch> parse_contract_match(std::string_view t) {
  return value_of<ContractMatch>(k_matches, t);
}
std::optional<EnquiryAct> parse_enquiry_act(std::string_view t) {
  return value_of<EnquiryAct>(k_acts, t);
}
std::optional<FeedbackVerdict> parse_feedback_verdict(std::string_view t) {
  return value_of<FeedbackVerdict>(k_verdicts, t);
}
std::optional<InvestigationState> parse_investigation_state(std::string_view t) {
  return value_of<InvestigationState>(k_investigation_states, t);
}

Result<Enquiry> step(const Enquiry& before, EnquiryAct act, const std::string& who,
                     const std::string& text, Instant now) {
  if (act == EnquiryAct::opened) return bad_input("an enquiry is opened once");
  if (before.state == EnquiryState::closed) return bad_input("this enquiry is closed");
  const bool is_others = !before.taken_by.empty() && before.taken_by != who;
  if (act != EnquiryAct::taken && is_others) {
    return bad_input(fmt::format("{} has taken this enquiry; take it over first", before.taken_by));
  }
  Enquiry after = before;
  after.changed = now;
  switch (act) {
    case EnquiryAct::opened: break;
    case EnquiryAct::taken:
      after.taken_by = who;
      if (after.state == EnquiryState::open) after.state = EnquiryState::taken;
      break;
    case EnquiryAct::returned:
      after.taken_by.clear();
      if (after.state == EnquiryState::taken) after.state = EnquiryState::open;
      break;
    case EnquiryAct::called:
    case EnquiryAct::not_reached:
      after.taken_by = who;
      if (after.state == EnquiryState::open) after.state = EnquiryState::taken;
      break;
    case EnquiryAct::answered:
      if (text.empty()) return bad_input("an answer wants words");
      after.taken_by = who;
      after.state = EnquiryState::answered;
      after.answer = text;
      after.answered = now;
      after.answered_by = who;
      break;
    case EnquiryAct::closed: after.state = EnquiryState::closed; break;
  }
  return after;
}

std::string enquiry_reference(std::uint64_t id) {
  return fmt::format("{}{:06}", k_reference_prefix, id);
}

std::optional<std::uint64_t> parse_enquiry_reference(std::string_view text) {
  if (text.starts_with(k_reference_prefix)) text.remove_prefix(k_reference_prefix.size());
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t id = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), id);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || id == 0) {
    return std::nullopt;
  }
  return id;
}

ContractMatch match_contract(std::string_view registered_number, std::string_view registered_name,
                             std::string_view said_number, std::string_view said_name) {
  const auto number = folded(registered_number);
  const auto name = folded(registered_name);
  if (number.empty() || name.empty()) return ContractMatch::not_known;
  const bool same = number == folded(said_number) && name == folded(said_name);
  return same ? ContractMatch::matches : ContractMatch::differs;
}

Result<Investigation> step(const std::optional<Investigation>& before, std::uint64_t incident,
                           const InvestigationOrder& order, const std::string& who, Instant now) {
  const InvestigationMark mark{now, who};
  using enum InvestigationState;
  if (order.to == estimated) {
    if (before && (before->state == started || before->state == finished)) {
      return bad_input("the work has started; its price stands");
    }
    if (order.scope.empty()) return bad_input("an estimate says what will be done ('scope')");
    if (order.amount_yen > k_amount_max) {
      return bad_input(fmt::format("an estimate is at most {} yen", k_amount_max));
    }
    Investigation made;
    made.incident = incident;
    made.amount_yen = order.amount_yen;
    made.scope = order.scope;
    made.estimated = mark;
    return made;
  }
  if (!before) return bad_input("there is no estimate yet");
  Investigation after = *before;
  after.state = order.to;
  if (order.to == accepted || order.to == declined) {
    if (before->state != estimated) return bad_input("there is no estimate to answer");
    if (order.accepted_by.empty()) {
      return bad_input("'accepted_by' says who answered for the customer");
    }
    after.accepted_by = order.accepted_by;
    after.answered = mark;
  } else if (order.to == started) {
    if (before->state != accepted) return bad_input("nobody has accepted the estimate");
    after.started = mark;
  } else {
    if (before->state != started) return bad_input("the work has not started");
    after.finished = mark;
  }
  return after;
}

}  // namespace sekimori::decide
