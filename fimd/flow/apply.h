/* One finding, inside a write transaction: compares with the baseline, appends the journal's records and
 * brings the baseline up to date, all or nothing with the rest of the transaction. No thread, no clock of its
 * own. */
#ifndef FIMD_FLOW_APPLY_H
#define FIMD_FLOW_APPLY_H

#include "baseline/journal.h"
#include "fimd/flow/pending.h"
#include "fimd/model/policy.h"

struct apply { /* what one transaction applies with; the caller's, begun anew when the transaction runs again
                */
    struct store_txn *txn;
    const struct policy *policy;
    char *const *tags; /* on every event */
    size_t tags_count;
    bool filling; /* the first baseline is being made */
    bool patient; /* what comes before its directory may wait for it */
    int64_t now;  /* ns realtime */
    int64_t mono; /* ns monotonic, the same moment */
    struct buf *scratch;
    size_t records; /* appended so far */
    size_t found;   /* those of them that a scan found */
    uint64_t last;  /* sequence of the last one */
};

/* 0, or -errno of the store. *ret_walk: a directory that came with its content, or came back: it is to be
 * walked. APPLY_EARLY: nothing was done, because the directory that holds the path is not known yet; to be
 * tried again after what else is at hand. */
enum { APPLY_EARLY = 1 };
int apply_finding(struct apply *a, const struct finding *f, bool *ret_walk);
/* Appends an event about fimd itself. */
int apply_state(struct apply *a, const struct event *event);

#endif
