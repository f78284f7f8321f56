/* What is watched: makes the immutable snapshot. Asking it is match.c's part.
 *
 *   rules ─► copies ─► lists compiled (equal ones once) ─► paths into the trie ─► roots
 *
 * Owns the snapshot's memory. Must not look at the file system: whether a path exists, or is a symlink, is
 * not its business (the configuration resolves, the watch waits). */
#include "fimd/model/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/path.h"
#include "fimd/model/glob.h"
#include "fimd/model/rule.h"
#include "fimd/model/snapshot.h"

static void policy_free(struct policy *p)
{
    for (size_t i = 0; i < p->count; i++) {
        selector_fini(p->rules[i].include);
        selector_fini(p->rules[i].exclude);
    }
    arena_fini(&p->arena);
    free(p);
}

struct policy *policy_ref(struct policy *p)
{
    atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
    return p;
}

void policy_unref(struct policy *p)
{
    if (p && atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) == 1)
        policy_free(p);
}

/* Most rules share the default list of temporary names, and many their excludes. */
static int transient_make(struct policy *p, struct compiled_rule *c)
{
    const struct rule *r = &c->rule;
    for (const struct compiled_rule *o = p->rules; o < c; o++) {
        if (texts_equal(o->rule.transient, o->rule.transient_count, r->transient, r->transient_count)) {
            c->transient = o->transient;
            return 0;
        }
    }
    if (r->transient_count)
        c->transient = names_make(&p->arena, r->transient, r->transient_count);
    return r->transient_count && !c->transient ? -ENOMEM : 0;
}

static int exclude_make(struct policy *p, struct compiled_rule *c, struct fault *why)
{
    const struct rule *r = &c->rule;
    for (const struct compiled_rule *o = p->rules; o < c; o++) {
        if (texts_equal(o->rule.exclude, o->rule.exclude_count, r->exclude, r->exclude_count)) {
            c->exclude = o->exclude;
            return 0;
        }
    }
    return selector_make(&p->arena, r->exclude, r->exclude_count, &c->exclude, why);
}

static int transient_check(const struct rule *r, struct fault *why)
{
    for (size_t i = 0; i < r->transient_count; i++) {
        const char *text = r->transient[i];
        if (strchr(text, '/') || !*text)
            return fault_set(why, EINVAL, "the transient name '%s' is wrong: it is a name, without a slash",
                             text);
        if (glob_fault(text, strlen(text)))
            return fault_set(why, EINVAL, "the transient name '%s' is wrong: %s", text,
                             glob_fault(text, strlen(text)));
    }
    return 0;
}

static int path_check(const char *path, struct fault *why)
{
    const char *fault = glob_fault(path, strlen(path));
    return fault ? fault_set(why, EINVAL, "the path %s is wrong: %s", path, fault) : 0;
}

static int path_add(struct policy *p, const char *path, size_t rule, struct fault *why)
{
    int r = path_check(path, why);
    if (r < 0)
        return r;
    r = trie_add(p->trie, &p->arena, path, (uint32_t)rule);
    if (r == -E2BIG)
        return fault_set(why, EINVAL, "the path %s has more than %d components", path, PATTERN_PIECES_MAX);
    if (r == -EINVAL)
        return fault_set(why, EINVAL, "the path %s is wrong: it begins with '/' and has no '..'", path);
    p->paths += r == 0;
    return r;
}

static int rule_add(struct policy *p, const struct rule *from, struct fault *why)
{
    struct compiled_rule *c = &p->rules[p->count];
    int r = rule_copy(&p->arena, from, &c->rule);
    if (r == 0)
        r = transient_check(&c->rule, why);
    if (r == 0)
        r = transient_make(p, c);
    if (r == 0)
        r = exclude_make(p, c, why);
    if (r < 0)
        return r;
    p->count++; /* from here on policy_free knows of its selectors */
    r = selector_make(&p->arena, c->rule.include, c->rule.include_count, &c->include, why);
    for (size_t i = 0; r == 0 && i < c->rule.paths_count; i++)
        r = path_add(p, c->rule.paths[i], p->count - 1, why);
    return r;
}

