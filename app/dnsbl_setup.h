// The blacklists as the settings name them: for mail and for sign-ins, each with its board, its
// watch and what is done with the answers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/settings.h"
#include "serve/dnsbl_gate.h"
#include "serve/dnsbl_watch.h"
#include "web/control.h"

namespace sekimori::app {

class DnsblLists {
 public:
  struct Part {
    Part(serve::DnsblSettings settings, BlacklistLimits limits, std::vector<IpNetwork> own,
         std::function<Instant()> now, std::function<void(std::string_view)> log);
    serve::DnsblBoard board;
    serve::DnsblGate gate;
    serve::DnsblWatch watch;
  };
  // Reads the keys. Errors: bad_input (a list, a network), operating (a key's file).
  [[nodiscard]] static Result<std::unique_ptr<DnsblLists>> open(
      const config::Settings& settings, const std::function<Instant()>& now,
      const std::function<void(std::string_view)>& log);

  // Tests go on from here. Errors: operating.
  [[nodiscard]] Result<void> start();
  void stop();

  // nullptr: no list is named.
  [[nodiscard]] Part* mail() { return mail_.get(); }
  [[nodiscard]] Part* logins() { return logins_.get(); }

  // One for each list; empty where there is none.
  [[nodiscard]] std::vector<web::HealthItem> health() const;
  void add_gauges(std::vector<web::Gauge>& out) const;

 private:
  std::unique_ptr<Part> mail_;
  std::unique_ptr<Part> logins_;
};

}  // namespace sekimori::app
