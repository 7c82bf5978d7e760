#include "app/doctor_walls.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <optional>

#include "act/curl_handle.h"
#include "act/helper_client.h"
#include "app/installation.h"
#include "base/listen_address.h"
#include "web/client.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

// Behind it sets fill while an attack goes on.
constexpr double k_set_nearly_full = 0.9;

class Walls {
 public:
  explicit Walls(const config::Settings& settings) : settings_(settings) {}

  std::vector<Check> run() {
    bans();
    rules();
    blacklists();
    weakforced();
    return std::move(out_);
  }

 private:
  void good(std::string name, std::string ja, std::string en) {
    out_.push_back({std::move(name), Finding::good, {std::move(ja), std::move(en)}, {}});
  }
  void ill(std::string name, Finding level, std::string ja, std::string en,
           const std::string& command) {
    out_.push_back({std::move(name), level, {std::move(ja), std::move(en)}, {command, command}});
  }

  // The members of the daemon's answer; nullopt: it was said already why there is none.
  std::optional<json::object> ask(const std::string& name, std::string_view target) {
    web::ClientSettings to;
    to.unix_socket = settings_.web.control_socket;
    to.timeout = seconds(20);
    const auto answer = web::Client(std::move(to)).call("GET", target);
    if (!answer || answer->status != 200) {
      const std::string why = answer ? fmt::format("HTTP {}", answer->status) : answer.error().text;
      ill(name, Finding::unknown, "Sekimori に尋ねられません: " + why,
          "Sekimori cannot be asked: " + why, "sudo sekimori doctor");
      return std::nullopt;
    }
    boost::system::error_code broken;
    auto body = json::parse(answer->body, broken);
    if (broken || !body.is_object()) return std::nullopt;
    return std::move(body.get_object());
  }
  static std::uint64_t number(const json::object& of, std::string_view key) {
    const auto* value = of.if_contains(key);
    return value != nullptr && value->is_int64() && value->get_int64() > 0
               ? static_cast<std::uint64_t>(value->get_int64())
               : 0;
  }
  static std::string word(const json::object& of, std::string_view key) {
    const auto* value = of.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  }

  void bans() {
    const auto totals = ask("bans", "/api/v1/ban-totals");
    if (!totals) return;
    const std::uint64_t in_force = number(*totals, "in_force");
    good("bans",
         fmt::format("遮断は {} 件、数えているアドレスは {} 件です。", in_force,
                     number(*totals, "addresses")),
         fmt::format("{} bans, {} addresses counted", in_force, number(*totals, "addresses")));
    if (!settings_.firewall.enabled) {
      good("firewall", "カーネルのファイアウォールは使っていません(サインインの応答で遮断します)。",
           "not used; bans hold by the answers to sign-ins");
      return;
    }
    const std::string restart = "systemctl restart sekimori-helper sekimori";
    act::HelperClient helper(settings_.helper.socket, settings_.helper.timeout);
    if (auto there = helper.ping(); !there) {
      ill("firewall", Finding::bad, "補助プログラムに届きません: " + there.error().text,
          "the helper cannot be reached: " + there.error().text, restart);
      return;
    }
    if (auto table = helper.firewall_state(); !table) {
      ill("firewall", Finding::bad,
          fmt::format("テーブル inet {} がありません: {}", settings_.firewall.table,
                      table.error().text),
          fmt::format("the table inet {} is not there: {}", settings_.firewall.table,
                      table.error().text),
          restart + "; nft list table inet " + settings_.firewall.table);
      return;
    }
    const std::uint64_t inside = number(*totals, "in_firewall");
    const auto size = static_cast<double>(settings_.firewall.size);
    const std::string ja = fmt::format("テーブル inet {} に {} 件入っています(上限 {})。",
                                       settings_.firewall.table, inside, settings_.firewall.size);
    const std::string en = fmt::format("the table inet {} has {} of {} addresses",
                                       settings_.firewall.table, inside, settings_.firewall.size);
    if (static_cast<double>(inside) > k_set_nearly_full * size) {
      ill("firewall", Finding::warning, ja, en,
          fmt::format("firewall.size = {}", 2 * settings_.firewall.size));
    } else {
      good("firewall", ja, en);
    }
  }

