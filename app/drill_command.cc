#include "app/cli_commands.h"
#include "app/drill.h"
#include "app/drill_target.h"

namespace sekimori::app {

Exit run_drill_command(const Invocation& given) {
  auto loaded = load_settings(given);
  if (!loaded) {
    print_failure(given, loaded.error());
    return Exit::refused;
  }
  auto target = drill_target(given, loaded->settings);
  if (!target) {
    print_failure(given, target.error());
    return target.error().kind == ErrorKind::bad_input ? Exit::usage : Exit::refused;
  }
  DrillReport report(given.language, given.json);
  Drill(*target, report).play();
  return report.verdict() ? Exit::done : Exit::refused;
}

}  // namespace sekimori::app
