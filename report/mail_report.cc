#include "report/mail_report.h"

#include <algorithm>
#include <array>

#include "report/bounce_reason.h"
#include "report/header_block.h"
#include "report/mime_parts.h"
#include "report/plain_text.h"
#include "report/report_text.h"

namespace sekimori::report {
namespace {

constexpr std::size_t k_text_max = 500;  // of a name, an id, a subject

bool any_of_words(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(
      words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

std::string bounded(std::string_view text) { return one_line(text, k_text_max); }

std::string_view inside_brackets(std::string_view id) {
  id = trim(id);
  const auto open = id.find('<');
  if (open == std::string_view::npos) return id;
  const auto close = id.find('>', open);
  return id.substr(open + 1, close == std::string_view::npos ? close : close - open - 1);
}

// "from a (b [1.2.3.4]) by c (Postfix) with ESMTPSA id D; date" (RFC 5321 §4.4).
ReceivedHop hop_of(std::string_view value) {
  ReceivedHop hop;
  value = value.substr(0, value.rfind(';'));
  std::string* target = nullptr;
  int depth = 0;
  while (!value.empty()) {
    const auto end = value.find(' ');
    const std::string_view word = value.substr(0, end);
    value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
    const bool comment = depth > 0 || word.starts_with('(');
    depth += static_cast<int>(std::ranges::count(word, '(') - std::ranges::count(word, ')'));
    depth = std::max(depth, 0);
    if (comment || word.empty()) continue;
    if (target != nullptr) {
      if (target->empty()) *target = bounded(lower(word));
      // Queue ids tell upper case from lower.
      if (target == &hop.id) *target = bounded(word);
      target = nullptr;
    } else if (word == "from") {
      target = &hop.from;
    } else if (word == "by") {
      target = &hop.by;
    } else if (word == "id") {
      target = &hop.id;
    }
  }
  return hop;
}

OriginalMessage original_of(std::string_view head_text) {
  OriginalMessage original;
  const HeaderBlock head = HeaderBlock::read(head_text);
  if (head.fields().empty()) return original;
  original.found = true;
  original.message_id = bounded(inside_brackets(head.get("message-id")));
  original.from = address_of(head.get("from"));
  original.to = address_of(head.get("to"));
  original.date = bounded(head.get("date"));
  original.return_path = address_of(head.get("return-path"));
  original.stamp = bounded(head.get("x-sekimori-account"));
  for (const auto& [name, value] : head.fields()) {
    if (name == "received" && original.received.size() < k_received_max) {
      original.received.push_back(hop_of(value));
    }
  }
  return original;
}

std::string lower_ascii(std::string_view text) { return lower(one_line(text, 8000)); }

// A reply of several lines as one sentence: "550-5.1.1 The email 550 5.1.1 account" says its code
// and status once (RFC 5321 §4.2.1).
std::string joined_reply(std::string_view words) {
  std::string text = lower_ascii(words);
  const auto digit = [&](std::size_t i) {
    return i < text.size() && text[i] >= '0' && text[i] <= '9';
  };
  for (std::size_t at = 1; at + 9 < text.size(); ++at) {
    if (text[at - 1] != ' ' || !digit(at) || !digit(at + 1) || !digit(at + 2) || digit(at + 3))
      continue;
    if (text[at + 3] != '-' && text[at + 3] != ' ') continue;
    if (text[at] != text[at + 4] || text[at + 5] != '.' || !digit(at + 6)) continue;
    const auto end = text.find(' ', at + 4);
    if (end == std::string::npos || end > at + 14) continue;
    // The first one stays: it is where the code is read.
    std::string token = text.substr(at, end - at);
    token[3] = '-';
    auto earlier = text.find(token);
    token[3] = ' ';
    earlier = std::min(earlier, text.find(token));
    if (earlier < at) text.erase(at, end + 1 - at);
  }
  return text;
}

// The words of one recipient, from what is nearest to what is widest.
struct Evidence {
  std::string_view status;      // the Status field
  std::string_view diagnostic;  // the Diagnostic-Code field
  std::string_view section;     // what the letter says of the recipient
  std::string_view letter;      // the whole letter, where it can only mean this recipient
  bool delayed = false;
};

bool is_general(std::string_view status) {
  return status.empty() || (status.size() == 5 && status.substr(1) == ".0.0");
}

// Carriers that answer "unknown user" where the recipient's own filter refused (docomo, au).
bool is_filtering_carrier(std::string_view text, const RecipientReport& r) {
  const auto docomo = [](std::string_view s) {
    return s.find("docomo.ne.jp") != std::string_view::npos ||
           s.find("docomo.") != std::string_view::npos ||
           s.find("mfsmax.") != std::string_view::npos;
  };
  if (docomo(r.final_recipient) || docomo(r.remote_mta)) return true;
  return text.find("550 : user unknown") != std::string_view::npos ||
         text.find("550: : user unknown") != std::string_view::npos;
}

void conclude(RecipientReport& r, const Evidence& evidence) {
  const std::array<std::string, 3> texts = {joined_reply(evidence.diagnostic),
                                            joined_reply(evidence.section),
                                            joined_reply(evidence.letter)};
  const std::string field = status_in(evidence.status);
  // A status in the remote side's own words is nearer to the truth than the field, which a gateway
  // often fills with 5.0.0.
  std::string spoken;
  for (const std::string& text : texts) {
    if (spoken = status_in(text); !spoken.empty()) break;
  }
  r.status = field;
  if (!spoken.empty() && (field.empty() || is_general(field) || spoken[0] == field[0] ||
                          texts[0].find(spoken) != std::string::npos)) {
    if (!is_general(spoken) || field.empty()) r.status = spoken;
  }
  // With its lines, where a code begins one.
  for (const std::string_view text : {evidence.diagnostic, evidence.section, evidence.letter}) {
    r.reply_code = reply_code_in(lower(text.substr(0, 8000)));
    if (!r.reply_code.empty()) break;
  }
  if (!r.reply_code.empty() && !r.status.empty() && r.reply_code[0] != r.status[0]) {
    r.reply_code.clear();
  }
  SmtpPhase phase = SmtpPhase::unknown;
  for (const std::string& text : texts) {
    if (phase = phase_in(text); phase != SmtpPhase::unknown) break;
  }
  std::size_t said_in = texts.size();
  if (!r.status.empty() && r.status[0] == '2' && (!field.empty() || r.action.empty())) {
    r.reason = BounceReason::delivered;
  } else {
    for (std::size_t i = 0; i < texts.size() && r.reason == BounceReason::undefined; ++i) {
      // The whole letter speaks of much: before it, the status.
      const bool nearer = !texts[0].empty() || !texts[1].empty();
      if (i == 2 && nearer && !is_general(r.status)) r.reason = reason_of_status(r.status);
      if (r.reason == BounceReason::undefined) {
        r.reason = reason_in(texts[i]);
        said_in = i;
      }
    }
    if (r.reason == BounceReason::undefined) r.reason = reason_of_status(r.status);
    // Of the sender's address, whatever words that has in common with the recipient's.
    if (r.reason == BounceReason::user_unknown || r.reason == BounceReason::host_unknown) {
      const std::string_view detail = std::string_view(r.status).substr(r.status.empty() ? 0 : 2);
      if (detail == "1.7" || detail == "1.8") r.reason = BounceReason::rejected;
    }
    // A name that is not found for now may be found tomorrow.
    if (r.reason == BounceReason::host_unknown && !r.status.empty() && r.status[0] == '4') {
      r.reason = BounceReason::network_error;
    }
    if (r.reason == BounceReason::undefined && evidence.delayed) r.reason = BounceReason::expired;
    if (r.reason == BounceReason::undefined && phase == SmtpPhase::mail_from) {
      r.reason = BounceReason::rejected;
    }
    if (r.reason == BounceReason::undefined && phase == SmtpPhase::connection) {
      r.reason = BounceReason::blocked;
    }
    if (r.reason == BounceReason::user_unknown) {
      const std::string& said = texts[std::min<std::size_t>(said_in, texts.size() - 1)];
      // Who takes RCPT and refuses the mail knows the user.
      if (phase == SmtpPhase::data || is_filtering_carrier(said, r)) {
        r.reason = BounceReason::filtered;
      }
    }
  }
  const bool lasting = r.status.empty() || r.status[0] == '5';
  r.hard = lasting &&
           (r.reason == BounceReason::user_unknown || r.reason == BounceReason::host_unknown ||
            r.reason == BounceReason::has_moved || r.reason == BounceReason::not_accept);
  const std::string_view words = !trim(evidence.diagnostic).empty() ? evidence.diagnostic
                                 : !trim(evidence.section).empty()  ? evidence.section
                                                                    : evidence.letter;
  r.diagnostic = one_line(words, k_diagnostic_max);
}

struct Said {  // by people's text, for conclude()
  std::vector<Section> sections;
  std::string_view letter;

  [[nodiscard]] std::string_view of(std::string_view address) const {
    const auto at = std::ranges::find(sections, address, &Section::address);
    return at == sections.end() ? std::string_view() : std::string_view(at->text);
  }
};

bool is_recipient_block(const HeaderBlock& block) {
  return block.has("final-recipient") ||
         (block.has("action") && (block.has("diagnostic-code") || block.has("status"))) ||
         (block.has("original-recipient") && block.has("status"));
}

// RFC 3464 §2.1: groups of fields, the message's first, one for each recipient then.
void read_status(std::string_view text, const Said& said, MailReport& report) {
  std::size_t blocks = 0;
  std::vector<HeaderBlock> recipients;
  while (!text.empty() && ++blocks < 4 * k_report_recipients_max) {
    // To the next empty line.
    std::string_view rest = text;
    while (!rest.empty() && !trim(take_line(rest)).empty()) {
    }
    HeaderBlock block = HeaderBlock::read(text);
    text = rest;
    if (report.reporting_mta.empty()) {
      report.reporting_mta = bounded(after_type(block.get("reporting-mta")));
    }
    if (report.queue_id.empty()) report.queue_id = bounded(block.get("x-postfix-queue-id"));
    if (report.envelope_id.empty()) report.envelope_id = bounded(block.get("original-envelope-id"));
    if (is_recipient_block(block) && recipients.size() < k_report_recipients_max) {
      recipients.push_back(std::move(block));
    }
  }
  for (const HeaderBlock& block : recipients) {
    RecipientReport r;
    r.final_recipient = address_of(after_type(block.get("final-recipient")));
    r.original_recipient = address_of(after_type(block.get("original-recipient")));
    r.action = bounded(lower(block.get("action")));
    r.action = r.action.substr(0, r.action.find_first_of(" (;"));
    r.remote_mta = bounded(lower(after_type(block.get("remote-mta"))));
    std::string_view section = said.of(r.final_recipient);
    if (section.empty()) section = said.of(r.original_recipient);
    if (r.final_recipient.empty() && recipients.size() == 1) {
      r.final_recipient = r.original_recipient;
      for (const Section& s : said.sections) {
        if (r.final_recipient.empty() && s.strong) r.final_recipient = s.address;
      }
    }
    Evidence evidence;
    evidence.status = block.get("status");
    evidence.diagnostic = block.get("diagnostic-code");
    evidence.section = section;
    evidence.letter = recipients.size() == 1 ? said.letter : std::string_view();
    evidence.delayed = r.action == "delayed";
    conclude(r, evidence);
    report.recipients.push_back(std::move(r));
  }
}

void read_letter(const MailParts& mail, const Said& said, bool delayed, MailReport& report) {
  // Who sent the mail is nobody it could not be delivered to.
  const auto own = [&](std::string_view address) {
    return address == report.to || address == report.original.from ||
           address == report.original.return_path || address == report.from;
  };
  std::vector<std::string> names;
  const auto note = [&](const std::string& address) {
    if (names.size() < k_report_recipients_max && std::ranges::find(names, address) == names.end())
      names.push_back(address);
  };
  if (const auto failed = mail.head.get("x-failed-recipients"); !failed.empty()) {
    std::size_t at = 0;
    while (auto address = next_address(failed, at)) note(*address);
  }
  for (const bool mine : {false, true}) {
    for (const bool strong : {true, false}) {
      if (!names.empty()) break;
      for (const Section& s : said.sections) {
        if (s.strong != strong || own(s.address) != mine) continue;
        if (!strong && !names.empty()) break;  // of weak ones the first
        note(s.address);
      }
    }
  }
  if (names.empty() && !report.original.to.empty()) names.push_back(report.original.to);
  if (names.empty()) names.emplace_back();
  for (const std::string& name : names) {
    RecipientReport r;
    r.final_recipient = name;
    r.action = delayed ? "delayed" : "failed";
    Evidence evidence;
    evidence.section = said.of(name);
    if (names.size() == 1) evidence.letter = said.letter;
    evidence.delayed = delayed;
    conclude(r, evidence);
    report.recipients.push_back(std::move(r));
  }
}

void read_feedback(std::string_view text, MailReport& report) {
  const HeaderBlock block = HeaderBlock::read(text);
  Feedback& feedback = report.feedback;
  feedback.type = bounded(lower(block.get("feedback-type")));
  feedback.user_agent = bounded(block.get("user-agent"));
  feedback.original_mail_from = address_of(block.get("original-mail-from"));
  feedback.source_ip = bounded(block.get("source-ip"));
  feedback.reported_domain = bounded(lower(block.get("reported-domain")));
  for (const auto& [name, value] : block.fields()) {
    const bool named = name == "original-rcpt-to" || name == "removal-recipient";
    if (named && feedback.original_rcpt_to.size() < k_report_recipients_max) {
      if (auto address = address_of(value); !address.empty()) {
        feedback.original_rcpt_to.push_back(std::move(address));
      }
    }
  }
  if (feedback.type.empty()) feedback.type = "other";
  report.kind = ReportKind::feedback;
}

// RFC 3834 §5, and what is done without it.
bool is_auto_reply(const MailParts& mail, std::string_view subject) {
  const std::string automatic = lower(mail.head.get("auto-submitted"));
  if (automatic.starts_with("auto-replied")) return true;
  if (mail.head.has("x-autoreply") || mail.head.has("x-autorespond") ||
      lower(mail.head.get("precedence")) == "auto_reply" ||
      lower(mail.head.get("x-auto-response-suppress")) == "all") {
    if (!any_of_words(subject, {"undeliver", "failure", "returned"})) return true;
  }
  return subject.starts_with("automatic reply") || subject.starts_with("auto:") ||
         subject.starts_with("auto reply") || subject.starts_with("autoreply") ||
         subject.starts_with("auto-reply") ||
         any_of_words(subject, {"out of office", "out of the office", "on vacation",
                                "vacation reply", "abwesenheit", "自動返信", "自動応答", "不在"});
}

bool is_bounce_sender(std::string_view from) {
  return any_of_words(from, {"mailer-daemon", "postmaster", "mail delivery", "mail-daemon",
                             "maildelivery", "mdaemon", "bounce", "delivery subsystem",
                             "mail administrator", "system administrator"}) ||
         trim(from) == "<>";
}

bool is_bounce_subject(std::string_view subject) {
  return any_of_words(subject, {"undeliver",
                                "delivery status notification",
                                "delivery failure",
                                "delivery failed",
                                "delivery has failed",
                                "delivery notification",
                                "delivery report",
                                "delivery problem",
                                "failure notice",
                                "failure delivery",
                                "mail delivery",
                                "returned mail",
                                "returned to sender",
                                "returning message",
                                "message delivery",
                                "mail system error",
                                "could not be delivered",
                                "not delivered",
                                "non-deliverable",
                                "nondeliverable",
                                "non-delivery",
                                "delivery error",
                                "delayed",
                                "delivery delay",
                                "warning: message",
                                "mail failure",
                                "unzustellbar",
                                "rejected",
                                "unable to deliver",
                                "配信不能",
                                "配信できません",
                                "送信できません",
                                "送信エラー",
                                "配送エラー",
                                "エラーメール",
                                "エラー通知",
                                "配達不能",
                                "error sending your mail"});
}

}  // namespace

Result<MailReport> read_report(std::string_view bytes) {
  bytes = bytes.substr(0, k_report_bytes_max);
  if (trim(bytes).empty()) return bad_input("the mail is empty");
  const MailParts mail = take_apart(bytes);
  MailReport report;
  report.to = address_of(mail.head.get("to"));
  const std::string from = lower(mail.head.get("from"));
  report.from = address_of(from);
  report.subject = mail.subject;
  report.message_id = bounded(inside_brackets(mail.head.get("message-id")));
  report.null_sender = mail.head.has("return-path") && trim(mail.head.get("return-path")) == "<>";
  const std::string subject = lower(mail.subject);

  const Letter letter = divide(mail.text);
  report.original = original_of(mail.original.empty() ? letter.original : mail.original);

  if (!mail.feedback.empty()) {
    read_feedback(mail.feedback, report);
    return report;
  }
  if (subject.find("complaint about message from") != std::string::npos && report.original.found) {
    // Microsoft's JMRP: the mail itself, and nothing else.
    report.kind = ReportKind::feedback;
    report.feedback.type = "abuse";
    if (!report.original.to.empty()) report.feedback.original_rcpt_to = {report.original.to};
    return report;
  }
  const bool has_status = !mail.status.empty() ||
                          mail.text.find("Final-Recipient:") != std::string::npos ||
                          mail.text.find("Final-recipient:") != std::string::npos;
  const std::string return_path = lower(mail.head.get("return-path"));
  const bool by_name =
      is_bounce_sender(from) || (trim(return_path) != "<>" && is_bounce_sender(return_path));
  // Exim's and Google's bounces call themselves replies as well.
  const bool is_bounce =
      has_status || mail.is_report || mail.head.has("x-failed-recipients") || by_name;
  if (!is_bounce && is_auto_reply(mail, subject)) {
    report.kind = ReportKind::auto_reply;
    return report;
  }
  const bool announced = mail.is_report || has_status || mail.head.has("x-failed-recipients") ||
                         is_bounce_subject(subject);
  const bool by_words = any_of_words(
      lower_ascii(letter.words),
      {"could not be delivered", "unable to deliver", "undeliverable", "error message below",
       "was not delivered", "delivery failed", "trouble delivering", "送信できませんでした",
       "配信できませんでした", "お届けできませんでした"});
  if (!announced && !by_name && !report.null_sender && !by_words) return report;

  Said said;
  said.letter = letter.words;
  said.sections = sections_of(letter.words);
  const std::string all = lower_ascii(letter.words);
  const bool delayed =
      any_of_words(subject, {"delayed", "warning:", "delivery delay", "(delay)"}) ||
      any_of_words(all, {"this is a warning message only", "this is a warning only",
                         "has not yet been delivered"});
  read_status(mail.status, said, report);
  if (report.recipients.empty() && has_status) read_status(letter.words, said, report);
  if (report.recipients.empty()) {
    read_letter(mail, said, delayed, report);
    // Words of a machine that name no reason and no recipient are no bounce.
    const RecipientReport& first = report.recipients.front();
    if (!announced && first.reason == BounceReason::undefined && first.status.empty()) {
      report.recipients.clear();
      return report;
    }
  }
  const auto every = [&](auto&& is) { return std::ranges::all_of(report.recipients, is); };
  if (every([](const RecipientReport& r) {
        return r.action == "delivered" || r.action == "relayed" || r.action == "expanded" ||
               r.action == "deliverable" || (!r.status.empty() && r.status[0] == '2');
      })) {
    report.kind = ReportKind::delivered;
    for (RecipientReport& r : report.recipients) {
      r.reason = BounceReason::delivered;
      r.hard = false;
    }
  } else if (every([](const RecipientReport& r) { return r.action == "delayed"; })) {
    report.kind = ReportKind::delay;
  } else {
    report.kind = ReportKind::bounce;
  }
  return report;
}

std::string status_or_stand_in(const RecipientReport& r) {
  if (!r.status.empty()) return r.status;
  const bool passing = r.action == "delayed" || (!r.reply_code.empty() && r.reply_code[0] == '4');
  return (passing ? "4.0." : "5.0.") + std::string(stand_in_of(r.reason));
}

std::string_view to_string(ReportKind kind) {
  switch (kind) {
    case ReportKind::not_a_report: return "not_a_report";
    case ReportKind::bounce: return "bounce";
    case ReportKind::delay: return "delay";
    case ReportKind::delivered: return "delivered";
    case ReportKind::feedback: return "feedback";
    case ReportKind::auto_reply: return "auto_reply";
  }
  return "not_a_report";
}

std::string_view to_string(BounceReason reason) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(BounceReason::count_)> k_words = {
      "undefined",    "authfailure",     "badreputation", "blocked",         "contenterror",
      "delivered",    "expired",         "filtered",      "hasmoved",        "hostunknown",
      "mailboxfull",  "mailererror",     "mesgtoobig",    "networkerror",    "norelaying",
      "notaccept",    "notcompliantrfc", "onhold",        "policyviolation", "rejected",
      "requireptr",   "securityerror",   "spamdetected",  "speeding",        "suspend",
      "syntaxerror",  "systemerror",     "systemfull",    "toomanyconn",     "userunknown",
      "virusdetected"};
  return k_words[static_cast<std::size_t>(reason)];
}

}  // namespace sekimori::report
