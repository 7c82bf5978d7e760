#include "report/plain_text.h"

#include <algorithm>
#include <array>

#include "report/header_block.h"
#include "report/mail_report.h"
#include "report/report_text.h"

namespace sekimori::report {
namespace {

constexpr std::size_t k_section_max = 3000;

// What announces the copy of the mail, in lower case.
constexpr auto k_markers = std::to_array<std::string_view>({
    "below this line is a copy",
    "this is a copy of the message",
    "this is a copy of your message",
    "this is a copy of the headers",
    "original message follows",
    "original message header",
    "original message headers",
    "message headers follow",
    "message header follows",
    "header of the original message",
    "headers of the original message",
    "copy of the message header",
    "--original message",
    "-- original message",
    "--original mail",
    "-- returned message",
    "-- returned mail",
    "-- unsent message",
    "-- message header",
    "text of your message follows",
    "unsent message follows",
    "returned message follows",
    "the original message was:",
    "beginning of the original message",
    "message text follows",
    "message follows:",
    "original message text",
    "original message:",
    "received headers follow",
    "your original message",
    "returned content",
    "元のメッセージ",
    "メッセージのヘッダ",
    "送信されたメール",
});

// Words in front of the address that could not be reached.
constexpr auto k_announcing = std::to_array<std::string_view>({
    "recipient:",
    "rcpt to:",
    "unknown user:",
    "undeliverable to",
    "unable to deliver message to",
    "unable to deliver to",
    "your mail to",
    "your message to",
    "delivered to:",
    "delivery to",
    "delivery userid:",
    "mailbox is full:",
    "address failed:",
    "failed to deliver to",
    "not delivered to",
    "recipient address:",
    "final-recipient:",
    "could not deliver to",
    "failed recipient:",
    "invalid user:",
    "mailbox unavailable:",
    "user unknown:",
    "to address:",
    "undelivered to",
    "not be delivered to",
    "could not be found:",
    "addressed to",
    "recipients:",
    "mail for",
    "宛先:",
    "宛先:",
    "あて先:",
});

// The same words lead to addresses that are nobody's failure.
constexpr auto k_leading_elsewhere = std::to_array<std::string_view>({
    "mail from",
    "from:",
    "sender:",
    "postmaster",
    "mailto:",
    "contact",
    "envelope-from",
    "http:",
    "https:",
    "reply-to",
    "message-id",
    "sent by",
    "please forward",
    "return-path",
    "cc:",
    "message identifier",
    "message id",
    "generated from",
    "x-",
});

bool is_announced(std::string_view line) {
  return std::ranges::any_of(k_announcing, [&](std::string_view word) {
    const auto at = line.find(word);
    // The address follows, not something else.
    return at != std::string_view::npos && line.find('@', at) != std::string_view::npos;
  });
}

bool leads_elsewhere(std::string_view line) {
  return std::ranges::any_of(k_leading_elsewhere, [&](std::string_view word) {
    return line.find(word) != std::string_view::npos;
  });
}

std::string_view without_ornament(std::string_view line) {
  line = trim(line);
  while (!line.empty() &&
         std::string_view("<>\"'(*-[|").find(line.front()) != std::string_view::npos) {
    line.remove_prefix(1);
    line = trim(line);
  }
  return line;
}

// Where a header of a mail may begin that nobody announced.
bool opens_original(std::string_view line) {
  for (const std::string_view name : {"return-path:", "received:", "message-id:", "x-received:",
                                      "dkim-signature:", "arc-seal:", "delivered-to:"}) {
    if (line.starts_with(name)) return true;
  }
  return false;
}

}  // namespace

Letter divide(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t begin = text.size() - rest.size();
    const std::string_view raw = take_line(rest);
    const std::string line = lower(raw.substr(0, 200));
    const bool announced = std::ranges::any_of(
        k_markers, [&](std::string_view marker) { return line.find(marker) != std::string::npos; });
    if (!announced && !opens_original(line)) continue;
    std::string_view words = text.substr(0, begin);
    // To the first line that is a field.
    std::string_view original = announced ? rest : text.substr(begin);
    while (!original.empty()) {
      std::string_view look = original;
      const std::string_view next = take_line(look);
      if (field_name_length(next) != 0) break;
      original = look;
    }
    return {words, original};
  }
  return {text, {}};
}

std::vector<Section> sections_of(std::string_view words) {
  std::vector<Section> sections;
  Section* open = nullptr;
  std::string before;  // the line before: it may announce the address
  while (!words.empty()) {
    const std::string_view raw = take_line(words);
    const std::string line = lower(raw.substr(0, 1000));
    const std::string_view bare = without_ornament(line);
    std::size_t at = 0;
    const auto first = next_address(bare, at);
    bool strong = false;
    std::string address;
    if (first) {
      const bool begins = bare.starts_with(*first);
      const bool announced = is_announced(line);
      if (begins || announced || !leads_elsewhere(line)) {
        address = *first;
        strong = announced || (begins && before.find("sent by") == std::string::npos &&
                               before.find("generated from") == std::string::npos);
      }
    }
    if (!trim(line).empty()) before = line;
    if (!address.empty()) {
      const auto known = std::ranges::find(sections, address, &Section::address);
      if (known != sections.end()) {
        known->strong = known->strong || strong;
        open = &*known;
      } else if (sections.size() < k_report_recipients_max) {
        // Within what is said of one, another address that nothing announces is not a new one.
        if (strong || open == nullptr || !open->strong) {
          sections.push_back({address, {}, strong});
          open = &sections.back();
        }
      }
    }
    if (open != nullptr && open->text.size() + raw.size() < k_section_max) {
      open->text.append(raw).append("\n");
    }
  }
  return sections;
}

}  // namespace sekimori::report
