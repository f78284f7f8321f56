/* What the parts of the walk share. walk.c: roots, workers, a directory's way; walk_queue.c: the directories
 * that wait, and their open descriptors; walk_list.c: the names of one directory, sorted. */
#ifndef BASELINE_WALK_PARTS_H
#define BASELINE_WALK_PARTS_H

#include <pthread.h>
#include <stdint.h>

#include "baseline/buf.h"
#include "baseline/walk.h"

/* An open directory, shared by those who open its children. The descriptor may be closed while nobody is
 * using it, and is then opened again by its path. */
struct walk_ref {
    int fd; /* -1: closed */
    unsigned refs, users;
    struct walk_ref *older, *newer; /* in the list of those that are open */
    size_t path_len;
    char path[]; /* NUL-terminated */
};

/* The subdirectories of one directory that are still to be walked: names, each with its NUL. */
struct walk_batch {
    struct walk_batch *below;
    struct walk_ref *parent;
    size_t at, len;
    char names[];
};

/* Last in, first out: what waits is then a path's siblings, not the whole breadth of the tree. */
struct walk_queue {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct walk_batch *top;
    unsigned waiting, workers;
    bool ended; /* nothing waits and nobody works, or told to end */
    struct walk_ref *oldest, *newest;
    unsigned open;
};

struct walk_job {
    struct walk_ref *parent;
    struct buf name; /* NUL-terminated; "" and parent "/": the root itself */
};

int walk_queue_init(struct walk_queue *q, unsigned workers);
void walk_queue_fini(struct walk_queue *q);
void walk_queue_end(struct walk_queue *q);
/* Waits for the next; false at the end of all. The job's parent is to be released, the name is the job's own.
 */
bool walk_queue_take(struct walk_queue *q, struct walk_job *job);
int walk_queue_push(struct walk_queue *q, struct walk_ref *parent, const char *names, size_t len);

/* Takes over fd; one reference and one use, which are the caller's. NULL: out of memory, fd stays the
 * caller's. */
struct walk_ref *walk_ref_new(struct walk_queue *q, int fd, const char *path, size_t len);
/* Pins the descriptor, opening it again when need be: an fd or -errno. */
int walk_ref_use(struct walk_queue *q, struct walk_ref *ref);
void walk_ref_unuse(struct walk_queue *q, struct walk_ref *ref);
void walk_ref_release(struct walk_queue *q, struct walk_ref *ref);
/* Opens a directory in an open one for reading; makes room when the process has no descriptor left. */
int walk_open_at(struct walk_queue *q, int dirfd, const char *name);

struct walk_name {
    uint64_t head; /* the first eight bytes, big-endian: decides most comparisons */
    uint32_t at;   /* in names */
    uint16_t len;
    uint8_t type; /* d_type: a hint */
};

struct walk_list {
    struct buf names; /* each with a NUL behind */
    struct walk_name *list;
    size_t count, cap;
    char *buffer; /* of getdents64 */
};

int walk_list_read(struct walk_list *l, int fd); /* 0 or -errno; each name once, without "." and ".." */
void walk_list_fini(struct walk_list *l);
void walk_list_shrink(struct walk_list *l); /* gives back what a huge directory took */

#endif
