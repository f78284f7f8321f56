/* The store: one LMDB environment with the tree of entries, the journal and small named values.
 *
 *   tree      key: parent's id (u64, big-endian) + name      value: struct node
 *   journal   key: sequence (u64, big-endian)                value: chain digest (32 bytes) + record
 *   meta      named values: format version, chain anchor, cursors …
 *
 * A path is walked name by name, so its length does not matter; a directory's rename is one write; a deleted
 * path stays as a node of type ENTRY_ABSENT as long as the journal has a record of it, so that `who` finds
 * its last change by its path. Every node that ever changed has the sequence of its last journal record,
 * every record has that of the one before (the record's own business): the history of a path is a list.
 *
 * Threads: any thread may read (store_read); store_write serialises writers (also of other processes). The
 * map grows by itself. The daemon holds a lock on the directory (store_options.lock); fimctl reads beside it.
 * No transaction inside another: fn never calls store_read or store_write. A process opens a directory once
 * at a time, and does not use its store in a child after fork().
 *
 * Errors: -errno. A full disk is -ENOSPC and leaves the store as it was. -EBADMSG: corrupt, -EPROTO: written
 * by a newer fimd, -EBUSY: another daemon. Paths are absolute, without NUL, "." and ".." (-EINVAL); a name
 * has at most 503 bytes (-ENAMETOOLONG). The text for people is in the fault; it stays empty when the result
 * is fn's. */
#ifndef BASELINE_STORE_H
#define BASELINE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baseline/entry.h"
#include "baseline/fault.h"

struct measure_leave;
struct store;
struct store_txn; /* valid only inside the function that was given it */

enum { STORE_DIGEST_SIZE = 32, STORE_NAME_MAX = 503 };

struct store_options {
    const char *dir; /* the directory; made (0700) when missing and not read_only */
    bool read_only;
    bool lock;       /* be the only daemon on it: -EBUSY with the holder's pid in the fault */
    size_t map_size; /* bytes to begin with; 0: the default */
    bool no_sync;    /* tests only: commits are not flushed */
};

int store_open(const struct store_options *options, struct store **ret, struct fault *why);
void store_close(struct store *s);
/* The store's lock files below dir, as they are now: a process that has the store open must not open them. */
void store_leave(const char *dir, struct measure_leave *ret);

/* Runs fn in a read transaction: a consistent snapshot. Keep it short: pages cannot be reused meanwhile. */
int store_read(struct store *s, int (*fn)(struct store_txn *, void *), void *ctx, struct fault *why);
/* Runs fn in a write transaction and commits, flushed to disk, when it returns 0; any other result rolls back
 * and is returned. When the map is too small it grows and fn runs again from the start, so fn must be
 * repeatable. */
int store_write(struct store *s, int (*fn)(struct store_txn *, void *), void *ctx, struct fault *why);

/* A node of the tree. */
struct node {
    uint64_t id;        /* of a directory, also of a former one; 0 for others */
    uint64_t last;      /* sequence of the path's last journal record; 0: none */
    uint32_t marks;     /* STORE_MARK_… */
    struct entry entry; /* type ENTRY_ABSENT: deleted, or a directory above what is watched */
};

enum store_mark {
    STORE_MARK_WAYPOINT = 1u << 0, /* a directory above what is watched: only there to be walked through */
};

void node_fini(struct node *n);

/* 0, or -ENOENT when there never was such a path (then ret is untouched). */
int store_get(struct store_txn *t, const char *path, size_t len, struct node *ret);
/* Puts the entry at path with `last`; directories on the way that are missing become waypoints. Keeps the id
 * of a directory that is there. An entry of type ENTRY_ABSENT marks a path deleted that was never stored. */
int store_put(struct store_txn *t, const char *path, size_t len, const struct entry *entry, uint64_t last);
/* Marks the path deleted (its node stays, ENTRY_ABSENT, with `last`). With last 0 the node goes for good, and
 * with it the waypoints above that lead to nothing else; a directory with children becomes a waypoint
 * instead. Children are not touched: delete them first (store_subtree). -ENOENT when there is no node. */
int store_remove(struct store_txn *t, const char *path, size_t len, uint64_t last);
/* Moves a node with all that is below it, by one write; what is at `to` must be absent (-EEXIST), not below
 * `from` (-EINVAL). The old path becomes deleted with `last`. Deleted paths below `to` stay known. */
int store_move(struct store_txn *t, const char *from, size_t from_len, const char *to, size_t to_len,
               uint64_t last);

/* A stored child of a directory, as the walk meets it. name and node belong to the call. Absent ones and
 * waypoints are shown. */
typedef int (*store_child_fn)(void *ctx, const char *name, size_t name_len, const struct node *node);
/* The children of a directory, sorted by name as memcmp has it; fn may change the tree. -ENOENT: no such
 * directory. fn's result other than 0 ends it and is returned. */
int store_children(struct store_txn *t, const char *path, size_t len, store_child_fn fn, void *ctx);
/* The same, beginning behind a name: so that a large directory is read in several short transactions. */
int store_children_after(struct store_txn *t, const char *path, size_t len, const char *after,
                         size_t after_len, store_child_fn fn, void *ctx);
/* Everything below a path (not itself), parents before children; path is whole. */
typedef int (*store_path_fn)(void *ctx, const char *path, size_t len, const struct node *node);
int store_subtree(struct store_txn *t, const char *path, size_t len, store_path_fn fn, void *ctx);

/* Small named values: cursors, the host's id, the policy's digest. */
int store_set(struct store_txn *t, const char *name, const void *value, size_t len);
/* Copies into ret (at most size bytes); the value's length, or -ENOENT. */
long store_value(struct store_txn *t, const char *name, void *ret, size_t size);

struct store_counts {
    uint64_t entries;       /* nodes that are there (neither absent nor waypoint) */
    uint64_t journal_first; /* oldest sequence kept; 0: the journal is empty */
    uint64_t journal_last;
    uint64_t bytes;         /* of the file on disk */
    uint64_t bytes_journal; /* of records */
};
int store_count(struct store_txn *t, struct store_counts *ret);

#endif
