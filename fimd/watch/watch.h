/* fanotify: tells what happened to which path, by which pid. Owns the fanotify groups, the marks, the cache of
 * directories and one reading thread. Knows nothing of baselines, people or journals.
 *
 *   kernel ─► read ─► decode ─► (take the process) ─► directory handle → path ─► policy ─► batch callback
 *
 * An event means "look at this path now": fanotify merges and reorders (KERNEL: events of one object). */
#ifndef FIMD_WATCH_WATCH_H
#define FIMD_WATCH_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "baseline/fault.h"
#include "fimd/model/policy.h"

enum watch_op {
    WATCH_CREATE = 1u << 0,
    WATCH_DELETE = 1u << 1,
    WATCH_MODIFY = 1u << 2,
    WATCH_CLOSE_WRITE = 1u << 3,
    WATCH_ATTRIB = 1u << 4,
    WATCH_RENAME = 1u << 5,   /* path is the new name, old_path the old one; a side outside what is watched is given too where it can be told, else it is empty */
    WATCH_DIR = 1u << 6,      /* it is a directory */
    WATCH_RESCAN = 1u << 7,   /* path's (a file's, when one is mounted over) whole subtree may have changed unseen (an inode mark came late, a mount or umount, a root that came back) */
    WATCH_OVERFLOW = 1u << 8, /* the kernel's queue overflowed: anything that is watched may have changed; no path. Whoever receives it counts the loss */
};

struct watch_event {
    uint32_t ops;
    pid_t pid;             /* thread group; 0 unknown */
    void *process;         /* what take() returned for pid; the receiver's now */
    const char *path;      /* absolute, NUL-terminated; valid during the call; "" when none */
    size_t path_len;
    const char *old_path;  /* of a rename; "" when unknown or outside */
    size_t old_path_len;
    uint64_t inode;        /* of the object, from the handle where the file system puts it there; 0 unknown */
    uint64_t dir_inode;    /* of the directory it is in, likewise */
    int64_t read_at;       /* ns, CLOCK_MONOTONIC: when the event was read */
};

/* None of them may call watch_*; any may be NULL. A deleted directory (WATCH_DELETE|WATCH_DIR) stands for all that
 * was below it: events of files in it are told where their directory could still be named, not always. What could
 * not be resolved for another reason is counted (LOSS_PATH_UNRESOLVED) and becomes WATCH_RESCAN. */
struct watch_callbacks {
    void *ctx;
    /* Right after read(2), before any work on paths, once per event: the chance to hold on to a process that may
     * be gone soon. The result goes into watch_event.process; drop() takes it back for an event that nobody wants. */
    void *(*take)(void *ctx, pid_t pid);
    void (*drop)(void *ctx, void *process);
    /* All wanted events of one read, in order. Runs on the reading thread; may block to slow the reading down
     * (the kernel's queue then grows to its bound). */
    void (*batch)(void *ctx, const struct watch_event *events, size_t count);
    /* The queues were read until they were empty at `now` (ns monotonic): everything done before it has been given to batch(). */
    void (*drained)(void *ctx, int64_t now);
    /* Something the operator should know (a path that cannot be watched and why); level as rt/log.h. */
    void (*notice)(void *ctx, int level, const char *text);
};

/* What the kernel may lack; a set bit in `without` makes fimd behave as if it did (for tests: FIMD_WITHOUT=rename,pidfd…). */
enum watch_feature {
    WATCH_FEATURE_RENAME = 1u << 0,     /* FAN_RENAME (5.17): else FAN_MOVED_FROM and _TO are joined */
    WATCH_FEATURE_TARGET = 1u << 1,     /* FAN_REPORT_TARGET_FID (5.17) */
    WATCH_FEATURE_FILESYSTEM = 1u << 2, /* filesystem marks: else inode marks everywhere */
    WATCH_FEATURE_MNT = 1u << 3,        /* FAN_REPORT_MNT (6.15): else poll on mountinfo */
    WATCH_FEATURE_EVICTABLE = 1u << 4,  /* FAN_MARK_EVICTABLE and FAN_MARK_IGNORE (6.0) */
};
uint32_t watch_features_parse(const char *names); /* "rename,target"; unknown names are ignored */

struct watch_options {
    struct policy *policy;      /* a reference is taken */
    unsigned queue_events;      /* bound of the kernel's queue; 0: the system's */
    uint32_t without;           /* enum watch_feature */
    const pid_t *ignore;        /* pids whose events are dropped (fimd's own processes); copied */
    size_t ignore_count;
    struct watch_callbacks callbacks;
};

struct watch;
/* Probes, marks and starts the thread: on return every root that can be watched is watched. */
int watch_open(const struct watch_options *options, struct watch **ret, struct fault *why);
void watch_close(struct watch *w); /* stops and joins the thread, gives everything back */
/* Another policy: marks what is new before it lets go of what is old. Any thread. */
int watch_set_policy(struct watch *w, struct policy *policy, struct fault *why);
/* Also ignore this pid (the sender, restarted). Any thread. */
void watch_ignore(struct watch *w, pid_t old_pid, pid_t new_pid);
/* Returns when all that happened before the call has been given to batch(); 0, or -ETIMEDOUT after timeout ns. Any thread. */
int watch_sync(struct watch *w, int64_t timeout);

struct watch_mark { /* one file system or directory tree, for status, explain and doctor */
    char *path;
    char fs_type[16];
    const char *how;    /* static: "filesystem", "inode" */
    const char *limits; /* static: what this way cannot see; NULL none */
    unsigned groups;
};
struct watch_status {
    uint32_t features;      /* enum watch_feature: what is used */
    uint64_t events_read, events_wanted, overflows, unresolved, directories_cached, ignore_marks;
    struct watch_mark *marks; /* owned by the caller: watch_status_fini */
    size_t marks_count;
};
int watch_status(struct watch *w, struct watch_status *ret);
void watch_status_fini(struct watch_status *s);

#endif
