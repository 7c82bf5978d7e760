// What legitimate accounts do: the shipped global prior, a band of account age each (fewer than
// 5, fewer than 30, more learnt messages). Aggregate counts only, printed by bench/detect_prior
// from real mail (docs/detection.md names the data); normalised to 1 a group, levels to [0].
#pragma once

#include <array>

#include "detect/features.h"

namespace sekimori::detect {

inline constexpr std::array<Histograms, k_bands> k_shipped_priors{{
    {.shape = {0.32503F, 0.01316F, 0.00083F, 0.27829F, 0.34530F, 0.02290F, 0.00971F, 0.00359F,
               0.00069F, 0.00050F},
     .gap = {0.00105F, 0.00656F, 0.01968F, 0.02753F, 0.02528F, 0.09944F, 0.10665F, 0.21383F,
             0.00184F, 0.00997F, 0.02923F, 0.06491F, 0.07170F, 0.09699F, 0.06597F, 0.15940F},
     .stranger = {0.6F, 0.25F, 0.15F},
     .level_new = {1.00000F, 0.01507F, 0.00558F, 0.00046F, 0.00010F, 0.00010F},
     .level_all = {1.00000F, 0.02431F, 0.00657F, 0.00087F, 0.00010F, 0.00010F},
     .repeat = {0.90F, 0.06F, 0.025F, 0.010F, 0.005F},
     .size = {0.03F, 0.2F, 0.22F, 0.15F, 0.1F, 0.08F, 0.06F, 0.05F, 0.04F, 0.03F, 0.02F, 0.02F},
     .envelope = {0.97F, 0.03F},
     .message_id = {0.97F, 0.03F},
     .place = {0.60F, 0.20F, 0.12F, 0.08F}},
    {.shape = {0.63158F, 0.04493F, 0.00301F, 0.14428F, 0.15762F, 0.01069F, 0.00523F, 0.00126F,
               0.00070F, 0.00070F},
     .gap = {0.00169F, 0.00717F, 0.02160F, 0.03151F, 0.03590F, 0.10552F, 0.11574F, 0.18086F,
             0.00777F, 0.00526F, 0.02346F, 0.07033F, 0.07469F, 0.09268F, 0.08100F, 0.14482F},
     .stranger = {0.6F, 0.25F, 0.15F},
     .level_new = {1.00000F, 0.01442F, 0.00393F, 0.00074F, 0.00059F, 0.00034F},
     .level_all = {1.00000F, 0.04103F, 0.01204F, 0.00199F, 0.00067F, 0.00034F},
     .repeat = {0.90F, 0.06F, 0.025F, 0.010F, 0.005F},
     .size = {0.03F, 0.2F, 0.22F, 0.15F, 0.1F, 0.08F, 0.06F, 0.05F, 0.04F, 0.03F, 0.02F, 0.02F},
     .envelope = {0.97F, 0.03F},
     .message_id = {0.97F, 0.03F},
     .place = {0.72F, 0.16F, 0.08F, 0.04F}},
    {.shape = {0.76597F, 0.08779F, 0.00899F, 0.04888F, 0.08304F, 0.00245F, 0.00111F, 0.00076F,
               0.00051F, 0.00051F},
     .gap = {0.00193F, 0.00808F, 0.02779F, 0.04759F, 0.06044F, 0.13618F, 0.12015F, 0.09784F,
             0.00232F, 0.00398F, 0.02555F, 0.07295F, 0.09112F, 0.12424F, 0.08688F, 0.09294F},
     .stranger = {0.6F, 0.25F, 0.15F},
     .level_new = {1.00000F, 0.00405F, 0.00102F, 0.00017F, 0.00010F, 0.00010F},
     .level_all = {1.00000F, 0.06766F, 0.01940F, 0.00306F, 0.00018F, 0.00010F},
     .repeat = {0.90F, 0.06F, 0.025F, 0.010F, 0.005F},
     .size = {0.03F, 0.2F, 0.22F, 0.15F, 0.1F, 0.08F, 0.06F, 0.05F, 0.04F, 0.03F, 0.02F, 0.02F},
     .envelope = {0.97F, 0.03F},
     .message_id = {0.97F, 0.03F},
     .place = {0.86F, 0.09F, 0.035F, 0.015F}},
}};

}  // namespace sekimori::detect
