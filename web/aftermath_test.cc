// The report's page cannot be made to run or load anything, whatever strangers wrote; the export
// cannot become a formula; nothing is sent to people without a reason.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "web/api.h"
#include "web/json_aftermath.h"
#include "web/memory_control.h"

namespace sekimori::web {
namespace {

namespace json = boost::json;

class AftermathApi : public testing::Test {
 protected:
  ApiResponse ask(std::string_view method, std::string_view target, std::string_view body = "") {
    Caller caller;
    caller.who = "api";
    caller.authorised = true;
    return handle({parse_method(method), target, body.empty() ? "" : "application/json", body, ""},
                  control_, caller);
  }
  MemoryControl control_;
};

std::string header(const ApiResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

TEST_F(AftermathApi, ThePageIsWholeAndHarmless) {
  for (const auto* lang : {"ja", "en"}) {
    const auto page = ask("GET", std::string("/api/v1/incidents/1/damage.html?lang=") + lang);
    ASSERT_EQ(page.status, 200);
    EXPECT_TRUE(page.content_type.starts_with("text/html"));
    for (const auto* never : {"<script", "javascript:", " style=", " onload", "http://", "https://",
                              "<link", "<img", "url("}) {
      EXPECT_EQ(page.body.find(never), std::string::npos) << never;
    }
    EXPECT_NE(page.body.find("&lt;script&gt;alert(1)&lt;/script&gt;"), std::string::npos);
    EXPECT_NE(header(page, "Content-Security-Policy").find("style-src 'sha256-"),
              std::string::npos);
    EXPECT_NE(page.body.find("</html>"), std::string::npos);
    EXPECT_NE(page.body.find("Google"), std::string::npos);
  }
  EXPECT_NE(ask("GET", "/api/v1/incidents/1/damage.html").body.find("被害報告書"),
            std::string::npos);
  EXPECT_EQ(ask("GET", "/api/v1/incidents/1/damage.html?lang=fr").status, 400);
  EXPECT_EQ(ask("GET", "/api/v1/incidents/2/damage.html").status, 404);
  EXPECT_EQ(ask("GET", "/api/v1/incidents/x/damage").status, 400);
}

TEST_F(AftermathApi, APageOfAnythingIsStillAPage) {
  for (const auto* report :
       {"{}", "[]", "7", R"({"summary":5,"messages":{"a":1},"places":[1,null]})",
        R"({"mail":{"recipients":-4,"fates":{"delivered":1e300}}})"}) {
    EXPECT_NE(damage_html(json::parse(report), Language::ja).find("</html>"), std::string::npos);
  }
}

TEST_F(AftermathApi, TheExportIsNoFormula) {
  const auto csv = ask("GET", "/api/v1/incidents/1/recipients.csv?bom=1&lang=en");
  ASSERT_EQ(csv.status, 200);
  EXPECT_TRUE(
      csv.body.starts_with("\xEF\xBB\xBF"
                           "address,first,last,messages,outcome,fate\r\n"));
  EXPECT_NE(csv.body.find("\"'=cmd|x!a@far.example\","), std::string::npos) << csv.body;
  EXPECT_NE(header(csv, "Content-Disposition").find("attachment"), std::string::npos);
  EXPECT_FALSE(ask("GET", "/api/v1/incidents/1/recipients.csv").body.starts_with("\xEF"));
  decide::DamageRecipient quoted;
  quoted.address = "\"a\r\nb\"@x.example";
  const auto out = recipients_csv({quoted}, Language::ja, false);
  EXPECT_NE(out.find("\"\"\"ab\"\"@x.example\","), std::string::npos) << out;
}

TEST_F(AftermathApi, TheNoteIsADraftUntilSomebodySendsItForAReason) {
  const auto* path = "/api/v1/incidents/1/note-to-recipients";
  const auto draft = ask("POST", path, "{}");
  ASSERT_EQ(draft.status, 200);
  EXPECT_EQ(json::parse(draft.body).at("addressees"), 1);
  EXPECT_EQ(ask("POST", path, R"({"send":true})").status, 400);
  EXPECT_EQ(ask("POST", path, R"({"send":1,"reason":"x"})").status, 400);
  EXPECT_EQ(ask("POST", path, R"({"send":true,"reason":"x","subject":"a\nb"})").status, 400);
  EXPECT_TRUE(control_.memory_aftermath().sent_notes().empty());
  EXPECT_EQ(ask("POST", path, R"({"send":true,"reason":"the owner asked"})").status, 200);
  EXPECT_EQ(ask("POST", path, R"({"send":true,"reason":"x","subject":"S","body":"a\nb"})").status,
            200);
  const auto sent = control_.memory_aftermath().sent_notes();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].body, "本文\nText");
  EXPECT_EQ(sent[1], (RecipientNote{"S", "a\nb"}));
}

}  // namespace
}  // namespace sekimori::web
