/* A directory as the walk found it, merged with its range of the store: both are sorted by name.
 *
 *   items:   a     c  d        ─► a added, b gone, c compared, d added
 *   stored:     b  c
 *
 * Reading and telling are apart: who is told may write to the store, and a transaction is never open
 * meanwhile. What is gone is told in portions, so that a directory of which everything is gone needs no more
 * memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/check_parts.h"

enum { GONE_AT_ONCE = 64, STOP_PORTION = 1, STOP_PART = 2 };

struct merge {
    struct check_worker *w;
    const struct walk_dir *dir;
    size_t next;      /* item to be decided */
    struct buf after; /* the last stored name that was decided */
    struct buf gone;  /* names, each with its NUL */
    size_t gone_count;
};

static int reserve(struct check_worker *w, size_t count)
{
    if (count <= w->cap)
        return 0;
    free(w->verdicts);
    free(w->before);
    w->verdicts = calloc(count, sizeof(*w->verdicts));
    w->before = calloc(count, sizeof(*w->before));
    w->cap = w->verdicts && w->before ? count : 0;
    return w->cap ? 0 : -ENOMEM;
}

static int name_order(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* --- in the transaction --- */

static int decide(struct check_worker *w, const struct walk_dir *dir, size_t i, const struct node *node)
{
    const struct check *c = w->check;
    enum check_verdict verdict = VERDICT_ADDED;

    if (!(dir->items[i].choice & WALK_TAKE))
        verdict = VERDICT_SAME;
    else if (c->filling && node && node->entry.type != ENTRY_ABSENT && !c->filler.replace)
        verdict = VERDICT_SAME;
    else if (!c->filling && node && node->entry.type != ENTRY_ABSENT)
        verdict = check_compare(c, &node->entry, &dir->items[i].entry);
    w->verdicts[i] = (uint8_t)verdict;
    if (verdict != VERDICT_CHANGED && verdict != VERDICT_READ)
        return 0;
    return entry_copy(&w->before[i], &node->entry);
}

static int stored_only(struct merge *m, const char *name, size_t len, const struct node *node)
{
    if (m->w->check->filling || node->entry.type == ENTRY_ABSENT)
        return 0;
    buf_put(&m->gone, name, len);
    buf_put_u8(&m->gone, '\0');
    m->gone_count++;
    return m->gone.failed ? -ENOMEM : 0;
}

static int merge_child(void *ctx, const char *name, size_t len, const struct node *node)
{
    struct merge *m = ctx;
    const struct walk_dir *dir = m->dir;
    int rc, order = 1;

    for (; m->next < dir->count; m->next++) {
        const struct walk_item *item = &dir->items[m->next];
        order = name_order(item->name, item->name_len, name, len);
        if (order >= 0)
            break;
        m->w->verdicts[m->next] = item->choice & WALK_TAKE ? VERDICT_ADDED : VERDICT_SAME;
    }
    if (m->next == dir->count && !dir->last)
        return STOP_PART; /* the next part begins with this name or before it */
    rc = order ? stored_only(m, name, len, node) : decide(m->w, dir, m->next++, node);
    if (rc || m->gone_count < GONE_AT_ONCE)
        return rc;
    buf_reset(&m->after);
    buf_put(&m->after, name, len);
    return m->after.failed ? -ENOMEM : STOP_PORTION;
}

static int merge_children(struct store_txn *t, void *ctx)
{
    struct merge *m = ctx;

    return store_children_after(t, m->dir->path, m->dir->path_len, (const char *)m->after.data, m->after.len,
                                merge_child, m);
}

/* A root: one item, which says nothing of its siblings. */
static int merge_alone(struct store_txn *t, void *ctx)
{
    struct merge *m = ctx;
    struct node node;

    int rc = store_get(t, (const char *)m->w->path.data, m->w->path.len, &node);
    if (rc)
        return rc;
    rc = decide(m->w, m->dir, 0, &node);
    m->next = 1;
    node_fini(&node);
    return rc;
}

/* --- outside of it --- */

/* The walk leaves out what the policy skips and what it could not look at: neither is gone. */
static int tell_gone(struct merge *m)
{
    const char *name = (const char *)m->gone.data;

    for (; m->gone_count; m->gone_count--) {
        size_t len = strlen(name);
        struct entry now;
        int rc = check_set_path(m->w, m->dir->path, m->dir->path_len, name, len);
        if (!rc && measure_stat(m->dir->fd, name, &now) == -ENOENT)
            rc = check_gone(m->w, (const char *)m->w->path.data, m->w->path.len);
        if (rc)
            return rc;
        name += len + 1;
    }
    buf_reset(&m->gone);
    return 0;
}

static int act(struct check_worker *w, const struct walk_dir *dir)
{
    for (size_t i = 0; i < dir->count; i++) {
        const struct walk_item *item = &dir->items[i];
        if (w->verdicts[i] == VERDICT_SAME)
            continue;
        int rc = check_set_path(w, dir->path, dir->path_len, item->name, item->name_len);
        if (!rc)
            rc = check_item(w, (enum check_verdict)w->verdicts[i], &w->before[i], dir->fd,
                            item->name_len ? item->name : ".", &item->entry);
        if (rc)
            return rc;
    }
    return 0;
}

static int merge_store(struct merge *m)
{
    struct check *c = m->w->check;
    struct fault why = {0};
    int rc;

    do {
        rc = store_read(c->options->store, m->dir->alone ? merge_alone : merge_children, m, &why);
        if (rc == -ENAMETOOLONG) {
            /* A file system with names that the store cannot take: each is told by itself. */
            rc = -ENOENT;
        }
        if (rc < 0 && rc != -ENOENT)
            return check_end(c, rc, &why);
        int told = tell_gone(m);
        if (told)
            return told;
    } while (rc == STOP_PORTION);
    for (; m->next < m->dir->count; m->next++)
        m->w->verdicts[m->next] = m->dir->items[m->next].choice & WALK_TAKE ? VERDICT_ADDED : VERDICT_SAME;
    return 0;
}

static void count_items(struct check *c, const struct walk_dir *dir)
{
    unsigned long long taken = 0;

    for (size_t i = 0; i < dir->count; i++)
        taken += dir->items[i].choice & WALK_TAKE;
    atomic_fetch_add_explicit(&c->progress->entries, taken, memory_order_relaxed);
    if (dir->first && !dir->alone)
        atomic_fetch_add_explicit(&c->progress->directories, 1, memory_order_relaxed);
}

static void forget_before(struct check_worker *w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (w->verdicts[i] == VERDICT_CHANGED || w->verdicts[i] == VERDICT_READ)
            entry_fini(&w->before[i]);
}

int check_merge(struct check_worker *w, struct walk_dir *dir)
{
    struct merge m = {.w = w, .dir = dir};

    count_items(w->check, dir);
    int rc = reserve(w, dir->count);
    if (rc)
        return rc;
    if (dir->count) /* nothing has been reserved for an empty one */
        memset(w->verdicts, VERDICT_SAME, dir->count);
    if (!dir->first)
        buf_put(&m.after, w->last.data, w->last.len);
    if (dir->alone)
        rc = check_set_path(w, dir->path, dir->path_len, dir->items[0].name, dir->items[0].name_len);
    if (!rc)
        rc = m.after.failed ? -ENOMEM : merge_store(&m);
    if (!rc)
        rc = act(w, dir);
    forget_before(w, dir->count);
    if (!dir->last) {
        const struct walk_item *item = &dir->items[dir->count - 1];
        buf_reset(&w->last);
        buf_put(&w->last, item->name, item->name_len);
    }
    buf_fini(&m.after);
    buf_fini(&m.gone);
    return rc ? rc : w->last.failed ? -ENOMEM : 0;
}
