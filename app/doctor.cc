#include "app/doctor.h"

#include <fmt/format.h>
#include <grp.h>
#include <maxminddb.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <fstream>

#include "act/doveadm.h"
#include "act/helper_client.h"
#include "app/attach_ledger.h"
#include "app/attach_trials.h"
#include "app/cli_api.h"
#include "app/doctor_walls.h"
#include "app/installation.h"
#include "web/client.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

// As much of the mail log's end as is looked through.
constexpr std::streamoff k_tail_bytes = std::streamoff{256} * 1024;
constexpr std::int64_t k_day_s = 86'400;

class Doctor {
 public:
  explicit Doctor(const DoctorSetup& setup) : setup_(setup), settings_(setup.settings) {}

  std::vector<Check> run() {
    daemon();
    auto facts = look_at_server(setup_.place, setup_.paths);
    if (facts) {
      mail_servers(*facts);
    } else {
      ill("mail_servers", Finding::unknown, facts.error().text, facts.error().text,
          "sekimori doctor --postfix DIR --dovecot FILE");
    }
    if (daemon_state(settings_) != DaemonState::dead) {
      std::ranges::move(wall_checks(settings_), std::back_inserter(out_));
    }
    attached();
    guard();
    doveadm();
    log();
    clock();
    if (facts) dns(*facts);
    queue();
    disks(facts ? facts->postfix.find("queue_directory")->second : "");
    geoip();
    return std::move(out_);
  }

 private:
  void good(std::string name, std::string ja, std::string en) {
    out_.push_back({std::move(name), Finding::good, {std::move(ja), std::move(en)}, {}});
  }
  void ill(std::string name, Finding level, std::string ja, std::string en,
           const std::string& command) {
    out_.push_back({std::move(name), level, {std::move(ja), std::move(en)}, {command, command}});
  }

  // What the daemon says of itself, part by part.
  void daemon() {
    if (daemon_state(settings_) == DaemonState::dead) {
      ill("daemon", Finding::bad, "Sekimori が動いていません。", "Sekimori does not run",
          "systemctl start sekimori");
      return;
    }
    web::ClientSettings to;
    to.unix_socket = settings_.web.control_socket;
    to.timeout = seconds(20);
    const auto answer = web::Client(std::move(to)).call("GET", "/api/v1/health");
    if (!answer || answer->status != 200) {
      const std::string why = answer ? fmt::format("HTTP {}", answer->status) : answer.error().text;
      ill("daemon", Finding::unknown, "Sekimori に尋ねられません: " + why,
          "Sekimori cannot be asked: " + why, "sudo sekimori doctor");
      return;
    }
    good("daemon", "Sekimori は動いています。", "Sekimori runs");
    boost::system::error_code broken;
    const auto body = json::parse(answer->body, broken);
    const auto* object = broken ? nullptr : body.if_object();
    const auto* items = object == nullptr ? nullptr : object->if_contains("items");
    if (items == nullptr || !items->is_array()) return;
    const auto texts = [](const json::object& o, const char* name) {
      Text out;
      const auto* value = o.if_contains(name);
      if (value == nullptr || !value->is_object()) return out;
      const auto& t = value->get_object();
      if (const auto* ja = t.if_contains("ja"); ja && ja->is_string()) out.ja = ja->get_string();
      if (const auto* en = t.if_contains("en"); en && en->is_string()) out.en = en->get_string();
      return out;
    };
    for (const auto& each : items->get_array()) {
      if (!each.is_object()) continue;
      const auto& item = each.get_object();
      const auto* name = item.if_contains("name");
      const auto* level = item.if_contains("level");
      if (name == nullptr || !name->is_string() || level == nullptr || !level->is_string())
        continue;
      const auto& word = level->get_string();
      out_.push_back({"daemon." + std::string(name->get_string()),
                      word == "ok"        ? Finding::good
                      : word == "failing" ? Finding::bad
                                          : Finding::warning,
                      texts(item, "verdict"), texts(item, "advice")});
    }
  }

