// The panel and the owners' portal as built from panel/ (vite): embedded, each file with its
// compressed forms. Empty in a build without panel/dist.
#pragma once

#include <span>
#include <string_view>

namespace sekimori::web {

struct PanelFile {
  std::string_view name;  // "index.html", "assets/app-3f2a.js"
  std::string_view type;  // of its content
  std::string_view etag;  // with its quotes
  std::string_view plain;
  std::string_view gzip;    // "" when not worth it
  std::string_view brotli;  // ""
};
[[nodiscard]] std::span<const PanelFile> panel_files();
// nullptr when there is none of that name.
[[nodiscard]] const PanelFile* find_panel_file(std::string_view name);

}  // namespace sekimori::web
