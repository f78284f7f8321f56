/* What a rename left, of a file, a directory, two that were exchanged, or one that went on already.
 *
 *   renamed file ──────► the new path with what was known of the old one; then the old path by itself
 *   renamed directory ─► all that is known below moves (or goes), a record each; then the new place is walked
 *   exchange ──────────► both, at once */
#include "fimd/flow/apply_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "baseline/attr.h"
#include "fimd/flow/decide.h"
#include "fimd/watch/watch.h"

/* What is where the rename put it. Gone from there already, without anything at the old path: it has moved
 * on, or was deleted, and that event is still to come and asks for what moves through here. */
static const struct entry *moved_to(const struct finding *f, const struct place *from)
{
    bool through = f->after.type == ENTRY_ABSENT && f->old_after.type == ENTRY_ABSENT;
    return through && from->verdict.rule ? &from->node.entry : &f->after;
}

static void decide_moved(const struct entry *before, const struct entry *after, bool replaced,
                         uint32_t attributes, struct decision *ret)
{
    *ret = (struct decision){
        .actions = ACTION_MOVED, .changes = entry_diff(before, after) & attributes, .store = true};
    /* rename(2) moves ctime alone: that is no more news than the move itself. */
    if (!replaced && (ret->changes & ~(uint32_t)ATTR_CTIME) == 0)
        ret->changes = 0;
    if (replaced || ret->changes)
        ret->actions |= ACTION_UPDATED;
}

/* Known under both names: it was on its way back while the two were looked at. */
static bool is_seen_twice(const struct finding *f, const struct place *to, const struct place *from)
{
    return f->old_after.type == ENTRY_ABSENT && from->node.entry.type == f->after.type &&
           from->node.entry.inode == f->after.inode && to->node.entry.inode == f->after.inode &&
           f->after.nlink == 1;
}

/* A file that moved: its new path, with what was known of it under the old one, or of what it replaced. */
static int apply_moved_file(struct apply *a, const struct finding *f, struct place *to, struct place *from,
                            const struct entry *after)
{
    bool replaced = to->node.entry.type != ENTRY_ABSENT && !is_seen_twice(f, to, from);
    const struct entry *before = replaced ? &to->node.entry : &from->node.entry;
    struct decision decision;
    decide_moved(before, after, replaced, to->verdict.attributes, &decision);
    int r = apply_record(a, f, to, &decision, before, after, from->path, NULL);
    if (r == 0)
        r = store_put(a->txn, to->path, to->len, after, a->last);
    if (r == 0 && f->old_after.type == ENTRY_ABSENT)
        r = store_remove(a->txn, from->path, from->len, a->last);
    return r;
}

static int apply_moved_child(struct apply *a, const struct finding *f, const char *path, const char *old_path)
{
    struct place p;
    const struct decision moved = {.actions = ACTION_MOVED, .store = true};
    int r = apply_place_open(a, path, strlen(path), &p);
    if (r == 0 && p.verdict.rule) {
        r = apply_record(a, f, &p, &moved, &p.node.entry, &p.node.entry, old_path, NULL);
        if (r == 0)
            r = store_put(a->txn, path, p.len, &p.node.entry, a->last);
    }
    apply_place_close(&p);
    return r;
}

/* The moved directory's entries, as listed under its old path. */
static int apply_moved_children(struct apply *a, const struct finding *f, const struct listing *below,
                                const struct place *to, size_t from_len)
{
    struct buf path = {0};
    int r = 0;
    for (size_t at = 0; r == 0 && at < below->paths.len;) {
        const char *child = (const char *)below->paths.data + at;
        at += strlen(child) + 1;
        buf_reset(&path);
        buf_put(&path, to->path, to->len);
        buf_put_str(&path, child + from_len);
        const char *now_at = buf_cstr(&path);
        r = now_at ? apply_moved_child(a, f, now_at, child) : -ENOMEM;
    }
    buf_fini(&path);
    return r;
}

/* A directory that moved within what is watched: one write for the tree, a record for each entry. What it
 * replaced was an empty directory, says rename(2); whatever is still known below that is gone. */
