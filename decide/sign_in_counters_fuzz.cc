// A file of counters, damaged anywhere: no crash, and what was read can be written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "decide/sign_in_counters.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori;
  using namespace sekimori::decide;
  SignInCounterOptions options;
  for (const char* text : {"key=ip seconds=60 windows=3 limit=3 action=refuse",
                           "key=login count=passwords seconds=600 limit=3 action=refuse"}) {
    if (const auto window = SignInWindow::parse(text)) options.windows.push_back(*window);
  }
  options.rows_max = 1000;
  SignInCounters counters(options);
  std::string file(SignInCounters::head());
  counters.note({"u@d", IpAddress::parse("192.0.2.1").value_or(IpAddress()), "1"}, false,
                Instant{1'750'000'000'000'000});
  counters.take_changes(file);
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    if (data[i] < file.size()) file[data[i]] = static_cast<char>(data[i + 1]);
  }
  file.append(reinterpret_cast<const char*>(data), size);
  SignInCounters again(options);
  if (!again.load(file)) return 0;
  std::string copy(SignInCounters::head());
  (void)again.dump([&](std::string_view part) {
    copy += part;
    return Result<void>();
  });
  SignInCounters third(options);
  if (!third.load(copy) || third.hash() != again.hash()) std::abort();
  return 0;
}
