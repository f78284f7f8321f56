/* See notify.h: the one place that knows libsystemd. */
#include "fimd/daemon/notify.h"

#include <inttypes.h>

#include <systemd/sd-daemon.h>

#include "fimd/rt/clock.h"

void notify_ready(const char *status)
{
    sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_reloading(void)
{
    /* The stamp lets the manager order this before the READY that follows. */
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono() / NS_PER_US);
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}
