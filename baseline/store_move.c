/* A node gets another place, with all that is below it. The destination may have deleted paths below it whose
 * last records are still known; they are merged into what comes, directory by directory:
 *
 *   /d  id 7 (deleted):  old (deleted), sub (deleted) id 9        /new  id 20:  both, sub id 21
 *   move /new to /d  ─►  /d  id 20:  both, old (deleted), sub id 21 ◄─ children of 9 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/path.h"
#include "baseline/store_internal.h"

/* A directory whose children are to get another one's id. */
struct merge {
    uint64_t from, to;
};

struct merges {
    struct merge *list;
    size_t count, cap;
};

static int merges_push(struct merges *m, uint64_t from, uint64_t to)
{
    if (m->count == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 8;
        struct merge *list = reallocarray(m->list, cap, sizeof(*list));
        if (!list)
            return -ENOMEM;
        m->list = list;
        m->cap = cap;
    }
    m->list[m->count++] = (struct merge){from, to};
    return 0;
}

static int first_child(struct store_txn *t, uint64_t id, struct store_key *ret)
{
    struct store_key from;
    struct lmdb_bytes key, value;

    store_key_make(&from, id, "", 0);
    key = store_key_bytes(&from);
    int rc = store_note(t, lmdb_cursor_seek(t->tree, LMDB_FROM, &key, &value));
    if (rc || store_key_dir(key) != id || key.len > sizeof(ret->bytes))
        return rc ? rc : -ENOENT;
    memcpy(ret->bytes, key.data, key.len);
    ret->len = key.len;
    return 0;
}

/* Puts a node that came by a merge under its new key; who is there already wins, its children take in those
 * of the loser. */
static int merge_node(struct store_txn *t, struct merges *m, const struct store_key *to,
                      const struct node_head *node)
{
    struct node_head there;

    int rc = store_node_load(t, to, &there);
    if (rc == -ENOENT)
        return store_node_save(t, to, false, node, NULL);
    if (rc)
        return rc;
    store_node_count(t, node->present, false);
    if (!node->id)
        return 0;
    if (there.id)
        return merges_push(m, node->id, there.id);
    there.id = node->id;
    return store_node_save(t, to, true, &there, NULL);
}

/* The entry of head lies in the tree's pages; a copy stays when they are written. */
static int keep_entry(struct node_head *head, struct buf *to)
{
    buf_reset(to);
    buf_put(to, head->entry.data, head->entry.len);
    head->entry.data = to->data;
    return to->failed ? -ENOMEM : 0;
}

static int merge_child(struct store_txn *t, struct merges *m, struct merge pair, struct buf *copy)
{
    struct store_key from, to;
    struct node_head node;

    int rc = first_child(t, pair.from, &from);
    if (!rc)
        rc = store_node_load(t, &from, &node);
    if (!rc)
        rc = keep_entry(&node, copy);
    if (!rc)
        rc = store_note(t, lmdb_cursor_delete(t->tree));
    if (rc)
        return rc;
    store_key_make(&to, pair.to, (const char *)from.bytes + 8, from.len - 8);
    return merge_node(t, m, &to, &node);
}

/* What was deleted below the destination before the move keeps its place in the history. */
static int merge_all(struct store_txn *t, uint64_t from, uint64_t to)
{
    struct merges m = {0};
    struct buf copy = {0};

    int rc = merges_push(&m, from, to);
    while (!rc && m.count) {
        struct merge pair = m.list[--m.count];
        do
            rc = merge_child(t, &m, pair, &copy);
        while (!rc);
        rc = rc == -ENOENT ? 0 : rc;
    }
    free(m.list);
    buf_fini(&copy);
    return rc;
}

/* The node itself, out of its old key and into its new one; *ret: whose children go where, when the ids
 * differ. */
static int move_node(struct store_txn *t, const struct store_key *from, const struct store_key *to,
                     uint64_t last, struct merge *ret)
{
    struct node_head node, there = {0};
    struct buf copy = {0};

    int rc = store_node_load(t, to, &there);
    if (rc && rc != -ENOENT)
        return rc;
    if (there.present)
        return -EEXIST;
    rc = store_node_load(t, from, &node);
    if (!rc)
        rc = keep_entry(&node, &copy);
    if (!rc)
        rc = store_node_save(t, from, true, &(struct node_head){.last = last}, NULL);
    if (!rc) {
        node.id = node.id ? node.id : there.id;
        *ret = (struct merge){.from = there.id, .to = node.id};
        rc = store_node_save(t, to, false, &node, NULL);
    }
    buf_fini(&copy);
    return rc;
}

int store_move(struct store_txn *t, const char *from, size_t from_len, const char *to, size_t to_len,
               uint64_t last)
{
    struct store_key from_key, to_key;
    struct node_head node;
    struct merge below;

    if (path_below(to, to_len, from, from_len))
        return -EINVAL;
    int rc = store_locate(t, from, from_len, false, &from_key);
    if (!rc)
        rc = store_node_load(t, &from_key, &node);
    if (!rc)
        rc = store_locate(t, to, to_len, true, &to_key);
    if (!rc)
        rc = move_node(t, &from_key, &to_key, last, &below);
    if (!rc && below.from && below.from != below.to)
        rc = merge_all(t, below.from, below.to);
    if (!rc)
        store_shape_changed(t);
    return rc;
}
