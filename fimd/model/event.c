/* What fimd says: names of its kinds, its memory, its id. Its bytes are event_codec.c's part.
 *
 * Owns the strings, entries and arrays of an event and one reference to each of its actors. */
#include "fimd/model/event.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name {
    uint32_t value;
    const char *text;
};

static const char *name_of(const struct name *table, size_t count, uint32_t value)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].value == value)
            return table[i].text;
    }
    return NULL;
}

static const struct name *name_find(const struct name *table, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(table[i].text, text))
            return &table[i];
    }
    return NULL;
}

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static const struct name actions[] = {
    {ACTION_CREATED, "created"},
    {ACTION_UPDATED, "updated"},
    {ACTION_DELETED, "deleted"},
    {ACTION_ATTRIBUTES_MODIFIED, "attributes_modified"},
    {ACTION_MOVED, "moved"},
    {ACTION_CONFIG_CHANGE, "config_change"},
    {ACTION_INITIAL_SCAN, "initial_scan"},
};

static const struct name sources[] = {
    {SOURCE_FANOTIFY, "fanotify"},
    {SOURCE_SCAN, "scan"},
    {SOURCE_START, "start"},
};

static const struct name severities[] = {
    /* rising */
    {SEVERITY_INFO, "info"}, {SEVERITY_LOW, "low"},           {SEVERITY_MEDIUM, "medium"},
    {SEVERITY_HIGH, "high"}, {SEVERITY_CRITICAL, "critical"},
};

const char *action_name(uint32_t bit)
{
    return name_of(actions, COUNT(actions), bit);
}

uint32_t action_parse(const char *name)
{
    const struct name *found = name_find(actions, COUNT(actions), name);
    return found ? found->value : 0;
}

const char *source_name(enum event_source s)
{
    return name_of(sources, COUNT(sources), s);
}

const char *severity_name(enum severity s)
{
    const char *name = severities[0].text;
    for (size_t i = 0; i < COUNT(severities) && severities[i].value <= (uint32_t)s; i++)
        name = severities[i].text;
    return name;
}

int severity_parse(const char *name, enum severity *ret)
{
    const struct name *found = name_find(severities, COUNT(severities), name);
    if (!found)
        return -EINVAL;
    *ret = (enum severity)found->value;
    return 0;
}

static void details_free(struct event_detail *details, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(details[i].key);
        free(details[i].value);
    }
    free(details);
}

void event_fini(struct event *e)
{
    char *texts[] = {e->path, e->path_old, e->path_new, e->rule, e->policy, e->action, e->message};
    for (size_t i = 0; i < COUNT(texts); i++)
        free(texts[i]);
    for (size_t i = 0; i < e->tags_count; i++)
        free(e->tags[i]);
    free(e->tags);
    for (size_t i = 0; i < e->actors_count; i++)
        actor_unref(e->actors[i]);
    details_free(e->details, e->details_count);
    entry_fini(&e->before);
    entry_fini(&e->after);
    *e = (struct event){0};
}

int event_tag(struct event *e, const char *tag)
{
    for (size_t i = 0; i < e->tags_count; i++) {
        if (!strcmp(e->tags[i], tag))
            return 0;
    }
    char *copy = strdup(tag);
    char **tags = copy ? realloc(e->tags, (e->tags_count + 1) * sizeof(*tags)) : NULL;
    if (!tags) {
        free(copy);
        return -ENOMEM;
    }
    e->tags = tags;
    e->tags[e->tags_count++] = copy;
    return 0;
}

__attribute__((format(printf, 1, 0))) static char *text_format(const char *format, va_list args)
{
    char *text = NULL;
    return vasprintf(&text, format, args) < 0 ? NULL : text;
}

int event_detail(struct event *e, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct event_detail made = {strdup(key), text_format(format, args)};
    va_end(args);

    struct event_detail *details =
        made.key && made.value ? realloc(e->details, (e->details_count + 1) * sizeof(*details)) : NULL;
    if (!details) {
        free(made.key);
        free(made.value);
        return -ENOMEM;
    }
    e->details = details;
    e->details[e->details_count++] = made;
    return 0;
}

int event_from_record(const struct journal_record *record, struct event *ret)
{
    int r = event_decode(record->data, record->len, ret);
    if (r < 0)
        return r;
    ret->sequence = record->sequence;
    memcpy(ret->chain, record->chain, sizeof(ret->chain));
    return 0;
}

void event_id(const struct event *e, char ret[2 * EVENT_ID_SIZE + 1])
{
    enum { TIME_BYTES = 6, CHAIN_BYTES = EVENT_ID_SIZE - TIME_BYTES };
    uint64_t ms = e->time < 0 ? 0 : (uint64_t)(e->time / 1000000);
    char *at = ret;

    for (int i = TIME_BYTES - 1; i >= 0; i--, at += 2)
        snprintf(at, 3, "%02x", (unsigned)(ms >> 8 * i & 0xff));
    for (int i = 0; i < CHAIN_BYTES; i++, at += 2)
        snprintf(at, 3, "%02x", e->chain[i]);
}
