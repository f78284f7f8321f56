/* See apply.h.
 *
 *   path alone ──────────────► one path: decide, record, put or remove
 *   renamed file ────────────► the new path with what was known of the old one; then the old path by itself
 *   renamed directory ───────► all that is known below moves (or goes), a record each; then the new place is walked
 *   directory that is gone ──► all that is known below goes, a record each */
#include "fimd/flow/apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "baseline/attr.h"
#include "baseline/path.h"
#include "fimd/flow/decide.h"
#include "fimd/rt/clock.h"
#include "fimd/watch/watch.h"

enum { TAGS_MOST = 64 };
/* The longest wait for a directory: an audit record that its own finding waits for is here by then. */
static const int64_t EARLY_MOST = 500 * NS_PER_MS;

static const struct entry ABSENT = {.type = ENTRY_ABSENT};

struct place { /* one path in one transaction */
    const char *path;
    size_t len;
    struct verdict verdict;
    struct node node; /* what the baseline knows; entry ENTRY_ABSENT when nothing */
};

static int place_open(struct apply *a, const char *path, size_t len, struct place *ret)
{
    *ret = (struct place){.path = path, .len = len};
    policy_match(a->policy, path, len, &ret->verdict);
    int r = store_get(a->txn, path, len, &ret->node);
    return r == -ENOENT ? 0 : r;
}

static void place_close(struct place *p)
{
    node_fini(&p->node);
}

/* The tags of every rule that matches and of the configuration, each once. Nothing is owned. */
static size_t gather_tags(const struct apply *a, const struct verdict *verdict, char *ret[TAGS_MOST])
{
    size_t count = 0;
    for (size_t i = 0; i < a->tags_count && count < TAGS_MOST; i++)
        ret[count++] = a->tags[i];
    size_t rules = policy_count(a->policy);
    for (size_t i = 0; i < rules && i < 256; i++) {
        if (!(verdict->rules[i / 64] & (UINT64_C(1) << (i % 64))))
            continue;
        const struct rule *rule = policy_rule(a->policy, i);
        for (size_t k = 0; k < rule->tags_count && count < TAGS_MOST; k++) {
            bool there = false;
            for (size_t n = 0; n < count && !there; n++)
                there = strcmp(ret[n], rule->tags[k]) == 0;
            if (!there)
                ret[count++] = rule->tags[k];
        }
    }
    return count;
}

static int append(struct apply *a, const struct event *event)
{
    struct journal_record record;
    buf_reset(a->scratch);
    event_encode(event, a->scratch);
    if (a->scratch->failed)
        return -ENOMEM;
    int r = journal_append(a->txn, a->scratch->data, a->scratch->len, &record);
    if (r < 0)
        return r;
    a->records++;
    a->last = record.sequence;
    return 0;
}

int apply_state(struct apply *a, const struct event *event)
{
    return append(a, event);
}

/* One record about one place. The event borrows everything. */
static int record(struct apply *a, const struct finding *f, const struct place *p, const struct decision *decision,
                  const struct entry *before, const struct entry *after, const char *old_path, const char *new_path)
{
    char *tags[TAGS_MOST];
    struct event event = {
        .kind = EVENT_CHANGE,
        .time = a->now - (a->mono - f->first),
        .created = a->now,
        .severity = p->verdict.severity,
        .previous = p->node.last,
        .actions = decision->actions,
        .source = f->source,
        .path = (char *)p->path,
        .path_old = (char *)old_path,
        .path_new = (char *)new_path,
        .changes = decision->changes,
        .before = *before,
        .after = *after,
        .rule = p->verdict.rule ? p->verdict.rule->id : NULL,
        .policy = p->verdict.rule ? p->verdict.rule->policy : NULL,
        .tags = tags,
        .tags_count = gather_tags(a, &p->verdict, tags),
        .actors_count = f->actors_count,
        .actors_more = f->touches_more,
    };
    memcpy(event.actors, f->actors, f->actors_count * sizeof(f->actors[0]));
    return append(a, &event);
}

/* Its end was seen by the kernel or by a scan, so that no other event of it is still to come. */
static bool gone_is_news(const struct finding *f)
{
    return f->removed || (f->ops & (WATCH_DELETE | WATCH_RENAME)) || f->source != SOURCE_FANOTIFY;
}

/* Everything known below a directory that is gone goes with it, the deepest first. */
static int apply_below(struct apply *a, const struct finding *f, const char *path, size_t len, const char *new_path);

