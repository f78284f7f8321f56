/* Nodes by path: found, put, removed. Moving is store_move.c's.
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

struct lmdb_bytes store_key_bytes(const struct store_key *key)
{
    return (struct lmdb_bytes){key->bytes, key->len};
}

/* --- one node by its key --- */

int store_node_load(struct store_txn *t, const struct store_key *key, struct node_head *ret)
{
    struct lmdb_bytes k = store_key_bytes(key), value;
    int rc = store_note(t, lmdb_cursor_seek(t->tree, LMDB_EXACT, &k, &value));

    if (rc)
        return rc;
    return node_peek(value.data, value.len, ret) ? store_damaged(t, "a node of the tree is unreadable") : 0;
}

int store_node_save(struct store_txn *t, const struct store_key *key, bool here, const struct node_head *head,
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
    return store_note(
        t, lmdb_cursor_put(t->tree, here, store_key_bytes(key), (struct lmdb_bytes){b->data, b->len}));
}

static uint64_t new_id(struct store_txn *t)
{
    t->state_changed = true;
    return t->state.next_id++;
}

void store_node_count(struct store_txn *t, bool before, bool after)
{
    if (before == after)
        return;
    t->state_changed = true;
    if (after)
        t->state.entries++;
    else if (t->state.entries)
        t->state.entries--;
}

void store_shape_changed(struct store_txn *t)
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
    if (memchr(name, '\0', len) || (len == 1 && name[0] == '.') ||
        (len == 2 && name[0] == '.' && name[1] == '.'))
        return -EINVAL;
    return 0;
}

/* The id of a directory by its key; one that is missing, or was none yet, is made when asked for. */
static int dir_id(struct store_txn *t, const struct store_key *key, bool make, uint64_t fixed, uint64_t *ret)
{
    struct node_head head = {.marks = STORE_MARK_WAYPOINT};
    int rc = store_node_load(t, key, &head);

    if (rc && rc != -ENOENT)
        return rc;
    if (!rc && head.id) {
        *ret = head.id;
        return 0;
    }
    if (!make)
        return -ENOENT;
    head.id = fixed ? fixed : new_id(t);
    rc = store_node_save(t, key, !rc, &head, NULL);
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

int store_locate(struct store_txn *t, const char *path, size_t len, bool make, struct store_key *ret)
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

    int rc = store_locate(t, path, len, false, &key);
    if (rc)
        return rc;
    k = store_key_bytes(&key);
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

    int rc = store_locate(t, path, len, true, &key);
    if (rc)
        return rc;
    rc = store_node_load(t, &key, &head);
    if (rc && rc != -ENOENT)
        return rc;
    bool here = !rc, before = head.present;
    head.last = last;
    head.present = entry->type != ENTRY_ABSENT;
    if (head.present)
        head.marks &= ~(uint32_t)STORE_MARK_WAYPOINT;
    if (entry->type == ENTRY_DIR && !head.id)
        head.id = key.len == 8 ? STORE_ROOT_ID : new_id(t);
    rc = store_node_save(t, &key, here, &head, entry);
    if (!rc)
        store_node_count(t, before, head.present);
    return rc;
}

/* --- removal --- */

static int has_children(struct store_txn *t, uint64_t id, bool *ret)
{
    struct store_key from;
    struct lmdb_bytes key, value;

    store_key_make(&from, id, "", 0);
    key = store_key_bytes(&from);
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

    int rc = store_node_load(t, key, &head);
    if (!rc && head.id && !children)
        rc = has_children(t, head.id, &children);
    if (rc)
        return rc;
    bool before = head.present;
    uint64_t id = head.id;
    if (children) {
        head = (struct node_head){.id = id, .marks = STORE_MARK_WAYPOINT};
        rc = store_node_save(t, key, false, &head, NULL);
    } else {
        rc = store_node_load(t, key, &head);
        if (!rc)
            rc = store_note(t, lmdb_cursor_delete(t->tree));
        if (!rc && id)
            store_shape_changed(t);
    }
    if (!rc) {
        store_node_count(t, before, false);
        *ret_gone = !children;
    }
    return rc;
}

/* Is there a waypoint at key that leads to nothing any more? */
static int is_idle_waypoint(struct store_txn *t, const struct store_key *key, bool *ret)
{
    struct node_head head;
    bool children = false;

    int rc = store_node_load(t, key, &head);
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
        int rc = store_locate(t, path, len, false, &key);
        if (!rc)
            rc = forget(t, &key, &gone);
        len = path_parent(path, len, &name, &name_len);
        if (rc || !gone || len <= 1)
            return rc;
        rc = store_locate(t, path, len, false, &key);
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
    int rc = store_locate(t, path, len, false, &key);
    if (!rc)
        rc = store_node_load(t, &key, &head);
    if (rc)
        return rc;
    bool before = head.present;
    head.present = false;
    head.last = last;
    head.marks &= ~(uint32_t)STORE_MARK_WAYPOINT;
    rc = store_node_save(t, &key, true, &head, NULL);
    if (!rc)
        store_node_count(t, before, false);
    return rc;
}
