/* New entries, on their way into the store: workers fill one batch while a thread of its own commits the
 * other, so that nobody who could read a file waits for the disk to flush. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/check_parts.h"
#include "baseline/journal.h"

enum {
    BATCH_ENTRIES = 4096,
    BATCH_BYTES = 2 << 20, /* entries with large xattrs */
};

static bool is_full(const struct check_batch *b)
{
    return b->count >= BATCH_ENTRIES || b->bytes.len >= BATCH_BYTES;
}

/* What was there before, or was deleted meanwhile, was seen by somebody else. *ret_last: to be kept. */
static int may_put(struct store_txn *t, const struct check_filler *f, const char *path, size_t len,
                   uint64_t *ret_last)
{
    struct node n;
    int rc = store_get(t, path, len, &n);

    *ret_last = 0;
    if (rc == -ENOENT)
        return 1;
    if (rc)
        return rc;
    bool there = n.entry.type != ENTRY_ABSENT;
    *ret_last = n.last;
    int may = there ? f->replace : n.last < f->since;
    node_fini(&n);
    return may;
}

static int put_one(struct store_txn *t, const struct check_filler *f, struct slice *s)
{
    struct entry entry;
    size_t path_len, len;
    uint64_t last;
    const char *path = (const char *)slice_bytes(s, &path_len);
    const uint8_t *data = slice_bytes(s, &len);

    int rc = s->failed ? -EBADMSG : may_put(t, f, path, path_len, &last);
    if (rc <= 0)
        return rc;
    rc = entry_decode(data, len, &entry);
    if (rc)
        return rc;
    rc = store_put(t, path, path_len, &entry, last);
    entry_fini(&entry);
    return rc;
}

static int put_batch(struct store_txn *t, void *ctx)
{
    const struct check_filler *f = ctx;
    struct slice s = {.data = f->writing.bytes.data, .len = f->writing.bytes.len};

    while (s.len) {
        int rc = put_one(t, f, &s);
        /* A name that the store cannot take was told when it was measured. */
        if (rc && rc != -ENAMETOOLONG)
            return rc;
    }
    return 0;
}

/* With the lock held, which is let go while the disk works. */
static void write_batch(struct check_filler *f)
{
    struct check_batch written = f->filling;
    struct fault why = {0};

    f->filling = f->writing;
    f->writing = written;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    int rc = store_write(f->store, put_batch, f, &why);
    pthread_mutex_lock(&f->lock);
    buf_reset(&f->writing.bytes);
    f->writing.count = 0;
    if (rc && !f->result) {
        f->result = rc;
        f->why = why;
    }
    pthread_cond_broadcast(&f->changed);
}

static void *write_all(void *arg)
{
    struct check_filler *f = arg;

    pthread_mutex_lock(&f->lock);
    while (!f->ended || f->filling.count) {
        if (f->filling.count && (f->ended || is_full(&f->filling)) && !f->result)
            write_batch(f);
        else if (f->ended)
            break;
        else
            pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static int read_since(struct store_txn *t, void *ctx)
{
    *(uint64_t *)ctx = journal_next(t);
    return 0;
}

int check_filler_start(struct check_filler *f, struct store *store, bool replace, struct fault *why)
{
    f->store = store;
    f->replace = replace;
    int rc = store_read(store, read_since, &f->since, why);
    if (rc)
        return rc;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    rc = pthread_create(&f->thread, NULL, write_all, f);
    f->started = !rc;
    return rc ? fault_set(why, rc, "no thread for the store's writer: %s", strerror(rc)) : 0;
}

int check_filler_put(struct check_filler *f, const char *path, size_t len, const struct entry *entry,
                     struct buf *scratch)
{
    buf_reset(scratch);
    entry_encode(entry, scratch);
    if (scratch->failed)
        return -ENOMEM;
    pthread_mutex_lock(&f->lock);
    while (is_full(&f->filling) && !f->result)
        pthread_cond_wait(&f->changed, &f->lock);
    int rc = f->result;
    if (!rc) {
        buf_put_bytes(&f->filling.bytes, path, len);
        buf_put_bytes(&f->filling.bytes, scratch->data, scratch->len);
        f->filling.count++;
        rc = f->filling.bytes.failed ? -ENOMEM : 0;
        if (is_full(&f->filling))
            pthread_cond_broadcast(&f->changed);
    }
    pthread_mutex_unlock(&f->lock);
    return rc;
}

int check_filler_finish(struct check_filler *f, struct fault *why)
{
    if (!f->started)
        return 0;
    pthread_mutex_lock(&f->lock);
    f->ended = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    f->started = false;
    buf_fini(&f->filling.bytes);
    buf_fini(&f->writing.bytes);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    if (f->result && why && !why->error)
        *why = f->why;
    return f->result;
}