static int apply_gone(struct apply *a, const struct finding *f, struct place *p, const struct decision *decision,
                      const char *new_path)
{
    int r = 0;
    if (p->node.entry.type == ENTRY_DIR)
        r = apply_below(a, f, p->path, p->len, new_path);
    uint64_t last = p->node.last;
    if (r == 0 && p->verdict.rule) {
        r = record(a, f, p, decision, &p->node.entry, &ABSENT, NULL, new_path);
        last = a->last;
    }
    if (r < 0 || !decision->store)
        return r;
    return p->node.entry.type == ENTRY_ABSENT ? store_put(a->txn, p->path, p->len, &ABSENT, last)
                                              : store_remove(a->txn, p->path, p->len, last);
}

/* Something unknown in a directory that is watched and unknown itself: that one was just made or moved here. Findings
 * of several paths overtake each other (a worker more, a record that is waited for), and a path is that of now: a file
 * written before its directory was moved is told with the new one. Once the directory is known, so may the file be. */
static bool is_early(const struct apply *a, const struct finding *f, const struct place *p)
{
    /* Its deletion may have been told with its directory's; then the node remembers the record. */
    bool lost = (f->ops & WATCH_DELETE) && !(f->ops & WATCH_CREATE) && p->node.last == 0;
    bool waits = f->after.type != ENTRY_ABSENT || lost;
    if (!a->patient || a->filling || !waits || p->node.entry.type != ENTRY_ABSENT || a->mono >= f->last + EARLY_MOST)
        return false;
    const char *name;
    size_t name_len, len = path_parent(p->path, p->len, &name, &name_len);
    struct verdict verdict;
    struct node node;
    policy_match(a->policy, p->path, len, &verdict);
    if (!verdict.rule || len == p->len)
        return false;
    if (store_get(a->txn, p->path, len, &node) != 0)
        return true;
    bool known = node.entry.type != ENTRY_ABSENT;
    node_fini(&node);
    return !known;
}

/* One path by itself against what is there now. */
static int apply_place(struct apply *a, const struct finding *f, struct place *p, const struct entry *after)
{
    struct decide_input in = {
        .before = &p->node.entry,
        .after = after,
        .attributes = p->verdict.attributes,
        .ops = f->ops,
        .gone_is_news = gone_is_news(f),
        .filling = a->filling,
    };
    struct decision decision;
    decide(&in, &decision);
    if (decision.actions == ACTION_DELETED)
        return apply_gone(a, f, p, &decision, NULL);
    int r = 0;
    if (p->node.entry.type == ENTRY_DIR && after->type != ENTRY_DIR && after->type != ENTRY_ABSENT)
        r = apply_below(a, f, p->path, p->len, NULL);
    uint64_t last = p->node.last;
    if (r == 0 && decision.actions) {
        r = record(a, f, p, &decision, &p->node.entry, after, NULL, NULL);
        last = a->last;
    }
    return r < 0 || !decision.store ? r : store_put(a->txn, p->path, p->len, after, last);
}

static int apply_path(struct apply *a, const struct finding *f, const char *path, size_t len, const struct entry *after)
{
    struct place p;
    int r = place_open(a, path, len, &p);
    if (r == 0 && p.verdict.rule && !f->old_path && is_early(a, f, &p))
        r = APPLY_EARLY;
    if (r == 0 && p.verdict.rule)
        r = apply_place(a, f, &p, after);
    place_close(&p);
    return r;
}

/* ---- what is below a directory ---- */

struct listing {
    struct buf paths; /* each ended by NUL, parents first */
    size_t count;
};

static int list_one(void *ctx, const char *path, size_t len, const struct node *node)
{
    struct listing *l = ctx;
    if (node->entry.type == ENTRY_ABSENT)
        return 0;
    buf_put(&l->paths, path, len);
    buf_put_u8(&l->paths, 0);
    l->count++;
    return l->paths.failed ? -ENOMEM : 0;
}

static int list_below(struct apply *a, const char *path, size_t len, struct listing *ret)
{
    int r = store_subtree(a->txn, path, len, list_one, ret);
    return r == -ENOENT ? 0 : r;
}

/* The listing's last path before `end`; moves `end` to its start. */
static const char *listing_pop(const struct listing *l, size_t *end)
{
    size_t at = *end - 1; /* its NUL */
    while (at > 0 && l->paths.data[at - 1] != 0)
        at--;
    *end = at;
    return (const char *)l->paths.data + at;
}

static int apply_below(struct apply *a, const struct finding *f, const char *path, size_t len, const char *new_path)
{
    struct listing below = {0};
    struct buf moved = {0};
    const struct decision gone = {.actions = ACTION_DELETED, .store = true};
    int r = list_below(a, path, len, &below);
    for (size_t end = below.paths.len; r == 0 && end > 0;) {
        const char *child = listing_pop(&below, &end);
        struct place p;
        r = place_open(a, child, strlen(child), &p);
        const char *to = NULL;
        if (new_path) {
            buf_reset(&moved);
            buf_put_str(&moved, new_path);
            buf_put_str(&moved, child + len);
            to = buf_cstr(&moved);
        }
        /* Each is its own record; directories below have had their content taken out already. */
        uint64_t last = p.node.last;
        if (r == 0 && p.verdict.rule) {
            r = record(a, f, &p, &gone, &p.node.entry, &ABSENT, NULL, to);
            last = a->last;
        }
        if (r == 0)
            r = store_remove(a->txn, p.path, p.len, last);
        place_close(&p);
    }
    buf_fini(&moved);
    buf_fini(&below.paths);
    return r;
}

