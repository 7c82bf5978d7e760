// The plain pages: files of this folder, embedded at build time. No scripts, nothing from
// elsewhere.
#pragma once

#include <string>
#include <string_view>

namespace sekimori::web {

[[nodiscard]] std::string_view landing_html();
[[nodiscard]] std::string_view portal_html();

// The Content-Security-Policy of a page (CSP Level 3): nothing but its own one <style>, by its
// hash.
[[nodiscard]] std::string content_security_policy(std::string_view html);

}  // namespace sekimori::web
