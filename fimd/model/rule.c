/* A rule as configured: its memory. rule_fini is for one whose strings are each on the heap (the
 * configuration's), rule_copy makes one whose strings all live in an arena (the policy's). */
#include "fimd/model/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void texts_free(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

void rule_fini(struct rule *r)
{
    free(r->id);
    free(r->policy);
    free(r->file);
    texts_free(r->paths, r->paths_count);
    texts_free(r->include, r->include_count);
    texts_free(r->exclude, r->exclude_count);
    texts_free(r->transient, r->transient_count);
    texts_free(r->tags, r->tags_count);
    *r = (struct rule){0};
}

/* A missing text is copied as an empty one: nobody who reads a compiled rule need ask. */
static bool text_copy(struct arena *a, const char *from, char **ret)
{
    *ret = arena_text(a, from ? from : "", from ? strlen(from) : 0);
    return *ret;
}

static bool texts_copy(struct arena *a, char *const *from, size_t count, char ***ret)
{
    *ret = arena_array(a, count ? count : 1, sizeof(char *));
    for (size_t i = 0; *ret && i < count; i++) {
        if (!text_copy(a, from[i], &(*ret)[i]))
            return false;
    }
    return *ret;
}

int rule_copy(struct arena *a, const struct rule *from, struct rule *ret)
{
    struct rule r = *from;
    if (!text_copy(a, from->id, &r.id) || !text_copy(a, from->policy, &r.policy) ||
        !text_copy(a, from->file, &r.file) || !texts_copy(a, from->paths, r.paths_count, &r.paths) ||
        !texts_copy(a, from->include, r.include_count, &r.include) ||
        !texts_copy(a, from->exclude, r.exclude_count, &r.exclude) ||
        !texts_copy(a, from->transient, r.transient_count, &r.transient) ||
        !texts_copy(a, from->tags, r.tags_count, &r.tags))
        return -ENOMEM;
    *ret = r;
    return 0;
}

bool texts_equal(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        if (strcmp(a[i], b[i]))
            return false;
    }
    return true;
}
