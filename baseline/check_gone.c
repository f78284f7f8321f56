/* What the store has at and below a path that is no more there. Read in portions, told outside of
 * transactions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/check_parts.h"

enum { PORTION = 64, STOP = 1 };

struct gone_child {
    struct node node;
    char *name; /* owned */
    size_t len;
};

struct portion {
    const char *dir;
    size_t dir_len;
    struct buf after;
    struct gone_child list[PORTION];
    size_t count;
};

static int collect(void *ctx, const char *name, size_t len, const struct node *node)
{
    struct portion *p = ctx;
    struct gone_child *child = &p->list[p->count];

    child->node = (struct node){.id = node->id, .last = node->last, .marks = node->marks};
    child->name = strndup(name, len);
    child->len = len;
    if (!child->name || entry_copy(&child->node.entry, &node->entry)) {
        free(child->name);
        return -ENOMEM;
    }
    return ++p->count == PORTION ? STOP : 0;
}

static int read_portion(struct store_txn *t, void *ctx)
{
    struct portion *p = ctx;

    return store_children_after(t, p->dir, p->dir_len, (const char *)p->after.data, p->after.len, collect, p);
}

static void portion_clear(struct portion *p)
{
    for (size_t i = 0; i < p->count; i++) {
        node_fini(&p->list[i].node);
        free(p->list[i].name);
    }
    p->count = 0;
}

/* Directories that are still to be looked through: path after path, each with its NUL, the last first. */
static int put_dir(struct buf *dirs, const struct buf *path)
{
    buf_put(dirs, path->data, path->len);
    buf_put_u8(dirs, '\0');
    return dirs->failed ? -ENOMEM : 0;
}

static void take_dir(struct buf *dirs, struct buf *path)
{
    const uint8_t *end = dirs->data + dirs->len - 1, *before = memrchr(dirs->data, '\0', dirs->len - 1);
    const uint8_t *start = before ? before + 1 : dirs->data;

    buf_reset(path);
    buf_put(path, start, (size_t)(end - start));
    dirs->len = (size_t)(start - dirs->data);
}

static int tell_node(struct check *c, const char *path, size_t len, const struct node *n)
{
    if (n->entry.type == ENTRY_ABSENT || !check_is_wanted(c, path, len, n->entry.type))
        return 0;
    return check_tell(c, CHECK_REMOVED, path, len, &n->entry, NULL);
}

static int tell_portion(struct check_worker *w, struct portion *p, struct buf *dirs)
{
    for (size_t i = 0; i < p->count; i++) {
        struct gone_child *child = &p->list[i];
        int rc = check_set_path(w, p->dir, p->dir_len, child->name, child->len);
        if (!rc)
            rc = tell_node(w->check, (const char *)w->path.data, w->path.len, &child->node);
        if (!rc && child->node.id)
            rc = put_dir(dirs, &w->path);
        if (rc)
            return rc;
    }
    return 0;
}

static int tell_dir(struct check_worker *w, struct portion *p, struct buf *dirs)
{
    struct fault why = {0};
    int rc, told;

    buf_reset(&p->after);
    do {
        rc = store_read(w->check->options->store, read_portion, p, &why);
        if (rc < 0 && rc != -ENOENT)
            return check_end(w->check, rc, &why);
        told = tell_portion(w, p, dirs);
        if (!told && rc == STOP) {
            buf_reset(&p->after);
            buf_put(&p->after, p->list[PORTION - 1].name, p->list[PORTION - 1].len);
            told = p->after.failed ? -ENOMEM : 0;
        }
        portion_clear(p);
    } while (!told && rc == STOP);
    return told;
}

int check_gone_below(struct check_worker *w, const char *path, size_t len)
{
    struct buf dirs = {0}, dir = {0};
    struct portion *p = calloc(1, sizeof(*p));
    int rc = p ? 0 : -ENOMEM;

    buf_put(&dirs, path, len);
    buf_put_u8(&dirs, '\0');
    if (dirs.failed)
        rc = -ENOMEM;
    while (!rc && dirs.len) {
        take_dir(&dirs, &dir);
        if (dir.failed) {
            rc = -ENOMEM;
            break;
        }
        p->dir = (const char *)dir.data;
        p->dir_len = dir.len;
        rc = tell_dir(w, p, &dirs);
    }
    if (p) {
        portion_clear(p);
        buf_fini(&p->after);
    }
    free(p);
    buf_fini(&dirs);
    buf_fini(&dir);
    return rc;
}

struct lookup {
    const char *path;
    size_t len;
    struct node node;
};

static int look_up(struct store_txn *t, void *ctx)
{
    struct lookup *l = ctx;

    return store_get(t, l->path, l->len, &l->node);
}

/* The path is copied: it may be the worker's own, which is written over below. */
int check_gone(struct check_worker *w, const char *path, size_t len)
{
    struct fault why = {0};
    struct lookup l = {.path = strndup(path, len), .len = len};

    if (!l.path)
        return -ENOMEM;
    int rc = store_read(w->check->options->store, look_up, &l, &why);
    if (!rc)
        rc = tell_node(w->check, l.path, len, &l.node);
    else
        rc = rc == -ENOENT ? 0 : check_end(w->check, rc, &why);
    if (!rc && l.node.id)
        rc = check_gone_below(w, l.path, len);
    node_fini(&l.node);
    free((char *)l.path);
    return rc;
}
