/* The chain of records: what was appended proves itself, what was altered is found. */
#include "baseline/journal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "baseline/digest.h"
#include "baseline/store_internal.h"
#include "store_fixture.h"

struct appends {
    unsigned from, count;
};

static int append_fn(struct store_txn *t, void *ctx)
{
    const struct appends *a = ctx;
    struct journal_record r;
    char text[64];

    for (unsigned i = 0; i < a->count; i++) {
        int len = snprintf(text, sizeof(text), "record %u", a->from + i);
        cr_assert_eq(journal_next(t), a->from + i);
        cr_assert_eq(journal_append(t, text, (size_t)len, &r), 0);
        cr_assert_eq(r.sequence, a->from + i);
    }
    return 0;
}

static void append(struct fixture *f, unsigned from, unsigned count)
{
    struct appends a = {from, count};

    cr_assert_eq(store_write(f->store, append_fn, &a, &f->why), 0, "%s", f->why.text);
}

struct trim {
    uint64_t keep;
    size_t most;
    long taken;
    uint64_t told;
};

static int trim_gone(void *ctx, const struct journal_record *r)
{
    ((struct trim *)ctx)->told = r->sequence;
    return 0;
}

static int trim_fn(struct store_txn *t, void *ctx)
{
    struct trim *trim = ctx;

    trim->taken = journal_trim(t, trim->keep, trim->most, trim_gone, trim);
    return 0;
}

static struct trim trim(struct fixture *f, uint64_t keep, size_t most)
{
    struct trim t = {.keep = keep, .most = most};

    cr_assert_eq(store_write(f->store, trim_fn, &t, &f->why), 0);
    return t;
}

static struct journal_proof verify(struct fixture *f)
{
    struct journal_proof proof;

    cr_assert_eq(journal_verify(f->store, &proof, &f->why), 0, "%s", f->why.text);
    return proof;
}

static int chain_fn(struct store_txn *t, void *ctx)
{
    uint8_t zeros[32] = {0}, number[8] = {1}, wanted[32];
    struct digest_part parts[] = {{zeros, 32}, {number, 8}, {"record 1", 8}};
    struct journal_record r;

    (void)ctx;
    cr_assert_eq(journal_get(t, 1, &r), 0);
    cr_assert_eq(digest_sha256(parts, 3, wanted), 0);
    cr_assert_arr_eq(r.chain, wanted, 32);
    cr_assert(r.len == 8 && !memcmp(r.data, "record 1", 8));
    cr_assert_eq(journal_get(t, 2, &r), 0);
    memcpy(zeros, wanted, 32);
    number[0] = 2;
    parts[2].data = "record 2";
    cr_assert_eq(digest_sha256(parts, 3, wanted), 0);
    cr_assert_arr_eq(r.chain, wanted, 32);
    cr_assert_eq(journal_get(t, 3, &r), -ENOENT);
    return 0;
}

Test(journal, the_chain_is_what_its_contract_says)
{
    struct fixture f;

    fixture_open(&f);
    append(&f, 1, 2);
    cr_assert_eq(store_read(f.store, chain_fn, NULL, &f.why), 0);
    fixture_close(&f);
}

Test(journal, an_empty_one_verifies)
{
    struct fixture f;

    fixture_open(&f);
    struct journal_proof p = verify(&f);
    cr_expect(p.broken == 0 && p.records == 0 && p.first == 0 && p.last == 0);
    fixture_close(&f);
}

Test(journal, sequences_go_on_after_reopening_and_trimming_all)
{
    struct fixture f;

    fixture_open(&f);
    append(&f, 1, 3000);
    store_close(f.store);
    fixture_reopen(&f);
    append(&f, 3001, 10);
    struct journal_proof p = verify(&f);
    cr_expect(p.broken == 0 && p.records == 3010 && p.first == 1 && p.last == 3010);
    struct trim t = trim(&f, 2000, SIZE_MAX);
    cr_expect(t.taken == 1999 && t.told == 1999);
    cr_expect_eq(trim(&f, 9999, 10).taken, 10);
    p = verify(&f);
    cr_expect(p.broken == 0 && p.first == 2010 && p.records == 1001);
    cr_expect_eq(trim(&f, 9999, SIZE_MAX).taken, 1001);
    cr_expect_eq(counts(&f).bytes_journal, 0);
    cr_expect_eq(counts(&f).journal_first, 0);
    append(&f, 3011, 1);
    p = verify(&f);
    cr_expect(p.broken == 0 && p.first == 3011 && p.last == 3011 && p.records == 1);
    fixture_close(&f);
}

static int count_up(void *ctx, const struct journal_record *r)
{
    uint64_t *next = ctx;

    cr_assert_eq(r->sequence, *next);
    return ++*next == 60 ? 42 : 0;
}

