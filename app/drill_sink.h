// What reached the outside world in a drill: counts in the lab's sink folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sekimori::app {

// Only looks at messages that arrived after it was made. One thread.
class DrillSink {
 public:
  explicit DrillSink(std::string folder);  // "": nothing can be known
  [[nodiscard]] bool known() const { return !folder_.empty(); }
  // Envelope recipients that contain `text`, over all messages.
  [[nodiscard]] std::size_t recipients_with(std::string_view text) const;
  // Messages whose subject contains `text`.
  [[nodiscard]] std::size_t messages_with(std::string_view text) const;
  // Says the mail log that this message is deferred? Looks at the end of it.
  [[nodiscard]] static bool deferred(const std::string& maillog, std::string_view queue_id);

 private:
  template <class Look>
  void each_head(const Look& look) const;
  std::string folder_;
  std::string first_;  // file names begin with the arrival in nanoseconds
};

}  // namespace sekimori::app
