// The one place that speaks GMime (its headers bring GLib's along).
#include <fmt/format.h>
#include <gmime/gmime.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string_view>

#include "act/curl_handle.h"
#include "act/mime.h"
#include "act/notice_mail.h"

namespace sekimori::act {
namespace {

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

void start_gmime() {
  static std::once_flag once;
  std::call_once(once, [] { g_mime_init(); });
}

void set_ascii(GMimeMessage* message, const char* name, const char* value) {
  g_mime_object_set_header(GMIME_OBJECT(message), name, value, nullptr);
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Encoded words of at most 72 characters, never cutting a character in two (RFC 2047 §2, §5). GMime
// 3.2 makes them as long as the text has no blank, over 100 in Japanese, where 75 are allowed; and
// when it reads them (in notmuch, Geary, Balsa), it ends the text behind a word that is padded with
// '='. So all but the last carry whole groups of three bytes; a character that is in the way of
// that goes by itself, quoted.
std::string encoded_words(std::string_view utf8, std::string_view between) {
  constexpr std::size_t k_piece = 39;  // 52 of base64
  const auto begins = [&](std::size_t at) {
    return at == utf8.size() || (static_cast<unsigned char>(utf8[at]) & 0xC0) != 0x80;
  };
  std::string out;
  while (!utf8.empty()) {
    std::size_t size = utf8.size() <= k_piece ? utf8.size() : k_piece;
    while (utf8.size() > k_piece && size > 0 && !begins(size)) size -= 3;
    if (!out.empty()) out += between;
    if (size > 0) {
      out.append("=?UTF-8?B?").append(base64(utf8.substr(0, size))).append("?=");
    } else {
      size = 1;
      while (!begins(size)) ++size;
      out += "=?UTF-8?Q?";
      for (const char c : utf8.substr(0, size)) {
        out += fmt::format("={:02X}", static_cast<unsigned char>(c));
      }
      out += "?=";
    }
    utf8.remove_prefix(size);
  }
  return out;
}

}  // namespace

std::string decoded_header(std::string_view raw) {
  start_gmime();
  const std::string text(raw);
  char* unfolded = g_mime_utils_header_unfold(text.c_str());
  char* decoded = g_mime_utils_header_decode_text(nullptr, unfolded);
  char* valid = g_utf8_make_valid(decoded, -1);
  std::string out(valid);
  g_free(valid);
  g_free(decoded);
  g_free(unfolded);
  std::erase_if(out, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7F;
  });
  out.erase(0, std::min(out.find_first_not_of(' '), out.size()));
  return out;
}

std::string make_mail(const MailHeaders& headers, const Letter& letter) {
  start_gmime();

  const Owned<GMimeMessage> message(g_mime_message_new(TRUE));
  g_mime_message_add_mailbox(message.get(), GMIME_ADDRESS_TYPE_FROM, headers.from_name.c_str(),
                             headers.from.c_str());
  for (const std::string& to : headers.to) {
    g_mime_message_add_mailbox(message.get(), GMIME_ADDRESS_TYPE_TO, nullptr, to.c_str());
  }
  if (!is_ascii(headers.from_name)) {
    const std::string raw =
        " " + encoded_words(headers.from_name, "\r\n ") + "\r\n <" + headers.from + ">\r\n";
    g_mime_header_set_raw_value(
        g_mime_header_list_get_header(g_mime_object_get_header_list(GMIME_OBJECT(message.get())),
                                      "From"),
        raw.c_str());
  }
  const std::string subject =
      is_ascii(letter.subject) ? letter.subject : encoded_words(letter.subject, " ");
  g_mime_message_set_subject(message.get(), subject.c_str(), "utf-8");
  // In UTC: the same notice is the same bytes on every machine.
  GDateTime* date = g_date_time_new_from_unix_utc(headers.date.us / 1'000'000);
  g_mime_message_set_date(message.get(), date);
  g_date_time_unref(date);
  g_mime_message_set_message_id(message.get(), headers.message_id.c_str());
  set_ascii(message.get(), "Auto-Submitted", "auto-generated");
  set_ascii(message.get(), "X-Auto-Response-Suppress", "All");
  set_ascii(message.get(), "Precedence", "bulk");

  const Owned<GMimeTextPart> part(g_mime_text_part_new_with_subtype("plain"));
  g_mime_text_part_set_charset(part.get(), "utf-8");
  g_mime_text_part_set_text(part.get(), letter.body.c_str());
  g_mime_part_set_content_encoding(GMIME_PART(part.get()), GMIME_CONTENT_ENCODING_BASE64);
  g_mime_message_set_mime_part(message.get(), GMIME_OBJECT(part.get()));

  GMimeFormatOptions* format = g_mime_format_options_new();
  g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
  char* text = g_mime_object_to_string(GMIME_OBJECT(message.get()), format);
  std::string out(text);
  g_free(text);
  g_mime_format_options_free(format);
  return out;
}

}  // namespace sekimori::act
