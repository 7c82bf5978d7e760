// What is done by the clock, without the clock: the timers' inside, which the simulator drives too.
//
// Threads: any one at a time; the engine locks for itself.
#pragma once

#include <functional>
#include <string_view>

#include "decide/engine.h"
#include "decide/ports.h"

namespace sekimori::app {

// Lets the timed holds go that ran out quietly: Postfix first, then the engine counts them as gone.
// What Postfix does not let go now is held again and tried with the next call.
void release_due_holds(decide::Engine& engine, decide::Hands& hands, Instant now,
                       const std::function<void(const decide::Applied&)>& remember,
                       const std::function<void(std::string_view)>& log);

// Ends the holds whose message is no longer in Postfix's queue (a person let it go or deleted
// it there, or we did and were interrupted): what is counted as waiting must be what waits. A
// message is given a minute to get there.
void end_missing_holds(decide::Engine& engine, decide::Hands& hands, Instant now,
                       const std::function<void(const decide::Applied&)>& remember,
                       const std::function<void(std::string_view)>& log);

// Ends the probations that lasted `length`.
void end_due_probations(decide::Engine& engine, Duration length, Instant now,
                        const std::function<void(const decide::StandingNews&)>& remember);

}  // namespace sekimori::app
