// What legitimate accounts do: the shipped global prior, a band of account age each (fewer than 5,
// fewer than 30, more learnt messages). Aggregate counts only, made by bench/detect_prior from real
// mail (docs/detection.md names the data); normalised to 1 a group.
#pragma once

#include <array>

#include "detect/features.h"

namespace sekimori::detect {

inline constexpr std::array<Histograms, k_bands> k_shipped_priors{{
    {.shape = {.2F, .03F, .005F, .15F, .5F, .08F, .02F, .01F, .004F, .001F},
     .gap = {.03F, .03F, .07F, .1F, .17F, .2F, .15F, .25F, .03F, .03F, .07F, .1F, .17F, .2F, .15F, .25F},
     .stranger = {.6F, .25F, .15F},
     .level_new = {1, .05F, .02F, .008F, .003F, .001F},
     .level_all = {1, .08F, .03F, .01F, .003F, .001F},
     .repeat = {.9F, .06F, .025F, .01F, .005F},
     .size = {.03F, .2F, .22F, .15F, .1F, .08F, .06F, .05F, .04F, .03F, .02F, .02F},
     .envelope = {.97F, .03F}, .message_id = {.97F, .03F}, .place = {.6F, .2F, .12F, .08F}},
    {.shape = {.5F, .05F, .01F, .1F, .25F, .06F, .02F, .007F, .002F, .001F},
     .gap = {.03F, .03F, .07F, .1F, .17F, .2F, .15F, .25F, .03F, .03F, .07F, .1F, .17F, .2F, .15F, .25F},
     .stranger = {.6F, .25F, .15F},
     .level_new = {1, .04F, .015F, .006F, .002F, .001F},
     .level_all = {1, .08F, .03F, .01F, .003F, .001F},
     .repeat = {.9F, .06F, .025F, .01F, .005F},
     .size = {.03F, .2F, .22F, .15F, .1F, .08F, .06F, .05F, .04F, .03F, .02F, .02F},
     .envelope = {.97F, .03F}, .message_id = {.97F, .03F}, .place = {.7F, .18F, .08F, .04F}},
    {.shape = {.75F, .1F, .02F, .04F, .06F, .02F, .006F, .002F, .0015F, .0005F},
     .gap = {.03F, .03F, .07F, .1F, .17F, .2F, .15F, .25F, .03F, .03F, .07F, .1F, .17F, .2F, .15F, .25F},
     .stranger = {.6F, .25F, .15F},
     .level_new = {1, .02F, .008F, .003F, .001F, .0005F},
     .level_all = {1, .08F, .03F, .01F, .003F, .001F},
     .repeat = {.9F, .06F, .025F, .01F, .005F},
     .size = {.03F, .2F, .22F, .15F, .1F, .08F, .06F, .05F, .04F, .03F, .02F, .02F},
     .envelope = {.97F, .03F}, .message_id = {.97F, .03F}, .place = {.85F, .1F, .035F, .015F}},
}};

}  // namespace sekimori::detect
