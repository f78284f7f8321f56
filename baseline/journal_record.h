/* A record's bytes and its link of the chain: shared by those who write and who verify. Private to the
 * journal. */
#ifndef BASELINE_JOURNAL_RECORD_H
#define BASELINE_JOURNAL_RECORD_H

#include "baseline/journal.h"
#include "baseline/store_internal.h"

int journal_chain(const uint8_t prev[STORE_DIGEST_SIZE], uint64_t sequence, const void *record, size_t len,
                  uint8_t ret[STORE_DIGEST_SIZE]);
struct lmdb_bytes journal_key(uint8_t bytes[8], uint64_t sequence); /* made in bytes */
int journal_parse(struct lmdb_bytes key, struct lmdb_bytes value,
                  struct journal_record *ret); /* 0 or -EBADMSG */

#endif
