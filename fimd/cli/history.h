/* Reading the journal: events in order, from either end, and the history of one path. */
#ifndef FIMD_CLI_HISTORY_H
#define FIMD_CLI_HISTORY_H

#include "baseline/store.h"
#include "fimd/model/event.h"

/* Other than 0 ends the reading. The event belongs to the reading. No transaction is open meanwhile: it may block. */
typedef int (*history_fn)(void *ctx, const struct event *event);

struct history {
    struct store *store;
    history_fn fn;
    void *ctx;
    uint64_t unreadable; /* records that could not be decoded, counted: a case for `fimctl verify` */
};

/* From sequence `from` on (0: the first kept). 0, fn's result or -errno. *ret_next: the sequence to go on with. */
int history_forward(struct history *h, uint64_t from, uint64_t *ret_next, struct fault *why);
/* From the newest to the oldest. */
int history_backward(struct history *h, struct fault *why);
/* A path's changes, the newest first: by the list that its node begins; where there is no node, or none that ever
 * changed, by looking through the journal. *ret_trimmed: an older one was there and is no longer kept. */
int history_path(struct history *h, const char *path, size_t len, bool *ret_trimmed, struct fault *why);
/* The first sequence whose record may have been made at `time` or later. */
int history_seek(struct store *s, int64_t time, uint64_t *ret, struct fault *why);

#endif
