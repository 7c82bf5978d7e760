// What a connection that broke off before anybody signed in says of a mail program's settings.
#pragma once

#include <cstdint>

namespace sekimori {

enum class HandshakeTrouble : std::uint8_t {
  // The program did not believe the certificate: as a rule the server's name that was typed is not
  // one that the certificate has.
  certificate_refused,
  not_encrypted,      // it spoke unencrypted to a port that begins with encryption
  password_in_plain,  // it would have sent the password unencrypted, and was not let
  count_
};

}  // namespace sekimori
