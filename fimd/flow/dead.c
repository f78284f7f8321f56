/* See dead.h. In the store: dead/OUTPUT/SEQUENCE holds the reason and the document, dead-count/OUTPUT their number, so
 * that a start knows it without reading them all. */
#include "fimd/flow/dead.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 200 };

struct letter {
    const char *output;
    const struct sink_item *item;
    bool is_new;
};

static void count_name(const char *output, char ret[NAME_SIZE])
{
    snprintf(ret, NAME_SIZE, "dead-count/%s", output);
}

int dead_count(struct store_txn *txn, const char *output, uint64_t *ret)
{
    char name[NAME_SIZE];
    uint64_t count = 0;
    count_name(output, name);
    long n = store_value(txn, name, &count, sizeof(count));
    if (n < 0 && n != -ENOENT)
        return (int)n;
    *ret = n == sizeof(count) ? count : 0;
    return 0;
}

static int count_one(struct store_txn *txn, const char *output)
{
    char name[NAME_SIZE];
    uint64_t count;
    int r = dead_count(txn, output, &count);
    if (r < 0)
        return r;
    count++;
    count_name(output, name);
    return store_set(txn, name, &count, sizeof(count));
}

static int put(struct store_txn *txn, const char *name, const struct sink_item *item)
{
    struct buf value = {0};
    buf_put_bytes(&value, item->reason, strlen(item->reason));
    buf_put_bytes(&value, item->json, item->json_len);
    int r = value.failed ? -ENOMEM : store_set(txn, name, value.data, value.len);
    buf_fini(&value);
    return r;
}

static int keep(struct store_txn *txn, void *ctx)
{
    struct letter *l = ctx;
    char name[NAME_SIZE];
    snprintf(name, sizeof(name), "dead/%s/%020llu", l->output, (unsigned long long)l->item->event->sequence);
    long n = store_value(txn, name, NULL, 0);
    l->is_new = n == -ENOENT;
    if (n < 0 && n != -ENOENT)
        return (int)n;
    int r = l->is_new ? count_one(txn, l->output) : 0;
    return r < 0 ? r : put(txn, name, l->item);
}

int dead_keep(struct store *store, const char *output, const struct sink_item *item, struct fault *why)
{
    struct letter l = {.output = output, .item = item};
    int r = store_write(store, keep, &l, why);
    return r < 0 ? r : l.is_new;
}
