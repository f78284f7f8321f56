/* The clocks, in ns. Pure modules never call these: they are given `now`. */
#ifndef FIMD_RT_CLOCK_H
#define FIMD_RT_CLOCK_H

#include <stdint.h>

enum { NS_PER_MS = 1000000, NS_PER_US = 1000 };
#define NS_PER_S INT64_C(1000000000)

int64_t clock_mono(void); /* CLOCK_MONOTONIC: for waiting, and the connector's stamps */
int64_t clock_real(void); /* CLOCK_REALTIME: for @timestamp, and audit's stamps */

#endif
