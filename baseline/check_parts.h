/* What the parts of the check share.
 *
 *   check.c        threads, begin and end           check_merge.c   a directory against the store
 *   check_item.c   one item: compared, read, told   check_queue.c   files to be read, largest first
 *   check_gone.c   stored, and no more there        check_fill.c    new entries, in batches */
#ifndef BASELINE_CHECK_PARTS_H
#define BASELINE_CHECK_PARTS_H

#include <pthread.h>

#include "baseline/buf.h"
#include "baseline/check.h"

/* --- files to be read, by anyone who has time --- */

struct check_job {
    uint64_t size;
    size_t len;
    char *path; /* owned */
};

/* A heap, the largest file on top: so that the last one to end is a small one. */
struct check_queue {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct check_job *heap;
    size_t count;
    bool ended; /* nothing will be added any more */
};

int check_queue_init(struct check_queue *q);
void check_queue_fini(struct check_queue *q);
/* Whether it was taken: not when the file is small and enough wait already, when it is full, or on -ENOMEM;
 * then the caller reads it itself. */
bool check_queue_offer(struct check_queue *q, const char *path, size_t len, uint64_t size);
/* Waits for one; false when it has ended and is empty. The path is then the caller's. */
bool check_queue_take(struct check_queue *q, struct check_job *ret);
void check_queue_end(struct check_queue *q, bool drop);

/* --- new entries on their way into the store --- */

struct check_batch {
    struct buf bytes; /* path, entry; path, entry … */
    size_t count;
};

struct check_filler {
    struct store *store;
    bool replace;
    uint64_t since; /* the journal's next sequence when the fill began */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct check_batch filling, writing;
    bool ended;
    int result; /* the first trouble with the store */
    struct fault why;
};

int check_filler_start(struct check_filler *f, struct store *store, bool replace, struct fault *why);
int check_filler_put(struct check_filler *f, const char *path, size_t len, const struct entry *entry,
                     struct buf *scratch);
int check_filler_finish(struct check_filler *f, struct fault *why); /* writes the rest, ends the thread */

/* --- the check itself --- */

enum check_verdict { VERDICT_SAME, VERDICT_ADDED, VERDICT_CHANGED, VERDICT_READ };

struct check_worker {
    struct check *check;
    pthread_t thread;
    struct measurer *measurer; /* made when first needed */
    struct buf path;           /* of the item at hand */
    struct buf scratch;
    struct buf last;      /* name of the last item of the directory's part before */
    uint8_t *verdicts;    /* of each item of the part */
    struct entry *before; /* of those CHANGED and READ */
    size_t cap;           /* of verdicts and before */
};

struct check {
    const struct check_options *options;
    struct check_progress *progress;
    bool filling;
    struct measure_options measure; /* of this run: one digest, or all */
    struct check_queue queue;
    bool queueing; /* there are threads for the queue */
    struct check_filler filler;
    struct check_worker *workers;
    unsigned threads;
    atomic_int result; /* the first reason to end */
    pthread_mutex_t lock;
    struct fault why;   /* of the store's first trouble; under lock */
    atomic_ullong read; /* bytes, for the rate */
    int64_t start;      /* ns, monotonic */
};

/* Notes the first result other than 0, which ends all; passes it on. */
int check_end(struct check *c, int result, const struct fault *why);
bool check_is_ended(const struct check *c);
bool check_is_wanted(const struct check *c, const char *path, size_t len, enum entry_type type);
void check_worker_fini(struct check_worker *w);
/* w->path = dir/name; "" is the directory itself. 0 or -ENOMEM. */
int check_set_path(struct check_worker *w, const char *dir, size_t dir_len, const char *name,
                   size_t name_len);

/* check_merge.c: a part of a directory as the walk found it. */
int check_merge(struct check_worker *w, struct walk_dir *dir);
/* check_item.c */
enum check_verdict check_compare(const struct check *c, const struct entry *before,
                                 const struct entry *after);
/* Acts on the verdict: tells, or has it measured. w->path is its path; dirfd and name are where it is. */
int check_item(struct check_worker *w, enum check_verdict verdict, const struct entry *before, int dirfd,
               const char *name, const struct entry *after);
int check_job_run(struct check_worker *w, const struct check_job *job);
int check_tell(struct check *c, enum check_difference what, const char *path, size_t len,
               const struct entry *before, const struct entry *after);
/* check_gone.c: everything stored at and below a path that is no more there. */
int check_gone(struct check_worker *w, const char *path, size_t len);
int check_gone_below(struct check_worker *w, const char *path, size_t len);

#endif
