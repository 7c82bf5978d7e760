#include "report/mime_parts.h"

#include <gmime/gmime.h>

#include <memory>
#include <mutex>

#include "report/report_text.h"

namespace sekimori::report {
namespace {

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

struct Free {
  void operator()(char* text) const { g_free(text); }
};
using OwnedText = std::unique_ptr<char, Free>;

std::string decoded(GMimePart* part) {
  GMimeDataWrapper* const content = g_mime_part_get_content(part);
  if (content == nullptr) return {};
  const Owned<GMimeStream> memory(g_mime_stream_mem_new());
  g_mime_data_wrapper_write_to_stream(content, memory.get());
  const GByteArray* const bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory.get()));
  if (bytes == nullptr || bytes->data == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes->data), bytes->len};
}

std::string words_of(GMimePart* part) {
  if (GMIME_IS_TEXT_PART(part)) {
    const OwnedText text(g_mime_text_part_get_text(GMIME_TEXT_PART(part)));
    if (text) return text.get();
  }
  return decoded(part);
}

// HTML as its words: tags away, blocks as lines, the few entities that matter.
std::string without_tags(std::string_view html) {
  std::string out;
  while (!html.empty()) {
    const auto open = html.find('<');
    out += html.substr(0, open);
    if (open == std::string_view::npos) break;
    html.remove_prefix(open);
    const auto close = html.find('>');
    const std::string tag = lower(html.substr(1, close == std::string_view::npos ? 0 : 6));
    if (tag.starts_with("style") || tag.starts_with("script")) {
      const auto end = html.find(tag.starts_with("style") ? "</style" : "</script");
      if (end == std::string_view::npos) break;
      html.remove_prefix(end + 2);
      continue;
    }
    for (const std::string_view block :
         {"br", "p", "/p", "div", "/div", "tr", "/tr", "li", "/td"}) {
      if (tag.starts_with(block)) {
        out += '\n';
        break;
      }
    }
    if (close == std::string_view::npos) break;
    html.remove_prefix(close + 1);
  }
  for (const auto& [entity, character] :
       {std::pair<std::string_view, std::string_view>{"&lt;", "<"},
        {"&gt;", ">"},
        {"&nbsp;", " "},
        {"&#8203;", ""},
        {"&#39;", "'"},
        {"&quot;", "\""},
        {"&amp;", "&"}}) {
    for (std::size_t at = 0; (at = out.find(entity, at)) != std::string::npos;
         at += character.size()) {
      out.replace(at, entity.size(), character);
    }
  }
  return out;
}

class Walk {
 public:
  explicit Walk(MailParts& mail) : mail_(mail) {}

  void visit(GMimeObject* object, int depth) {
    if (object == nullptr || depth > k_depth_max || ++parts_ > k_parts_max) return;
    if (GMIME_IS_MULTIPART(object)) {
      GMimeMultipart* const multipart = GMIME_MULTIPART(object);
      const int n = g_mime_multipart_get_count(multipart);
      for (int i = 0; i < n; ++i) visit(g_mime_multipart_get_part(multipart, i), depth + 1);
      return;
    }
    if (GMIME_IS_MESSAGE_PART(object)) {
      GMimeMessage* const message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
      if (message == nullptr || !mail_.original.empty()) return;
      // A gateway that hands a bounce on within one of its own.
      GMimeObject* const inner = g_mime_message_get_mime_part(message);
      GMimeContentType* const type =
          inner == nullptr ? nullptr : g_mime_object_get_content_type(inner);
      if (mail_.status.empty() && type != nullptr &&
          g_mime_content_type_is_type(type, "multipart", "report")) {
        visit(inner, depth + 1);
        return;
      }
      const OwnedText head(g_mime_object_get_headers(GMIME_OBJECT(message), nullptr));
      if (head) mail_.original = head.get();
      return;
    }
    if (GMIME_IS_PART(object)) leaf(GMIME_PART(object));
  }

  // HTML speaks only where nothing else does.
  void end() {
    if (trim(mail_.text).empty()) mail_.text = without_tags(html_);
  }

 private:
  void leaf(GMimePart* part) {
    GMimeContentType* const type = g_mime_object_get_content_type(GMIME_OBJECT(part));
    const OwnedText name(type == nullptr ? nullptr : g_mime_content_type_get_mime_type(type));
    const std::string kind = name ? lower(name.get()) : "text/plain";
    if (kind == "message/delivery-status" || kind == "message/global-delivery-status" ||
        kind == "message/disposition-notification") {
      mail_.status += decoded(part) + "\n\n";
    } else if (kind == "message/feedback-report") {
      mail_.feedback += decoded(part) + "\n";
    } else if (kind.starts_with("text/rfc822-header") || kind == "message/rfc822-headers" ||
               kind == "message/global-headers") {
      if (mail_.original.empty()) mail_.original = decoded(part);
    } else if (kind == "text/html") {
      html_ += words_of(part) + "\n";
    } else if (kind.starts_with("text/")) {
      mail_.text += words_of(part) + "\n";
    }
  }

  MailParts& mail_;
  std::string html_;
  std::size_t parts_ = 0;
};

std::string utf8_header(std::string_view value) {
  const std::string raw(value);
  const OwnedText text(g_mime_utils_header_decode_text(nullptr, raw.c_str()));
  return text ? one_line(text.get(), 500) : one_line(value, 500);
}

}  // namespace

MailParts take_apart(std::string_view bytes) {
  static std::once_flag once;
  std::call_once(once, [] { g_mime_init(); });
  while (bytes.starts_with('\n') || bytes.starts_with('\r')) bytes.remove_prefix(1);
  // An mbox's separator is no part of the mail.
  if (bytes.starts_with("From ")) static_cast<void>(take_line(bytes));

  MailParts mail;
  mail.head = HeaderBlock::read(bytes);
  mail.subject = utf8_header(mail.head.get("subject"));
  const Owned<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  const Owned<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), nullptr));
  if (message) {
    if (GMimeObject* const body = g_mime_message_get_mime_part(message.get())) {
      GMimeContentType* const type = g_mime_object_get_content_type(body);
      if (type != nullptr && g_mime_content_type_is_type(type, "multipart", "report")) {
        mail.is_report = true;
        const char* const of = g_mime_content_type_get_parameter(type, "report-type");
        if (of != nullptr) mail.report_type = lower(of);
      }
      Walk walk(mail);
      walk.visit(body, 0);
      walk.end();
    }
  }
  if (trim(mail.text).empty() && mail.status.empty() && mail.feedback.empty() &&
      mail.original.empty()) {
    // Boundaries that lead nowhere: the body as it stands.
    std::string_view rest = bytes;
    while (!rest.empty() && !trim(take_line(rest)).empty()) {
    }
    mail.text = rest;
  }
  return mail;
}

}  // namespace sekimori::report