static int apply_moved_dir(struct apply *a, const struct finding *f, struct place *to, struct place *from,
                           const struct entry *after)
{
    struct listing below = {0};
    bool replaced = to->node.entry.type != ENTRY_ABSENT;
    const struct entry *before = replaced ? &to->node.entry : &from->node.entry;
    struct decision moved;
    decide_moved(before, after, replaced, to->verdict.attributes, &moved);
    int r = replaced ? apply_below(a, f, to->path, to->len, NULL) : 0;
    if (r == 0)
        r = apply_list_below(a, from->path, from->len, &below);
    if (r == 0)
        r = apply_record(a, f, to, &moved, before, after, from->path, NULL);
    uint64_t last = a->last;
    if (r == 0 && replaced)
        r = store_remove(a->txn, to->path, to->len, last);
    if (r == 0)
        r = store_move(a->txn, from->path, from->len, to->path, to->len, last);
    if (r == 0)
        r = store_put(a->txn, to->path, to->len, after, last);
    if (r == 0)
        r = apply_moved_children(a, f, &below, to, from->len);
    buf_fini(&below.paths);
    return r;
}

/* Out of what is watched: deleted here, and where it went. */
static int apply_moved_out(struct apply *a, const struct finding *f, struct place *from)
{
    const struct decision gone = {.actions = ACTION_DELETED, .store = true};
    if (from->node.entry.type == ENTRY_ABSENT || f->old_after.type != ENTRY_ABSENT)
        return 0;
    return apply_gone(a, f, from, &gone, f->path);
}

/* Into what is watched, or from a path that was never recorded (a temporary file): over what stood there it
 * is an update. A temporary name was never told, and is not told now. */
static int apply_moved_in(struct apply *a, const struct finding *f, struct place *to,
                          const struct place *from)
{
    struct decide_input in = {.before = &to->node.entry,
                              .after = &f->after,
                              .attributes = to->verdict.attributes,
                              .ops = f->ops,
                              .gone_is_news = true,
                              .filling = a->filling};
    struct decision decision;
    decide(&in, &decision);
    uint64_t last = to->node.last;
    int r = 0;
    if (decision.actions) {
        bool came = decision.actions == ACTION_CREATED && !from->verdict.rule;
        r = apply_record(a, f, to, &decision, &to->node.entry, &f->after, came ? f->old_path : NULL, NULL);
        last = a->last;
    }
    return r < 0 || !decision.store ? r : store_put(a->txn, to->path, to->len, &f->after, last);
}

/* RENAME_EXCHANGE comes as two renames; the first tells of both files, and leaves nothing to the second. */
static bool is_exchange(const struct finding *f, const struct place *to, const struct place *from)
{
    const struct entry *a = &to->node.entry, *b = &from->node.entry;
    return a->type != ENTRY_ABSENT && b->type != ENTRY_ABSENT && a->inode == f->old_after.inode &&
           b->inode == f->after.inode && a->type == f->old_after.type && b->type == f->after.type &&
           a->inode != b->inode;
}

static int apply_exchanged(struct apply *a, const struct finding *f, struct place *p,
                           const struct place *other, const struct entry *after)
{
    struct decision decision;
    decide_moved(&p->node.entry, after, true, p->verdict.attributes, &decision);
    int r = p->verdict.rule ? apply_record(a, f, p, &decision, &p->node.entry, after, other->path, NULL) : 0;
    return r < 0 ? r : store_put(a->txn, p->path, p->len, after, a->last);
}

/* Two directories change places in the tree: one waits below the other, under a name that nobody can foresee.
 */
static int swap_trees(struct apply *a, const struct place *to, const struct place *from)
{
    struct buf in_to = {0}, in_from = {0};
    char name[32];
    snprintf(name, sizeof(name), "/.%llx", (unsigned long long)a->now);
    buf_put(&in_to, to->path, to->len);
    buf_put_str(&in_to, name);
    buf_put(&in_from, from->path, from->len);
    buf_put_str(&in_from, name);
    const char *aside = buf_cstr(&in_to), *back = buf_cstr(&in_from);
    int r = aside && back ? store_move(a->txn, from->path, from->len, aside, strlen(aside), 0) : -ENOMEM;
    if (r == 0)
        r = store_move(a->txn, to->path, to->len, from->path, from->len, 0);
    if (r == 0)
        r = store_move(a->txn, back, strlen(back), to->path, to->len, 0);
    if (r == 0)
        r = store_remove(a->txn, back, strlen(back), 0);
    buf_fini(&in_to);
    buf_fini(&in_from);
    return r == -ENOENT ? 0 : r;
}

