// Who writes to people on behalf of a service: the published table of senders, and the look of one.
// From the sender's address alone; no subject, no content. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sekimori::decide {

struct ServiceSender {
  std::string_view domain;    // and all below it
  std::string_view category;  // "bank", "card", "payment", "shop", "social", "mail", "cloud",
                              // "telecom", "travel", "game", "public", "work", "other"
  std::string_view ja;
  std::string_view en;
};
// By domain, for the documentation and the tests.
[[nodiscard]] std::span<const ServiceSender> service_senders();

struct FoundService {
  std::string domain;  // of the table, or what the sender's owner registered
  std::string category;
  std::string ja;
  std::string en;
  bool known = false;
};
// nullopt: nothing says that a service wrote this (a person's address at an unknown domain; of the
// great mail providers only their own machines' addresses are services).
[[nodiscard]] std::optional<FoundService> service_of(std::string_view sender);

}  // namespace sekimori::decide
