// CHECK(condition): an assertion that stays on in production. For our own bugs only: no byte that
// comes over a wire or from a file may ever reach a failing CHECK.
#pragma once

#include <cstdio>
#include <cstdlib>

#define SEKIMORI_CHECK(condition)                                                             \
  do {                                                                                        \
    if (!(condition)) [[unlikely]] {                                                          \
      std::fprintf(stderr, "%s:%d: bug: %s does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                           \
    }                                                                                         \
  } while (false)
