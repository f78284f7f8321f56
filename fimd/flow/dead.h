/* Dead letters: documents that a server refused for good, kept in the store as they were sent, with the reason. */
#ifndef FIMD_FLOW_DEAD_H
#define FIMD_FLOW_DEAD_H

#include "baseline/store.h"
#include "fimd/sink/sink.h"

/* Keeps one and counts it, once however often it is told (after a kill it is refused again): 1 when it is new, 0 when
 * it was there, or -errno with why. Any thread. */
int dead_keep(struct store *store, const char *output, const struct sink_item *item, struct fault *why);
/* How many the store keeps of an output, into *ret; 0 or -errno. */
int dead_count(struct store_txn *txn, const char *output, uint64_t *ret);

#endif
