/* A YAML file as a small tree: the one place that knows libyaml.
 *
 *   bytes ─► libyaml's events ─► nodes with line and column
 *
 * Must not know any key. A syntax error ends the reading (what follows one is guesswork); a key that stands
 * twice is told and the reading goes on. */
#include "fimd/config/tree.h"

#include <errno.h>
#include <string.h>

#include <yaml.h>

#include "fimd/config/mistake.h"

enum { DEPTH_MAX = 32 };

struct reading {
    yaml_parser_t parser;
    struct arena *arena;
    const char *file;
    const char *text;
    size_t len;
    struct mistakes *mistakes;
};

static int refuse(struct reading *r, yaml_mark_t mark, const char *text)
{
    int e = mistake_add(r->mistakes, r->file, (int)mark.line + 1, (int)mark.column + 1, "%s", text);
    return e < 0 ? e : -EINVAL;
}

/* Where bytes are no text at all (no UTF-8, control characters) libyaml knows their offset only. */
static void place_of_offset(const struct reading *r, size_t offset, int *ret_line, int *ret_column)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < offset && i < r->len; i++) {
        bool end = r->text[i] == '\n';
        line += end;
        column = end ? 1 : column + ((r->text[i] & 0xc0) != 0x80);
    }
    *ret_line = line;
    *ret_column = column;
}

static int refuse_syntax(struct reading *r)
{
    const yaml_parser_t *p = &r->parser;
    int line = (int)p->problem_mark.line + 1, column = (int)p->problem_mark.column + 1;
    if (p->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    if (p->error == YAML_READER_ERROR)
        place_of_offset(r, p->problem_offset, &line, &column);
    int e = mistake_add(
        r->mistakes, r->file, line, column, "this is no YAML: %s%s%s; mend this before the rest is looked at",
        p->problem ? p->problem : "unknown error", p->context ? ", " : "", p->context ? p->context : "");
    return e < 0 ? e : -EINVAL;
}

static int next_event(struct reading *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) ? 0 : refuse_syntax(r);
}

static struct yaml *node_make(struct reading *r, enum yaml_kind kind, const yaml_event_t *event)
{
    struct yaml *n = arena_alloc(r->arena, sizeof(*n));
    if (n)
        *n = (struct yaml){.kind = kind,
                           .text = "",
                           .line = (int)event->start_mark.line + 1,
                           .column = (int)event->start_mark.column + 1};
    return n;
}

static int text_read(struct reading *r, const yaml_event_t *event, struct yaml **ret)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (event->data.scalar.anchor || event->data.scalar.tag)
        return refuse(r, event->start_mark, "anchors (&) and tags (!) are not taken; write the value itself");
    if (memchr(text, '\0', len))
        return refuse(r, event->start_mark, "the value holds a NUL byte; no path or name can");
    struct yaml *n = node_make(r, NODE_TEXT, event);
    if (!n || !(n->text = arena_text(r->arena, text, len)))
        return -ENOMEM;
    n->empty = plain && (!len || !strcmp(text, "~") || !strcmp(text, "null"));
    *ret = n;
    return 0;
}

static int node_read(struct reading *r, yaml_event_t *event, unsigned depth, struct yaml **ret);

static int list_read(struct reading *r, struct yaml *list, unsigned depth)
{
    struct yaml **end = &list->first;
    for (;;) {
        yaml_event_t event;
        int e = next_event(r, &event);
        if (e < 0)
            return e;
        bool last = event.type == YAML_SEQUENCE_END_EVENT;
        if (!last)
            e = node_read(r, &event, depth + 1, end);
        yaml_event_delete(&event);
        if (e < 0 || last)
            return e;
        end = &(*end)->next;
    }
}

static int key_check(struct reading *r, const struct yaml *map, const struct yaml *key)
{
    for (const struct yaml *n = map->first; n; n = n->next) {
        if (n->key && !strcmp(n->key, key->text))
            return mistake_add(r->mistakes, r->file, key->line, key->column,
                               "'%s' stands a second time; it is also in line %d, keep one", key->text,
                               n->key_line);
    }
    return 0;
}

static int pair_read(struct reading *r, struct yaml *map, yaml_event_t *key_event, unsigned depth,
                     struct yaml **ret)
{
    struct yaml *key, *value;
    yaml_event_t event;
    if (key_event->type != YAML_SCALAR_EVENT)
        return refuse(r, key_event->start_mark, "a key is a plain word; this one is a list or a map");
    int e = text_read(r, key_event, &key);
    if (e == 0)
        e = key_check(r, map, key);
    if (e == 0)
        e = next_event(r, &event);
    if (e < 0)
        return e;
    e = node_read(r, &event, depth + 1, &value);
    yaml_event_delete(&event);
    if (e < 0)
        return e;
    value->key = key->text;
    value->key_line = key->line;
    value->key_column = key->column;
    *ret = value;
    return 0;
}

static int map_read(struct reading *r, struct yaml *map, unsigned depth)
{
    struct yaml **end = &map->first;
    for (;;) {
        yaml_event_t event;
        int e = next_event(r, &event);
        if (e < 0)
            return e;
        bool last = event.type == YAML_MAPPING_END_EVENT;
        if (!last)
            e = pair_read(r, map, &event, depth, end);
        yaml_event_delete(&event);
        if (e < 0 || last)
            return e;
        end = &(*end)->next;
    }
}

static int branch_read(struct reading *r, const yaml_event_t *event, unsigned depth, struct yaml **ret)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    const void *anchor = list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
    const void *tag = list ? event->data.sequence_start.tag : event->data.mapping_start.tag;

    if (anchor || tag)
        return refuse(r, event->start_mark, "anchors (&) and tags (!) are not taken; write the value itself");
    if (depth > DEPTH_MAX)
        return refuse(r, event->start_mark,
                      "lists and maps are nested too deep; fimd's files need five levels");
    struct yaml *n = node_make(r, list ? NODE_LIST : NODE_MAP, event);
    if (!n)
        return -ENOMEM;
    int e = list ? list_read(r, n, depth) : map_read(r, n, depth);
    if (e == 0)
        *ret = n;
    return e;
}

static int node_read(struct reading *r, yaml_event_t *event, unsigned depth, struct yaml **ret)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return text_read(r, event, ret);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return branch_read(r, event, depth, ret);
    default:
        return refuse(r, event->start_mark, "aliases (*) are not taken; write the value itself");
    }
}

static int document_read(struct reading *r, struct yaml **ret)
{
    struct yaml *root = NULL;
    unsigned documents = 0;
    for (;;) {
        yaml_event_t event;
        int e = next_event(r, &event);
        if (e < 0)
            return e;
        yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && documents++)
            e = refuse(r, event.start_mark, "a second document begins; put all keys into one");
        else if (type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                 type == YAML_MAPPING_START_EVENT || type == YAML_ALIAS_EVENT)
            e = node_read(r, &event, 0, &root);
        yaml_event_delete(&event);
        if (e < 0)
            return e;
        if (type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT)
            break;
    }
    *ret = root && root->empty ? NULL : root;
    return 0;
}

int yaml_read(struct arena *a, const char *file, const char *text, size_t len, struct mistakes *mistakes,
              struct yaml **ret)
{
    struct reading r = {.arena = a, .file = file, .text = text, .len = len, .mistakes = mistakes};
    if (!yaml_parser_initialize(&r.parser))
        return -ENOMEM;
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    int e = document_read(&r, ret);
    yaml_parser_delete(&r.parser);
    return e;
}
