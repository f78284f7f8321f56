/* The outside of the folder: what watch.h promises, each call a few steps under the lock. */
#include "fimd/watch/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fimd/rt/clock.h"
#include "fimd/rt/wake.h"
#include "fimd/watch/fan.h"
#include "fimd/watch/marks.h"
#include "fimd/watch/reader.h"
#include "fimd/watch/state.h"

static const struct {
    const char *name;
    uint32_t bit;
} feature_names[] = {
    { "rename", WATCH_FEATURE_RENAME },
    { "target", WATCH_FEATURE_TARGET | WATCH_FEATURE_RENAME }, /* they came together */
    { "filesystem", WATCH_FEATURE_FILESYSTEM },
    { "mnt", WATCH_FEATURE_MNT },
    { "evictable", WATCH_FEATURE_EVICTABLE },
};

uint32_t watch_features_parse(const char *names)
{
    uint32_t set = 0;
    while (names && *names) {
        size_t len = strcspn(names, ", ");
        for (size_t i = 0; i < sizeof(feature_names) / sizeof(feature_names[0]); i++)
            if (strlen(feature_names[i].name) == len && strncmp(feature_names[i].name, names, len) == 0)
                set |= feature_names[i].bit;
        names += len;
        names += strspn(names, ", ");
    }
    return set;
}

void watch_notice(struct watch *w, int level, const char *format, ...)
{
    char text[512];
    va_list args;
    if (!w->callbacks.notice)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    w->callbacks.notice(w->callbacks.ctx, level, text);
}

/* --- open and close ------------------------------------------------------------------------------------------- */

static struct watch *new_watch(const struct watch_options *o)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->callbacks = o->callbacks;
    w->queue_events = o->queue_events;
    w->policy = policy_ref(o->policy);
    w->control = w->mount_watch = -1;
    for (unsigned i = 0; i < GROUPS_MOST; i++)
        w->groups[i].fd = -1;
    for (size_t i = 0; i < o->ignore_count && i < IGNORED_PIDS; i++)
        w->ignored[i] = o->ignore[i];
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->synced, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&w->lock, NULL);
    return w;
}

