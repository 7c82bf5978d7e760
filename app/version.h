#pragma once

namespace sekimori::app {

inline constexpr const char* k_version = SEKIMORI_VERSION;

}  // namespace sekimori::app
