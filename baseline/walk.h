/* A parallel walk over directory trees. The unit of work is a directory: opened relative to its parent's fd,
 * read, sorted by name (memcmp), each entry statx'ed without following symlinks, handed over in its order: as
 * a whole, or in several parts when it is large, so that memory stays bounded. Parts of one directory come
 * one after another from one worker. Symlinks are not followed, other file systems below are entered (the
 * caller's choose() can refuse). */
#ifndef BASELINE_WALK_H
#define BASELINE_WALK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "baseline/entry.h"

enum walk_choice {
    WALK_SKIP = 0,        /* neither the entry nor what is below */
    WALK_TAKE = 1u << 0,  /* the entry counts */
    WALK_ENTER = 1u << 1, /* a directory: go on below it */
};

struct walk_item {
    const char *name;
    size_t name_len;
    struct entry entry; /* measure_stat's: no digests, no xattrs */
    unsigned choice;    /* what choose() said */
};

struct walk_dir {
    const char *path; /* whole, without a trailing slash but for "/" */
    size_t path_len;
    int fd;                  /* open while the call lasts; O_DIRECTORY, of a root's parent only O_PATH */
    struct walk_item *items; /* sorted by name; those of WALK_SKIP are left out */
    size_t count;            /* may be 0 */
    bool first, last;        /* part of the directory; both: all of it */
    bool alone; /* a root: just this item is shown of its parent. The item of "/" has no name and its own path
                 */
    unsigned worker; /* 0 … threads-1: for per-thread state */
};

struct walk_options {
    unsigned threads; /* 0: one a core */
    unsigned (*choose)(void *ctx, const char *path, size_t len,
                       enum entry_type type); /* path whole; thread-safe */
    int (*directory)(
        void *ctx, struct walk_dir *dir); /* called by the workers side by side; other than 0 ends the walk */
    /* A root or directory that could not be read, by a positive errno: gone meanwhile is ENOENT, a root
     * through a symlink ELOOP. A directory told here may have had parts handed over before. May be NULL. */
    void (*trouble)(void *ctx, const char *path, size_t len, int error);
    void *ctx;
    atomic_bool *stop; /* set from outside to end it soon; may be NULL */
};

/* Walks the roots: absolute paths, each a directory or a single file. A root itself comes as the only item of
 * its parent (walk_dir.alone). One that another root's walk comes to anyway is not walked twice. Returns 0,
 * -ECANCELED, what directory() returned, or -ENOMEM. */
int walk(const char *const *roots, size_t count, const struct walk_options *options);

#endif
