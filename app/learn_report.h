// What `sekimori learn` says at its end, for people and for programs.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "app/cli_options.h"
#include "serve/history_join.h"
#include "serve/log_set.h"

namespace sekimori::app {

// The command's own counts beside what the API's report says.
struct LearnRun {
  std::vector<serve::LogSet::File> files;
  serve::HistoryJoin::Counts read;
  // Of the events, by what became of them.
  std::uint64_t learnt = 0, suspicious = 0, already = 0, lived = 0, ignored = 0, malformed = 0;
  boost::json::object report;  // as the API gives it; empty: the run did not end
  double seconds = 0;
};

// Stable keys (docs/learn.md).
[[nodiscard]] boost::json::object learn_json(const LearnRun&);
[[nodiscard]] std::string learn_text(const Invocation&, const LearnRun&);

}  // namespace sekimori::app
