/* What the files of this folder share: one struct watch, and which file fills which part of it.
 *
 *   watch.c    open, close, policy, status            reader.c   the thread: poll, read, laps
 *   marks.c    volumes, groups, what is marked how    intake.c   bytes → taken events
 *   tree.c     inode marks, directory by directory    translate.c  event → paths → batch
 *   volume.c   descriptors into a file system         resolve.c  handle → node        scope.c  node → paths
 *
 * Everything is under `lock` but what is said to be the reader's own. The lock is never held while batch() or
 * drained() runs or while the reader waits, so no caller can be held up by a slow receiver. */
#ifndef FIMD_WATCH_STATE_H
#define FIMD_WATCH_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "baseline/buf.h"
#include "fimd/watch/batch.h"
#include "fimd/watch/decode.h"
#include "fimd/watch/dircache.h"
#include "fimd/watch/handle.h"
#include "fimd/watch/join.h"
#include "fimd/watch/mounts.h"
#include "fimd/watch/watch.h"

#define VOLUME_NONE UINT16_MAX

enum {
    DIRECTORIES_MOST = 65536,
    IGNORED_PIDS = 16,
    GROUPS_MOST = 64,   /* of the user's 128 */
    BASES_MOST = 8,
    READ_SIZE = 262144, /* some 2,500 events: read again and again until the queue is empty */
};

struct group {
    int fd;          /* -1: a free place */
    uint16_t volume; /* all its events are of this one; VOLUME_NONE: the event's fsid tells */
    bool inodes;     /* has inode marks; ignore marks are only put into groups without (they go all at once) */
};

enum way { WAY_NONE, WAY_FILESYSTEM, WAY_INODE };

/* A place to open handles from: a mount's root. Paths then read from that root on, which is `root` in the file
 * system. Open only while events are being read: it would hold the file system after an umount. */
struct base {
    uint32_t mount; /* index */
    bool top;       /* a private mount of btrfs's top level instead, which nobody needs to have mounted */
    bool attached;  /* the descriptor is of the visible mount: it could not be cloned; paths begin with its point */
    int fd;         /* -1 closed */
};

struct volume { /* one superblock */
    bool used;
    bool wanted;          /* of the pass of marks.c that is under way */
    bool fresh;           /* its mounts changed, or it is new */
    bool rescan_due;      /* an event of it was lost for want of something: what is watched there must be scanned */
    bool complained;      /* the operator was told already that it cannot be watched */
    enum way way;
    uint16_t group;       /* index; of inode marks the first that took one; GROUPS_MOST: none yet */
    uint64_t dev;         /* as struct mount */
    uint64_t fsid;        /* as events tell it; 0: the file system has none */
    char fs_type[16];
    struct base bases[BASES_MOST];
    unsigned bases_count;
    uint32_t *mounts;     /* indexes of the mounts that show it; owned */
    uint32_t mounts_count;
};

struct intake_event { /* one of the buffer that may matter */
    struct decode_event e;
    uint16_t volume;
    bool own;     /* of fimd itself: only the cache learns from it */
    bool given;   /* process went to the receiver */
    void *process;
};

struct watch {
    struct watch_callbacks callbacks;
    unsigned queue_events;
    uint32_t features;
    pthread_t thread;
    int control; /* eventfd */
    int mount_watch; /* FAN_REPORT_MNT's group, or an open /proc/self/mountinfo */
    atomic_bool stop;

    pthread_mutex_t lock;
    pthread_cond_t synced;
    uint64_t sync_asked, sync_done; /* counts of watch_sync */

    struct policy *policy;
    pid_t ignored[IGNORED_PIDS];
    struct mounts mounts;
    struct dircache dirs;
    struct group groups[GROUPS_MOST];
    struct volume *volumes;
    uint16_t volumes_count;
    bool queue_told;     /* that the queue's length could not be set */
    bool mounts_stale;   /* a directory that is some mount's root was renamed: the table must be read again */
    bool ignores_stale;  /* ignore marks may stand where something is watched now */
    struct buf scratch, scratch_old; /* of paths inside a file system */
    struct buf shown, shown_old;     /* of paths as seen */

    struct intake_event *events; /* the read under way */
    size_t events_count, events_room;
    uint8_t *buffer;             /* READ_SIZE */
    struct batch batch;
    struct join join;
    int64_t read_at;
    int64_t rescan_at;   /* when whole volumes were last told to be scanned for trouble */

    uint64_t events_read, events_wanted, overflows, unresolved;
};

void watch_notice(struct watch *w, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
