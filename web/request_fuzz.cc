// Any request line and body through the real router and handlers: no crash, always an answer that
// is well formed. Input: method, target and body, parted by line feeds; the first byte says whether
// the caller is authorised (1), holds an owner's token (2), and whether the account is contained
// (4).
#include <boost/json/parse.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/check.h"
#include "web/api.h"
#include "web/memory_control.h"

namespace {

std::string_view cut(std::string_view& text, char at) {
  const auto end = text.find(at);
  const auto part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::web;
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Caller caller;
  caller.authorised = (text.front() & 1) != 0;
  caller.who = caller.authorised ? "api" : "";
  const bool has_owner = (text.front() & 2) != 0;
  const bool contained = (text.front() & 4) != 0;
  text.remove_prefix(1);
  MemoryControl control;
  if (contained || has_owner) control.contain_by_machine("taro@example.jp");
  std::string authorization;
  if (has_owner) {
    OwnerProof proof;
    proof.kind = OwnerProofKind::totp;
    proof.value = sekimori::Secret(std::string(MemoryRecovery::k_totp));
    const auto session = control.owner_begin("taro@example.jp", std::move(proof), {});
    SEKIMORI_CHECK(session);
    authorization = "Bearer " + std::string(session->token.reveal());
  }
  ApiRequest request;
  request.authorization = authorization;
  request.method = parse_method(cut(text, '\n'));
  request.target = cut(text, '\n');
  request.content_type = "application/json";
  request.body = text;
  const auto response = handle(request, control, caller);
  SEKIMORI_CHECK(response.status >= 200 && response.status < 600);
  if (response.content_type == "application/json") {
    boost::system::error_code error;
    const auto value = boost::json::parse(response.body, error);
    SEKIMORI_CHECK(!error && value.is_object());
    SEKIMORI_CHECK(value.as_object().contains("error") == (response.status >= 400));
  }
  // What is not authorised changes nothing, and an owner nothing of anybody else.
  for (const auto& entry : control.audit_entries()) {
    const bool is_owners =
        has_owner && entry.who == "owner:totp" && entry.subject.id == "taro@example.jp";
    SEKIMORI_CHECK(is_owners || (caller.authorised && entry.who == "api"));
  }
  const auto early = refuse_early(request.method, request.target, caller);
  SEKIMORI_CHECK(!early || early->status == response.status);
  return 0;
}
