/* The store's life and its transactions.
 *
 *   store_read:   map held for reading ─► an idle reader renewed ─► fn ─► reader put back
 *   store_write:  one writer ─► map held for reading ─► fn ─► state saved ─► commit (flushed)
 *                    ▲                                            │ map too small, or grown elsewhere
 *                    └────── map held for writing, resized ◄──────┘
 *
 * The map is one range of addresses; it can only move while no transaction of this process looks at it. A
 * reader that waits behind a waiting resize must not itself be inside a transaction: hence no transaction
 * within another. */
#include "baseline/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baseline/store_internal.h"

/* The map costs addresses, not memory. It doubles up to LARGE and goes on in steps of that. */
#define MAP_DEFAULT ((size_t)256 << 20)
#define MAP_LARGE   ((size_t)4 << 30)

enum { COMMITS_BETWEEN_READER_CHECKS = 512 };

/* --- transactions' own resources --- */

static void txn_fini(struct store_txn *t)
{
    store_dirs_clear(&t->dirs);
    buf_fini(&t->node);
}

/* A remembered id may be wrong when directories were moved since, by whomever. */
static void check_dirs(struct store_txn *t)
{
    if (t->dirs.shape == t->state.shape)
        return;
    store_dirs_clear(&t->dirs);
    t->dirs.shape = t->state.shape;
}

static void reader_free(struct store_reader *r)
{
    lmdb_cursor_close(r->txn.tree);
    if (r->txn.lmdb)
        lmdb_abort(r->txn.lmdb);
    txn_fini(&r->txn);
    free(r);
}

static void readers_free(struct store *s)
{
    pthread_mutex_lock(&s->pool);
    while (s->readers) {
        struct store_reader *r = s->readers;
        s->readers = r->next;
        reader_free(r);
    }
    pthread_mutex_unlock(&s->pool);
}

static struct store_reader *reader_take(struct store *s)
{
    pthread_mutex_lock(&s->pool);
    struct store_reader *r = s->readers;
    if (r)
        s->readers = r->next;
    pthread_mutex_unlock(&s->pool);
    return r;
}

static void reader_put(struct store *s, struct store_reader *r)
{
    lmdb_reset(r->txn.lmdb);
    pthread_mutex_lock(&s->pool);
    r->next = s->readers;
    s->readers = r;
    pthread_mutex_unlock(&s->pool);
}

/* --- the map --- */

static int map_resize(struct store *s, size_t size)
{
    pthread_rwlock_wrlock(&s->map);
    int rc = lmdb_resize(&s->lmdb, size);
    if (!rc)
        s->map_size = lmdb_map_size(&s->lmdb);
    pthread_rwlock_unlock(&s->map);
    return rc;
}

static int map_grow(struct store *s)
{
    size_t size = s->map_size;

    return map_resize(s, size < MAP_LARGE ? size * 2 : size + MAP_LARGE);
}

static int env_open(struct store *s)
{
    struct lmdb_options options = {
        .dir = s->dir, .map_size = s->map_size, .read_only = s->read_only, .no_sync = s->no_sync};
    int rc = lmdb_open(&s->lmdb, &options);

    if (!rc)
        s->map_size = lmdb_map_size(&s->lmdb);
    return rc;
}

/* After a header page that could not be written LMDB refuses everything until it is opened again. */
static int env_reopen(struct store *s)
{
    pthread_rwlock_wrlock(&s->map);
    readers_free(s);
    lmdb_close(&s->lmdb);
    int rc = env_open(s);
    pthread_rwlock_unlock(&s->map);
    return rc;
}

/* What can be mended, so that the transaction can be tried again: 0 then. */
static int mend(struct store *s, int trouble)
{
    switch (trouble) {
    case -EXFULL:
        return map_grow(s);
    case -ERESTART:
        return map_resize(s, 0);
    case -ENOTRECOVERABLE:
        return env_reopen(s);
    default:
        return trouble;
    }
}

/* Says what nobody further in has said better. */
static int say(const struct store *s, int rc, struct fault *why)
{
    if (why && !why->error)
        store_fault(s->dir, why, rc);
    return rc;
}

/* --- reading --- */

static int reader_begin_new(struct store *s, struct store_reader **ret)
{
    struct store_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->txn.store = s;
    int rc = lmdb_begin(&s->lmdb, false, &r->txn.lmdb);
    if (rc == -EUSERS) {
        lmdb_clear_dead_readers(&s->lmdb);
        rc = lmdb_begin(&s->lmdb, false, &r->txn.lmdb);
    }
    if (!rc)
        rc = lmdb_cursor_open(&s->lmdb, r->txn.lmdb, LMDB_TREE, &r->txn.tree);
    if (rc)
        reader_free(r);
    else
        *ret = r;
    return rc;
}

static int reader_begin(struct store *s, struct store_reader **ret)
{
    struct store_reader *r = reader_take(s);
    if (!r)
        return reader_begin_new(s, ret);
    int rc = lmdb_renew(r->txn.lmdb);
    if (!rc)
        rc = lmdb_cursor_renew(r->txn.lmdb, r->txn.tree);
    if (rc)
        reader_free(r);
    else
        *ret = r;
    return rc;
}

/* With the map held. *ret_trouble: LMDB's own refusal, as opposed to fn's result. */
static int read_once(struct store *s, int (*fn)(struct store_txn *, void *), void *ctx, struct fault *why,
                     int *ret_trouble)
{
    struct store_reader *r;

    if (!s->lmdb.env)
        return *ret_trouble = -ENOTRECOVERABLE;
    *ret_trouble = reader_begin(s, &r);
    if (*ret_trouble)
        return *ret_trouble;
    struct store_txn *t = &r->txn;
    t->why = why;
    t->trouble = 0;
    int rc = store_note(t, store_state_load(t));
    if (!rc) {
        check_dirs(t);
        rc = fn(t, ctx);
    }
    *ret_trouble = t->trouble;
    reader_put(s, r);
    return rc;
}

