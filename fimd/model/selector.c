/* The include or exclude list of a rule.
 *
 *   *.swp           no slash: a name at any depth below      names
 *   cache/tmp-*     with slash: a path from the rule's on    patterns
 *   /\.git\//       between slashes: PCRE2                   expressions
 *
 * Whatever selects a directory selects what is below it, so that a walk need not enter it and an event deep
 * below is judged alike: every beginning of the path is tried. */
#include "fimd/model/selector.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "baseline/path.h"
#include "fimd/model/glob.h"
#include "fimd/model/names.h"
#include "fimd/model/pattern.h"
#include "fimd/model/regex.h"

struct selector {
    struct names *names;
    struct pattern *patterns;
    size_t patterns_count;
    struct regex **expressions;
    size_t expressions_count;
};

void selector_fini(struct selector *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->expressions_count; i++)
        regex_free(s->expressions[i]);
    s->expressions_count = 0;
}

enum kind { KIND_NAME, KIND_PATH, KIND_EXPRESSION };

static enum kind kind_of(const char *text)
{
    size_t len = strlen(text);
    const char *slash = strchr(text, '/');
    if (len > 2 && text[0] == '/' && text[len - 1] == '/')
        return KIND_EXPRESSION;
    return (slash && slash[1]) || !strcmp(text, "**") ? KIND_PATH : KIND_NAME;
}

static int add_expression(struct selector *s, const char *text, struct fault *why)
{
    struct fault inner = {0};
    int r = regex_new(text + 1, strlen(text) - 2, &s->expressions[s->expressions_count], &inner);
    if (r == -EINVAL)
        return fault_set(why, EINVAL, "the regular expression %s is wrong: %s", text, inner.text);
    if (r == 0)
        s->expressions_count++;
    return r;
}

static int add_pattern(struct selector *s, struct arena *a, const char *text, struct fault *why)
{
    int r = pattern_make(a, text, strlen(text), &s->patterns[s->patterns_count]);
    if (r == -E2BIG)
        return fault_set(why, EINVAL, "the pattern %s has more than %d components", text, PATTERN_PIECES_MAX);
    if (r == 0)
        s->patterns_count++;
    return r;
}

static int add_one(struct selector *s, struct arena *a, const char *text, char **names, size_t *names_count,
                   struct fault *why)
{
    enum kind kind = kind_of(text);
    if (kind == KIND_EXPRESSION)
        return add_expression(s, text, why);
    const char *fault = *text ? glob_fault(text, strlen(text)) : "it is empty";
    if (fault)
        return fault_set(why, EINVAL, "the pattern '%s' is wrong: %s", text, fault);
    if (kind == KIND_PATH)
        return add_pattern(s, a, text, why);
    /* "cache/" is the name of a directory; what it selects would be below it anyway. */
    char *name = arena_text(a, text, strlen(text) - (text[strlen(text) - 1] == '/'));
    if (!name)
        return -ENOMEM;
    names[(*names_count)++] = name;
    return 0;
}

int selector_make(struct arena *a, char *const *patterns, size_t count, struct selector **ret,
                  struct fault *why)
{
    struct selector *s = count ? arena_alloc(a, sizeof(*s)) : NULL;
    size_t names_count = 0;
    int r = 0;

    if (!count) {
        *ret = NULL;
        return 0;
    }
    char **names = arena_array(a, count, sizeof(*names));
    if (!s || !names || !(s->patterns = arena_array(a, count, sizeof(*s->patterns))) ||
        !(s->expressions = arena_array(a, count, sizeof(struct regex *))))
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_one(s, a, patterns[i], names, &names_count, why);
    if (r == 0 && names_count && !(s->names = names_make(a, names, names_count)))
        r = -ENOMEM;
    if (r < 0)
        selector_fini(s);
    else
        *ret = s;
    return r;
}

static bool name_below(const struct names *n, const char *own, size_t own_len, const char *below,
                       size_t below_len)
{
    const char *name;
    size_t len;
    if (!n)
        return false;
    if (names_match(n, own, own_len))
        return true;
    while ((name = path_next(&below, &below_len, &len))) {
        if (names_match(n, name, len))
            return true;
    }
    return false;
}

static enum selected pattern_test(const struct pattern *p, const char *below, size_t below_len)
{
    uint64_t state = pattern_begin(p);
    const char *name;
    size_t len;
    while ((name = path_next(&below, &below_len, &len))) {
        state = pattern_step(p, state, name, len);
        if (pattern_accepts(p, state))
            return SELECTED;
    }
    return pattern_open(p, state) ? SELECTED_LATER : SELECTED_NEVER;
}

static enum selected expression_test(const struct regex *r, const char *below, size_t below_len)
{
    const char *rest = below, *name;
    size_t left = below_len, len;
    int found = 0;
    if (!below_len)
        return SELECTED_LATER;
    if (regex_grows(r))
        found = regex_find(r, below, below_len);
    while (!regex_grows(r) && !found && (name = path_next(&rest, &left, &len)))
        found = regex_find(r, below, (size_t)(name + len - below));
    return found > 0 ? SELECTED : found < 0 ? SELECTED_UNSURE : SELECTED_LATER;
}

static enum selected stronger(enum selected a, enum selected b)
{
    if (a == SELECTED || b == SELECTED)
        return SELECTED;
    return a > b ? a : b;
}

enum selected selector_test(const struct selector *s, const char *own, size_t own_len, const char *below,
                            size_t below_len)
{
    if (!s)
        return SELECTED_NEVER;
    if (name_below(s->names, own, own_len, below, below_len))
        return SELECTED;
    enum selected result = s->names ? SELECTED_LATER : SELECTED_NEVER;
    for (size_t i = 0; i < s->patterns_count && result != SELECTED; i++)
        result = stronger(result, pattern_test(&s->patterns[i], below, below_len));
    for (size_t i = 0; i < s->expressions_count && result != SELECTED; i++)
        result = stronger(result, expression_test(s->expressions[i], below, below_len));
    return result;
}
