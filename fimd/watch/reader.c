/*      ┌─────────────────────────────── a lap ───────────────────────────────┐
 * poll ─► mounts changed? ─► read every group once ─► batch() ─► again, until all are empty ─► drained(start of lap)
 *
 * Lone events are read the moment poll returns. In a flood that would wake the reader for every one, at the cost of
 * the writers; so when reads follow each other closely the next one waits 2 ms and takes what came meanwhile.
 *
 * A lap ends when every group was found empty since it began; then all that was done before its beginning has been
 * given away. In a flood no group is ever found empty: a lap that takes long asks the kernel how many events wait
 * (it counts them one by one, so this is not for every lap) and ends when so many have been read. */
#include "fimd/watch/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fimd/rt/clock.h"
#include "fimd/rt/log.h"
#include "fimd/rt/wake.h"
#include "fimd/watch/fan.h"
#include "fimd/watch/intake.h"
#include "fimd/watch/volume.h"

enum {
    FLOOD_READS = 8,    /* so many reads, each less than CLOSE apart, are a flood … */
    CALM_EVENTS = 16,   /* … until a read after a pause brings fewer than these */
    PAUSE_MS = 2,
    HALF_MS = 20,       /* a rename's second half comes microseconds after the first */
    DUE_MS = 1000,
    IDLE_MS = 500,
    MOUNT_EVENTS_SIZE = 4096,
};

#define CLOSE      (INT64_C(1000) * NS_PER_US)
#define LAP_LONG   (INT64_C(50) * NS_PER_MS)
#define HALF_WAITS (INT64_C(20) * NS_PER_MS)

struct lap {
    bool running;
    bool counted;          /* left was asked for */
    int64_t began;
    uint64_t sync;         /* watch_sync's number when it began */
    bool done[GROUPS_MOST];
    size_t left[GROUPS_MOST];
};

struct reader {
    struct watch *w;
    struct lap lap;
    unsigned close_reads;  /* in a row */
    int64_t last_read;
    bool flood;
    bool rescans_wait;
};

