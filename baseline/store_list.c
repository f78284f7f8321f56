/* Children and subtrees in order. Between two nodes the caller may change the tree (in a write transaction),
 * so only names are kept, and the next node is searched from there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/path.h"
#include "baseline/store_internal.h"

/* Where an iteration stands: the key of the last child shown. */
struct place {
    struct MDB_cursor *cursor;
    struct store_key key;
    bool shown;    /* key was shown: go on behind it */
    bool stepping; /* the cursor stands on key and nothing can have moved it */
};

/* The next child of the directory that key lies in, or -ENOENT. */
static int next_child(struct store_txn *t, struct place *at, struct lmdb_bytes *ret)
{
    struct lmdb_bytes key = {at->key.bytes, at->key.len};
    uint64_t dir = store_key_dir(key);

    int rc = lmdb_cursor_seek(at->cursor, at->stepping ? LMDB_NEXT : LMDB_FROM, &key, ret);
    if (!rc && !at->stepping && at->shown && key.len == at->key.len &&
        !memcmp(key.data, at->key.bytes, key.len))
        rc = lmdb_cursor_seek(at->cursor, LMDB_NEXT, &key, ret);
    if (rc)
        return store_note(t, rc);
    if (store_key_dir(key) != dir)
        return -ENOENT;
    if (key.len < 8 || key.len > sizeof(at->key.bytes))
        return store_damaged(t, "a key of the tree is unreadable");
    memcpy(at->key.bytes + 8, (const uint8_t *)key.data + 8, key.len - 8);
    at->key.len = key.len;
    at->shown = true;
    at->stepping = !t->writes;
    return 0;
}

static int decode(struct store_txn *t, struct lmdb_bytes value, struct node *ret)
{
    int rc = node_decode(value.data, value.len, ret);

    return rc == -EBADMSG ? store_damaged(t, "a node of the tree is unreadable") : rc;
}

int store_children_after(struct store_txn *t, const char *path, size_t len, const char *after,
                         size_t after_len, store_child_fn fn, void *ctx)
{
    struct place at = {.shown = after_len > 0};
    struct lmdb_bytes value;
    uint64_t id;

    if (after_len > STORE_NAME_MAX)
        return -ENAMETOOLONG;
    int rc = store_dir_id(t, path, len, false, &id);
    if (!rc)
        rc = store_note(t, lmdb_cursor_open(&t->store->lmdb, t->lmdb, LMDB_TREE, &at.cursor));
    if (rc)
        return rc;
    store_key_make(&at.key, id, after, after_len);
    while (!rc && !(rc = next_child(t, &at, &value))) {
        struct node node;
        rc = decode(t, value, &node);
        if (rc)
            break;
        rc = fn(ctx, (const char *)at.key.bytes + 8, at.key.len - 8, &node);
        node_fini(&node);
    }
    lmdb_cursor_close(at.cursor);
    return rc == -ENOENT ? 0 : rc;
}

int store_children(struct store_txn *t, const char *path, size_t len, store_child_fn fn, void *ctx)
{
    return store_children_after(t, path, len, "", 0, fn, ctx);
}

/* --- subtree: depth first, the path as the stack of names, a frame a directory on it --- */

struct frame {
    uint64_t id;
    size_t path_len;
};

struct descent {
    struct store_txn *t;
    struct MDB_cursor *cursor;
    struct buf path;
    struct frame *frames;
    size_t depth, cap;
    store_path_fn fn;
    void *ctx;
};

static int enter(struct descent *d, uint64_t id)
{
    if (d->depth == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 16;
        struct frame *frames = reallocarray(d->frames, cap, sizeof(*frames));
        if (!frames)
            return -ENOMEM;
        d->frames = frames;
        d->cap = cap;
    }
    d->frames[d->depth++] = (struct frame){id, d->path.len};
    return 0;
}

/* The path down to the frame's directory, without the slash of "/". */
static size_t base_len(const struct descent *d, const struct frame *f)
{
    return f->path_len == 1 && d->path.data[0] == '/' ? 0 : f->path_len;
}

/* The next child of the innermost directory, told to fn; -ENOENT when there is none left. The path still
 * holds the name of the child before. */
static int descend_one(struct descent *d)
{
    struct frame *f = &d->frames[d->depth - 1];
    struct place at = {.cursor = d->cursor};
    struct lmdb_bytes value;
    struct node node;
    size_t base = base_len(d, f), done = d->path.len > base ? d->path.len - base - 1 : 0;

    if (d->path.len == f->path_len)
        done = 0;
    at.shown = done > 0;
    store_key_make(&at.key, f->id, (const char *)d->path.data + d->path.len - done, done);
    int rc = next_child(d->t, &at, &value);
    if (!rc)
        rc = decode(d->t, value, &node);
    if (rc)
        return rc;
    d->path.len = base;
    buf_put_u8(&d->path, '/');
    buf_put(&d->path, at.key.bytes + 8, at.key.len - 8);
    rc = d->path.failed ? -ENOMEM : d->fn(d->ctx, (const char *)d->path.data, d->path.len, &node);
    if (!rc && node.id)
        rc = enter(d, node.id);
    node_fini(&node);
    return rc;
}

static int descend(struct descent *d)
{
    while (d->depth) {
        int rc = descend_one(d);
        if (rc == -ENOENT) {
            /* Back to the parent, with this directory's own name as the last one done there. */
            d->path.len = d->frames[--d->depth].path_len;
            rc = 0;
        }
        if (rc)
            return rc;
    }
    return 0;
}

int store_subtree(struct store_txn *t, const char *path, size_t len, store_path_fn fn, void *ctx)
{
    struct descent d = {.t = t, .fn = fn, .ctx = ctx};
    uint64_t id;

    while (len > 1 && path[len - 1] == '/')
        len--;
    int rc = store_dir_id(t, path, len, false, &id);
    if (!rc)
        rc = store_note(t, lmdb_cursor_open(&t->store->lmdb, t->lmdb, LMDB_TREE, &d.cursor));
    if (rc)
        return rc;
    buf_put(&d.path, path, len);
    rc = d.path.failed ? -ENOMEM : enter(&d, id);
    if (!rc)
        rc = descend(&d);
    lmdb_cursor_close(d.cursor);
    buf_fini(&d.path);
    free(d.frames);
    return rc;
}
