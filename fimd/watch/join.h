/* The two halves of a rename, for kernels that tell them apart (FAN_MOVED_FROM, FAN_MOVED_TO). Pure.
 * They belong together by the object's handle; where the kernel does not tell it, by process and kind, in order. */
#ifndef FIMD_WATCH_JOIN_H
#define FIMD_WATCH_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "fimd/watch/handle.h"

enum { JOIN_HALVES = 64, JOIN_NAME = 255 };

struct half {
    bool from; /* the old name; else the new one */
    bool is_dir;
    bool own; /* the owner's */
    uint16_t volume;
    pid_t pid;
    int64_t at;
    void *process; /* the owner's */
    struct handle dir, target;
    char name[JOIN_NAME + 1];
    uint16_t name_len;
};

struct join { /* all zero: empty; oldest first */
    struct half halves[JOIN_HALVES];
    unsigned count;
};

/* The other half of h, if it waits: taken out into *ret. */
bool join_match(struct join *j, const struct half *h, struct half *ret);
/* Keeps h. True: there was no room, the oldest was taken out into *ret_oldest. */
bool join_keep(struct join *j, const struct half *h, struct half *ret_oldest);
/* Takes the oldest out if it came before `before`. */
bool join_expire(struct join *j, int64_t before, struct half *ret);

#endif
