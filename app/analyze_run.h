// Mail logs read, added up and judged: the work of `sekimori analyze`.
//
// The lines pass through four steps in their order: read (LogSet), parse, add up (LogSurvey), judge
// (HistoryJoin and LogJudge). With more threads the steps run side by side, and several batches are
// parsed at once; what comes out is the same.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/log_judge.h"
#include "app/log_survey.h"
#include "decide/engine.h"
#include "serve/log_set.h"
#include "serve/policy_desk.h"

namespace sekimori::app {

struct AnalyzeOptions {
  serve::LogSetOptions set;
  HashKey key{};                  // random, so that nobody can choose names that collide
  decide::EngineSettings engine;  // enforcing
  serve::PlaceOf place;           // optional
  unsigned threads = 1;
  // Called now and then by the calling thread with the share read (0…1; below 0: not known) and the
  // time reached.
  std::function<void(double share, Instant t)> progress;
};

struct Analysis {
  Analysis(const AnalyzeOptions& options)
      : survey(options.key), judge(options.engine, options.key) {}
  std::vector<serve::LogSet::File> files;
  LogSurvey survey;
  LogJudge judge;
  double seconds = 0;
};

// Reads all of the set.
void analyze(serve::LogSet& set, const AnalyzeOptions& options, Analysis& out);

}  // namespace sekimori::app
