// systemd's journal as log lines: what `journalctl -o export` and `-o json` print, as
// "2026-11-22T03:04:05.123456Z host program[pid]: message". Pure. One thread at a time.
//
// An entry of the export form is a block of fields, one a line, ended by an empty line. A field is
// "NAME=text", or, where its value is binary or has line breaks, NAME alone, then its length as
// eight bytes (little endian), the bytes and a line break (systemd's "Journal Export Formats").
// JSON has an object a line; a value that is no UTF-8 text is an array of its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sekimori::wire {

class JournalText {
 public:
  enum class Form : std::uint8_t { none, entries, json };
  // So many bytes of the beginning tell the form.
  static constexpr std::size_t k_beginning = 16;
  [[nodiscard]] static Form form_of(std::string_view beginning);

  explicit JournalText(Form form) : form_(form) {}

  // The next bytes of the stream, in pieces of any size; whole entries are appended to `lines`,
  // each with a line break. An entry without a time or a message gives no line and is counted. At
  // most a piece of k_log_line_max bytes is kept between two calls: longer values are left out.
  void feed(std::string_view bytes, std::string& lines);
  // The end of the stream: an export's last entry needs no empty line behind it.
  void finish(std::string& lines);
  [[nodiscard]] std::uint64_t incomplete() const { return incomplete_; }

 private:
  enum class State : std::uint8_t { line, length, value, value_end };
  void text_line(std::string_view line, std::string& lines);
  void field(std::string_view name, std::string_view value);
  void json_line(std::string_view line, std::string& lines);
  void end_entry(std::string& lines);

  Form form_;
  State state_ = State::line;
  std::string piece_;       // of a line, a length or a wanted value that is not complete
  bool skipping_ = false;   // within a line that is too long
  std::string name_;        // of the binary field
  std::uint64_t left_ = 0;  // of its value
  bool wanted_ = false;
  std::uint64_t incomplete_ = 0;
  // The entry so far.
  std::string message_, program_, pid_, host_, time_us_;
  bool has_message_ = false, any_ = false;
};

}  // namespace sekimori::wire
