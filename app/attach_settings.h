// Sekimori's own settings while it is attached: what the file says is kept, what it leaves open is
// filled in with what was found on the mail server. One thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/attach_place.h"
#include "app/attach_plan.h"
#include "base/text.h"
#include "config/check.h"

namespace sekimori::app {

class AttachSettings {
 public:
  // A file that is not there yet is begun. Errors: bad_input (its faults), operating.
  [[nodiscard]] static Result<AttachSettings> read(const std::string& path);

  // As they will be.
  [[nodiscard]] const config::Settings& settings() const { return loaded_.settings; }
  // Of the settings file.
  [[nodiscard]] std::string folder() const { return path_.substr(0, path_.rfind('/')); }
  [[nodiscard]] bool is_changed() const { return text_ != before_.value_or(""); }

  // Fills in what is open and says what the plan needs. `first`: no earlier attach stands, so that
  // the mode becomes observe. Notes are for the person. Errors: bad_input, operating.
  [[nodiscard]] Result<AttachChoice> choose(const AttachPlace& place, const AttachFacts& facts,
                                            std::vector<std::string> webmail, bool first,
                                            std::vector<Text>& notes);
  // The settings file and the key, where they change.
  [[nodiscard]] Result<std::vector<FileChange>> changes() const;

 private:
  [[nodiscard]] bool is_set(std::string_view name) const;
  // Unless the file sets it. Errors: bad_input.
  [[nodiscard]] Result<void> fill(std::string_view section, std::string_view name,
                                  const std::string& value);
  [[nodiscard]] Result<void> put(std::string_view section, std::string_view name,
                                 const std::string& value);
  [[nodiscard]] Result<void> fill_accounts(const AttachPlace& place, const AttachFacts& facts,
                                           std::vector<Text>& notes);
  [[nodiscard]] Result<void> fill_log(const AttachPlace& place, const AttachFacts& facts,
                                      std::vector<Text>& notes);
  [[nodiscard]] Result<void> choose_doveadm(const AttachPlace& place, const AttachFacts& facts,
                                            AttachChoice& choice);

  std::string path_;
  std::optional<std::string> before_;
  std::string text_;
  config::Loaded loaded_;
  std::optional<FileChange> key_;       // of Dovecot's API
  std::optional<FileChange> password_;  // of the account database
};

}  // namespace sekimori::app