  void mail_servers(const AttachFacts& facts) {
    const bool postfix = postfix_runs(setup_.place, facts);
    if (postfix) {
      good("postfix", "Postfix は動いています。", "Postfix runs");
    } else {
      ill("postfix", Finding::bad, "Postfix が動いていません。", "Postfix does not run",
          "systemctl start postfix");
    }
    std::ranges::move(postfix_checks(facts, settings_), std::back_inserter(out_));
    maps(facts);
    if (!facts.dovecot_file.empty()) {
      if (dovecot_runs(setup_.place, facts)) {
        good("dovecot", "Dovecot は動いています。", "Dovecot runs");
      } else {
        ill("dovecot", Finding::bad, "Dovecot が動いていません。", "Dovecot does not run",
            "systemctl start dovecot");
      }
      if (::geteuid() == 0) {
        std::ranges::move(dovecot_checks(facts, settings_), std::back_inserter(out_));
      } else {
        ill("auth_policy", Finding::unknown, "root でないと Dovecot の設定がすべては見えません。",
            "Dovecot's secrets can be seen by root alone", "sudo sekimori doctor");
      }
    }
    if (!postfix || daemon_state(settings_) == DaemonState::dead) return;
    TrialSetup trial{setup_.place, facts, settings_, ports_of(facts), {}, {}};
    if (setup_.mx.set()) trial.ports.mx = setup_.mx;
    const auto asked = try_policy_question(trial);
    if (asked.state == TrialState::proved) {
      good("policy_asked", "いま試したところ、Postfix から問い合わせが届きました。",
           "tried just now: a question of Postfix came");
    } else {
      ill("policy_asked", asked.state == TrialState::failed ? Finding::bad : Finding::unknown,
          asked.words.ja, asked.words.en, "postconf smtpd_recipient_restrictions; sekimori attach");
    }
  }

  // Each of our maps, as Postfix itself asks it.
  void maps(const AttachFacts& facts) {
    std::string broken;
    std::size_t asked = 0;
    for (const auto& path : attach_files(facts)) {
      if (!path.ends_with(".cf")) continue;
      const auto text = setup_.place.read(path);
      if (!text || !*text) continue;
      ++asked;
      const auto said = setup_.place.run(
          "/usr/sbin/postmap",
          {"-c", facts.postfix_dir, "-q", "nobody@invalid.invalid", "proxy:sqlite:" + path});
      // 1 without words: asked, and nobody was found.
      if (said && said->exit_code <= 1 && said->complaint.empty()) continue;
      broken += fmt::format("{} ({}) ", path, said ? said->complaint : said.error().text);
    }
    if (!broken.empty()) {
      ill("maps", Finding::bad, "Postfix が表を読めません: " + broken,
          "Postfix cannot read: " + broken, "sekimori attach; postfix reload");
    } else if (asked > 0) {
      good("maps", fmt::format("Postfix は {} つの表を読めます。", asked),
           fmt::format("Postfix reads its {} maps", asked));
    }
  }

  void attached() {
    const auto ledger = AttachLedger::open(setup_.ledger);
    if (!ledger) {
      ill("attach", Finding::unknown, ledger.error().text, ledger.error().text,
          "sudo sekimori doctor");
      return;
    }
    if (ledger->empty()) return;  // put there by hand, or by a lab
    const auto edited = ledger->edited();
    std::string names;
    if (edited) {
      for (const auto& each : *edited) names += (names.empty() ? "" : ", ") + each.path;
    }
    if (names.empty()) {
      good("attach", "組み込みの記録どおりです。", "all stands as attach wrote it");
    } else {
      ill("attach", Finding::warning, "組み込んだあとに編集されています: " + names,
          "edited since attach: " + names, "sekimori attach --dry-run");
    }
  }