/* ---- renames ---- */

/* What is where the rename put it. Gone from there already, without anything at the old path: it has moved on, or
 * was deleted, and that event is still to come and asks for what moves through here. */
static const struct entry *moved_to(const struct finding *f, const struct place *from)
{
    bool through = f->after.type == ENTRY_ABSENT && f->old_after.type == ENTRY_ABSENT;
    return through && from->verdict.rule ? &from->node.entry : &f->after;
}

static void decide_moved(const struct entry *before, const struct entry *after, bool replaced, uint32_t attributes,
                         struct decision *ret)
{
    *ret = (struct decision){.actions = ACTION_MOVED, .changes = entry_diff(before, after) & attributes, .store = true};
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
    int r = record(a, f, to, &decision, before, after, from->path, NULL);
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
    int r = place_open(a, path, strlen(path), &p);
    if (r == 0 && p.verdict.rule) {
        r = record(a, f, &p, &moved, &p.node.entry, &p.node.entry, old_path, NULL);
        if (r == 0)
            r = store_put(a->txn, path, p.len, &p.node.entry, a->last);
    }
    place_close(&p);
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

/* A directory that moved within what is watched: one write for the tree, a record for each entry. What it replaced
 * was an empty directory, says rename(2); whatever is still known below that is gone. */
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
        r = list_below(a, from->path, from->len, &below);
    if (r == 0)
        r = record(a, f, to, &moved, before, after, from->path, NULL);
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

/* Into what is watched, or from a path that was never recorded (a temporary file): over what stood there it is an
 * update. A temporary name was never told, and is not told now. */
static int apply_moved_in(struct apply *a, const struct finding *f, struct place *to, const struct place *from)
{
    struct decide_input in = {.before = &to->node.entry, .after = &f->after, .attributes = to->verdict.attributes,
                              .ops = f->ops, .gone_is_news = true, .filling = a->filling};
    struct decision decision;
    decide(&in, &decision);
    uint64_t last = to->node.last;
    int r = 0;
    if (decision.actions) {
        bool came = decision.actions == ACTION_CREATED && !from->verdict.rule;
        r = record(a, f, to, &decision, &to->node.entry, &f->after, came ? f->old_path : NULL, NULL);
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

static int apply_exchanged(struct apply *a, const struct finding *f, struct place *p, const struct place *other,
                           const struct entry *after)
{
    struct decision decision;
    decide_moved(&p->node.entry, after, true, p->verdict.attributes, &decision);
    int r = p->verdict.rule ? record(a, f, p, &decision, &p->node.entry, after, other->path, NULL) : 0;
    return r < 0 ? r : store_put(a->txn, p->path, p->len, after, a->last);
}

/* Two directories change places in the tree: one waits below the other, under a name that nobody can foresee. */
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
    int r = trees ? list_below(a, to->path, to->len, &below_to) : 0;
    if (r == 0 && trees)
        r = list_below(a, from->path, from->len, &below_from);
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

/* The same file is known here already: told by another rename that was merged, or exchanged, with this one. */
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
        return apply_place(a, f, to, &ABSENT); /* it has gone on already: its next event tells where */
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
    return ended ? apply_path(a, f, f->path, f->path_len, &ABSENT) : 0;
}

static int apply_sides(struct apply *a, const struct finding *f, struct place *to, struct place *from)
{
    if (to->verdict.rule && is_early(a, f, to))
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

static int apply_rename(struct apply *a, const struct finding *f, bool *ret_walk)
{
    struct place to, from = {0};
    int r = place_open(a, f->path, f->path_len, &to);
    if (r == 0)
        r = place_open(a, f->old_path, f->old_path_len, &from);
    if (r == 0)
        r = apply_sides(a, f, &to, &from);
    *ret_walk = r == 0 && f->after.type == ENTRY_DIR;
    place_close(&to);
    place_close(&from);
    return r;
}

int apply_finding(struct apply *a, const struct finding *f, bool *ret_walk)
{
    *ret_walk = false;
    if (f->old_path)
        return apply_rename(a, f, ret_walk);
    if ((f->ops & WATCH_RENAME) && f->after.type == ENTRY_DIR)
        *ret_walk = true; /* moved in from where the kernel does not tell */
    return apply_path(a, f, f->path, f->path_len, &f->after);
}
