// What attach wrote, and what stood there before: a folder of root's alone with a manifest and
// every file as it was, so that `attach --undo` puts each back byte for byte. Not below Sekimori's
// state: whoever may write there must not say what root puts into /etc.
//
// The manifest is durable before the first file changes, so that what a crash left half done can be
// undone, too.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "app/attach_plan.h"
#include "base/result.h"

namespace sekimori::app {

struct LedgerFile {
  std::string path;   // as this process sees it
  bool was = false;   // it was there before
  unsigned mode = 0;  // before
  uid_t uid = 0;
  gid_t gid = 0;
  std::string before;  // SHA-256 of the text before, hexadecimal; "" when it was not there
  std::string after;
  // Sekimori's own settings: a person may edit them and undo all the same; then they stay.
  bool own = false;
};
struct LedgerFolder {
  std::string path;
  bool was = false;
  unsigned mode = 0;  // before
  uid_t uid = 0;
  gid_t gid = 0;
};

class AttachLedger {
 public:
  // Reads the manifest in this folder, if there is one. Errors: operating (damaged, not readable).
  [[nodiscard]] static Result<AttachLedger> open(std::string folder);

  [[nodiscard]] bool empty() const { return files_.empty() && folders_.empty(); }
  [[nodiscard]] const std::vector<LedgerFile>& files() const { return files_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

  struct Write {
    FileChange change;  // its path as this process sees it
    gid_t gid = 0;      // of a new file
    bool own = false;   // Sekimori's own settings
  };
  // Makes the folders of new files, writes all changes. Errors: bad_input (somebody edited a file
  // since an earlier attach wrote it; nothing was changed), operating (what was done has been put
  // back unless the error says otherwise).
  [[nodiscard]] Result<void> apply(const std::vector<Write>& writes);
  // Makes a folder or sets its rights and owner, and notes what they were.
  struct Folder {
    std::string path;
    unsigned mode = 0755;
    uid_t uid = 0;
    gid_t gid = 0;
  };
  [[nodiscard]] Result<void> prepare_folder(const Folder& wanted);

  // Files that somebody changed since; their text as attach wrote it and as it stands.
  struct Edited {
    std::string path;
    std::string ours;
    std::optional<std::string> now;
  };
  [[nodiscard]] Result<std::vector<Edited>> edited() const;
  // Puts everything back and forgets it. With `force` also what was edited, which is kept beside it
  // as FILE.sekimori-edited. Errors: bad_input (edited, without force; nothing was changed),
  // operating (what could not be put back; the rest was, and may be tried again).
  [[nodiscard]] Result<std::vector<std::string>> undo(bool force);

 private:
  explicit AttachLedger(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<void> keep() const;
  [[nodiscard]] Result<void> note(const FileChange& change, bool own);
  [[nodiscard]] std::string kept_path(std::string_view digest) const;

  std::string folder_;
  std::vector<LedgerFile> files_;
  std::vector<LedgerFolder> folders_;
};

}  // namespace sekimori::app