static void free_watch(struct watch *w)
{
    struct half h;
    while (join_expire(&w->join, INT64_MAX, &h))
        if (h.process && w->callbacks.drop)
            w->callbacks.drop(w->callbacks.ctx, h.process);
    marks_fini(w);
    mounts_fini(&w->mounts);
    dircache_fini(&w->dirs);
    batch_fini(&w->batch);
    buf_fini(&w->scratch);
    buf_fini(&w->scratch_old);
    buf_fini(&w->shown);
    buf_fini(&w->shown_old);
    free(w->events);
    free(w->buffer);
    if (w->control >= 0)
        close(w->control);
    if (w->mount_watch >= 0)
        close(w->mount_watch);
    policy_unref(w->policy);
    pthread_cond_destroy(&w->synced);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* Mounts are watched before the table is read, so that nothing is mounted unseen in between. */
static int set_up(struct watch *w, uint32_t without, struct fault *why)
{
    w->features = fan_probe(without);
    w->buffer = malloc(READ_SIZE);
    if (!w->buffer || dircache_init(&w->dirs, DIRECTORIES_MOST) < 0)
        return fault_set(why, ENOMEM, "no memory to begin watching");
    w->control = wake_open();
    if (w->control < 0)
        return fault_set(why, -w->control, "eventfd: %s", strerror(-w->control));
    int r = marks_init(w, why);
    if (r < 0)
        return r;
    w->mount_watch = reader_open_mount_watch(w->features);
    if (w->mount_watch < 0)
        return fault_set(why, -w->mount_watch, "cannot watch for mounts: %s", strerror(-w->mount_watch));
    r = marks_apply(w, NULL);
    return r < 0 ? fault_set(why, -r, "/proc/self/mountinfo: %s", strerror(-r)) : 0;
}

int watch_open(const struct watch_options *options, struct watch **ret, struct fault *why)
{
    struct watch *w = new_watch(options);
    if (!w)
        return fault_set(why, ENOMEM, "no memory to begin watching");
    int r = set_up(w, options->without, why);
    if (r == 0) {
        r = -pthread_create(&w->thread, NULL, reader_main, w);
        if (r < 0)
            fault_set(why, -r, "no thread to read events: %s", strerror(-r));
        else
            pthread_setname_np(w->thread, "fimd-watch");
    }
    if (r < 0) {
        free_watch(w);
        return r;
    }
    *ret = w;
    return 0;
}

void watch_close(struct watch *w)
{
    if (!w)
        return;
    atomic_store(&w->stop, true);
    wake_up(w->control);
    pthread_join(w->thread, NULL);
    free_watch(w);
}

/* --- the running watch ---------------------------------------------------------------------------------------- */

int watch_set_policy(struct watch *w, struct policy *policy, struct fault *why)
{
    pthread_mutex_lock(&w->lock);
    struct policy *old = w->policy;
    w->policy = policy_ref(policy);
    int r = marks_apply(w, NULL);
    if (r < 0) { /* the marks are the old policy's still, or more: nothing it asks for is missed */
        w->policy = old;
        policy_unref(policy);
        w->dirs.generation++;
        fault_set(why, -r, "the new rules cannot be watched: %s", strerror(-r));
    } else {
        policy_unref(old);
    }
    pthread_mutex_unlock(&w->lock);
    wake_up(w->control);
    return r;
}

void watch_ignore(struct watch *w, pid_t old_pid, pid_t new_pid)
{
    pthread_mutex_lock(&w->lock);
    int place = -1;
    for (int i = 0; i < IGNORED_PIDS && place < 0; i++)
        if (old_pid && w->ignored[i] == old_pid)
            place = i;
    for (int i = 0; i < IGNORED_PIDS && place < 0; i++)
        if (!w->ignored[i])
            place = i;
    if (place >= 0)
        w->ignored[place] = new_pid;
    pthread_mutex_unlock(&w->lock);
}

int watch_sync(struct watch *w, int64_t timeout)
{
    int64_t until = clock_mono() + timeout;
    struct timespec at = { .tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S };
    int r = 0;
    pthread_mutex_lock(&w->lock);
    uint64_t mine = ++w->sync_asked;
    wake_up(w->control);
    while (w->sync_done < mine && r == 0)
        r = pthread_cond_timedwait(&w->synced, &w->lock, &at);
    bool done = w->sync_done >= mine;
    pthread_mutex_unlock(&w->lock);
    return done ? 0 : -ETIMEDOUT;
}

/* --- status --------------------------------------------------------------------------------------------------- */

static unsigned groups_of(const struct watch *w, uint16_t volume)
{
    unsigned count = 0;
    for (unsigned i = 0; i < GROUPS_MOST; i++)
        count += w->groups[i].fd >= 0 && w->groups[i].volume == volume;
    return count ? count : 1;
}

static int put_mark(const struct watch *w, uint16_t volume, const struct mount *m, struct watch_status *ret)
{
    const struct volume *v = &w->volumes[volume];
    struct watch_mark *marks = realloc(ret->marks, (ret->marks_count + 1) * sizeof(*marks));
    if (!marks)
        return -ENOMEM;
    ret->marks = marks;
    struct watch_mark *k = &marks[ret->marks_count];
    *k = (struct watch_mark){
        .path = strdup(m->point_len ? m->point : "/"),
        .how = v->way == WAY_FILESYSTEM ? "filesystem" : "inode",
        .limits = marks_limits(v),
        .groups = groups_of(w, volume),
    };
    memcpy(k->fs_type, v->fs_type, sizeof(k->fs_type));
    if (!k->path)
        return -ENOMEM;
    ret->marks_count++;
    return 0;
}

static int put_marks(const struct watch *w, struct watch_status *ret)
{
    for (uint16_t i = 0; i < w->volumes_count; i++) {
        const struct volume *v = &w->volumes[i];
        for (uint32_t k = 0; v->used && v->way != WAY_NONE && k < v->mounts_count; k++) {
            const struct mount *m = &w->mounts.list[v->mounts[k]];
            int r = m->wanted ? put_mark(w, i, m, ret) : 0;
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int watch_status(struct watch *w, struct watch_status *ret)
{
    pthread_mutex_lock(&w->lock);
    struct watch_status s = {
        .features = w->features,
        .events_read = w->events_read,
        .events_wanted = w->events_wanted,
        .overflows = w->overflows,
        .unresolved = w->unresolved,
        .directories_cached = w->dirs.count,
        .ignore_marks = w->dirs.ignored,
    };
    int r = put_marks(w, &s);
    pthread_mutex_unlock(&w->lock);
    if (r < 0)
        watch_status_fini(&s);
    else
        *ret = s;
    return r;
}

void watch_status_fini(struct watch_status *s)
{
    for (size_t i = 0; i < s->marks_count; i++)
        free(s->marks[i].path);
    free(s->marks);
    *s = (struct watch_status){ 0 };
}
