/* Disk against baseline: the walk's sorted directories merged with the store's. Finds candidates; what really
 * changed is said by whoever measures them again and commits (the daemon's judge, or fimctl check). */
#ifndef BASELINE_CHECK_H
#define BASELINE_CHECK_H

#include "baseline/measure.h"
#include "baseline/store.h"
#include "baseline/walk.h"

enum check_depth {
    CHECK_METADATA, /* size, mtime, ctime, inode, mode, owner, group, links, flags, type */
    CHECK_CONTENT,  /* and the strongest digest of every file */
};

enum check_difference { CHECK_ADDED, CHECK_REMOVED, CHECK_CHANGED };

struct check_options {
    struct store *store;
    enum check_depth depth;
    const struct measure_options *measure;
    unsigned threads;  /* 0: one a core */
    uint64_t read_rate; /* bytes of content a second, 0: no limit */
    /* Whether a path counts; thread-safe (see walk.h). */
    unsigned (*choose)(void *ctx, const char *path, size_t len, enum entry_type type);
    /* A difference; called by any worker. before: NULL when added; after: NULL when removed. `after` has what the
     * check itself measured: for CHECK_METADATA no digests. Other than 0 ends the check. */
    int (*differs)(void *ctx, enum check_difference what, const char *path, size_t len, const struct entry *before,
                   const struct entry *after);
    void (*trouble)(void *ctx, const char *path, size_t len, int error);
    void *ctx;
    atomic_bool *stop; /* may be NULL */
};

/* Progress; written by the workers, read by anyone. */
struct check_progress {
    atomic_ullong directories, entries, bytes, differences;
};

/* Compares everything below the roots. 0, -ECANCELED, or what differs() returned. */
int check_run(const struct check_options *options, const char *const *roots, size_t count,
              struct check_progress *progress, struct fault *why);

/* Measures everything below the roots that the store does not have yet and puts it there, many entries a
 * transaction: the first baseline. Never overwrites a node that is there (a live change may have been quicker),
 * unless `replace`. */
int check_fill(const struct check_options *options, bool replace, const char *const *roots, size_t count,
               struct check_progress *progress, struct fault *why);

#endif
