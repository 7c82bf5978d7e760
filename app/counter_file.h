// Counters that survive a restart: a file that what changed is appended to, and that is written
// anew when it has grown to several times its rows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "store/record_file.h"

namespace sekimori::app {

// Where they are counted. Each is called by keep()'s thread, or before there is one.
struct CounterSource {
  std::string_view head;  // what a file of them begins with
  std::function<Result<std::size_t>(std::string_view)> load;
  std::function<void(std::string& out)> changes;
  std::function<Result<void>(const std::function<Result<void>(std::string_view)>& each)> dump;
};

// One thread.
class CounterFile {
 public:
  CounterFile(std::string path, CounterSource source)
      : file_(std::move(path)), source_(std::move(source)) {}

  // Takes what was kept, and begins the file anew without what a crash may have torn. `trouble` is
  // told what could not be read: counting begins anew then. Errors: operating (cannot be written).
  [[nodiscard]] Result<void> open(const std::function<void(std::string_view)>& trouble);
  // Appends what changed since; durable against a power cut within a second. Errors: operating.
  [[nodiscard]] Result<void> keep(Instant now);

 private:
  Result<void> write_anew();

  store::RecordFile file_;
  CounterSource source_;
  std::string buffer_;
  std::uint64_t base_ = 0;  // its length when it was written anew
  Instant next_sync_;
};

}  // namespace sekimori::app
