#include "app/attach_ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "app/attach_place.h"
#include "store/files.h"
#include "wire/conf_edit.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

constexpr unsigned k_mode_bits = 07777;

std::string digest_of(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> raw{};
  ::crypto_hash_sha256(raw.data(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size());
  std::string out(2 * raw.size() + 1, '\0');
  ::sodium_bin2hex(out.data(), out.size(), raw.data(), raw.size());
  out.pop_back();
  return out;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

struct Owner {
  unsigned mode = 0600;
  uid_t uid = 0;
  gid_t gid = 0;
};

// Written aside, synced and renamed: a reader sees the old text or the new.
Result<void> write_file(const std::string& path, std::string_view text, const Owner& owner) {
  const std::string aside = path + ".sekimori-new";
  (void)::unlink(aside.c_str());
  {
    auto file = store::open_file(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!file) return std::unexpected(file.error());
    auto done = store::write_all(file->get(), text, aside);
    // Whoever is not root has no other owner's files to put back.
    const bool own = ::geteuid() != 0 || ::fchown(file->get(), owner.uid, owner.gid) == 0;
    if (done && (!own || ::fchmod(file->get(), owner.mode) != 0 || ::fsync(file->get()) != 0)) {
      done = store::errno_failure("write", aside);
    }
    if (!done) {
      (void)::unlink(aside.c_str());
      return done;
    }
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    auto failed = store::errno_failure("rename", path);
    (void)::unlink(aside.c_str());
    return failed;
  }
  return store::sync_directory(folder_of(path));
}

std::string text_of(const json::object& o, std::string_view name) {
  const auto* value = o.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
unsigned number_of(const json::object& o, std::string_view name) {
  const auto* value = o.if_contains(name);
  return value != nullptr && value->is_int64() ? static_cast<unsigned>(value->get_int64()) : 0;
}
bool flag_of(const json::object& o, std::string_view name) {
  const auto* value = o.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace

std::string AttachLedger::kept_path(std::string_view digest) const {
  return fmt::format("{}/{}", folder_, digest);
}

Result<AttachLedger> AttachLedger::open(std::string folder) {
  AttachLedger out(std::move(folder));
  auto text = read_plain_file(out.folder_ + "/manifest.json");
  if (!text) return std::unexpected(text.error());
  if (!*text) return out;
  boost::system::error_code broken;
  const auto value = json::parse(**text, broken);
  const auto damaged = [&] {
    return operating_failure(fmt::format("{}/manifest.json is damaged", out.folder_));
  };
  if (broken || !value.is_object()) return damaged();
  const auto& o = value.get_object();
  const auto* files = o.if_contains("files");
  const auto* folders = o.if_contains("folders");
  if (files == nullptr || !files->is_array() || folders == nullptr || !folders->is_array()) {
    return damaged();
  }
  for (const auto& each : files->get_array()) {
    if (!each.is_object()) return damaged();
    const auto& f = each.get_object();
    LedgerFile file{text_of(f, "path"),  flag_of(f, "was"),   number_of(f, "mode"),
                    number_of(f, "uid"), number_of(f, "gid"), text_of(f, "before"),
                    text_of(f, "after"), flag_of(f, "own")};
    if (!file.path.starts_with('/') || file.after.empty()) return damaged();
    out.files_.push_back(std::move(file));
  }
  for (const auto& each : folders->get_array()) {
    if (!each.is_object()) return damaged();
    const auto& f = each.get_object();
    LedgerFolder made{text_of(f, "path"), flag_of(f, "was"), number_of(f, "mode"),
                      number_of(f, "uid"), number_of(f, "gid")};
    if (!made.path.starts_with('/')) return damaged();
    out.folders_.push_back(std::move(made));
  }
  return out;
}

Result<void> AttachLedger::keep() const {
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return store::errno_failure("make", folder_);
  }
  json::array files;
  for (const auto& f : files_) {
    files.push_back(json::object{{"path", f.path},
                                 {"was", f.was},
                                 {"mode", f.mode},
                                 {"uid", f.uid},
                                 {"gid", f.gid},
                                 {"before", f.before},
                                 {"after", f.after},
                                 {"own", f.own}});
  }
  json::array folders;
  for (const auto& f : folders_) {
    folders.push_back(json::object{
        {"path", f.path}, {"was", f.was}, {"mode", f.mode}, {"uid", f.uid}, {"gid", f.gid}});
  }
  const json::object all{{"version", 1}, {"files", files}, {"folders", folders}};
  return write_file(folder_ + "/manifest.json", json::serialize(all) + "\n", {});
}

Result<void> AttachLedger::note(const FileChange& change, bool own) {
  auto now = read_plain_file(change.path);
  if (!now) return std::unexpected(now.error());
  if (*now != change.before) {
    return bad_input(fmt::format("{} has just been changed by somebody; try again", change.path));
  }
  const std::string after = digest_of(change.after);
  if (auto done = write_file(kept_path(after), change.after, {}); !done) return done;
  const auto known = std::ranges::find(files_, change.path, &LedgerFile::path);
  if (known != files_.end()) {
    const std::string stands = *now ? digest_of(**now) : "";
    if (!own && stands != known->after && stands != known->before) {
      return bad_input(fmt::format(
          "{} was edited after an earlier attach; run sekimori attach --undo first, which says "
          "what was edited",
          change.path));
    }
    // The text between the first and the last is nobody's way back.
    if (known->after != after && known->after != known->before) {
      (void)::unlink(kept_path(known->after).c_str());
    }
    known->after = after;
    return {};
  }
  LedgerFile file;
  file.path = change.path;
  file.after = after;
  file.own = own;
  struct stat info{};
  if (*now) {
    if (::lstat(change.path.c_str(), &info) != 0) return store::errno_failure("read", change.path);
    file.was = true;
    file.mode = info.st_mode & k_mode_bits;
    file.uid = info.st_uid;
    file.gid = info.st_gid;
    file.before = digest_of(**now);
    if (auto done = write_file(kept_path(file.before), **now, {}); !done) return done;
  }
  files_.push_back(std::move(file));
  return {};
}

Result<void> AttachLedger::prepare_folder(const Folder& wanted) {
  struct stat info{};
  LedgerFolder entry;
  entry.path = wanted.path;
  if (::lstat(wanted.path.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) {
      return operating_failure(fmt::format("{} is no folder", wanted.path));
    }
    entry.was = true;
    entry.mode = info.st_mode & k_mode_bits;
    entry.uid = info.st_uid;
    entry.gid = info.st_gid;
    if (entry.mode == wanted.mode && entry.uid == wanted.uid && entry.gid == wanted.gid) return {};
  }
  if (std::ranges::find(folders_, wanted.path, &LedgerFolder::path) == folders_.end()) {
    folders_.push_back(entry);
    if (auto kept = keep(); !kept) return kept;
  }
  if (!entry.was && ::mkdir(wanted.path.c_str(), 0700) != 0) {
    return store::errno_failure("make", wanted.path);
  }
  if ((::geteuid() == 0 && ::chown(wanted.path.c_str(), wanted.uid, wanted.gid) != 0) ||
      ::chmod(wanted.path.c_str(), wanted.mode) != 0) {
    return store::errno_failure("set the rights of", wanted.path);
  }
  return {};
}

Result<void> AttachLedger::apply(const std::vector<Write>& writes) {
  const auto files_before = files_;
  if (auto kept = keep(); !kept) return kept;  // also makes the folder
  for (const auto& write : writes) {
    if (auto done = note(write.change, write.own); !done) {
      files_ = files_before;
      return done;
    }
  }
  if (auto kept = keep(); !kept) return kept;
  for (const auto& write : writes) {
    const std::string folder = folder_of(write.change.path);
    Result<void> done;
    if (::access(folder.c_str(), F_OK) != 0) done = prepare_folder({folder, 0755, 0, 0});
    if (done) {
      const auto& entry = *std::ranges::find(files_, write.change.path, &LedgerFile::path);
      const Owner owner = entry.was ? Owner{entry.mode, entry.uid, entry.gid}
                                    : Owner{write.change.mode, 0, write.gid};
      done = write_file(write.change.path, write.change.after, owner);
    }
    if (!done) {
      const auto back = undo(false);
      return operating_failure(back ? fmt::format("{}; everything was put back", done.error().text)
                                    : fmt::format("{}; putting it back failed, too: {}",
                                                  done.error().text, back.error().text));
    }
  }
  return {};
}

Result<std::vector<AttachLedger::Edited>> AttachLedger::edited() const {
  std::vector<Edited> out;
  for (const auto& file : files_) {
    auto now = read_plain_file(file.path);
    if (!now) return std::unexpected(now.error());
    const std::string stands = *now ? digest_of(**now) : "";
    if (file.own || stands == file.after || stands == file.before) continue;
    auto ours = read_plain_file(kept_path(file.after));
    if (!ours) return std::unexpected(ours.error());
    out.push_back({file.path, ours->value_or(""), std::move(*now)});
  }
  return out;
}

Result<std::vector<std::string>> AttachLedger::undo(bool force) {
  auto changed = edited();
  if (!changed) return std::unexpected(changed.error());
  if (!force && !changed->empty()) {
    std::string names;
    for (const auto& each : *changed) names += (names.empty() ? "" : ", ") + each.path;
    return bad_input(fmt::format("edited since attach: {}", names));
  }
  std::vector<std::string> done;
  std::string trouble;
  const auto failed = [&trouble](const Error& error) {
    trouble += (trouble.empty() ? "" : "; ") + error.text;
  };
  // Backwards: what refers to others goes first.
  for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
    if (file->own) {
      auto now = read_plain_file(file->path);
      if (!now || !*now || digest_of(**now) != file->after) continue;
    }
    const auto by_hand = std::ranges::find(*changed, file->path, &Edited::path);
    if (by_hand != changed->end() && by_hand->now) {
      if (auto kept = write_file(file->path + ".sekimori-edited", *by_hand->now, {}); !kept) {
        failed(kept.error());
        continue;
      }
    }
    if (!file->was) {
      if (::unlink(file->path.c_str()) != 0 && errno != ENOENT) {
        failed(store::errno_failure("remove", file->path).error());
        continue;
      }
    } else {
      auto before = read_plain_file(kept_path(file->before));
      if (!before || !*before || digest_of(**before) != file->before) {
        failed({ErrorKind::operating,
                fmt::format("the kept text of {} is not what it was", file->path)});
        continue;
      }
      auto written = write_file(file->path, **before, {file->mode, file->uid, file->gid});
      if (!written) {
        failed(written.error());
        continue;
      }
    }
    done.push_back(file->path);
  }
  if (!trouble.empty()) return operating_failure(trouble);
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
    if (!folder->was) {
      (void)::rmdir(folder->path.c_str());  // one with Sekimori's data in it stays
    } else if (::chown(folder->path.c_str(), folder->uid, folder->gid) != 0 ||
               ::chmod(folder->path.c_str(), folder->mode) != 0) {
      return store::errno_failure("set the rights of", folder->path);
    }
  }
  // The manifest first: without it the rest is nothing.
  (void)::unlink((folder_ + "/manifest.json").c_str());
  for (const auto& file : files_) {
    if (!file.before.empty()) (void)::unlink(kept_path(file.before).c_str());
    (void)::unlink(kept_path(file.after).c_str());
  }
  (void)::rmdir(folder_.c_str());
  files_.clear();
  folders_.clear();
  return done;
}

}  // namespace sekimori::app
