/* Records at the end of the journal's table and off its front; the numbers and digests that say where it
 * begins and ends are part of the store's state, so that they are committed with them.
 *
 *   key: sequence (big-endian, so that LMDB's order is the order of time)     value: chain digest ‖ record
 *
 * Verifying is journal_verify.c's. */
#include "baseline/journal.h"

#include <errno.h>
#include <string.h>

#include "baseline/journal_record.h"

int journal_chain(const uint8_t prev[STORE_DIGEST_SIZE], uint64_t sequence, const void *record, size_t len,
                  uint8_t ret[STORE_DIGEST_SIZE])
{
    uint8_t number[8];

    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)(sequence >> (8 * i));
    const struct digest_part parts[] = {{prev, STORE_DIGEST_SIZE}, {number, sizeof(number)}, {record, len}};
    return digest_sha256(parts, sizeof(parts) / sizeof(parts[0]), ret);
}

struct lmdb_bytes journal_key(uint8_t bytes[8], uint64_t sequence)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(sequence >> (56 - 8 * i));
    return (struct lmdb_bytes){bytes, 8};
}

int journal_parse(struct lmdb_bytes key, struct lmdb_bytes value, struct journal_record *ret)
{
    const uint8_t *bytes = key.data;
    uint64_t sequence = 0;

    if (key.len != 8 || value.len < STORE_DIGEST_SIZE)
        return -EBADMSG;
    for (int i = 0; i < 8; i++)
        sequence = sequence << 8 | bytes[i];
    ret->sequence = sequence;
    ret->data = (const uint8_t *)value.data + STORE_DIGEST_SIZE;
    ret->len = value.len - STORE_DIGEST_SIZE;
    memcpy(ret->chain, value.data, STORE_DIGEST_SIZE);
    return 0;
}

static int parse(struct store_txn *t, struct lmdb_bytes key, struct lmdb_bytes value,
                 struct journal_record *ret)
{
    return journal_parse(key, value, ret) ? store_damaged(t, "a record of the journal is unreadable") : 0;
}

uint64_t journal_next(struct store_txn *t)
{
    return t->state.journal_next;
}

static int open_cursor(struct store_txn *t)
{
    if (t->journal)
        return 0;
    return store_note(t, lmdb_cursor_open(&t->store->lmdb, t->lmdb, LMDB_JOURNAL, &t->journal));
}

int journal_append(struct store_txn *t, const void *record, size_t len, struct journal_record *ret)
{
    struct store_state *s = &t->state;
    uint8_t key[8], chain[STORE_DIGEST_SIZE], *value;

    int rc = open_cursor(t);
    if (!rc)
        rc = journal_chain(s->head, s->journal_next, record, len, chain);
    if (rc)
        return rc;
    rc = lmdb_cursor_append(t->journal, journal_key(key, s->journal_next), STORE_DIGEST_SIZE + len, &value);
    if (rc == -EEXIST)
        return store_note(t, store_damaged(t, "the journal goes on behind its end"));
    if (rc)
        return store_note(t, rc);
    memcpy(value, chain, STORE_DIGEST_SIZE);
    if (len)
        memcpy(value + STORE_DIGEST_SIZE, record, len);
    *ret = (struct journal_record){.sequence = s->journal_next, .data = record, .len = len};
    memcpy(ret->chain, chain, STORE_DIGEST_SIZE);
    memcpy(s->head, chain, STORE_DIGEST_SIZE);
    s->journal_next++;
    s->journal_bytes += len;
    t->state_changed = true;
    return 0;
}

int journal_get(struct store_txn *t, uint64_t sequence, struct journal_record *ret)
{
    struct lmdb_bytes value;
    uint8_t bytes[8];
    struct lmdb_bytes key = journal_key(bytes, sequence);

    int rc = store_note(t, lmdb_get(&t->store->lmdb, t->lmdb, LMDB_JOURNAL, key, &value));
    return rc ? rc : parse(t, key, value, ret);
}

int journal_each(struct store_txn *t, uint64_t from, journal_fn fn, void *ctx)
{
    struct MDB_cursor *cursor;
    struct journal_record record;
    struct lmdb_bytes value;
    uint8_t bytes[8];
    struct lmdb_bytes key = journal_key(bytes, from);

    int rc = store_note(t, lmdb_cursor_open(&t->store->lmdb, t->lmdb, LMDB_JOURNAL, &cursor));
    if (rc)
        return rc;
    enum lmdb_seek how = LMDB_FROM;
    while (!(rc = store_note(t, lmdb_cursor_seek(cursor, how, &key, &value)))) {
        rc = parse(t, key, value, &record);
        if (!rc)
            rc = fn(ctx, &record);
        if (rc)
            break;
        how = LMDB_NEXT;
    }
    lmdb_cursor_close(cursor);
    /* An -ENOENT of fn's ends it quietly as well: it has nothing to tell from the end of the journal. */
    return rc == -ENOENT ? 0 : rc;
}

/* Takes off the first record; -ENOENT when the journal is empty, 1 when it is to stay. */
static int trim_one(struct store_txn *t, uint64_t keep, journal_fn gone, void *ctx)
{
    struct store_state *s = &t->state;
    struct journal_record record;
    struct lmdb_bytes key, value;

    int rc = store_note(t, lmdb_cursor_seek(t->journal, LMDB_FIRST, &key, &value));
    if (!rc)
        rc = parse(t, key, value, &record);
    if (!rc && record.sequence >= keep)
        return 1;
    if (!rc && gone)
        rc = gone(ctx, &record);
    if (!rc)
        rc = store_note(t, lmdb_cursor_delete(t->journal));
    if (rc)
        return rc;
    s->journal_first = record.sequence + 1;
    s->journal_bytes -= record.len < s->journal_bytes ? record.len : s->journal_bytes;
    memcpy(s->anchor, record.chain, STORE_DIGEST_SIZE);
    t->state_changed = true;
    return 0;
}

long journal_trim(struct store_txn *t, uint64_t keep, size_t most, journal_fn gone, void *ctx)
{
    size_t count = 0;

    int rc = open_cursor(t);
    while (!rc && count < most) {
        rc = trim_one(t, keep, gone, ctx);
        count += !rc;
    }
    return rc < 0 && rc != -ENOENT ? rc : (long)count;
}
