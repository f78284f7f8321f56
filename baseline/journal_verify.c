/* Walks the chain from the anchor to the head, some records a transaction, so that a writer's pages are never
 * held for long; what is trimmed or appended meanwhile is gone along with. */
#include <errno.h>
#include <string.h>

#include "baseline/journal_record.h"

enum { RECORDS_A_TRANSACTION = 1024 };

struct verify {
    struct journal_proof proof;
    uint8_t chain[STORE_DIGEST_SIZE]; /* of the record before `next` */
    uint64_t next;                    /* 0: nothing seen yet */
    bool done;
};

static void broken(struct verify *v, uint64_t sequence, const char *reason)
{
    if (v->proof.broken)
        return;
    v->proof.broken = sequence;
    v->proof.reason = reason;
}

/* From the anchor, at the beginning and when a trim has overtaken us. */
static void start_at_anchor(struct verify *v, const struct store_state *s)
{
    static const uint8_t zeros[STORE_DIGEST_SIZE];

    if (!v->next)
        v->proof.first = s->journal_first == s->journal_next ? 0 : s->journal_first;
    v->next = s->journal_first;
    memcpy(v->chain, s->anchor, STORE_DIGEST_SIZE);
    if (v->next == 1 && memcmp(v->chain, zeros, sizeof(zeros)))
        broken(v, 1, "anchor altered");
}

/* A record that does not fit is told once; the chain goes on from the digest that stands with it. */
static int verify_record(struct verify *v, const struct journal_record *r)
{
    uint8_t chain[STORE_DIGEST_SIZE];

    if (r->sequence != v->next)
        broken(v, v->next, r->sequence > v->next ? "record missing" : "record out of place");
    int rc = journal_chain(v->chain, r->sequence, r->data, r->len, chain);
    if (rc)
        return rc;
    if (memcmp(chain, r->chain, STORE_DIGEST_SIZE))
        broken(v, r->sequence, v->proof.records ? "record altered" : "record or anchor altered");
    memcpy(v->chain, r->chain, STORE_DIGEST_SIZE);
    v->proof.last = r->sequence;
    v->proof.records++;
    v->next = r->sequence + 1;
    return 0;
}

static void verify_end(struct verify *v, const struct store_state *s)
{
    v->done = true;
    memcpy(v->proof.head, v->chain, STORE_DIGEST_SIZE);
    if (v->next < s->journal_next)
        broken(v, v->next, "record missing");
    else if (v->next > s->journal_next)
        broken(v, s->journal_next, "record added");
    else if (memcmp(v->chain, s->head, STORE_DIGEST_SIZE))
        broken(v, v->next ? v->next - 1 : 0, "head altered");
}

static int verify_some(struct store_txn *t, struct MDB_cursor *cursor, struct verify *v)
{
    uint8_t bytes[8];
    struct lmdb_bytes key = journal_key(bytes, v->next), value;
    struct journal_record record;

    for (int i = 0; i < RECORDS_A_TRANSACTION; i++) {
        int rc = store_note(t, lmdb_cursor_seek(cursor, i ? LMDB_NEXT : LMDB_FROM, &key, &value));
        if (rc == -ENOENT)
            verify_end(v, &t->state);
        if (rc)
            return rc == -ENOENT ? 0 : rc;
        if (journal_parse(key, value, &record)) {
            /* Neither number nor digest to go on from. */
            broken(v, v->next, "record damaged");
            v->done = true;
            return 0;
        }
        rc = verify_record(v, &record);
        if (rc)
            return rc;
    }
    return 0;
}

static int verify_step(struct store_txn *t, void *ctx)
{
    struct verify *v = ctx;
    struct MDB_cursor *cursor;

    if (!v->next || v->next < t->state.journal_first)
        start_at_anchor(v, &t->state);
    int rc = store_note(t, lmdb_cursor_open(&t->store->lmdb, t->lmdb, LMDB_JOURNAL, &cursor));
    if (rc)
        return rc;
    rc = verify_some(t, cursor, v);
    lmdb_cursor_close(cursor);
    return rc;
}

int journal_verify(struct store *s, struct journal_proof *ret, struct fault *why)
{
    struct verify v = {0};

    while (!v.done) {
        int rc = store_read(s, verify_step, &v, why);
        if (rc)
            return rc;
    }
    *ret = v.proof;
    return 0;
}
