#include "web/status_page.h"

#include <string_view>

#include "base/markup.h"
#include "web/pages.h"
#include "web/panel_files.h"

namespace sekimori::web {
namespace {

// Without the portal's files the page brings its own few rules.
constexpr std::string_view k_plain_style =
    "<style>body{font:1.06rem/1.8 system-ui,'Hiragino Sans','Noto Sans JP',sans-serif;"
    "max-width:38rem;margin:0 auto;padding:1rem}dl{margin:0}dt{float:left;clear:left}"
    "dd{text-align:right;font-weight:600}</style>";

// The <link>s of the portal's page as vite wrote them, without its scripts.
std::string style_links() {
  const auto* portal = find_panel_file("portal.html");
  if (portal == nullptr) return std::string(k_plain_style);
  std::string out;
  std::string_view html = portal->plain;
  for (auto at = html.find("<link"); at != std::string_view::npos;
       at = html.find("<link", at + 1)) {
    const auto link = html.substr(at, html.find('>', at) + 1 - at);
    if (link.find("rel=\"stylesheet\"") != std::string_view::npos) out += link;
  }
  return out.empty() ? std::string(k_plain_style) : out;
}

std::string page(Language language, std::string_view title, std::string_view body) {
  const bool ja = language == Language::ja;
  std::string out = "<!doctype html>\n<html lang=\"";
  out += ja ? "ja" : "en";
  out +=
      "\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta name=\"robots\" content=\"noindex\"><title>";
  out += markup_text(title);
  out += "</title>";
  out += style_links();
  out += "</head><body class=\"portal\"><main>";
  out += body;
  out += "<p><a class=\"button\" href=\"/portal\">";
  out += ja ? "最初のページへ戻る" : "Back to the first page";
  out += "</a></p></main></body></html>\n";
  return out;
}

struct Use {
  Text words;
  std::string_view tone;
};
Use use_of(OwnUse use) {
  switch (use) {
    case OwnUse::works: return {{"使えます", "Works"}, "good"};
    case OwnUse::watched: return {{"使えます(見守り中)", "Works (watched)"}, "good"};
    case OwnUse::waits: return {{"届くメールは待機中", "Mail to you waits"}, "warn"};
    case OwnUse::stopped: break;
  }
  return {{"止めています", "Stopped"}, "bad"};
}

}  // namespace

std::string status_html(const OwnStatus& status, Language language) {
  const bool ja = language == Language::ja;
  const auto say = [&](const char* in_ja, const char* in_en) -> std::string_view {
    return ja ? in_ja : in_en;
  };
  std::string out = "<section class=\"card\"><div><h1>";
  out += say("いまの状態", "How it is now");
  out += "</h1><p class=\"soft small\">" + markup_text(status.account);
  const auto& since = status.since_text.in(language);
  if (status.standing != Standing::normal && !since.empty()) {
    out += ja ? "、" + markup_text(since) + " から" : ", since " + markup_text(since);
  }
  out += "</p></div><dl class=\"status\">";
  const auto row = [&](std::string_view name, OwnUse use) {
    const auto [words, tone] = use_of(use);
    out += "<div class=\"";
    out += tone;
    out += "\"><dt>";
    out += name;
    out += "</dt><dd>" + words.in(language) + "</dd></div>";
  };
  row(say("受信", "Receiving"), status.receive);
  row(say("送信", "Sending"), status.send);
  row(say("サインイン", "Signing in"), status.sign_in);
  out += "</dl><p>" + markup_text(status.what.in(language)) + "</p>";
  if (const auto& why = status.why.in(language); !why.empty()) {
    out += "<h2>";
    out += say("理由", "Why");
    out += "</h2><p>" + markup_text(why) + "</p>";
  }
  if (status.waiting > 0) {
    out += "<p>" +
           (ja ? "送信元で待っているメール: " + std::to_string(status.waiting) + " 通"
               : "Mail that waits at its senders: " + std::to_string(status.waiting)) +
           "</p>";
  }
  out += "<p class=\"notice\"><strong>";
  out += say("次にすること", "What to do next");
  out += "</strong><br>";
  const auto& next = status.next.in(language);
  out += next.empty() ? std::string(say("いまは、することはありません。", "Nothing, for now."))
                      : markup_text(next);
  out += "</p>";
  const auto& help = status.help;
  if (!help.phone.empty() || !help.url.empty()) {
    out += "<h2>";
    out += say("困ったとき", "If you need help");
    out += "</h2><p>" + markup_text(help.provider);
    if (!help.phone.empty()) {
      out += " <a href=\"tel:" + markup_text(help.phone) + "\">" + markup_text(help.phone) + "</a>";
      if (!help.hours.empty()) out += " (" + markup_text(help.hours) + ")";
    }
    if (!help.url.empty()) {
      out += " <a href=\"" + markup_text(help.url) + "\">" + markup_text(help.url) + "</a>";
    }
    out += "</p>";
  }
  out += "</section>";
  return page(language, say("いまの状態", "How it is now"), out);
}

std::string refused_status_page(StatusRefusal why, Language language) {
  Text words{
      "アドレスとパスワードを確かめて、もう一度お試しください。パスワードが分からないときは、お電話で"
      "お問い合わせください。",
      "Please check the address and the password and try again. If you do not know the password, "
      "please telephone."};
  Text title{"確認できませんでした", "We could not confirm that"};
  if (why == StatusRefusal::too_often) {
    words = {"続けて何度も試されました。15 分ほど待ってから、もう一度お試しください。",
             "It was tried too often. Please wait for a quarter of an hour and try again."};
  } else if (why == StatusRefusal::unavailable) {
    title = {"いまは調べられません", "This cannot be looked up now"};
    words = {"少し待ってから、もう一度お試しください。", "Please try again a little later."};
  }
  return page(language, title.in(language),
              "<section class=\"card\"><h1>" + title.in(language) + "</h1><p role=\"alert\">" +
                  words.in(language) + "</p></section>");
}

ApiResponse page_response(std::string html) {
  ApiResponse response;
  response.content_type = "text/html; charset=utf-8";
  const std::string policy = html.find("<style>") == std::string::npos
                                 ? "default-src 'none'; style-src 'self'; base-uri 'none'; "
                                   "form-action 'none'; frame-ancestors 'none'"
                                 : content_security_policy(html);
  response.headers.emplace_back("Content-Security-Policy", policy);
  response.body = std::move(html);
  return response;
}

}  // namespace sekimori::web