static int each_fn(struct store_txn *t, void *ctx)
{
    (void)ctx;
    uint64_t next = 50;
    cr_expect_eq(journal_each(t, 50, count_up, &next), 42);
    next = 95;
    cr_expect_eq(journal_each(t, 95, count_up, &next), 0);
    cr_expect_eq(next, 101);
    return 0;
}

Test(journal, each_goes_upward_until_told_to_stop)
{
    struct fixture f;

    fixture_open(&f);
    append(&f, 1, 100);
    cr_assert_eq(store_read(f.store, each_fn, NULL, &f.why), 0);
    fixture_close(&f);
}

/* --- tampering, by hand in the tables --- */

struct tamper {
    uint64_t sequence;
    int (*how)(struct store_txn *t, struct MDB_cursor *c, struct lmdb_bytes key, struct lmdb_bytes value);
};

static int flip_record(struct store_txn *t, struct MDB_cursor *c, struct lmdb_bytes key,
                       struct lmdb_bytes value)
{
    uint8_t copy[256];

    (void)t;
    memcpy(copy, value.data, value.len);
    copy[value.len - 1] ^= 1;
    return lmdb_cursor_put(c, true, key, (struct lmdb_bytes){copy, value.len});
}

static int flip_chain(struct store_txn *t, struct MDB_cursor *c, struct lmdb_bytes key,
                      struct lmdb_bytes value)
{
    uint8_t copy[256];

    (void)t;
    memcpy(copy, value.data, value.len);
    copy[0] ^= 0x80;
    return lmdb_cursor_put(c, true, key, (struct lmdb_bytes){copy, value.len});
}

static int take_out(struct store_txn *t, struct MDB_cursor *c, struct lmdb_bytes key, struct lmdb_bytes value)
{
    (void)t, (void)key, (void)value;
    return lmdb_cursor_delete(c);
}

static int truncate_record(struct store_txn *t, struct MDB_cursor *c, struct lmdb_bytes key,
                           struct lmdb_bytes value)
{
    (void)t;
    return lmdb_cursor_put(c, true, key, (struct lmdb_bytes){value.data, 5});
}

static int flip_anchor(struct store_txn *t, struct MDB_cursor *c, struct lmdb_bytes key,
                       struct lmdb_bytes value)
{
    (void)c, (void)key, (void)value;
    t->state.anchor[3] ^= 1;
    t->state_changed = true;
    return 0;
}

static int flip_head(struct store_txn *t, struct MDB_cursor *c, struct lmdb_bytes key,
                     struct lmdb_bytes value)
{
    (void)c, (void)key, (void)value;
    t->state.head[3] ^= 1;
    t->state_changed = true;
    return 0;
}

static int tamper_fn(struct store_txn *t, void *ctx)
{
    const struct tamper *tamper = ctx;
    struct MDB_cursor *c;
    struct lmdb_bytes key, value;
    uint8_t bytes[8] = {0};

    bytes[6] = (uint8_t)(tamper->sequence >> 8);
    bytes[7] = (uint8_t)tamper->sequence;
    key = (struct lmdb_bytes){bytes, 8};
    cr_assert_eq(lmdb_cursor_open(&t->store->lmdb, t->lmdb, LMDB_JOURNAL, &c), 0);
    cr_assert_eq(lmdb_cursor_seek(c, LMDB_EXACT, &key, &value), 0);
    int rc = tamper->how(t, c, key, value);
    lmdb_cursor_close(c);
    return rc;
}

Test(journal, every_way_of_tampering_is_found)
{
    static const struct {
        struct tamper tamper;
        uint64_t trimmed, broken;
        const char *reason;
    } cases[] = {
        {{1, flip_record}, 0, 1, "record or anchor altered"},
        {{700, flip_record}, 0, 700, "record altered"},
        {{1500, flip_chain}, 0, 1500, "record altered"},
        {{1999, take_out}, 0, 1999, "record missing"},
        {{2000, take_out}, 0, 2000, "record missing"},
        {{1, take_out}, 0, 1, "record missing"},
        {{1300, truncate_record}, 0, 1300, "record damaged"},
        {{1, flip_anchor}, 0, 1, "anchor altered"},
        {{500, flip_anchor}, 499, 500, "record or anchor altered"},
        {{9, flip_head}, 0, 2000, "head altered"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct tamper tamper = cases[i].tamper;
        fixture_open(&f);
        append(&f, 1, 2000);
        trim(&f, cases[i].trimmed + 1, SIZE_MAX);
        cr_assert_eq(store_write(f.store, tamper_fn, &tamper, &f.why), 0);
        struct journal_proof p = verify(&f);
        cr_expect_eq(p.broken, cases[i].broken, "case %zu: %llu", i, (unsigned long long)p.broken);
        cr_expect_str_eq(p.reason ? p.reason : "", cases[i].reason, "case %zu", i);
        fixture_close(&f);
    }
}
