/* The store's format: its version, the way from an older one, and the state that belongs to every
 * transaction. A new version adds a row to `migrations`, raises STORE_FORMAT, and keeps what the old one
 * wrote readable here. */
#include <errno.h>
#include <string.h>

#include "baseline/store_internal.h"

#define FORMAT_NAME "store.format"
#define STATE_NAME  "store.state"

enum { STATE_SIZE = 6 * 8 + 2 * STORE_DIGEST_SIZE };

/* From version N to N + 1, in rising order. Version 1 is the first: the row that ends the table is all. */
static const struct store_migration migrations[] = {
    {0, NULL},
};

static struct lmdb_bytes text_key(const char *text)
{
    return (struct lmdb_bytes){text, strlen(text)};
}

static int format_load(struct store_txn *t, uint32_t *ret)
{
    struct lmdb_bytes value;
    int rc = lmdb_get(&t->store->lmdb, t->lmdb, LMDB_META, text_key(FORMAT_NAME), &value);

    if (rc)
        return rc;
    struct slice s = {.data = value.data, .len = value.len};
    uint32_t version = slice_u32(&s);
    if (s.failed || !version)
        return store_damaged(t, "its format version is unreadable");
    *ret = version;
    return 0;
}

static int format_save(struct store_txn *t, uint32_t version)
{
    uint8_t bytes[4];

    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(version >> (8 * i));
    return store_note(t, lmdb_put(&t->store->lmdb, t->lmdb, LMDB_META, text_key(FORMAT_NAME),
                                  (struct lmdb_bytes){bytes, sizeof(bytes)}));
}

int store_state_load(struct store_txn *t)
{
    struct lmdb_bytes value;
    int rc = lmdb_get(&t->store->lmdb, t->lmdb, LMDB_META, text_key(STATE_NAME), &value);

    t->state = (struct store_state){.next_id = STORE_ROOT_ID + 1, .journal_first = 1, .journal_next = 1};
    if (rc)
        return rc == -ENOENT ? 0 : rc;
    if (value.len != STATE_SIZE) {
        /* Of another version's shape: who asks for the version will refuse or migrate it. */
        uint32_t version;
        rc = format_load(t, &version);
        return rc || version == STORE_FORMAT ? store_damaged(t, "its state has a wrong size") : 0;
    }
    struct slice s = {.data = value.data, .len = value.len};
    uint64_t *fields[] = {&t->state.next_id,       &t->state.entries,      &t->state.shape,
                          &t->state.journal_first, &t->state.journal_next, &t->state.journal_bytes};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        *fields[i] = slice_u64(&s);
    memcpy(t->state.head, slice_take(&s, STORE_DIGEST_SIZE), STORE_DIGEST_SIZE);
    memcpy(t->state.anchor, slice_take(&s, STORE_DIGEST_SIZE), STORE_DIGEST_SIZE);
    return 0;
}

int store_state_save(struct store_txn *t)
{
    const uint64_t fields[] = {t->state.next_id,       t->state.entries,      t->state.shape,
                               t->state.journal_first, t->state.journal_next, t->state.journal_bytes};
    struct buf *b = &t->node;

    buf_reset(b);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        buf_put_u64(b, fields[i]);
    buf_put(b, t->state.head, STORE_DIGEST_SIZE);
    buf_put(b, t->state.anchor, STORE_DIGEST_SIZE);
    if (b->failed)
        return store_note(t, -ENOMEM);
    return store_note(t, lmdb_put(&t->store->lmdb, t->lmdb, LMDB_META, text_key(STATE_NAME),
                                  (struct lmdb_bytes){b->data, b->len}));
}

/* A file without a version is a new one, unless something else is in it. */
static int create(struct store_txn *t, void *ctx)
{
    uint64_t root;

    (void)ctx;
    int rc = format_save(t, STORE_FORMAT);
    if (!rc)
        rc = store_dir_id(t, "/", 1, true, &root);
    t->state_changed = true;
    return rc;
}

static int read_version(struct store_txn *t, void *ctx)
{
    int rc = format_load(t, ctx);

    return rc == -ENOENT ? 0 : rc;
}

struct step {
    const struct store_migration *migration;
};

static int run_step(struct store_txn *t, void *ctx)
{
    const struct store_migration *m = ((struct step *)ctx)->migration;
    int rc = m->run(t, NULL);

    return rc ? rc : format_save(t, m->from + 1);
}

static const struct store_migration *find_step(const struct store_migration *steps, size_t count,
                                               uint32_t from)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i].run && steps[i].from == from)
            return &steps[i];
    return NULL;
}

static int refuse(struct store *s, uint32_t version, uint32_t to, struct fault *why)
{
    if (version > to)
        return fault_set(why, EPROTO,
                         "%s: written by a newer fimd (format %u, this one knows %u); install that one",
                         s->dir, version, to);
    return fault_set(why, EPROTO, "%s: format %u is too old for this fimd (%u); %s", s->dir, version, to,
                     s->read_only ? "start fimd once, which brings it up to date"
                                  : "move it away and run `fimctl init`");
}

int store_format_migrate(struct store *s, const struct store_migration *steps, size_t count, uint32_t to,
                         struct fault *why)
{
    for (;;) {
        uint32_t version = 0;
        int rc = store_read(s, read_version, &version, why);
        if (rc || version == to)
            return rc;
        struct step step = {find_step(steps, count, version)};
        if (version > to || s->read_only || !step.migration)
            return refuse(s, version, to, why);
        rc = store_write(s, run_step, &step, why);
        if (rc)
            return rc;
    }
}

int store_format_open(struct store *s, struct fault *why)
{
    uint32_t version = 0;
    int rc = store_read(s, read_version, &version, why);

    if (rc)
        return rc;
    if (!version && s->read_only)
        return store_fault(s->dir, why, ENOENT);
    if (!version)
        return store_write(s, create, NULL, why);
    return store_format_migrate(s, migrations, sizeof(migrations) / sizeof(migrations[0]), STORE_FORMAT, why);
}