/* The path up to its first component that is a pattern. */
static char *literal_part(struct arena *a, const char *path)
{
    char *text = arena_alloc(a, strlen(path) + 2);
    size_t left = strlen(path), used = 0, len;
    const char *name;
    if (!text)
        return NULL;
    while ((name = path_next(&path, &left, &len))) {
        if (len == 1 && *name == '.')
            continue;
        text[used] = '/';
        long plain = glob_literal(name, len, text + used + 1);
        if (plain < 0)
            break;
        used += 1 + (size_t)plain;
    }
    if (!used)
        text[used++] = '/';
    text[used] = '\0';
    return text;
}

static int text_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool below_any(const char *const *roots, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (path_below(path, strlen(path), roots[i], strlen(roots[i])))
            return true;
    }
    return false;
}

static int roots_make(struct policy *p)
{
    size_t count = 0, kept = 0;
    p->roots = arena_array(&p->arena, p->paths ? p->paths : 1, sizeof(*p->roots));
    if (!p->roots)
        return -ENOMEM;
    for (size_t i = 0; i < p->count; i++) {
        const struct rule *r = &p->rules[i].rule;
        for (size_t k = 0; k < r->paths_count; k++) {
            p->roots[count] = literal_part(&p->arena, r->paths[k]);
            if (!p->roots[count++])
                return -ENOMEM;
        }
    }
    if (count)
        qsort(p->roots, count, sizeof(*p->roots), text_compare);
    for (size_t i = 0; i < count; i++) { /* sorted: a parent stands before what is below it */
        if (!below_any(p->roots, kept, p->roots[i]))
            p->roots[kept++] = p->roots[i];
    }
    p->roots_count = kept;
    return 0;
}

static struct policy *policy_make(size_t count)
{
    struct policy *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    atomic_init(&p->references, 1);
    p->trie = trie_make(&p->arena);
    p->rules = arena_array(&p->arena, count ? count : 1, sizeof(*p->rules));
    if (p->trie && p->rules)
        return p;
    policy_free(p);
    return NULL;
}

int rule_check(const struct rule *r, struct fault *why)
{
    struct policy *p = policy_make(1);
    int result = p ? rule_add(p, r, why) : -ENOMEM;
    policy_unref(p);
    return result == -ENOMEM ? fault_set(why, ENOMEM, "out of memory") : result;
}

static int rules_add(struct policy *p, const struct rule *rules, size_t count, struct fault *why)
{
    for (size_t i = 0; i < count; i++) {
        struct fault inner = {0};
        int r = rule_add(p, &rules[i], &inner);
        if (r == -EINVAL)
            return fault_set(why, EINVAL, "%s:%d: rule %s: %s", rules[i].file ? rules[i].file : "-",
                             rules[i].line, rules[i].id ? rules[i].id : "-", inner.text);
        if (r < 0)
            return r;
    }
    return 0;
}

int policy_new(const struct rule *rules, size_t count, struct policy **ret, struct fault *why)
{
    struct policy *p = policy_make(count);
    if (!p)
        return fault_set(why, ENOMEM, "out of memory");
    int r = rules_add(p, rules, count, why);
    if (r == 0)
        r = trie_finish(p->trie, &p->arena);
    if (r == 0)
        r = roots_make(p);
    if (r < 0) {
        policy_free(p);
        return r == -ENOMEM ? fault_set(why, ENOMEM, "out of memory") : r;
    }
    *ret = p;
    return 0;
}

size_t policy_count(const struct policy *p)
{
    return p->count;
}

const struct rule *policy_rule(const struct policy *p, size_t index)
{
    return index < p->count ? &p->rules[index].rule : NULL;
}

const char *const *policy_roots(const struct policy *p, size_t *ret_count)
{
    *ret_count = p->roots_count;
    return p->roots;
}

size_t policy_paths(const struct policy *p)
{
    return p->paths;
}
