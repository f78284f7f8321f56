/* See apply.h. Here one path by itself and what is below a directory; apply_rename.c has what moves.
 *
 *   path alone ──────────────► decide, record, put or remove
 *   directory that is gone ──► all that is known below goes, a record each */
#include "fimd/flow/apply.h"

#include <errno.h>
#include <string.h>

#include "baseline/attr.h"
#include "baseline/journal.h"
#include "baseline/path.h"
#include "fimd/flow/apply_parts.h"
#include "fimd/flow/decide.h"
#include "fimd/rt/clock.h"
#include "fimd/watch/watch.h"

enum { TAGS_MOST = 64 };
/* The longest wait for a directory: an audit record that its own finding waits for is here by then. */
static const int64_t EARLY_MOST = 500 * NS_PER_MS;

const struct entry apply_absent = {.type = ENTRY_ABSENT};

int apply_place_open(struct apply *a, const char *path, size_t len, struct place *ret)
{
    *ret = (struct place){.path = path, .len = len};
    policy_match(a->policy, path, len, &ret->verdict);
    int r = store_get(a->txn, path, len, &ret->node);
    return r == -ENOENT ? 0 : r;
}

void apply_place_close(struct place *p)
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
    a->found += event->kind == EVENT_CHANGE && event->source != SOURCE_FANOTIFY;
    a->last = record.sequence;
    return 0;
}

int apply_state(struct apply *a, const struct event *event)
{
    return append(a, event);
}

/* One record about one place. The event borrows everything. */
/* Whoever only changed attributes has not written the content: that came by a way that the kernel does not tell (a
 * hard link outside of what is watched), and nobody is named rather than the wrong one. */
static bool is_unexplained(const struct finding *f, uint32_t changes)
{
    bool unexplained = (changes & ATTR_CONTENT) && f->touches_count > 0;
    for (size_t i = 0; i < f->touches_count; i++)
        unexplained = unexplained && (f->touches[i].ops & ~(uint32_t)WATCH_DIR) == WATCH_ATTRIB;
    return unexplained;
}

int apply_record(struct apply *a, const struct finding *f, const struct place *p,
                 const struct decision *decision, const struct entry *before, const struct entry *after,
                 const char *old_path, const char *new_path)
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
        .actors_count = is_unexplained(f, decision->changes) ? 0 : f->actors_count,
        .actors_more = f->touches_more,
    };
    memcpy(event.actors, f->actors, event.actors_count * sizeof(f->actors[0]));
    return append(a, &event);
}

/* Its end was seen by the kernel or by a scan, so that no other event of it is still to come. */
static bool gone_is_news(const struct finding *f)
{
    return f->removed || (f->ops & (WATCH_DELETE | WATCH_RENAME)) || f->source != SOURCE_FANOTIFY;
}

/* Everything known below a directory that is gone goes with it, the deepest first. */
int apply_gone(struct apply *a, const struct finding *f, struct place *p, const struct decision *decision,
               const char *new_path)
{
    int r = 0;
    if (p->node.entry.type == ENTRY_DIR)
        r = apply_below(a, f, p->path, p->len, new_path);
    uint64_t last = p->node.last;
    if (r == 0 && p->verdict.rule) {
        r = apply_record(a, f, p, decision, &p->node.entry, &apply_absent, NULL, new_path);
        last = a->last;
    }
    if (r < 0 || !decision->store)
        return r;
    return p->node.entry.type == ENTRY_ABSENT ? store_put(a->txn, p->path, p->len, &apply_absent, last)
                                              : store_remove(a->txn, p->path, p->len, last);
}

/* Something unknown in a directory that is watched and unknown itself: that one was just made or moved here.
 * Findings of several paths overtake each other (a worker more, a record that is waited for), and a path is
 * that of now: a file written before its directory was moved is told with the new one. Once the directory is
 * known, so may the file be. */
bool apply_is_early(const struct apply *a, const struct finding *f, const struct place *p)
{
    /* Its deletion may have been told with its directory's; then the node remembers the record. */
    bool lost = (f->ops & WATCH_DELETE) && !(f->ops & WATCH_CREATE) && p->node.last == 0;
    bool waits = f->after.type != ENTRY_ABSENT || lost;
    if (!a->patient || a->filling || !waits || p->node.entry.type != ENTRY_ABSENT ||
        a->mono >= f->last + EARLY_MOST)
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

/* Was the path told to be gone by the record that it remembers: deleted, or moved to another one? */
static bool told_gone(struct apply *a, const struct place *p)
{
    struct journal_record record;
    struct event event;
    if (journal_get(a->txn, p->node.last, &record) < 0 || event_from_record(&record, &event) < 0)
        return false;
    bool gone = (event.actions & ACTION_DELETED) || !event.path || strlen(event.path) != p->len ||
                memcmp(event.path, p->path, p->len) != 0;
    event_fini(&event);
    return gone;
}

/* A fill takes in silently what it finds, also what was made a moment before it came by. The event of its making
 * comes nonetheless, and finds an entry of which no record says how it came. */
static bool is_untold(struct apply *a, const struct finding *f, const struct place *p)
{
    if (!(f->ops & WATCH_CREATE) || f->old_path || p->node.entry.type == ENTRY_ABSENT)
        return false;
    return p->node.last == 0 || told_gone(a, p);
}

/* One path by itself against what is there now. */
int apply_place(struct apply *a, const struct finding *f, struct place *p, const struct entry *after)
{
    struct decide_input in = {
        .before = &p->node.entry,
        .after = after,
        .attributes = p->verdict.attributes,
        .ops = f->ops,
        .gone_is_news = gone_is_news(f),
        .filling = a->filling,
        .untold = is_untold(a, f, p),
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
        const struct entry *before = decision.actions == ACTION_CREATED ? &apply_absent : &p->node.entry;
        r = apply_record(a, f, p, &decision, before, after, NULL, NULL);
        last = a->last;
    }
    return r < 0 || !decision.store ? r : store_put(a->txn, p->path, p->len, after, last);
}

int apply_path(struct apply *a, const struct finding *f, const char *path, size_t len,
               const struct entry *after)
{
    struct place p;
    int r = apply_place_open(a, path, len, &p);
    if (r == 0 && p.verdict.rule && !f->old_path && apply_is_early(a, f, &p))
        r = APPLY_EARLY;
    if (r == 0 && p.verdict.rule)
        r = apply_place(a, f, &p, after);
    apply_place_close(&p);
    return r;
}

/* ---- what is below a directory ---- */

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

int apply_list_below(struct apply *a, const char *path, size_t len, struct listing *ret)
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

int apply_below(struct apply *a, const struct finding *f, const char *path, size_t len, const char *new_path)
{
    struct listing below = {0};
    struct buf moved = {0};
    const struct decision gone = {.actions = ACTION_DELETED, .store = true};
    int r = apply_list_below(a, path, len, &below);
    for (size_t end = below.paths.len; r == 0 && end > 0;) {
        const char *child = listing_pop(&below, &end);
        struct place p;
        r = apply_place_open(a, child, strlen(child), &p);
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
            r = apply_record(a, f, &p, &gone, &p.node.entry, &apply_absent, NULL, to);
            last = a->last;
        }
        if (r == 0)
            r = store_remove(a->txn, p.path, p.len, last);
        apply_place_close(&p);
    }
    buf_fini(&moved);
    buf_fini(&below.paths);
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
