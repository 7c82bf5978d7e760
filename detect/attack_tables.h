// What hijacked accounts do: p1, one small table a channel and attack family. Published constants,
// never fitted at run time; docs/detection.md has the reason for each.
#pragma once

#include <array>

#include "detect/detector.h"
#include "detect/features.h"

namespace sekimori::detect {

struct AttackTable {
  double weight;    // of the family in R; they sum to 1
  double own_mail;  // share of the owner's own messages while the attack runs
  std::array<double, k_shapes> shape;
  std::array<double, k_gaps> gap_known;    // time since the last message, message to known people
  std::array<double, k_gaps> gap_novel;    // the same, message with strangers
  std::array<double, k_classes> stranger;  // colleague's contact, domain known, unknown
  double reach_new;  // chance to climb to the next level of new recipients within the hour
  double reach_all;  // the same of all recipients
  std::array<double, k_repeats> repeat;
  double envelope;                          // envelope sender is not the login
  double message_id;                        // none
  std::array<double, k_place_kinds> place;  // known, new network, new operator, new country
  double login_share;                       // how much of a place's evidence counts for the family
  double settings;  // nats of a changed forward, filter, app password or recovery contact
};

// In the order of Family.
inline constexpr std::array<AttackTable, k_families> k_attacks{{
    // spray_fast: 300–3,000 recipients an hour, 1–100 a message, nearly all unknown.
    {.weight = 0.20,
     .own_mail = 0.10,
     .shape = {.02, .02, .01, .005, .255, .08, .15, .20, .17, .09},
     .gap_known = {.30, .25, .20, .12, .06, .04, .02, .01},
     .gap_novel = {.40, .25, .15, .08, .05, .04, .02, .01},
     .stranger = {.05, .35, .60},
     .reach_new = .85,
     .reach_all = .85,
     .repeat = {.25, .15, .20, .20, .20},
     .envelope = .15,
     .message_id = .12,
     .place = {.15, .15, .25, .45},
     .login_share = 1,
     .settings = 1.0},
    // spray_slow: 2–300 an hour or 5–50 a day, one to ten a message.
    {.weight = 0.25,
     .own_mail = 0.25,
     .shape = {.04, .02, .005, .01, .62, .15, .11, .03, .01, .005},
     .gap_known = {.02, .05, .15, .20, .25, .22, .08, .03},
     .gap_novel = {.03, .07, .15, .22, .28, .20, .04, .01},
     .stranger = {.08, .37, .55},
     .reach_new = .6,
     .reach_all = .5,
     .repeat = {.35, .20, .20, .15, .10},
     .envelope = .12,
     .message_id = .10,
     .place = {.15, .15, .25, .45},
     .login_share = 1,
     .settings = 1.0},
    // lateral: 50–1,500 colleagues in office hours.
    {.weight = 0.20,
     .own_mail = 0.20,
     .shape = {.04, .05, .01, .01, .30, .12, .17, .18, .10, .02},
     .gap_known = {.05, .12, .20, .20, .20, .15, .06, .02},
     .gap_novel = {.10, .18, .22, .20, .16, .10, .03, .01},
     .stranger = {.80, .12, .08},
     .reach_new = .8,
     .reach_all = .75,
     .repeat = {.30, .15, .20, .20, .15},
     .envelope = .08,
     .message_id = .08,
     .place = {.20, .20, .25, .35},
     .login_share = 1,
     .settings = 1.0},
    // contacts_burst: everybody the owner knows, within the hour, a forward set beside it.
    {.weight = 0.15,
     .own_mail = 0.10,
     .shape = {.40, .30, .16, .03, .05, .03, .015, .01, .003, .002},
     .gap_known = {.15, .25, .27, .18, .08, .04, .02, .01},
     .gap_novel = {.12, .20, .25, .20, .12, .07, .03, .01},
     .stranger = {.40, .30, .30},
     .reach_new = .2,
     .reach_all = .85,
     .repeat = {.20, .15, .25, .25, .15},
     .envelope = .08,
     .message_id = .08,
     .place = {.20, .20, .25, .35},
     .login_share = 1,
     .settings = 3.0},
    // login_led: a thief's sign-in first, then a few messages, to contacts or strangers.
    {.weight = 0.20,
     .own_mail = 0.40,
     .shape = {.22, .08, .02, .03, .38, .13, .08, .04, .015, .005},
     .gap_known = {.04, .08, .15, .20, .22, .18, .09, .04},
     .gap_novel = {.05, .10, .16, .20, .22, .18, .06, .03},
     .stranger = {.25, .35, .40},
     .reach_new = .5,
     .reach_all = .5,
     .repeat = {.45, .20, .17, .10, .08},
     .envelope = .12,
     .message_id = .10,
     .place = {.08, .12, .28, .52},
     .login_share = 1,
     .settings = 2.5},
}};

// Bounds on what one channel may say of one message, nats (before tempering).
inline constexpr std::array<double, k_channels> k_cap_nats{
    6,    // shape
    3,    // inter_arrival
    2,    // stranger
    3,    // velocity
    3,    // size_pattern
    4,    // login_place
    4,    // places_24h
    3,    // bounce
    3,    // settings
    2,    // envelope
    2,    // first_smtp
    2,    // message_id
    1.5,  // reading, from a new place; 1 else
    3,    // concurrent
    3,    // fleet
};
// What a place may say in the owner's favour.
inline constexpr double k_place_floor_nats = -1.5;

}  // namespace sekimori::detect
