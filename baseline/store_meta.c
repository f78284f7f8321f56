/* Small named values, and the counts. Names that begin with "store." are the store's own. */
#include <errno.h>
#include <string.h>

#include "baseline/store_internal.h"

static int check_name(const char *name)
{
    size_t len = strlen(name);

    return !len || len > LMDB_KEY_MAX || !strncmp(name, "store.", 6) ? -EINVAL : 0;
}

int store_set(struct store_txn *t, const char *name, const void *value, size_t len)
{
    int rc = check_name(name);

    if (rc)
        return rc;
    return store_note(t, lmdb_put(&t->store->lmdb, t->lmdb, LMDB_META,
                                  (struct lmdb_bytes){name, strlen(name)}, (struct lmdb_bytes){value, len}));
}

long store_value(struct store_txn *t, const char *name, void *ret, size_t size)
{
    struct lmdb_bytes value;
    int rc = check_name(name);

    if (!rc)
        rc = store_note(t, lmdb_get(&t->store->lmdb, t->lmdb, LMDB_META,
                                    (struct lmdb_bytes){name, strlen(name)}, &value));
    if (rc)
        return rc;
    if (value.len && size)
        memcpy(ret, value.data, value.len < size ? value.len : size);
    return (long)value.len;
}

int store_count(struct store_txn *t, struct store_counts *ret)
{
    const struct store_state *s = &t->state;
    bool empty = s->journal_first == s->journal_next;

    *ret = (struct store_counts){
        .entries = s->entries,
        .journal_first = empty ? 0 : s->journal_first,
        .journal_last = empty ? 0 : s->journal_next - 1,
        .bytes = lmdb_bytes_used(&t->store->lmdb),
        .bytes_journal = s->journal_bytes,
    };
    return 0;
}
