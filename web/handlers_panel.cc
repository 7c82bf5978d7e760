// The panel's and the portal's files. Without them (a build without panel/dist) the plain pages
// stand in.
#include <algorithm>
#include <array>
#include <string>

#include "web/handlers.h"
#include "web/pages.h"
#include "web/panel_files.h"

namespace sekimori::web {
namespace {

// Only files of this server, no inline script or style, and no frame around it.
constexpr std::string_view k_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

// Does Accept-Encoding name it, and not with q=0 (RFC 9110 §12.5.3)?
bool accepts(std::string_view header, std::string_view coding) {
  while (!header.empty()) {
    auto item = header.substr(0, header.find(','));
    header.remove_prefix(std::min(header.size(), item.size() + 1));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    const auto name = item.substr(0, item.find_first_of("; "));
    if (name != coding) continue;
    const auto q = item.find("q=");
    if (q == std::string_view::npos) return true;
    return item.substr(q + 2).find_first_of("123456789") != std::string_view::npos;
  }
  return false;
}

// A list of entity tags, "W/" before them allowed (RFC 9110 §13.1.2): proxies that compress weaken.
bool knows(std::string_view if_none_match, std::string_view etag) {
  return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

ApiResponse answer(const Call& call, const PanelFile& file, bool immutable) {
  ApiResponse response;
  response.content_type = file.type;
  auto& headers = response.headers;
  headers.emplace_back("Cache-Control",
                       immutable ? "public, max-age=31536000, immutable" : "no-cache");
  headers.emplace_back("Vary", "Accept-Encoding");
  headers.emplace_back("Content-Security-Policy", k_policy);
  const auto encoding = call.request == nullptr ? std::string_view() : call.request->encodings;
  std::string_view coding;
  std::string_view body = file.plain;
  if (!file.brotli.empty() && accepts(encoding, "br")) {
    coding = "br";
    body = file.brotli;
  } else if (!file.gzip.empty() && accepts(encoding, "gzip")) {
    coding = "gzip";
    body = file.gzip;
  }
  // Each form is a representation of its own.
  std::string etag(file.etag);
  if (!coding.empty()) {
    etag.insert(etag.size() - 1, "-" + std::string(coding));
    headers.emplace_back("Content-Encoding", coding);
  }
  headers.emplace_back("ETag", etag);
  const auto known = call.request == nullptr ? std::string_view() : call.request->if_none_match;
  if (!known.empty() && knows(known, etag)) {
    response.status = 304;
  } else {
    response.body = body;
  }
  return response;
}

ApiResponse plain_page(std::string_view html) {
  ApiResponse response;
  response.content_type = "text/html; charset=utf-8";
  response.body = html;
  response.headers.emplace_back("Content-Security-Policy", content_security_policy(html));
  return response;
}

ApiResponse panel(const Call& call) {
  const auto* file = find_panel_file("index.html");
  return file == nullptr ? plain_page(landing_html()) : answer(call, *file, false);
}

ApiResponse portal(const Call& call) {
  const auto* file = find_panel_file("portal.html");
  return file == nullptr ? plain_page(portal_html()) : answer(call, *file, false);
}

ApiResponse asset(const Call& call) {
  const auto* file = find_panel_file("assets/" + std::string(call.parameters[0]));
  return file == nullptr ? error_response(404) : answer(call, *file, true);
}

constexpr std::array k_routes = {
    Route{Method::get, "/", Access::open, panel},
    Route{Method::get, "/portal", Access::open, portal},
    Route{Method::get, "/assets/{name}", Access::open, asset},
};

}  // namespace

const PanelFile* find_panel_file(std::string_view name) {
  const auto files = panel_files();
  const auto at = std::ranges::find(files, name, &PanelFile::name);
  return at == files.end() ? nullptr : &*at;
}

std::span<const Route> panel_routes() {
  const std::span<const Route> all(k_routes);
  return panel_files().empty() ? all.first(2) : all;  // no panel, no files of it
}

}  // namespace sekimori::web
