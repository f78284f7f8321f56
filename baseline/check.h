/* Disk against baseline: the walk's sorted directories merged with the store's. Finds candidates; what really
 * changed is said by whoever measures them again and commits (the daemon's judge, or fimctl check). */
#ifndef BASELINE_CHECK_H
#define BASELINE_CHECK_H

#include "baseline/measure.h"
#include "baseline/store.h"
#include "baseline/walk.h"

enum check_depth {
    CHECK_METADATA, /* size, mtime, ctime, inode, mode, owner, group, links, flags, type */
    CHECK_CONTENT,  /* and xattrs, targets, and the strongest digest of every file */
};

enum check_difference { CHECK_ADDED, CHECK_REMOVED, CHECK_CHANGED };

struct check_options {
    struct store *store;
    enum check_depth depth;
    const struct measure_options *measure;
    unsigned threads;   /* 0: one a core; about 8 pay on a cold disk, also with fewer cores */
    uint64_t read_rate; /* bytes of content a second on average, 0: no limit; a file is read in one go */
    /* Whether a path counts; thread-safe (see walk.h). */
    unsigned (*choose)(void *ctx, const char *path, size_t len, enum entry_type type);
    /* A difference; called by any worker, in no transaction. before: NULL when added; after: NULL when
     * removed. `after` has what the check itself measured: digests only where they alone told the difference.
     * A ctime that moved is told as well, since an xattr may have: whether it did, and whatever else needs a
     * second look (a file that was busy), is found by measuring it. May be NULL for check_fill. Other than 0
     * ends the check. */
    int (*differs)(void *ctx, enum check_difference what, const char *path, size_t len,
                   const struct entry *before, const struct entry *after);
    /* A path that could not be looked at, by a positive errno (see walk.h); any worker; may be NULL. */
    void (*trouble)(void *ctx, const char *path, size_t len, int error);
    void *ctx;
    atomic_bool *stop; /* may be NULL */
};

/* Progress; written by the workers, read by anyone. */
struct check_progress {
    atomic_ullong directories, entries, bytes, differences;
};

/* Compares everything below the roots. 0, -ECANCELED, what differs() returned, or the store's trouble (told
 * by why). */
int check_run(const struct check_options *options, const char *const *roots, size_t count,
              struct check_progress *progress, struct fault *why);

/* Measures everything below the roots that the store does not have yet and puts it there, many entries a
 * transaction: the first baseline. Never overwrites a node that is there (a live change may have been
 * quicker), unless `replace`; nor one that was deleted since the fill began. What was put stays when it ends
 * early. */
int check_fill(const struct check_options *options, bool replace, const char *const *roots, size_t count,
               struct check_progress *progress, struct fault *why);

#endif
