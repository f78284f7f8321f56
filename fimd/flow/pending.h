/* Changes that wait until their file has come to rest. Pure: times are given, nothing is locked, no thread.
 *
 *   add ─► resting (a heap by the time it is due) ─► ready (first in, first out) ─► taken ─► done
 *                                     ▲ blocked while an earlier finding on the same path is taken
 *
 * A finding gathers every event of one path, and every process that caused one, until it is taken. A rename is
 * one finding on two paths: it takes over what waits on both, so that an editor's save by rename is one change.
 * Findings on one path are taken one after another, in the order of their events. */
#ifndef FIMD_FLOW_PENDING_H
#define FIMD_FLOW_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "baseline/entry.h"
#include "fimd/model/event.h"
#include "fimd/process/process.h"

struct touch { /* one process that caused events of a finding */
    struct process *process; /* a reference; NULL unknown */
    pid_t pid;
    uint32_t ops;       /* enum watch_op, united */
    int64_t at;         /* ns monotonic, of its last event */
    uint64_t inode, dir_inode;
};

enum { FINDING_TOUCHES = 8 };

struct finding {
    const char *path, *old_path; /* belong to the table; old_path NULL unless renamed */
    size_t path_len, old_path_len;
    uint32_t ops;                /* enum watch_op, united */
    enum event_source source;
    bool removed;                /* a scan saw that it is gone */
    int64_t first, last;         /* ns monotonic: reading of the first and the last event */
    struct touch touches[FINDING_TOUCHES];
    size_t touches_count;
    bool touches_more;

    /* What the stages after it find out; measure fills, judge reads. */
    int measured, old_measured;  /* 0 or -errno of measure_path */
    struct entry after, old_after;
    struct actor *actors[FINDING_TOUCHES];
    size_t actors_count;
    int64_t retry;               /* ns monotonic: when attribution is to be asked again */
    int64_t grace_ends;
    struct finding *link;        /* for the holder's lists while taken */

    struct pending_private *private;
};

struct pending_options {
    int64_t settle, settle_max; /* ns */
};

/* What arrives: an event of watch, or a difference that a scan found. */
struct pending_event {
    const char *path, *old_path; /* old_path NULL or empty: no rename, or from outside */
    size_t path_len, old_path_len;
    uint32_t ops;
    enum event_source source;
    bool transient; /* the name is a temporary file's: wait longer whether it stays */
    bool removed;
    bool walked;    /* found by a walk behind the watch: an event that says how it came may still be on its way */
    struct touch touch; /* process: becomes the finding's on success; pid 0: none */
};

struct pending;
int pending_new(const struct pending_options *options, struct pending **ret); /* 0, -ENOMEM */
void pending_free(struct pending *p); /* all findings must be done */
void pending_set_options(struct pending *p, const struct pending_options *options);

/* 0, or -ENOMEM (nothing is taken over). *ret_dropped: a process reference that was not needed (the finding has it
 * already, or has too many), or NULL: the caller's to drop. */
int pending_add(struct pending *p, const struct pending_event *event, int64_t now, struct process **ret_dropped);
/* The next finding at rest, or NULL; *ret_due: when the next one will be (INT64_MAX: none waits). */
struct finding *pending_take(struct pending *p, int64_t now, int64_t *ret_due);
/* Ends a finding that was taken (or, when closing, any): frees it, and lets those go that waited for it. The touches' processes and
 * the actors are the caller's to drop first. */
void pending_done(struct pending *p, struct finding *f);
/* Hands out every finding that is not taken, for closing. */
struct finding *pending_drain(struct pending *p);

size_t pending_count(const struct pending *p);       /* findings not done */
uint64_t pending_newest(const struct pending *p);    /* serial of the newest finding */
uint64_t pending_oldest(const struct pending *p);    /* serial of the oldest not done; newest + 1 when none */

#endif
