/* The configuration as plain values: its memory. Reading a file into it is fimd/config's part. */
#include "fimd/model/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void strings_fini(struct strings *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->list[i]);
    free(s->list);
    *s = (struct strings){0};
}

int strings_add(struct strings *s, const char *text)
{
    char *copy = strdup(text);
    char **list = copy ? realloc(s->list, (s->count + 1) * sizeof(*list)) : NULL;
    if (!list) {
        free(copy);
        return -ENOMEM;
    }
    s->list = list;
    s->list[s->count++] = copy;
    return 0;
}

void output_settings_fini(struct output_settings *o)
{
    struct strings *lists[] = {&o->rules, &o->tags, &o->actions, &o->not_tags, &o->hosts};
    char *texts[] = {o->name,         o->path,
                     o->index,        o->pipeline,
                     o->username,     o->password_file,
                     o->api_key_file, o->bearer_token_file,
                     o->ca_file,      o->certificate_file,
                     o->key_file,     o->pinned_public_key};
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        strings_fini(lists[i]);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        free(texts[i]);
    *o = (struct output_settings){0};
}

void settings_fini(struct settings *s)
{
    struct strings *lists[] = {&s->policy_path, &s->policies, &s->tags, &s->label_keys, &s->label_values};
    char *texts[] = {s->file, s->state_dir, s->runtime_dir, s->sender_user};
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        strings_fini(lists[i]);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        free(texts[i]);
    policy_unref(s->policy);
    for (size_t i = 0; i < s->outputs_count; i++)
        output_settings_fini(&s->outputs[i]);
    free(s->outputs);
    *s = (struct settings){0};
}
