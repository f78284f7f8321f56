/* Two passes over one read. The first is quick, so that a process is held on to before it is gone: decode, leave
 * out what fimd itself did and what happened in directories of which the cache knows that nobody watches them,
 * take the process of the rest. The second does the work on paths. */
#include "fimd/watch/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/rt/clock.h"
#include "fimd/rt/log.h"
#include "fimd/watch/marks.h"
#include "fimd/watch/scope.h"
#include "fimd/watch/translate.h"

enum {
    QUIET_BEFORE_IGNORE = 64,
    EVENTS_FIRST = 256,
    STRUCTURE = FANBIT_RENAME | FANBIT_MOVED_FROM | FANBIT_MOVED_TO,
};

static const int64_t rescan_pause = NS_PER_S;

static bool is_own(const struct watch *w, pid_t pid)
{
    for (int i = 0; i < IGNORED_PIDS; i++)
        if (w->ignored[i] && w->ignored[i] == pid)
            return true;
    return false;
}

/* A directory of which it is known that no direct child is watched. One look into the cache. */
static bool is_unwanted(struct watch *w, uint16_t volume, const struct decode_event *e)
{
    if (e->mask & (STRUCTURE | FANBIT_ONDIR) || !e->dir.bytes)
        return false;
    uint32_t node = dircache_find(&w->dirs, volume, e->dir);
    if (node == DIR_NONE)
        return false;
    struct dirnode *n = &w->dirs.nodes[node];
    if (n->flags & DIR_GONE)
        return true; /* outside what is mounted here, or deleted and nobody knows from where */
    if (n->generation != w->dirs.generation)
        scope_find(w, node);
    if (n->flags & DIR_CHILDREN)
        return false;
    if (++n->quiet == QUIET_BEFORE_IGNORE)
        marks_ignore(w, node);
    return true;
}

static bool room_for_one(struct watch *w)
{
    if (w->events_count < w->events_room)
        return true;
    size_t room = w->events_room ? w->events_room * 2 : EVENTS_FIRST;
    struct intake_event *events = realloc(w->events, room * sizeof(*events));
    if (!events)
        return false;
    w->events = events;
    w->events_room = room;
    return true;
}

static void keep(struct watch *w, uint16_t volume, const struct decode_event *e)
{
    if (!room_for_one(w)) {
        w->batch.failed = true;
        return;
    }
    struct intake_event *in = &w->events[w->events_count++];
    *in = (struct intake_event){ .e = *e, .volume = volume, .own = is_own(w, e->pid) };
    if (!in->own && w->callbacks.take)
        in->process = w->callbacks.take(w->callbacks.ctx, e->pid);
}

static void put_overflow(struct watch *w)
{
    struct watch_event e = { .ops = WATCH_OVERFLOW, .read_at = w->read_at };
    (void)batch_add(&w->batch, &e);
}

/* Moves of directories may be among what was lost, and in volumes of inode marks new directories: nothing that
 * the cache says is sure. */
static void overflow(struct watch *w)
{
    w->overflows++;
    dircache_flush(&w->dirs);
    w->ignores_stale = true;
    w->mounts_stale = true; /* marks what is there now, before the receiver looks at it */
    put_overflow(w);
}

/* Returns how many events there were. Once a directory was renamed in this read, the cache says where things are
 * after the events that follow were made, or before: then nothing is left out by it. */
static size_t take_all(struct watch *w, unsigned group, const uint8_t *data, size_t len)
{
    struct decode_event e;
    size_t at = 0, count = 0;
    bool moved = false;
    int r;
    while ((r = decode_next(data, len, &at, &e)) == 1) {
        count++;
        if (e.mask & FANBIT_OVERFLOW) {
            overflow(w);
            continue;
        }
        moved |= e.mask & FANBIT_ONDIR && e.mask & STRUCTURE;
        uint16_t volume = marks_volume(w, group, e.fsid);
        if (volume != VOLUME_NONE && (moved || !is_unwanted(w, volume, &e)))
            keep(w, volume, &e);
    }
    if (r < 0) {
        watch_notice(w, LOG_LEVEL_ERROR, "fanotify: bytes that are no event at %zu of %zu; what is watched is scanned",
                     at, len);
        overflow(w);
    }
    return count;
}

static void give_back(struct watch *w)
{
    for (size_t i = 0; i < w->events_count; i++) {
        struct intake_event *in = &w->events[i];
        if (!in->given && in->process && w->callbacks.drop)
            w->callbacks.drop(w->callbacks.ctx, in->process);
    }
    w->events_count = 0;
}

static void tidy(struct watch *w)
{
    if (w->mounts_stale)
        intake_mounts(w, 0);
    if (w->ignores_stale)
        marks_forget_ignores(w);
}

void intake(struct watch *w, unsigned group, const uint8_t *data, size_t len, size_t *ret_events)
{
    size_t before = w->batch.count;
    *ret_events = take_all(w, group, data, len);
    for (size_t i = 0; i < w->events_count; i++)
        translate(w, i);
    give_back(w);
    tidy(w);
    w->events_read += *ret_events;
    w->events_wanted += w->batch.count - before;
}

void intake_mounts(struct watch *w, pid_t pid)
{
    struct buf changed = { 0 };
    int r = marks_apply(w, &changed);
    if (r < 0) {
        watch_notice(w, LOG_LEVEL_ERROR, "the table of mounts: %s; what is mounted now may not be watched",
                     strerror(-r));
        w->mounts_stale = true; /* once more at the next event */
    }
    for (size_t at = 0; at < changed.len;) {
        const char *path = (const char *)changed.data + at;
        size_t path_len = strlen(path);
        translate_rescan(w, path, path_len, is_own(w, pid) ? 0 : pid);
        at += path_len + 1;
    }
    buf_fini(&changed);
}

void intake_age(struct watch *w, int64_t before)
{
    struct half h;
    while (join_expire(&w->join, before, &h))
        translate_half(w, &h);
}

bool intake_rescans(struct watch *w)
{
    bool waits = false;
    bool now = w->rescan_at == 0 || w->read_at - w->rescan_at >= rescan_pause;
    bool told = false;
    for (uint16_t i = 0; i < w->volumes_count; i++) {
        struct volume *v = &w->volumes[i];
        if (!v->used || !v->rescan_due)
            continue;
        waits |= !now;
        told |= now;
        if (now) {
            v->rescan_due = false;
            translate_rescan_volume(w, i);
        }
    }
    if (told)
        w->rescan_at = w->read_at;
    return waits;
}