int reader_open_mount_watch(uint32_t features)
{
    if (features & WATCH_FEATURE_MNT)
        return fan_open_mounts();
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* --- giving away ---------------------------------------------------------------------------------------------- */

/* Without the lock, which the caller holds: batch() may take its time. */
static void deliver(struct reader *r)
{
    struct watch *w = r->w;
    volume_close_all_bases(w);
    struct watch_event lost = { .ops = WATCH_OVERFLOW, .path = "", .old_path = "", .read_at = w->read_at };
    bool failed = w->batch.failed;
    w->overflows += failed;
    pthread_mutex_unlock(&w->lock);
    if (w->batch.count && w->callbacks.batch)
        w->callbacks.batch(w->callbacks.ctx, w->batch.events, w->batch.count);
    if (failed && w->callbacks.batch)
        w->callbacks.batch(w->callbacks.ctx, &lost, 1);
    batch_reset(&w->batch);
    pthread_mutex_lock(&w->lock);
}

/* --- laps ----------------------------------------------------------------------------------------------------- */

static void lap_begin(struct reader *r, bool count, uint64_t sync)
{
    struct watch *w = r->w;
    r->lap = (struct lap){ .running = true, .counted = count, .began = clock_mono(), .sync = sync };
    for (unsigned i = 0; i < GROUPS_MOST; i++) {
        r->lap.done[i] = w->groups[i].fd < 0;
        r->lap.left[i] = SIZE_MAX;
        if (count && w->groups[i].fd >= 0)
            r->lap.left[i] = fan_waiting(w->groups[i].fd);
        r->lap.done[i] |= r->lap.left[i] == 0;
    }
}

static void lap_read(struct lap *lap, unsigned group, size_t events)
{
    if (lap->left[group] == SIZE_MAX)
        return;
    lap->left[group] -= events < lap->left[group] ? events : lap->left[group];
    lap->done[group] |= lap->left[group] == 0;
}

static bool lap_done(const struct reader *r)
{
    for (unsigned i = 0; i < GROUPS_MOST; i++)
        if (!r->lap.done[i] && r->w->groups[i].fd >= 0)
            return false;
    return true;
}

static void lap_end(struct reader *r)
{
    struct watch *w = r->w;
    int64_t began = r->lap.began;
    uint64_t sync = r->lap.sync;
    r->lap.running = false;
    intake_age(w, sync > w->sync_done ? began : began - HALF_WAITS);
    r->rescans_wait = intake_rescans(w);
    if (w->batch.count || w->batch.failed)
        deliver(r);
    pthread_mutex_unlock(&w->lock);
    if (w->callbacks.drained)
        w->callbacks.drained(w->callbacks.ctx, began);
    pthread_mutex_lock(&w->lock);
    if (sync > w->sync_done) {
        w->sync_done = sync;
        pthread_cond_broadcast(&w->synced);
    }
}

/* --- reading -------------------------------------------------------------------------------------------------- */

/* One read of one group. 0: it was empty. */
static size_t read_group(struct reader *r, unsigned i)
{
    struct watch *w = r->w;
    size_t events = 0;
    ssize_t n = read(w->groups[i].fd, w->buffer, READ_SIZE);
    if (n <= 0) {
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            watch_notice(w, LOG_LEVEL_ERROR, "fanotify: %s", strerror(errno));
        r->lap.done[i] |= n == 0 || errno != EINTR;
        return 0;
    }
    w->read_at = clock_mono();
    intake(w, i, w->buffer, (size_t)n, &events);
    lap_read(&r->lap, i, events);
    if (w->batch.count || w->batch.failed)
        deliver(r);
    return events;
}

/* Is this a flood? Told by how the last reads followed each other. */
static void sense(struct reader *r, size_t events)
{
    int64_t now = r->w->read_at;
    if (r->flood) {
        r->flood = events >= CALM_EVENTS;
        r->close_reads = 0;
    } else {
        r->close_reads = now - r->last_read < CLOSE ? r->close_reads + 1 : 0;
        r->flood = r->close_reads >= FLOOD_READS;
    }
    r->last_read = now;
}

static size_t read_all_once(struct reader *r)
{
    size_t events = 0;
    for (unsigned i = 0; i < GROUPS_MOST && !atomic_load(&r->w->stop); i++)
        if (r->w->groups[i].fd >= 0)
            events += read_group(r, i);
    return events;
}

/* --- mounts --------------------------------------------------------------------------------------------------- */

static short mount_poll(const struct watch *w)
{
    return w->features & WATCH_FEATURE_MNT ? POLLIN : POLLPRI; /* mountinfo is always readable: a change is POLLPRI */
}

static bool mounts_ready(const struct watch *w)
{
    struct pollfd fd = { .fd = w->mount_watch, .events = mount_poll(w) };
    return poll(&fd, 1, 0) > 0 && fd.revents & fd.events;
}

/* Who did it is in the events of FAN_REPORT_MNT; of several the last. */
static pid_t drain_mount_group(const struct watch *w)
{
    uint8_t data[MOUNT_EVENTS_SIZE];
    struct decode_event e;
    pid_t pid = 0;
    ssize_t n;
    while ((n = read(w->mount_watch, data, sizeof(data))) > 0)
        for (size_t at = 0; decode_next(data, (size_t)n, &at, &e) == 1;)
            pid = e.pid ? e.pid : pid;
    return pid;
}

static void mounts_changed(struct reader *r)
{
    struct watch *w = r->w;
    pid_t pid = w->features & WATCH_FEATURE_MNT ? drain_mount_group(w) : 0;
    w->read_at = clock_mono();
    intake_mounts(w, pid);
    deliver(r);
}

/* --- rounds --------------------------------------------------------------------------------------------------- */

static void round_of_reads(struct reader *r)
{
    struct watch *w = r->w;
    uint64_t sync = w->sync_asked; /* what is looked at from here on was done after these calls began, or before */
    bool asked = sync > w->sync_done && sync > r->lap.sync;
    bool is_long = r->lap.running && !r->lap.counted && clock_mono() - r->lap.began > LAP_LONG;
    if (asked && mounts_ready(w))
        mounts_changed(r); /* poll may have looked before the call was made */
    if (!r->lap.running || asked || is_long)
        lap_begin(r, is_long || (asked && r->flood), sync);
    size_t events = read_all_once(r);
    if (events)
        sense(r, events);
    else
        r->flood = false;
    if (lap_done(r))
        lap_end(r);
}

/* --- waiting -------------------------------------------------------------------------------------------------- */

static int timeout_of(const struct reader *r)
{
    if (r->lap.running || r->flood)
        return 0;
    if (r->w->join.count)
        return HALF_MS;
    /* Also when nothing happens drained() is told twice a second: what lies between two of them is the time in which
     * a pid that was used twice cannot be told apart. */
    return r->rescans_wait ? DUE_MS : IDLE_MS;
}

/* True: the mounts changed. */
static bool wait_for_work(struct reader *r)
{
    struct watch *w = r->w;
    struct pollfd fds[GROUPS_MOST + 2] = { { .fd = w->control, .events = POLLIN },
                                           { .fd = w->mount_watch, .events = mount_poll(w) } };
    nfds_t count = 2;
    for (unsigned i = 0; i < GROUPS_MOST; i++)
        if (w->groups[i].fd >= 0)
            fds[count++] = (struct pollfd){ .fd = w->groups[i].fd, .events = POLLIN };
    int timeout = timeout_of(r);
    bool asked = w->sync_asked > w->sync_done;
    pthread_mutex_unlock(&w->lock);
    int n = 0;
    if (r->flood && !asked) /* the pause ends early only for a command */
        n = poll(fds, 1, PAUSE_MS);
    if (!n || !(fds[0].revents & POLLIN))
        n = poll(fds, count, timeout);
    if (fds[0].revents & POLLIN)
        wake_clear(w->control);
    pthread_mutex_lock(&w->lock);
    return n > 0 && fds[1].revents & mount_poll(w);
}

void *reader_main(void *watch)
{
    struct reader r = { .w = watch };
    struct watch *w = watch;
    pthread_mutex_lock(&w->lock);
    while (!atomic_load(&w->stop)) {
        if (wait_for_work(&r))
            mounts_changed(&r);
        if (!atomic_load(&w->stop))
            round_of_reads(&r);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}