int store_read(struct store *s, int (*fn)(struct store_txn *, void *), void *ctx, struct fault *why)
{
    int rc, trouble;

    if (why)
        *why = (struct fault){0};
    do {
        pthread_rwlock_rdlock(&s->map);
        rc = read_once(s, fn, ctx, why, &trouble);
        pthread_rwlock_unlock(&s->map);
    } while (trouble && !(rc = mend(s, trouble)));
    return trouble ? say(s, rc, why) : rc;
}

/* --- writing --- */

static int writer_begin(struct store *s, struct fault *why)
{
    struct store_txn *t = &s->writer;

    t->store = s;
    t->writes = true;
    t->why = why;
    t->trouble = 0;
    t->state_changed = false;
    t->tree = t->journal = NULL;
    t->lmdb = NULL;
    int rc = lmdb_begin(&s->lmdb, true, &t->lmdb);
    if (!rc)
        rc = lmdb_cursor_open(&s->lmdb, t->lmdb, LMDB_TREE, &t->tree);
    if (!rc)
        rc = store_state_load(t);
    if (!rc)
        check_dirs(t);
    return rc;
}

static void writer_abort(struct store_txn *t)
{
    lmdb_cursor_close(t->tree);
    lmdb_cursor_close(t->journal);
    if (t->lmdb)
        lmdb_abort(t->lmdb);
    /* Directories made by this try were never there. */
    store_dirs_clear(&t->dirs);
}

static int writer_commit(struct store_txn *t)
{
    int rc = t->state_changed ? store_state_save(t) : 0;
    if (rc) {
        writer_abort(t);
        return rc;
    }
    t->dirs.shape = t->state.shape;
    lmdb_cursor_close(t->tree);
    lmdb_cursor_close(t->journal);
    rc = lmdb_commit(t->lmdb);
    if (rc)
        store_dirs_clear(&t->dirs);
    return rc;
}

static int write_once(struct store *s, int (*fn)(struct store_txn *, void *), void *ctx, struct fault *why,
                      int *ret_trouble)
{
    struct store_txn *t = &s->writer;

    if (!s->lmdb.env)
        return *ret_trouble = -ENOTRECOVERABLE;
    int rc = writer_begin(s, why);
    if (rc) {
        writer_abort(t);
        return *ret_trouble = rc;
    }
    rc = fn(t, ctx);
    if (rc || t->trouble) {
        *ret_trouble = t->trouble;
        writer_abort(t);
        return rc;
    }
    return *ret_trouble = writer_commit(t);
}

static int write_until_done(struct store *s, int (*fn)(struct store_txn *, void *), void *ctx,
                            struct fault *why)
{
    int rc, trouble;

    do {
        pthread_rwlock_rdlock(&s->map);
        rc = write_once(s, fn, ctx, why, &trouble);
        pthread_rwlock_unlock(&s->map);
    } while (trouble && !(rc = mend(s, trouble)));
    return trouble ? say(s, rc, why) : rc;
}

int store_write(struct store *s, int (*fn)(struct store_txn *, void *), void *ctx, struct fault *why)
{
    if (why)
        *why = (struct fault){0};
    if (s->read_only)
        return store_fault(s->dir, why, EROFS);
    pthread_mutex_lock(&s->writing);
    int rc = write_until_done(s, fn, ctx, why);
    if (!rc && ++s->commits % COMMITS_BETWEEN_READER_CHECKS == 0)
        lmdb_clear_dead_readers(&s->lmdb);
    pthread_mutex_unlock(&s->writing);
    return rc;
}

/* --- open and close --- */

static int locks_init(struct store *s)
{
    pthread_rwlockattr_t attr;

    int rc = pthread_rwlockattr_init(&attr);
    if (rc)
        return -rc;
    /* Readers that follow one another without a pause would else keep the map from ever growing. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    rc = pthread_rwlock_init(&s->map, &attr);
    pthread_rwlockattr_destroy(&attr);
    if (rc)
        return -rc;
    pthread_mutex_init(&s->writing, NULL);
    pthread_mutex_init(&s->pool, NULL);
    return 0;
}

static int store_new(const struct store_options *options, struct store **ret)
{
    struct store *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->lock_fd = -1;
    s->read_only = options->read_only;
    s->no_sync = options->no_sync;
    s->map_size = options->map_size ? options->map_size : MAP_DEFAULT;
    s->dir = strdup(options->dir);
    int rc = s->dir ? locks_init(s) : -ENOMEM;
    if (rc) {
        free(s->dir);
        free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

int store_open(const struct store_options *options, struct store **ret, struct fault *why)
{
    struct store *s;

    if (why)
        *why = (struct fault){0};
    int rc = store_new(options, &s);
    if (rc)
        return store_fault(options->dir, why, rc);
    rc = store_place_open(options, &s->lock_fd, why);
    if (!rc) {
        rc = env_open(s);
        if (rc)
            store_fault(s->dir, why, rc);
    }
    if (!rc)
        rc = store_format_open(s, why);
    if (rc)
        store_close(s);
    else
        *ret = s;
    return rc;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    readers_free(s);
    txn_fini(&s->writer);
    lmdb_close(&s->lmdb);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    pthread_rwlock_destroy(&s->map);
    pthread_mutex_destroy(&s->writing);
    pthread_mutex_destroy(&s->pool);
    free(s->dir);
    free(s);
}
