// Where an address is: country and network from MaxMind databases (MaxMind DB format 2.0).
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/event.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace sekimori::act {

struct GeoIpFiles {       // "" = none
  std::string country;    // GeoIP2/GeoLite2 Country or City
  std::string asn;        // GeoLite2 ASN or GeoIP2 ISP
  std::string anonymous;  // GeoIP2 Anonymous IP: the only source of Place::hosting
};

// Threads: any. A look-up takes under a microsecond or two and never fails: what a database does
// not know, or a damaged one cannot say, stays unknown. Databases are copied into memory when
// loaded, so an updater may overwrite the files at any time.
class GeoIp {
 public:
  GeoIp();
  ~GeoIp();
  // Replaces all databases by these; look-ups that run keep the ones they began with. A file that
  // cannot be read keeps its kind's earlier database; the others are replaced nevertheless.
  // Errors: operating, naming each file and what is wrong with it.
  [[nodiscard]] Result<void> load(const GeoIpFiles& files);
  [[nodiscard]] Place lookup(const IpAddress& ip) const;
  // The name of the network's operator, as the ASN database has it; "" unknown. At most 120 bytes.
  [[nodiscard]] std::string operator_name(const IpAddress& ip) const;

 private:
  struct Database;
  struct Databases;
  [[nodiscard]] static Result<std::shared_ptr<const Database>> open(const std::string& path);
  mutable std::mutex mutex_;  // only for taking and replacing the pointer
  std::shared_ptr<const Databases> databases_;
};

}  // namespace sekimori::act
