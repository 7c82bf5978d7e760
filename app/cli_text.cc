#include "app/cli_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <utility>

#include "base/instant.h"

namespace sekimori::app {
namespace {

struct Word {
  std::string_view key;
  std::string_view ja;
  std::string_view en;
};
constexpr std::array k_standings = {
    Word{"normal", "通常", "normal"},           Word{"restricted", "送信制限", "restricted"},
    Word{"suspended", "停止", "suspended"},     Word{"recovering", "復旧中", "recovering"},
    Word{"probation", "見守り中", "probation"},
};
constexpr std::array k_states = {
    Word{"open", "確認待ち", "open"},
    Word{"contained", "封じ込め済み", "contained"},
    Word{"recovering", "復旧中", "recovering"},
    Word{"closed", "終了", "closed"},
    Word{"held", "保留中", "held"},
    Word{"releasing", "送信準備中", "releasing"},
    Word{"released", "送信済み", "released"},
    Word{"deleted", "削除済み", "deleted"},
    Word{"waiting", "待機中", "waiting"},
    Word{"done", "完了", "done"},
    Word{"retrying", "再試行中", "retrying"},
    Word{"failed", "失敗", "failed"},
};

constexpr std::array k_gate_states = {
    Word{"open", "未完了", "to do"},
    Word{"proved", "確認済み", "verified"},
    Word{"not_needed", "不要", "not needed"},
    Word{"overridden", "省略", "skipped"},
};
constexpr std::array k_channels = {
    Word{"mail", "メール", "mail"},
    Word{"webhook", "Webhook", "webhook"},
    Word{"call", "電話", "call"},
};
constexpr std::array k_notice_states = {
    Word{"waiting", "送信待ち", "waiting"},
    Word{"sent", "送信済み", "sent"},
    Word{"acknowledged", "確認済み", "acknowledged"},
    Word{"failed", "失敗", "failed"},
};

template <std::size_t n>
std::string word_of(const std::array<Word, n>& words, std::string_view key, Language language) {
  for (const Word& word : words) {
    if (word.key == key) return std::string(language == Language::ja ? word.ja : word.en);
  }
  return std::string(key);
}

// The wide blocks that names and sentences here can hold; not all of UAX #11.
bool is_wide(std::uint32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
         (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000);
}

struct Letter {
  std::size_t bytes;
  std::size_t columns;
};

// The first letter of text that is not empty; a broken byte is a letter of its own.
Letter first_letter(std::string_view utf8) {
  const auto first = static_cast<unsigned char>(utf8[0]);
  std::size_t bytes = 1;
  std::uint32_t c = first;
  if (first >= 0xF0) {
    bytes = 4;
    c = first & 0x07U;
  } else if (first >= 0xE0) {
    bytes = 3;
    c = first & 0x0FU;
  } else if (first >= 0xC0) {
    bytes = 2;
    c = first & 0x1FU;
  }
  bytes = std::min(bytes, utf8.size());
  for (std::size_t k = 1; k < bytes; ++k) {
    c = (c << 6U) | (static_cast<unsigned char>(utf8[k]) & 0x3FU);
  }
  return {bytes, is_wide(c) ? std::size_t{2} : std::size_t{1}};
}

}  // namespace

std::size_t display_width(std::string_view utf8) {
  std::size_t width = 0;
  while (!utf8.empty()) {
    const Letter letter = first_letter(utf8);
    width += letter.columns;
    utf8.remove_prefix(letter.bytes);
  }
  return width;
}

std::string_view fitting(std::string_view utf8, std::size_t width) {
  std::size_t bytes = 0;
  while (bytes < utf8.size()) {
    const Letter letter = first_letter(utf8.substr(bytes));
    if (letter.columns > width) break;
    width -= letter.columns;
    bytes += letter.bytes;
  }
  return utf8.substr(0, bytes);
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  const std::size_t taken = display_width(text);
  if (taken < width) out.append(width - taken, ' ');
  return out;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 < row.size() ? padded(row[i], widths[i]) + "  " : row[i];
    }
    line.resize(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string local_time(std::string_view rfc3339) {
  const auto instant = parse_instant(rfc3339);
  if (!instant) return std::string(rfc3339);
  const std::time_t seconds = instant->us / 1'000'000;
  std::tm parts{};
  if (::localtime_r(&seconds, &parts) == nullptr) return std::string(rfc3339);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return {text.data(), size};
}

std::string standing_word(std::string_view standing, Language language) {
  return word_of(k_standings, standing, language);
}
std::string state_word(std::string_view state, Language language) {
  return word_of(k_states, state, language);
}

std::string gate_word(std::string_view state, Language language) {
  return word_of(k_gate_states, state, language);
}
std::string channel_word(std::string_view channel, Language language) {
  return word_of(k_channels, channel, language);
}
std::string notice_word(std::string_view state, Language language) {
  return word_of(k_notice_states, state, language);
}

std::string wrapped(std::string_view text, std::size_t width, std::string_view indent) {
  const std::size_t taken = display_width(indent);
  const std::size_t room = width > taken + 2 ? width - taken : 2;
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    do {
      auto part = fitting(line, room);
      if (part.size() < line.size()) {
        const auto rest = line.substr(part.size());
        const bool in_word = is_ascii(part.back()) && is_ascii(rest[0]) && rest[0] != ' ';
        const auto blank = in_word ? part.rfind(' ') : std::string_view::npos;
        if (blank != std::string_view::npos && blank > 0) part = part.substr(0, blank);
        // Japanese lines do not begin with these: they hang over the edge.
        for (const std::string_view mark : {"、", "。", "」", ")"}) {
          if (rest.starts_with(mark)) part = line.substr(0, part.size() + mark.size());
        }
      }
      out.append(indent).append(part) += '\n';
      line.remove_prefix(part.size());
      while (line.starts_with(' ')) line.remove_prefix(1);
    } while (!line.empty());
  }
  return out;
}

std::string harmless(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto c = static_cast<unsigned char>(out[i]);
    const bool c1 =
        c == 0xC2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0;
    if ((c < 0x20 && c != '\n') || c == 0x7F) out[i] = '?';
    if (c1) {
      out[i] = '?';
      out[i + 1] = '?';
    }
  }
  return out;
}

}  // namespace sekimori::app
