// A sentence for a person, in both languages of the product. Japanese is polite (です・ます).
#pragma once

#include <string>

namespace sekimori {

enum class Language : unsigned char { ja, en };

struct Text {
  std::string ja;
  std::string en;
  [[nodiscard]] const std::string& in(Language language) const {
    return language == Language::ja ? ja : en;
  }
  bool operator==(const Text&) const = default;
};

}  // namespace sekimori
