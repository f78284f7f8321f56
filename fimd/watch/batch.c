/* Text lives in a list of chunks; events in one array. */
#include "fimd/watch/batch.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 65536, EVENTS_FIRST = 64 };

struct batch_chunk {
    struct batch_chunk *next;
    size_t used, size;
    char text[];
};

static void free_chunks(struct batch_chunk *c)
{
    while (c) {
        struct batch_chunk *next = c->next;
        free(c);
        c = next;
    }
}

void batch_fini(struct batch *b)
{
    free_chunks(b->chunks);
    free(b->events);
    *b = (struct batch){ 0 };
}

void batch_reset(struct batch *b)
{
    if (b->chunks) {
        free_chunks(b->chunks->next);
        b->chunks->next = NULL;
        b->chunks->used = 0;
    }
    b->last = b->chunks;
    b->count = 0;
    b->failed = false;
}

static bool add_chunk(struct batch *b, size_t least)
{
    size_t size = least > CHUNK_SIZE ? least : CHUNK_SIZE;
    struct batch_chunk *c = malloc(sizeof(*c) + size);
    if (!c)
        return false;
    c->next = NULL;
    c->used = 0;
    c->size = size;
    if (b->last)
        b->last->next = c;
    else
        b->chunks = c;
    b->last = c;
    return true;
}

static const char *add_text(struct batch *b, const char *text, size_t len)
{
    if (!text || len == 0)
        return "";
    if ((!b->last || b->last->size - b->last->used < len + 1) && !add_chunk(b, len + 1))
        return NULL;
    char *to = b->last->text + b->last->used;
    memcpy(to, text, len);
    to[len] = '\0';
    b->last->used += len + 1;
    return to;
}

static bool room_for_one(struct batch *b)
{
    if (b->count < b->room)
        return true;
    size_t room = b->room ? b->room * 2 : EVENTS_FIRST;
    struct watch_event *events = realloc(b->events, room * sizeof(*events));
    if (!events)
        return false;
    b->events = events;
    b->room = room;
    return true;
}

bool batch_add(struct batch *b, const struct watch_event *e)
{
    struct watch_event copy = *e;
    copy.path = add_text(b, e->path, e->path_len);
    copy.old_path = add_text(b, e->old_path, e->old_path_len);
    if (!copy.path || !copy.old_path || !room_for_one(b)) {
        b->failed = true;
        return false;
    }
    b->events[b->count++] = copy;
    return true;
}
