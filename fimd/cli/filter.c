/* Every condition that is set must hold; a list holds when one of its names does. */
#include "fimd/cli/filter.h"

#include "baseline/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void filter_fini(struct filter *f)
{
    strings_fini(&f->actions);
    strings_fini(&f->rules);
    strings_fini(&f->tags);
}

int filter_list(struct strings *to, const char *text)
{
    for (;;) {
        size_t len = strcspn(text, ",");
        char *name;
        int r;

        if (!len)
            return -EINVAL;
        name = strndup(text, len);
        r = name ? strings_add(to, name) : -ENOMEM;
        free(name);
        if (r < 0 || !text[len])
            return r;
        text += len + 1;
    }
}

static bool has(const struct strings *list, const char *name)
{
    for (size_t i = 0; name && i < list->count; i++)
        if (strcmp(list->list[i], name) == 0)
            return true;
    return false;
}

static bool action_wanted(const struct filter *f, const struct event *e)
{
    if (!f->actions.count || (e->kind == EVENT_STATE && has(&f->actions, e->action)))
        return true;
    for (uint32_t bit = 1; bit && bit <= e->actions; bit <<= 1)
        if (e->actions & bit && has(&f->actions, action_name(bit)))
            return true;
    return false;
}

static bool tag_wanted(const struct filter *f, const struct event *e)
{
    for (size_t i = 0; i < e->tags_count; i++)
        if (has(&f->tags, e->tags[i]))
            return true;
    return !f->tags.count;
}

static bool user_wanted(const struct filter *f, const struct event *e)
{
    for (size_t i = 0; i < e->actors_count; i++) {
        if (f->user == e->actors[i]->login)
            return true;
    }
    return !f->user_set;
}

static bool below(const struct filter *f, const char *path)
{
    return path && path_below(path, strlen(path), f->path, f->path_len);
}

bool filter_match(const struct filter *f, const struct event *e)
{
    if (f->path && !below(f, e->path) && !below(f, e->path_old) && !below(f, e->path_new))
        return false;
    if ((f->since && e->time < f->since) || (f->until && e->time > f->until) || e->severity < f->least)
        return false;
    return (!f->rules.count || has(&f->rules, e->rule)) && action_wanted(f, e) && tag_wanted(f, e) && user_wanted(f, e);
}
