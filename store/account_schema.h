// PostfixAdmin 3.3's tables (schema version 1847), for a server that has none.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sekimori::store {

// CREATE statements for SQLite; `name_of` gives the name of each of PostfixAdmin's tables.
[[nodiscard]] std::vector<std::string> postfixadmin_tables(
    const std::function<std::string(std::string_view)>& name_of);

}  // namespace sekimori::store
