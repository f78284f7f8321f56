/* Owns the states' and images' memory and counts. See state.h. */
#include "fimd/process/state.h"

#include <stdlib.h>
#include <string.h>

#include "fimd/model/actor.h"

struct image *image_new(void)
{
    struct image *i = calloc(1, sizeof(*i));
    if (i)
        i->references = 1;
    return i;
}

struct image *image_ref(struct image *i)
{
    if (i)
        i->references++;
    return i;
}

void image_unref(struct image *i)
{
    if (!i || --i->references)
        return;
    free(i->name);
    free(i->exe);
    free(i->args);
    free(i->cwd);
    free(i);
}

static bool text_copy(const char *from, char **to)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

struct image *image_renamed(const struct image *like, const char *name)
{
    struct image *i = image_new();
    if (!i)
        return NULL;
    bool good = text_copy(name, &i->name);
    i->read = true;
    if (good && like) {
        good = text_copy(like->exe, &i->exe) && text_copy(like->cwd, &i->cwd);
        i->args = good && like->args_len ? malloc(like->args_len) : NULL;
        if (i->args)
            memcpy(i->args, like->args, like->args_len);
        i->args_len = i->args ? like->args_len : 0;
        good = good && i->args_len == like->args_len;
    }
    if (good)
        return i;
    image_unref(i);
    return NULL;
}

void image_fill(struct image *i, struct procfs_program *program)
{
    i->read = true;
    if (!program)
        return;
    free(i->name);
    i->name = program->name;
    i->exe = program->exe;
    i->args = program->args;
    i->args_len = program->args_len;
    i->cwd = program->cwd;
    *program = (struct procfs_program){0};
}

struct state *state_new(const struct state *like, int64_t time)
{
    struct state *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    if (like) {
        *s = *like;
        image_ref(s->image);
    } else {
        s->uid = s->euid = s->gid = s->egid = ACTOR_UNSET;
    }
    s->references = 1;
    s->earlier = NULL;
    s->cut = false;
    s->time = time;
    return s;
}

struct state *state_ref(struct state *s)
{
    if (s)
        s->references++;
    return s;
}

void state_unref(struct state *s)
{
    while (s && !--s->references) { /* not by recursion: the list may be long */
        struct state *earlier = s->earlier;
        image_unref(s->image);
        free(s);
        s = earlier;
    }
}

const struct state *state_at(const struct state *newest, int64_t at)
{
    const struct state *s = newest;
    while (s && s->time > at && s->earlier)
        s = s->earlier;
    return s && s->time > at && s->cut ? NULL : s;
}

void state_trim(struct state *newest, int64_t before, unsigned most)
{
    struct state *s = newest;
    for (unsigned n = 1; s && s->time > before && n < most; n++)
        s = s->earlier;
    if (!s || !s->earlier)
        return;
    state_unref(s->earlier);
    s->earlier = NULL;
    s->cut = true;
}
