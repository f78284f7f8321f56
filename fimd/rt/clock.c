/* Owns: the reading of the kernel's clocks, by the vDSO. Nothing else in fimd asks for the time of day. */
#include "fimd/rt/clock.h"

#include <time.h>

static int64_t clock_read(clockid_t id)
{
    struct timespec t;

    if (clock_gettime(id, &t) < 0) /* only for a clock that does not exist */
        return 0;
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_mono(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_real(void)
{
    return clock_read(CLOCK_REALTIME);
}
