/* Nodes by path: found, put, removed, moved.
 *
 *   "/etc/ssh/sshd_config" ─► id of "/etc/ssh" (remembered, or a name at a time) ─► key: id ‖ "sshd_config"
 *
 * A directory is known by its id; its name stands in its key only. So a moved directory is a node that gets
 * another key, and whatever is below follows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/path.h"
#include "baseline/store_internal.h"

void store_key_make(struct store_key *key, uint64_t dir, const char *name, size_t len)
{
    for (int i = 0; i < 8; i++)
        key->bytes[i] = (uint8_t)(dir >> (56 - 8 * i));
    if (len) /* the first child of a directory: no name */
        memcpy(key->bytes + 8, name, len);
    key->len = 8 + len;
}

uint64_t store_key_dir(struct lmdb_bytes key)
{
    const uint8_t *bytes = key.data;
    uint64_t dir = 0;

    for (size_t i = 0; key.len >= 8 && i < 8; i++)
        dir = dir << 8 | bytes[i];
    return dir;
}

static struct lmdb_bytes key_bytes(const struct store_key *key)
{
    return (struct lmdb_bytes){key->bytes, key->len};
}

/* --- one node by its key --- */

/* Puts the cursor on the node; head->entry belongs to the transaction until its next write. */
static int load(struct store_txn *t, const struct store_key *key, struct node_head *ret)
{
    struct lmdb_bytes k = key_bytes(key), value;
    int rc = store_note(t, lmdb_cursor_seek(t->tree, LMDB_EXACT, &k, &value));

    if (rc)
        return rc;
    return node_peek(value.data, value.len, ret) ? store_damaged(t, "a node of the tree is unreadable") : 0;
}

/* `here`: load() has just found this key. entry: NULL takes the encoded one of head. */
static int save(struct store_txn *t, const struct store_key *key, bool here, const struct node_head *head,
                const struct entry *entry)
{
    struct buf *b = &t->node;

    buf_reset(b);
    node_encode_head(b, head);
    if (head->present && entry)
        entry_encode(entry, b);
    else if (head->present)
        buf_put(b, head->entry.data, head->entry.len);
    if (b->failed)
        return store_note(t, -ENOMEM);
    return store_note(t, lmdb_cursor_put(t->tree, here, key_bytes(key), (struct lmdb_bytes){b->data, b->len}));
}

static uint64_t new_id(struct store_txn *t)
{
    t->state_changed = true;
    return t->state.next_id++;
}

static void count_change(struct store_txn *t, bool before, bool after)
{
    if (before == after)
        return;
    t->state_changed = true;
    if (after)
        t->state.entries++;
    else if (t->state.entries)
        t->state.entries--;
}

static void shape_changed(struct store_txn *t)
{
    t->state.shape++;
    t->state_changed = true;
    store_dirs_clear(&t->dirs);
}

/* --- a directory's id by its path --- */