  void rules() {
    const auto page = ask("ip_rules", "/api/v1/ip-rules?limit=1");
    if (!page) return;
    good("ip_rules", fmt::format("許可・拒否の規則は {} 件です。", number(*page, "total")),
         fmt::format("{} rules for addresses", number(*page, "total")));
  }

  void blacklists() {
    if (settings_.dnsbl.lists.empty() && settings_.dnsbl.login_lists.empty()) return;
    const auto health = ask("blacklists", "/api/v1/health");
    if (!health) return;
    const auto* items = health->if_contains("items");
    if (items == nullptr || !items->is_array()) return;
    std::size_t all = 0;
    std::string away;
    for (const auto& each : items->get_array()) {
      if (!each.is_object()) continue;
      const std::string name = word(each.get_object(), "name");
      if (!name.starts_with("blacklist ")) continue;
      ++all;
      if (word(each.get_object(), "level") == "ok") continue;
      away += (away.empty() ? "" : ", ") + name.substr(name.find(' ') + 1);
    }
    if (away.empty()) {
      good("blacklists", fmt::format("{} 個のブラックリストすべてが試験に通っています。", all),
           fmt::format("all {} blacklists pass their test", all));
      return;
    }
    std::string server;
    if (!settings_.dnsbl.servers.empty()) {
      if (const auto at = ListenAddress::parse(settings_.dnsbl.servers.front())) {
        server = fmt::format(" @{} -p {}", at->ip.to_string(), at->port);
      }
    }
    ill("blacklists", Finding::warning,
        fmt::format("試験に通らず、問い合わせていないリスト: {}", away),
        "lists that fail their test and are not asked: " + away,
        fmt::format("sekimori health; dig 2.0.0.127.{} A{}", away.substr(0, away.find(',')),
                    server));
  }

  // As a program of the site would ask.
  void weakforced() {
    if (settings_.weakforced.listen.empty()) return;
    const std::string file = settings_.weakforced.password_file;
    const auto password = read_secret(file);
    if (!password) {
      ill("weakforced", Finding::unknown, "パスワードのファイルを読めません: " + file,
          "its password file cannot be read: " + file, "ls -l " + file);
      return;
    }
    for (const std::string& text : settings_.weakforced.listen) {
      const auto address = ListenAddress::parse(text);
      if (!address) continue;
      if (const std::string why = ping(*address, *password); !why.empty()) {
        ill("weakforced", Finding::bad, fmt::format("{} が答えません: {}", text, why),
            fmt::format("{} does not answer: {}", text, why),
            "systemctl restart sekimori; ss -lntp");
        return;
      }
    }
    good("weakforced", "weakforced と同じコマンドに答えています。",
         "answers weakforced's commands");
  }

  // "" where it answers, else why not.
  static std::string ping(const ListenAddress& address, const Secret& password) {
    act::CurlHandle curl;
    CURL* handle = curl.reset();
    if (handle == nullptr) return "libcurl could not start";
    curl.set_timeout(seconds(5));
    std::string answer;
    curl.collect(answer, 4096);
    const std::string url = address.is_unix() ? "http://localhost/?command=ping"
                                              : "http://" + address.to_string() + "/?command=ping";
    const Secret authorization("sekimori:" + std::string(password.reveal()));
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    if (address.is_unix()) {
      curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, address.unix_path.c_str());
    }
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_USERPWD, std::string(authorization.reveal()).c_str());
    if (const CURLcode code = curl_easy_perform(handle); code != CURLE_OK) {
      return curl_easy_strerror(code);
    }
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status == 200 ? "" : fmt::format("HTTP {}", status);
  }

  const config::Settings& settings_;
  std::vector<Check> out_;
};

}  // namespace

std::vector<Check> wall_checks(const config::Settings& settings) { return Walls(settings).run(); }

}  // namespace sekimori::app