  void guard() {
    const std::string& path = settings_.guard.database;
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
      ill("guard", Finding::bad, path + " がありません。", "there is no " + path,
          "systemctl restart sekimori; postfix reload");
      return;
    }
    struct stat folder{};
    (void)::stat(path.substr(0, path.rfind('/')).c_str(), &folder);
    const auto group = setup_.place.group("postfix");
    const bool shared = group && info.st_gid == *group && folder.st_gid == *group;
    if (!shared || (info.st_mode & 0060) != 0060 || (folder.st_mode & 0070) != 0070) {
      ill("guard", Finding::bad, path + " とそのフォルダーを Postfix が読み書きできません。",
          "Postfix may not read and write " + path + " and its folder",
          fmt::format("chown sekimori:postfix {0} {1}; chmod 2770 {0}; chmod 660 {1}",
                      path.substr(0, path.rfind('/')), path));
    } else {
      good("guard", "Postfix と Dovecot の見る表の権限は正しいです。",
           "the rights of guard.db are right");
    }
  }

  void doveadm() {
    if (settings_.dovecot.doveadm_url.empty()) {
      ill("doveadm", Finding::warning, "設定されていません。停止しても開いたままの接続は残ります。",
          "not configured: running sessions outlive a suspension", "sekimori attach");
      return;
    }
    act::DoveadmSettings to;
    to.url = settings_.dovecot.doveadm_url;
    to.timeout = settings_.dovecot.doveadm_timeout;
    if (!settings_.dovecot.doveadm_key_file.empty()) {
      auto key = read_secret(settings_.dovecot.doveadm_key_file);
      if (!key) {
        ill("doveadm", ::geteuid() == 0 ? Finding::bad : Finding::unknown, key.error().text,
            key.error().text, "sudo sekimori doctor");
        return;
      }
      to.key = std::move(*key);
    }
    const auto asked = act::Doveadm(std::move(to)).who("nobody@invalid.invalid");
    if (asked) {
      good("doveadm", "Dovecot の接続を終わらせることができます。", "sessions can be ended");
    } else {
      ill("doveadm", Finding::bad, "Dovecot を操作できません: " + asked.error().text,
          "doveadm does not answer: " + asked.error().text, "sekimori attach; doveadm reload");
    }
  }

  // May the daemon's user read it? By the rights of the file and of the folders above it.
  [[nodiscard]] bool daemon_reads(const std::string& path) const {
    const passwd* user = ::getpwnam(settings_.server.user.c_str());
    if (user == nullptr) return false;
    std::vector<gid_t> groups(64);
    int count = static_cast<int>(groups.size());
    if (::getgrouplist(user->pw_name, user->pw_gid, groups.data(), &count) < 0) count = 64;
    groups.resize(static_cast<std::size_t>(count));
    const auto may = [&](const std::string& at, unsigned bit) {
      struct stat info{};
      if (::stat(at.c_str(), &info) != 0) return false;
      if (info.st_uid == user->pw_uid) return (info.st_mode & (bit << 6U)) != 0;
      if (std::ranges::find(groups, info.st_gid) != groups.end()) {
        return (info.st_mode & (bit << 3U)) != 0;
      }
      return (info.st_mode & bit) != 0;
    };
    for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
      if (!may(path.substr(0, at), S_IXOTH)) return false;
    }
    return may(path, S_IROTH);
  }

  void log() {
    const std::string& path = settings_.maillog.path;
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
      ill("log", Finding::bad, "メールログがありません: " + path, "there is no mail log: " + path,
          "apt-get install rsyslog");
      return;
    }
    if (!daemon_reads(path)) {
      ill("log", Finding::bad, fmt::format("{} が {} を読めません。", settings_.server.user, path),
          fmt::format("{} may not read {}", settings_.server.user, path),
          fmt::format("usermod -aG adm {}; systemctl restart sekimori", settings_.server.user));
    } else if (system_now().us / 1'000'000 - info.st_mtime > k_day_s) {
      ill("log", Finding::warning, "メールログに 1 日以上、何も書かれていません: " + path,
          "nothing was written to the mail log for a day: " + path,
          "systemctl status rsyslog; postconf maillog_file");
    } else {
      good("log", "メールログを読めます。", "the mail log is readable");
    }
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const std::streamoff size = file.tellg();
    if (size <= 0) return;
    std::string tail(static_cast<std::size_t>(std::min(size, k_tail_bytes)), '\0');
    file.seekg(size - static_cast<std::streamoff>(tail.size()));
    file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
    out_.push_back(mail_loop_check(tail));
  }

  void clock() {
    timex state{};
    if (::adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0) {
      good("clock", "時計は同期しています。", "the clock is synchronised");
    } else {
      ill("clock", Finding::warning, "時計が同期していません。時刻のずれは判定を誤らせます。",
          "the clock is not synchronised; wrong times mislead the judge",
          "apt-get install systemd-timesyncd; timedatectl set-ntp true");
    }
  }

  void dns(const AttachFacts& facts) {
    const auto named = facts.postfix.find("myhostname");
    const std::string name = named == facts.postfix.end() ? host_name(settings_) : named->second;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const auto begun = std::chrono::steady_clock::now();
    const int failed = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
    const auto took = std::chrono::steady_clock::now() - begun;
    if (failed == 0) ::freeaddrinfo(found);
    const std::string command = fmt::format("getent ahosts {}; cat /etc/resolv.conf", name);
    if (failed != 0) {
      ill("dns", Finding::warning,
          fmt::format("このサーバーの名前 {} が引けません: {}", name, ::gai_strerror(failed)),
          fmt::format("this server's name {} is not found: {}", name, ::gai_strerror(failed)),
          command);
    } else if (took > std::chrono::seconds(2)) {
      ill("dns", Finding::warning, "名前を引くのに 2 秒以上かかります。",
          "looking up a name takes more than 2 s", command);
    } else {
      good("dns", fmt::format("{} が引けます。", name), fmt::format("{} is found", name));
    }
  }

  void queue() {
    act::HelperClient helper(settings_.helper.socket, settings_.helper.timeout);
    const std::string command = "systemctl restart sekimori-helper";
    if (auto done = helper.ping(); !done) {
      ill("queue", Finding::bad, "キューを操作できません: " + done.error().text,
          "the queue cannot be worked on: " + done.error().text, command);
      return;
    }
    const auto listed = helper.list([](std::string_view) { return false; });
    if (listed) {
      good("queue", "キューを操作できます。", "the queue can be worked on");
    } else {
      ill("queue", Finding::bad, "キューを読めません: " + listed.error().text,
          "the queue cannot be read: " + listed.error().text, command);
    }
  }

  void disks(const std::string& queue) {
    std::string low;
    bool empty = false;
    for (const std::string& path :
         {settings_.server.state_dir, settings_.journal.directory,
          settings_.guard.database.substr(0, settings_.guard.database.rfind('/')),
          queue.empty() ? queue : setup_.place.outside(queue)}) {
      struct statvfs info{};
      if (path.empty() || ::statvfs(path.c_str(), &info) != 0 || info.f_blocks == 0) continue;
      const double free = static_cast<double>(info.f_bavail) / static_cast<double>(info.f_blocks);
      const double inodes = info.f_files == 0 ? 1.0
                                              : static_cast<double>(info.f_favail) /
                                                    static_cast<double>(info.f_files);
      if (std::min(free, inodes) >= 0.10) continue;
      low +=
          fmt::format("{}{} {:.0f} %", low.empty() ? "" : ", ", path, 100 * std::min(free, inodes));
      empty = empty || std::min(free, inodes) < 0.02;
    }
    if (low.empty()) {
      good("disk", "空き容量は十分です。", "there is room on the disks");
    } else {
      ill("disk", empty ? Finding::bad : Finding::warning, "空きが少なくなっています: " + low,
          "little room is left: " + low, "df -h; df -i");
    }
  }

  void geoip() {
    if (settings_.geoip.country.empty()) {
      ill("geoip", Finding::warning, "国のデータベースがなく、場所の手がかりを使えません。",
          "no country database: places say nothing", "apt-get install geoipupdate");
      return;
    }
    MMDB_s database{};
    if (::MMDB_open(settings_.geoip.country.c_str(), MMDB_MODE_MMAP, &database) != MMDB_SUCCESS) {
      ill("geoip", Finding::bad, "読めません: " + settings_.geoip.country,
          "cannot be read: " + settings_.geoip.country, "geoipupdate");
      return;
    }
    const auto age =
        system_now().us / 1'000'000 - static_cast<std::int64_t>(database.metadata.build_epoch);
    ::MMDB_close(&database);
    const auto days = age / k_day_s;
    if (days > 90) {
      ill("geoip", Finding::warning, fmt::format("国のデータベースは {} 日前のものです。", days),
          fmt::format("the country database is {} days old", days), "geoipupdate");
    } else {
      good("geoip", fmt::format("国のデータベースは {} 日前のものです。", days),
           fmt::format("the country database is {} days old", days));
    }
  }

  const DoctorSetup& setup_;
  const config::Settings& settings_;
  std::vector<Check> out_;
};

}  // namespace

std::string_view to_string(Finding finding) {
  switch (finding) {
    case Finding::good: return "ok";
    case Finding::warning: return "warning";
    case Finding::bad: return "failing";
    case Finding::unknown: return "unknown";
  }
  return "";
}

std::vector<Check> examine(const DoctorSetup& setup) { return Doctor(setup).run(); }

}  // namespace sekimori::app
