#include "app/machine_words.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace sekimori::app {

std::string words_detail(const Text& words) {
  return boost::json::serialize(
      boost::json::object{{"words", {{"ja", words.ja}, {"en", words.en}}}});
}

decide::AuditEntry with_words(decide::AuditEntry entry, const Text& reason) {
  const bool is_silent = reason.ja.empty() && reason.en.empty();
  if (entry.who != "machine" || !entry.detail.empty() || is_silent) return entry;
  if (entry.why == reason.ja) entry.why.clear();  // said in both languages now
  entry.detail = words_detail(reason);
  return entry;
}

}  // namespace sekimori::app
