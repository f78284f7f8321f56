/* What a policy says of one path. Pure, without allocation, for any thread: it runs for every entry of a walk
 * and for every event.
 *
 *   path ─► trie: rules whose path is this or above it ─► depth ─► exclude ─► include ─► verdict
 *
 * An expression that gives up decides to the safe side: what it would exclude is watched, what it would
 * include is too. */
#include <string.h>

#include "baseline/path.h"
#include "baseline/walk.h"
#include "fimd/model/snapshot.h"

enum cover {
    COVER_SELF = 1u << 0,   /* the path itself is watched by this rule */
    COVER_CHILD = 1u << 1,  /* a direct child of it could be */
    COVER_DEEPER = 1u << 2, /* something deeper could be */
};

static size_t components(const char *path, size_t len)
{
    size_t count = 0, name_len;
    while (path_next(&path, &len, &name_len))
        count++;
    return count;
}

static unsigned cover_depth(const struct compiled_rule *c, const struct trie_hit *hit)
{
    if (c->rule.depth < 0 || hit->end->all)
        return COVER_SELF | COVER_CHILD | COVER_DEEPER;
    size_t depth = (size_t)c->rule.depth, below = components(hit->below, hit->below_len);
    return (below <= depth + 1 ? COVER_SELF : 0u) | (below <= depth ? COVER_CHILD : 0u) |
           (below + 1 <= depth ? COVER_DEEPER : 0u);
}

static unsigned cover_include(const struct compiled_rule *c, const struct trie_hit *hit)
{
    if (!hit->below_len && !hit->own_len) /* the rule's own path, by its name */
        return COVER_SELF | COVER_CHILD | COVER_DEEPER;
    switch (selector_test(c->include, hit->own, hit->own_len, hit->below, hit->below_len)) {
    case SELECTED_NEVER:
        return 0;
    case SELECTED_LATER:
        return COVER_CHILD | COVER_DEEPER;
    default:
        return COVER_SELF | COVER_CHILD | COVER_DEEPER;
    }
}

static unsigned rule_cover(const struct compiled_rule *c, const struct trie_hit *hit)
{
    unsigned cover = cover_depth(c, hit);
    if (cover && c->exclude &&
        selector_test(c->exclude, hit->own, hit->own_len, hit->below, hit->below_len) == SELECTED)
        return 0;
    if (cover && c->include)
        cover &= cover_include(c, hit);
    return cover;
}

struct match {
    const struct policy *policy;
    const struct trie_end *end; /* of verdict.rule */
    struct verdict verdict;
    const char *name; /* the path's last component */
    size_t name_len;
};

/* The path that a rule names letter by letter is meant, whatever it is called. */
static bool is_transient(const struct match *m, const struct compiled_rule *c, const struct trie_hit *hit)
{
    return (hit->below_len || hit->own_len) && names_match(c->transient, m->name, m->name_len);
}

/* Does this rule name the event, rather than the one before it? */
static bool is_better(const struct match *m, const struct compiled_rule *c, const struct trie_end *end)
{
    const struct rule *old = m->verdict.rule;
    if (!old || c->rule.severity != old->severity)
        return !old || c->rule.severity > old->severity;
    return end->literal != m->end->literal ? end->literal > m->end->literal : end->rule < m->end->rule;
}

static void match_hit(void *ctx, const struct trie_hit *hit)
{
    struct match *m = ctx;
    struct verdict *v = &m->verdict;
    const struct compiled_rule *c = &m->policy->rules[hit->end->rule];

    if (!(rule_cover(c, hit) & COVER_SELF))
        return;
    v->transient = (!v->rule || v->transient) && is_transient(m, c, hit);
    if (is_better(m, c, hit->end)) {
        v->rule = &c->rule;
        m->end = hit->end;
    }
    v->attributes |= c->rule.attributes;
    v->grow_only |= c->rule.grow_only;
    v->diff |= c->rule.diff;
    if (hit->end->rule < 64 * sizeof(v->rules) / sizeof(*v->rules))
        v->rules[hit->end->rule / 64] |= UINT64_C(1) << hit->end->rule % 64;
}

static size_t without_slashes(const char *path, size_t len)
{
    while (len > 1 && path[len - 1] == '/')
        len--;
    return len;
}

void policy_match(const struct policy *p, const char *path, size_t len, struct verdict *ret)
{
    struct match m = {.policy = p};
    len = without_slashes(path, len);
    if (len)
        path_parent(path, len, &m.name, &m.name_len);
    trie_search(p->trie, path, len, match_hit, &m);
    if (m.verdict.rule)
        m.verdict.severity = m.verdict.rule->severity;
    *ret = m.verdict;
}

struct sum {
    const struct policy *policy;
    unsigned cover;
};

static void sum_hit(void *ctx, const struct trie_hit *hit)
{
    struct sum *s = ctx;
    s->cover |= rule_cover(&s->policy->rules[hit->end->rule], hit);
}

/* Together: enum cover bits, with what begins further down among them. */
static unsigned cover_of(const struct policy *p, const char *path, size_t len)
{
    struct sum s = {p, 0};
    unsigned more = trie_search(p->trie, path, without_slashes(path, len), sum_hit, &s);
    return s.cover | (more & TRIE_CHILD ? COVER_CHILD : 0u) | (more & TRIE_DEEPER ? COVER_DEEPER : 0u);
}

unsigned policy_choose(const struct policy *p, const char *path, size_t len, enum entry_type type)
{
    unsigned cover = cover_of(p, path, len);
    bool enter = (type == ENTRY_DIR || type == ENTRY_ABSENT) && (cover & (COVER_CHILD | COVER_DEEPER));
    return (cover & COVER_SELF ? WALK_TAKE : 0u) | (enter ? WALK_ENTER : 0u);
}

unsigned policy_scope(const struct policy *p, const char *dir, size_t len)
{
    unsigned cover = cover_of(p, dir, len);
    return (cover & COVER_CHILD ? WALK_TAKE : 0u) | (cover & COVER_DEEPER ? WALK_ENTER : 0u);
}
