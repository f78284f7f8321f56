/* The directories that events came from: handle → (parent, name). Pure memory: no system calls, no policy.
 *
 *   (volume, handle bytes) ─hash─► node ─parent─► node ─parent─► anchor (a place a volume begins at)
 *
 * A path is put together by climbing, so a directory's rename is one update, whatever lies below it. What the
 * owner computes from a path (scope, mount) is stamped with a generation and becomes stale all at once.
 *
 * Bounded: beyond the limit the clock takes leaves that were not used lately. Parents of kept nodes, anchors and
 * pinned nodes stay. About 100 bytes a directory. Not thread-safe. */
#ifndef FIMD_WATCH_DIRCACHE_H
#define FIMD_WATCH_DIRCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baseline/buf.h"
#include "fimd/watch/decode.h"

#define DIR_NONE UINT32_MAX

enum dir_flag {
    DIR_USED = 1u << 0,    /* since the clock's hand came by */
    DIR_ANCHOR = 1u << 1,  /* a volume's beginning: its name is a whole path in the file system, "" for its root */
    DIR_PINNED = 1u << 2,  /* an inode mark stands on it: the only way to know it again */
    DIR_GONE = 1u << 3,    /* the directory no longer exists and its path was never known */
    DIR_IGNORED = 1u << 4, /* an ignore mark stands on it */
    /* The owner's findings, valid while generation is the cache's: */
    DIR_CHILDREN = 1u << 5, /* a direct child could be watched */
    DIR_DEEPER = 1u << 6,   /* something deeper could be watched */
    DIR_PLAIN = 1u << 7,    /* exactly one mount shows it, and nothing is mounted on a child: no search needed */
};

struct dirnode {
    uint32_t parent;     /* DIR_NONE: an anchor, or gone */
    uint32_t next;       /* of the same hash, or of the free list */
    uint32_t children;   /* nodes that name this one as parent */
    uint32_t generation; /* when the findings were made */
    uint32_t hash;
    int32_t type;        /* the handle's */
    uint16_t volume;
    uint16_t name_len;
    uint16_t mount;      /* index of the mount that shows it, when DIR_PLAIN */
    uint16_t quiet;      /* events in a row that nobody wanted */
    uint8_t handle_len;
    uint8_t flags;
    bool used;           /* the slot holds a node */
    uint8_t *bytes;      /* owned: the handle, then the name */
};

struct dircache {
    struct dirnode *nodes;
    uint32_t *buckets;
    uint32_t slots;      /* allocated */
    uint32_t count;      /* in use */
    uint32_t limit;
    uint32_t mask;       /* buckets - 1 */
    uint32_t free;       /* list of free slots */
    uint32_t hand;
    uint32_t generation; /* findings of another one are stale */
    uint32_t ignored;    /* nodes with DIR_IGNORED */
    bool lost_ignored;   /* one of those was evicted: its mark is still there, and nobody knows where */
};

int dircache_init(struct dircache *c, uint32_t limit); /* 0 or -ENOMEM */
void dircache_fini(struct dircache *c);

uint32_t dircache_find(struct dircache *c, uint16_t volume, struct handle_view h);
/* Puts or moves a directory. 0 with its index; -ENOMEM; -ENAMETOOLONG (a handle over 128, a name over 4096
 * bytes); -ELOOP: it would lie in itself (an event from before a rename that is already known): nothing is done. */
int dircache_put(struct dircache *c, uint16_t volume, struct handle_view h, uint32_t parent, const char *name,
                 size_t name_len, uint32_t *ret);
int dircache_anchor(struct dircache *c, uint16_t volume, struct handle_view h, const char *root, size_t len,
                    uint32_t *ret);
/* A directory that is gone and whose name nobody knows: remembered, so that nobody asks again. */
int dircache_gone(struct dircache *c, uint16_t volume, struct handle_view h);

/* Appends the path inside the file system ("" for its root); false when memory ran out. */
bool dircache_path(const struct dircache *c, uint32_t node, struct buf *to);
bool dircache_is_below(const struct dircache *c, uint32_t node, uint32_t above); /* or the same */
struct handle_view dircache_handle(const struct dircache *c, uint32_t node);
const char *dircache_name(const struct dircache *c, uint32_t node); /* name_len bytes, no NUL */

/* The node may go whenever its place is wanted (its directory was deleted). */
void dircache_release(struct dircache *c, uint32_t node);
/* Forgets the directory and all that is known below it. */
void dircache_forget_tree(struct dircache *c, uint32_t node);
void dircache_forget_volume(struct dircache *c, uint16_t volume);
/* Forgets all but anchors and pinned nodes with their parents: moves may have been missed. */
void dircache_flush(struct dircache *c);
void dircache_set_ignored(struct dircache *c, uint32_t node);
void dircache_clear_ignored(struct dircache *c); /* none has an ignore mark any more */

#endif
