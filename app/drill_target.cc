#include "app/drill_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/cli_password.h"
#include "web/client.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

// A lab's file is a few KiB.
constexpr std::size_t k_endpoints_max = 1 << 20;

// The API over TCP with the lab's token.
class TokenApi : public Api {
 public:
  TokenApi(std::uint16_t port, Secret token) : client_(settings(port, std::move(token))) {}
  Result<Answer> call(std::string_view method, std::string_view target,
                      std::string_view body) override {
    auto response = client_.call(method, target, body);
    if (!response) return std::unexpected(response.error());
    return Answer{response->status, std::move(response->body)};
  }
  Result<Answer> send_lines(std::string_view target, std::string_view lines) override {
    auto response = client_.call("POST", target, lines, "application/x-ndjson");
    if (!response) return std::unexpected(response.error());
    return Answer{response->status, std::move(response->body)};
  }

 private:
  static web::ClientSettings settings(std::uint16_t port, Secret token) {
    web::ClientSettings out;
    out.address = *IpAddress::parse("127.0.0.1");
    out.port = port;
    out.token = std::move(token);
    return out;
  }
  web::Client client_;
};

std::string text_of(const json::object& of, std::string_view key) {
  const auto* value = of.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

MailEndpoint local_port(const json::object& of, std::string_view key) {
  const auto* value = of.if_contains(key);
  if (value == nullptr || !value->is_int64()) return {};
  return {"127.0.0.1", static_cast<std::uint16_t>(value->get_int64())};
}

Result<json::object> read_endpoints(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return operating_failure(fmt::format("cannot read {}", path));
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  boost::system::error_code broken;
  auto value = text.size() > k_endpoints_max ? json::value() : json::parse(text, broken);
  if (broken || !value.is_object()) return bad_input(fmt::format("{} is no endpoints.json", path));
  return std::move(value.get_object());
}

// "http://127.0.0.1:20007/api/v1" → 20007.
std::uint16_t port_of_url(std::string_view url) {
  const auto slash = url.find('/', url.find("//") + 2);
  const auto host = url.substr(0, slash);
  const auto colon = host.rfind(':');
  const auto read = MailEndpoint::parse("h:" + std::string(host.substr(colon + 1)));
  return read ? read->port : 0;
}

Result<void> fill_from_lab(DrillTarget& target, const json::object& lab, const Invocation& given) {
  target.is_lab = true;
  target.submission = local_port(lab, "submission_port");
  target.imap = local_port(lab, "imap_port");
  target.pop3 = local_port(lab, "pop3_port");
  target.mx = local_port(lab, "smtp_port");
  target.sink = text_of(lab, "sink_dir");
  target.maillog = text_of(lab, "maillog");
  const auto* accounts = lab.if_contains("accounts");
  if (accounts == nullptr || !accounts->is_array()) return bad_input("endpoints.json: no accounts");
  for (const auto& entry : accounts->get_array()) {
    if (!entry.is_object()) continue;
    DrillPerson person{text_of(entry.get_object(), "address"),
                       Secret(text_of(entry.get_object(), "password"))};
    const bool wanted = given.account.empty() ? person.address.starts_with("drill@")
                                              : person.address == given.account;
    if (wanted) {
      target.owner = std::move(person);
    } else {
      target.colleagues.push_back(std::move(person));
    }
  }
  if (target.owner.address.empty()) {
    return bad_input(given.account.empty() ? std::string("the lab has no account named drill@…")
                                           : given.account + " is no account of the lab");
  }
  // Those of the owner's own domain first: they know each other.
  const auto at = target.owner.address.find('@');
  const std::string domain = target.owner.address.substr(at);
  std::ranges::stable_partition(target.colleagues, [&](const DrillPerson& person) {
    return person.address.ends_with(domain);
  });
  const auto port = port_of_url(text_of(lab, "api_url"));
  if (port == 0) return bad_input("endpoints.json: no api_url");
  target.api = std::make_unique<TokenApi>(port, Secret(text_of(lab, "api_token")));
  return {};
}

Result<void> override_endpoint(MailEndpoint& endpoint, const std::string& text) {
  if (text.empty()) return {};
  auto read = MailEndpoint::parse(text);
  if (!read) return std::unexpected(read.error());
  endpoint = *read;
  return {};
}

}  // namespace

std::string endpoints_beside(const std::string& config_path) {
  std::error_code error;
  auto folder = std::filesystem::absolute(config_path, error).parent_path();
  // etc/sekimori.toml of a lab; a few folders more for those who moved it.
  for (int up = 0; up < 4 && !folder.empty(); ++up) {
    const auto candidate = folder / "endpoints.json";
    if (std::filesystem::exists(candidate, error)) return candidate.string();
    if (folder == folder.root_path()) break;
    folder = folder.parent_path();
  }
  return "";
}

Result<DrillTarget> drill_target(const Invocation& given, const config::Settings& settings) {
  DrillTarget target;
  std::string path = given.endpoints;
  // A named account with its own submission server is a real one.
  const bool real = given.endpoints.empty() && !given.account.empty() && given.password_stdin;
  if (path.empty() && !real) path = endpoints_beside(given.config);
  if (!path.empty()) {
    auto lab = read_endpoints(path);
    if (!lab) return std::unexpected(lab.error());
    if (auto done = fill_from_lab(target, *lab, given); !done) return std::unexpected(done.error());
  }
  for (const auto& [endpoint, text] :
       {std::pair{&target.submission, given.submission}, std::pair{&target.imap, given.imap},
        std::pair{&target.mx, given.mx}}) {
    if (auto done = override_endpoint(*endpoint, text); !done) return std::unexpected(done.error());
  }
  if (!target.is_lab) {
    if (given.account.empty() || !given.password_stdin || !target.submission.set() ||
        !target.imap.set()) {
      return bad_input(
          "no lab's endpoints.json was found; for a real server give --account ADDRESS "
          "--password-stdin --submission HOST:PORT --imap HOST:PORT");
    }
    target.owner.address = given.account;
    auto password = password_from_stdin();
    if (!password) return std::unexpected(password.error());
    target.owner.password = std::move(*password);
    if (daemon_state(settings) == DaemonState::dead) {
      return operating_failure("the daemon is not running: there is nothing to be drilled");
    }
    auto api = Api::connect(settings);
    if (!api) return std::unexpected(api.error());
    target.api = std::move(*api);
  }
  return target;
}

}  // namespace sekimori::app
