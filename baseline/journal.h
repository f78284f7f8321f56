/* The journal: numbered, hash-chained records in the store, appended in the transaction that changes the
 * tree.
 *
 *   chain(n) = SHA-256(chain(n-1) ‖ n (u64 LE) ‖ record(n));  chain(0) = 32 zero bytes
 *
 * Records are only ever taken off the front (journal_trim), which leaves the chain digest of the last one
 * taken off as the anchor, so that the rest still proves itself. Sequences have no gaps and are never used
 * twice. */
#ifndef BASELINE_JOURNAL_H
#define BASELINE_JOURNAL_H

#include "baseline/store.h"

struct journal_record {
    uint64_t sequence;
    const uint8_t *data; /* belongs to the transaction */
    size_t len;
    uint8_t chain[STORE_DIGEST_SIZE];
};

/* The sequence that the next append will get. */
uint64_t journal_next(struct store_txn *t);
/* Appends; ret has the sequence and the chain digest it got, its data is the caller's. */
int journal_append(struct store_txn *t, const void *record, size_t len, struct journal_record *ret);
/* 0, -ENOENT when it is not (or no more) there. */
int journal_get(struct store_txn *t, uint64_t sequence, struct journal_record *ret);
/* From `from` on (or the first kept), upwards; fn's result other than 0 ends it and is returned, -ENOENT as
 * 0. fn may not append or trim. */
typedef int (*journal_fn)(void *ctx, const struct journal_record *record);
int journal_each(struct store_txn *t, uint64_t from, journal_fn fn, void *ctx);
/* Takes off the records before `keep`, at most `most`; the number taken off, or -errno. `gone` (may be NULL)
 * is told of each before it goes, so that the tree can forget deleted paths. */
long journal_trim(struct store_txn *t, uint64_t keep, size_t most, journal_fn gone, void *ctx);

struct journal_proof {
    uint64_t first, last, records;
    uint8_t head[STORE_DIGEST_SIZE]; /* chain digest of the last record */
    uint64_t broken;                 /* the first sequence that does not fit; 0: all fit */
    const char *reason;              /* static: "record altered", "record missing", "anchor altered" … */
};
/* Walks the whole chain in short read transactions, with constant memory. 0 when it ran through, also when it
 * found something broken. */
int journal_verify(struct store *s, struct journal_proof *ret, struct fault *why);

#endif