static int apply_exchange(struct apply *a, const struct finding *f, struct place *to, struct place *from)
{
    struct listing below_to = {0}, below_from = {0};
    bool trees = f->after.type == ENTRY_DIR && f->old_after.type == ENTRY_DIR;
    int r = trees ? apply_list_below(a, to->path, to->len, &below_to) : 0;
    if (r == 0 && trees)
        r = apply_list_below(a, from->path, from->len, &below_from);
    if (r == 0 && trees)
        r = swap_trees(a, to, from);
    if (r == 0)
        r = apply_exchanged(a, f, to, from, &f->after);
    if (r == 0)
        r = apply_exchanged(a, f, from, to, &f->old_after);
    if (r == 0)
        r = apply_moved_children(a, f, &below_from, to, from->len);
    if (r == 0)
        r = apply_moved_children(a, f, &below_to, from, to->len);
    buf_fini(&below_to.paths);
    buf_fini(&below_from.paths);
    return r;
}

/* The same file is known here already: told by another rename that was merged, or exchanged, with this one.
 */
static bool is_told(const struct finding *f, const struct place *to, const struct place *from)
{
    const struct entry *known = &to->node.entry;
    if (is_seen_twice(f, to, from))
        return false;
    return known->type != ENTRY_ABSENT && known->inode == f->after.inode && entry_diff(known, &f->after) == 0;
}

static int apply_new_place(struct apply *a, const struct finding *f, struct place *to, struct place *from)
{
    bool known = from->node.entry.type != ENTRY_ABSENT && from->verdict.rule;
    const struct entry *after = moved_to(f, from);
    if (after->type == ENTRY_ABSENT)
        return apply_place(a, f, to, &apply_absent); /* it has gone on already: its next event tells where */
    if (is_told(f, to, from))
        return 0;
    int r = 0;
    if (to->node.entry.type == ENTRY_DIR && after->type != ENTRY_DIR)
        r = apply_below(a, f, to->path, to->len, NULL);
    if (r < 0)
        return r;
    if (!known)
        return apply_moved_in(a, f, to, from);
    bool onto = to->node.entry.type == ENTRY_ABSENT || to->node.entry.type == ENTRY_DIR;
    if (after->type == ENTRY_DIR && onto && f->old_after.type == ENTRY_ABSENT)
        return apply_moved_dir(a, f, to, from, after);
    return apply_moved_file(a, f, to, from, after);
}

/* It went through here, and its end was told of the same path: both in one finding. */
static int apply_end(struct apply *a, const struct finding *f)
{
    bool ended = (f->ops & WATCH_DELETE) && f->after.type == ENTRY_ABSENT;
    return ended ? apply_path(a, f, f->path, f->path_len, &apply_absent) : 0;
}

static int apply_sides(struct apply *a, const struct finding *f, struct place *to, struct place *from)
{
    if (to->verdict.rule && apply_is_early(a, f, to))
        return APPLY_EARLY;
    if (to->verdict.rule && from->verdict.rule && is_exchange(f, to, from))
        return apply_exchange(a, f, to, from);
    int r = to->verdict.rule ? apply_new_place(a, f, to, from) : apply_moved_out(a, f, from);
    if (r == 0 && to->verdict.rule)
        r = apply_end(a, f);
    /* Something new may be where it was: that path is looked at by itself. */
    if (r == 0 && from->verdict.rule)
        r = apply_path(a, f, f->old_path, f->old_path_len, &f->old_after);
    return r;
}

int apply_rename(struct apply *a, const struct finding *f, bool *ret_walk)
{
    struct place to, from = {0};
    int r = apply_place_open(a, f->path, f->path_len, &to);
    if (r == 0)
        r = apply_place_open(a, f->old_path, f->old_path_len, &from);
    if (r == 0)
        r = apply_sides(a, f, &to, &from);
    *ret_walk = r == 0 && f->after.type == ENTRY_DIR;
    apply_place_close(&to);
    apply_place_close(&from);
    return r;
}