static int check_name(const char *name, size_t len)
{
    if (len > STORE_NAME_MAX)
        return -ENAMETOOLONG;
    if (memchr(name, '\0', len) || (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
        return -EINVAL;
    return 0;
}

/* The id of a directory by its key; one that is missing, or was none yet, is made when asked for. */
static int dir_id(struct store_txn *t, const struct store_key *key, bool make, uint64_t fixed, uint64_t *ret)
{
    struct node_head head = {.marks = STORE_MARK_WAYPOINT};
    int rc = load(t, key, &head);

    if (rc && rc != -ENOENT)
        return rc;
    if (!rc && head.id) {
        *ret = head.id;
        return 0;
    }
    if (!make)
        return -ENOENT;
    head.id = fixed ? fixed : new_id(t);
    rc = save(t, key, !rc, &head, NULL);
    if (!rc)
        *ret = head.id;
    return rc;
}

struct step {
    const char *rest; /* behind what has been walked */
    size_t left;
    uint64_t hash, id;
};

/* The longest remembered part of the path. */
static void find_remembered(const struct store_txn *t, const char *path, size_t len, struct step *at)
{
    struct step s = *at;
    size_t n;

    for (const char *name; (name = path_next(&s.rest, &s.left, &n));) {
        s.hash = store_dirs_hash(s.hash, name, n);
        s.id = store_dirs_find(&t->dirs, s.hash, path, len - s.left);
        if (s.id)
            *at = s;
    }
}

int store_dir_id(struct store_txn *t, const char *path, size_t len, bool make, uint64_t *ret)
{
    struct step at = {.rest = path, .left = len, .id = STORE_ROOT_ID};
    struct store_key key;
    size_t n;

    if (!len || path[0] != '/')
        return -EINVAL;
    if (make && t->state.next_id == STORE_ROOT_ID + 1) {
        /* A tree that has nothing yet gets its root's own node. */
        uint64_t root;
        store_key_make(&key, 0, "", 0);
        int rc = dir_id(t, &key, true, STORE_ROOT_ID, &root);
        if (rc)
            return rc;
    }
    find_remembered(t, path, len, &at);
    for (const char *name; (name = path_next(&at.rest, &at.left, &n));) {
        int rc = check_name(name, n);
        if (rc)
            return rc;
        store_key_make(&key, at.id, name, n);
        rc = dir_id(t, &key, make, 0, &at.id);
        if (rc)
            return rc;
        at.hash = store_dirs_hash(at.hash, name, n);
        store_dirs_add(&t->dirs, at.hash, path, len - at.left, at.id);
    }
    *ret = at.id;
    return 0;
}

/* The key of a path's node. */
static int locate(struct store_txn *t, const char *path, size_t len, bool make, struct store_key *ret)
{
    const char *name;
    size_t name_len;
    uint64_t dir = 0;

    if (!len || path[0] != '/')
        return -EINVAL;
    size_t parent = path_parent(path, len, &name, &name_len);
    int rc = check_name(name, name_len);
    if (!rc && name_len)
        rc = store_dir_id(t, path, parent, make, &dir);
    if (!rc)
        store_key_make(ret, dir, name, name_len);
    return rc;
}

/* --- get, put --- */

int store_get(struct store_txn *t, const char *path, size_t len, struct node *ret)
{
    struct store_key key;
    struct lmdb_bytes k, value;

    int rc = locate(t, path, len, false, &key);
    if (rc)
        return rc;
    k = key_bytes(&key);
    rc = store_note(t, lmdb_cursor_seek(t->tree, LMDB_EXACT, &k, &value));
    if (rc)
        return rc;
    rc = node_decode(value.data, value.len, ret);
    return rc == -EBADMSG ? store_damaged(t, "a node of the tree is unreadable") : rc;
}

int store_put(struct store_txn *t, const char *path, size_t len, const struct entry *entry, uint64_t last)
{
    struct store_key key;
    struct node_head head = {0};

    int rc = locate(t, path, len, true, &key);
    if (rc)
        return rc;
    rc = load(t, &key, &head);
    if (rc && rc != -ENOENT)
        return rc;
    bool here = !rc, before = head.present;
    head.last = last;
    head.present = entry->type != ENTRY_ABSENT;
    if (head.present)
        head.marks &= ~(uint32_t)STORE_MARK_WAYPOINT;
    if (entry->type == ENTRY_DIR && !head.id)
        head.id = key.len == 8 ? STORE_ROOT_ID : new_id(t);
    rc = save(t, &key, here, &head, entry);
    if (!rc)
        count_change(t, before, head.present);
    return rc;
}

/* --- removal --- */

static int has_children(struct store_txn *t, uint64_t id, bool *ret)
{
    struct store_key from;
    struct lmdb_bytes key, value;

    store_key_make(&from, id, "", 0);
    key = key_bytes(&from);
    int rc = store_note(t, lmdb_cursor_seek(t->tree, LMDB_FROM, &key, &value));
    if (rc && rc != -ENOENT)
        return rc;
    *ret = !rc && store_key_dir(key) == id;
    return 0;
}

/* Takes the node away for good; a directory that still has children stays as the way to them. */
static int forget(struct store_txn *t, const struct store_key *key, bool *ret_gone)
{
    struct node_head head;
    bool children = key->len == 8;

    int rc = load(t, key, &head);
    if (!rc && head.id && !children)
        rc = has_children(t, head.id, &children);
    if (rc)
        return rc;
    bool before = head.present;
    uint64_t id = head.id;
    if (children) {
        head = (struct node_head){.id = id, .marks = STORE_MARK_WAYPOINT};
        rc = save(t, key, false, &head, NULL);
    } else {
        rc = load(t, key, &head);
        if (!rc)
            rc = store_note(t, lmdb_cursor_delete(t->tree));
        if (!rc && id)
            shape_changed(t);
    }
    if (!rc) {
        count_change(t, before, false);
        *ret_gone = !children;
    }
    return rc;
}

/* Is there a waypoint at key that leads to nothing any more? */
static int is_idle_waypoint(struct store_txn *t, const struct store_key *key, bool *ret)
{
    struct node_head head;
    bool children = false;

    int rc = load(t, key, &head);
    if (!rc && head.id)
        rc = has_children(t, head.id, &children);
    if (!rc)
        *ret = !head.present && !head.last && (head.marks & STORE_MARK_WAYPOINT) && !children;
    return rc;
}

/* Forgets the path, and the waypoints above that nothing needs any more. */
static int forget_upward(struct store_txn *t, const char *path, size_t len)
{
    struct store_key key;
    const char *name;
    size_t name_len;
    bool gone = false, idle = true;

    while (idle) {
        int rc = locate(t, path, len, false, &key);
        if (!rc)
            rc = forget(t, &key, &gone);
        len = path_parent(path, len, &name, &name_len);
        if (rc || !gone || len <= 1)
            return rc;
        rc = locate(t, path, len, false, &key);
        if (!rc)
            rc = is_idle_waypoint(t, &key, &idle);
        if (rc)
            return rc;
    }
    return 0;
}

int store_remove(struct store_txn *t, const char *path, size_t len, uint64_t last)
{
    struct store_key key;
    struct node_head head;

    if (!last)
        return forget_upward(t, path, len);
    int rc = locate(t, path, len, false, &key);
    if (!rc)
        rc = load(t, &key, &head);
    if (rc)
        return rc;
    bool before = head.present;
    head.present = false;
    head.last = last;
    head.marks &= ~(uint32_t)STORE_MARK_WAYPOINT;
    rc = save(t, &key, true, &head, NULL);
    if (!rc)
        count_change(t, before, false);
    return rc;
}

/* --- move --- */

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
    key = key_bytes(&from);
    int rc = store_note(t, lmdb_cursor_seek(t->tree, LMDB_FROM, &key, &value));
    if (rc || store_key_dir(key) != id || key.len > sizeof(ret->bytes))
        return rc ? rc : -ENOENT;
    memcpy(ret->bytes, key.data, key.len);
    ret->len = key.len;
    return 0;
}

/* Puts a node that came by a merge under its new key; who is there already wins, its children take in those of
 * the loser. */
static int merge_node(struct store_txn *t, struct merges *m, const struct store_key *to, const struct node_head *node)
{
    struct node_head there;

    int rc = load(t, to, &there);
    if (rc == -ENOENT)
        return save(t, to, false, node, NULL);
    if (rc)
        return rc;
    count_change(t, node->present, false);
    if (!node->id)
        return 0;
    if (there.id)
        return merges_push(m, node->id, there.id);
    there.id = node->id;
    return save(t, to, true, &there, NULL);
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
        rc = load(t, &from, &node);
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

/* The node itself, out of its old key and into its new one; *ret: whose children go where, when the ids differ. */
static int move_node(struct store_txn *t, const struct store_key *from, const struct store_key *to, uint64_t last,
                     struct merge *ret)
{
    struct node_head node, there = {0};
    struct buf copy = {0};

    int rc = load(t, to, &there);
    if (rc && rc != -ENOENT)
        return rc;
    if (there.present)
        return -EEXIST;
    rc = load(t, from, &node);
    if (!rc)
        rc = keep_entry(&node, &copy);
    if (!rc)
        rc = save(t, from, true, &(struct node_head){.last = last}, NULL);
    if (!rc) {
        node.id = node.id ? node.id : there.id;
        *ret = (struct merge){.from = there.id, .to = node.id};
        rc = save(t, to, false, &node, NULL);
    }
    buf_fini(&copy);
    return rc;
}

int store_move(struct store_txn *t, const char *from, size_t from_len, const char *to, size_t to_len, uint64_t last)
{
    struct store_key from_key, to_key;
    struct node_head node;
    struct merge below;

    if (path_below(to, to_len, from, from_len))
        return -EINVAL;
    int rc = locate(t, from, from_len, false, &from_key);
    if (!rc)
        rc = load(t, &from_key, &node);
    if (!rc)
        rc = locate(t, to, to_len, true, &to_key);
    if (!rc)
        rc = move_node(t, &from_key, &to_key, last, &below);
    if (!rc && below.from && below.from != below.to)
        rc = merge_all(t, below.from, below.to);
    if (!rc)
        shape_changed(t);
    return rc;
}
