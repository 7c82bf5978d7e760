#include "act/geoip.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sekimori::act {
namespace {

// The City database is some 120 MB; a file far larger is not one.
constexpr off_t k_file_max = off_t{1} << 30;

// The node of an address that the database knows; false when it does not.
bool find(const MMDB_s& database, const IpAddress& ip, MMDB_entry_s& entry) {
  const auto& bytes = ip.bytes();
  int error = MMDB_SUCCESS;
  MMDB_lookup_result_s result{};
  if (ip.is_v4()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    std::memcpy(&address.sin_addr, bytes.data() + 12, 4);
    result = MMDB_lookup_sockaddr(&database, reinterpret_cast<const sockaddr*>(&address), &error);
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    std::memcpy(&address.sin6_addr, bytes.data(), 16);
    result = MMDB_lookup_sockaddr(&database, reinterpret_cast<const sockaddr*>(&address), &error);
  }
  if (error != MMDB_SUCCESS || !result.found_entry) return false;
  entry = result.entry;
  return true;
}

template <class... Keys>
bool value_at(MMDB_entry_s entry, MMDB_entry_data_s& data, Keys... keys) {
  return MMDB_get_value(&entry, &data, keys..., nullptr) == MMDB_SUCCESS && data.has_data;
}

bool country_at(const MMDB_entry_s& entry, const char* key, Place& place) {
  MMDB_entry_data_s data{};
  if (!value_at(entry, data, key, "iso_code") || data.type != MMDB_DATA_TYPE_UTF8_STRING ||
      data.data_size != 2) {
    return false;
  }
  const auto is_letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (!is_letter(data.utf8_string[0]) || !is_letter(data.utf8_string[1])) return false;
  place.country[0] = data.utf8_string[0];
  place.country[1] = data.utf8_string[1];
  return true;
}

bool flag_at(const MMDB_entry_s& entry, const char* key) {
  MMDB_entry_data_s data{};
  return value_at(entry, data, key) && data.type == MMDB_DATA_TYPE_BOOLEAN && data.boolean;
}

}  // namespace

struct GeoIp::Database {
  MMDB_s mmdb{};
  bool is_open = false;
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    if (is_open) MMDB_close(&mmdb);
  }
};

struct GeoIp::Databases {
  std::shared_ptr<const Database> country;
  std::shared_ptr<const Database> asn;
  std::shared_ptr<const Database> anonymous;
};

GeoIp::GeoIp() : databases_(std::make_shared<const Databases>()) {}
GeoIp::~GeoIp() = default;

Result<std::shared_ptr<const GeoIp::Database>> GeoIp::open(const std::string& path) {
  const auto failed = [&](const char* what) {
    return operating_failure(fmt::format("{}: {}", path, what));
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed(std::strerror(errno));
  struct stat found{};
  // libmaxminddb maps the file it is given: one that is cut short under us would end the process
  // with SIGBUS. So it gets a copy in memory that nobody else can touch.
  const int copy = ::memfd_create("sekimori-geoip", MFD_CLOEXEC);
  bool copied = copy >= 0 && ::fstat(file, &found) == 0 && S_ISREG(found.st_mode) &&
                found.st_size > 0 && found.st_size <= k_file_max;
  off_t size = 0;
  while (copied && size < found.st_size) {
    const ssize_t n =
        ::sendfile(copy, file, nullptr, static_cast<std::size_t>(found.st_size - size));
    if (n <= 0) copied = false;
    if (n > 0) size += n;
  }
  ::close(file);
  auto database = std::make_shared<Database>();
  int status = MMDB_FILE_OPEN_ERROR;
  if (copied) {
    status =
        MMDB_open(fmt::format("/proc/self/fd/{}", copy).c_str(), MMDB_MODE_MMAP, &database->mmdb);
  }
  if (copy >= 0) ::close(copy);
  if (!copied) return failed("is empty, too large or could not be read whole");
  if (status != MMDB_SUCCESS) return failed(MMDB_strerror(status));
  database->is_open = true;
  return std::shared_ptr<const Database>(std::move(database));
}

Result<void> GeoIp::load(const GeoIpFiles& files) {
  Databases next;
  {
    const std::lock_guard lock(mutex_);
    next = *databases_;
  }
  std::string wrong;
  const auto take = [&](const std::string& path, std::shared_ptr<const Database>& into) {
    if (path.empty()) {
      into.reset();
      return;
    }
    auto opened = open(path);
    if (opened) {
      into = std::move(*opened);
    } else {
      wrong += (wrong.empty() ? "" : "; ") + opened.error().text;
    }
  };
  take(files.country, next.country);
  take(files.asn, next.asn);
  take(files.anonymous, next.anonymous);
  auto shared = std::make_shared<const Databases>(std::move(next));
  {
    const std::lock_guard lock(mutex_);
    databases_.swap(shared);
  }
  if (!wrong.empty()) return operating_failure("GeoIP: " + wrong);
  return {};
}

Place GeoIp::lookup(const IpAddress& ip) const {
  Place place;
  if (!ip.is_set()) return place;
  std::shared_ptr<const Databases> databases;
  {
    const std::lock_guard lock(mutex_);
    databases = databases_;
  }
  MMDB_entry_s entry{};
  if (databases->country && find(databases->country->mmdb, ip, entry)) {
    // Some entries name only the country the range is registered in; better than nothing.
    if (!country_at(entry, "country", place)) country_at(entry, "registered_country", place);
  }
  if (databases->asn && find(databases->asn->mmdb, ip, entry)) {
    MMDB_entry_data_s data{};
    if (value_at(entry, data, "autonomous_system_number") && data.type == MMDB_DATA_TYPE_UINT32) {
      place.asn = data.uint32;
    }
  }
  if (databases->anonymous && find(databases->anonymous->mmdb, ip, entry)) {
    // A residential proxy looks like a home line: it is no hosting network.
    place.hosting = flag_at(entry, "is_hosting_provider") || flag_at(entry, "is_anonymous_vpn") ||
                    flag_at(entry, "is_public_proxy") || flag_at(entry, "is_tor_exit_node");
  }
  return place;
}

std::string GeoIp::operator_name(const IpAddress& ip) const {
  std::shared_ptr<const Databases> databases;
  {
    const std::lock_guard lock(mutex_);
    databases = databases_;
  }
  MMDB_entry_s entry{};
  MMDB_entry_data_s data{};
  if (!databases->asn || !find(databases->asn->mmdb, ip, entry)) return "";
  if (!value_at(entry, data, "autonomous_system_organization") ||
      data.type != MMDB_DATA_TYPE_UTF8_STRING) {
    return "";
  }
  std::string out;
  for (const char c : std::string_view(data.utf8_string, std::min(data.data_size, 120U))) {
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return out;
}

}  // namespace sekimori::act
