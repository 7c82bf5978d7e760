// The words of the notices, as data: one template for each kind, audience and language, compiled
// in; an operator's own files go before them.
//
// A template is a text:
//   Subject: 【重要】{address} からのメール送信を一時的に止めています
//   (an empty line)
//   {greeting} …
// {name} stands for a value. A line that names a value which is not known is left out, so one text
// serves providers with a telephone and without. {steps}, {contact} and {digest_items} stand for
// several lines.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "decide/notice.h"

namespace sekimori::act {

struct NoticeTemplate {
  std::string subject;
  std::string body;
};

// name → value; "" = not known.
using NoticeValues = std::map<std::string, std::string, std::less<>>;

// All that a template may name.
[[nodiscard]] std::span<const std::string_view> notice_placeholders();
// The kinds with words of their own; any other kind is told in general words.
[[nodiscard]] std::span<const std::string_view> notice_kinds();

// "Subject: …", an empty line, the body. Errors: bad_input with what is missing.
[[nodiscard]] Result<NoticeTemplate> parse_notice_template(std::string_view text);

// What is wrong with an operator's file.
struct TemplateFinding {
  std::string file;  // its name in the folder
  int line = 0;      // 0: the whole file
  Text what;
  std::string unknown;  // the placeholder (or file name's word) that does not exist; "" otherwise
};

class NoticeTemplates {
 public:
  NoticeTemplates();  // those compiled in

  // Takes over the folder's KIND.AUDIENCE.LANGUAGE.txt (restricted.owner.ja.txt) that are sound and
  // returns what is wrong with the others; an unreadable folder is one finding. "" = none.
  [[nodiscard]] std::vector<TemplateFinding> load(const std::string& folder);

  // Takes over one text in place of what stands there ("restricted.owner.ja"), if it is sound; what
  // is wrong with it is returned.
  [[nodiscard]] std::vector<TemplateFinding> put(std::string_view name, std::string_view text);
  // Every text of its own, "kind.audience.language", sorted.
  [[nodiscard]] std::vector<std::string> names() const;
  // As a file would hold it; "" where there is none of this name.
  [[nodiscard]] std::string text(std::string_view name) const;

  // Never fails: kind, then "other"; the mailbox has the owner's words where it has no own.
  [[nodiscard]] const NoticeTemplate& find(std::string_view kind, decide::NoticeAudience audience,
                                           Language language) const;

 private:
  using Key = std::tuple<std::string, decide::NoticeAudience, Language>;
  [[nodiscard]] static Result<Key> read_name(std::string_view name, TemplateFinding& fault);
  std::map<Key, NoticeTemplate, std::less<>> templates_;
};

// Fills in the values, in one pass: what stands in a value is never read as a placeholder. Values
// keep their lines only in blocks.
[[nodiscard]] std::string fill_notice(std::string_view pattern, const NoticeValues& values,
                                      Language language);

// The data: notice_words_ja.cc, notice_words_en.cc.
struct NoticeWords {
  std::string_view kind;
  decide::NoticeAudience audience;
  std::string_view text;
};
[[nodiscard]] std::span<const NoticeWords> notice_words(Language language);
// "steps", "contact": pieces that many templates share. "" for others.
[[nodiscard]] std::string_view notice_block(std::string_view name, Language language);

}  // namespace sekimori::act
