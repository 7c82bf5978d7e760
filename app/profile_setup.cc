#include "app/profile_setup.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace sekimori::app {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* it) const {
    Free(it);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Message = std::unique_ptr<CMS_ContentInfo, Freed<CMS_ContentInfo_free>>;

void free_chain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using Chain = std::unique_ptr<STACK_OF(X509), Freed<free_chain>>;

struct Signer {
  Certificate certificate;
  Chain chain;
  Key key;
};

wire::MailServer server(const std::string& host, std::int64_t port, bool starttls) {
  return {.host = host,
          .port = static_cast<std::uint16_t>(port),
          .security = starttls ? wire::MailSecurity::starttls : wire::MailSecurity::tls};
}

Result<std::shared_ptr<Signer>> load(const config::Settings::Profile& profile) {
  auto out = std::make_shared<Signer>();
  out->chain.reset(sk_X509_new_null());
  const Bio certificates(BIO_new_file(profile.sign_certificate_file.c_str(), "r"));
  if (certificates) {
    while (X509* one = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)) {
      if (!out->certificate) {
        out->certificate.reset(one);
      } else {
        sk_X509_push(out->chain.get(), one);
      }
    }
  }
  // The end of the file is an error of its own to OpenSSL.
  ERR_clear_error();
  if (!out->certificate) {
    return bad_input(
        fmt::format("profile.sign_certificate_file: no certificate can be read from {}",
                    profile.sign_certificate_file));
  }
  const Bio key(BIO_new_file(profile.sign_key_file.c_str(), "r"));
  if (key) out->key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  if (!out->key || X509_check_private_key(out->certificate.get(), out->key.get()) != 1) {
    ERR_clear_error();
    return bad_input(fmt::format(
        "profile.sign_key_file: {} cannot be read, or is not the key of the certificate",
        profile.sign_key_file));
  }
  return out;
}

Result<std::string> sign(const Signer& signer, std::string_view text) {
  const Bio in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const Message message(CMS_sign(signer.certificate.get(), signer.key.get(), signer.chain.get(),
                                 in.get(), CMS_BINARY | CMS_NOSMIMECAP));
  const Bio out(BIO_new(BIO_s_mem()));
  if (!message || !out || i2d_CMS_bio(out.get(), message.get()) != 1) {
    ERR_clear_error();
    return operating_failure("the profile could not be signed");
  }
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(size));
}

}  // namespace

wire::MailProfile mail_profile(const config::Settings& settings) {
  const auto& p = settings.profile;
  return {.provider = settings.notices.provider_name,
          .imap = server(p.imap_host, p.imap_port, p.imap_starttls),
          .pop3 = server(p.pop3_host, p.pop3_port, p.pop3_starttls),
          .smtp = server(p.smtp_host, p.smtp_port, p.smtp_starttls)};
}

Result<std::function<Result<std::string>(std::string_view)>> profile_signer(
    const config::Settings& settings) {
  using Function = std::function<Result<std::string>(std::string_view)>;
  const auto& profile = settings.profile;
  if (profile.sign_certificate_file.empty() && profile.sign_key_file.empty()) return Function();
  auto signer = load(profile);
  if (!signer) return std::unexpected(signer.error());
  return Function([signer = *signer](std::string_view text) { return sign(*signer, text); });
}

}  // namespace sekimori::app
