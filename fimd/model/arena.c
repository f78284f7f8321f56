/* Memory that lives and dies as a whole.
 *
 * Owns a list of chunks, each twice as large as the one before; the newest has the room.
 * Must not know what is stored in it. */
#include "fimd/model/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_LEAST = 1024, CHUNK_MOST = 65536 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

void arena_fini(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
}

static struct arena_chunk *chunk_new(const struct arena_chunk *before, size_t least)
{
    size_t size = before ? before->size * 2 : CHUNK_LEAST;
    if (size > CHUNK_MOST)
        size = CHUNK_MOST;
    if (size < least)
        size = least;
    struct arena_chunk *c = calloc(1, sizeof(*c) + size);
    if (c)
        c->size = size;
    return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) / align * align;
    if (!a->chunks || a->chunks->size - a->chunks->used < size) {
        struct arena_chunk *c = chunk_new(a->chunks, size);
        if (!c)
            return NULL;
        c->next = a->chunks;
        a->chunks = c;
    }
    void *result = a->chunks->data + a->chunks->used;
    a->chunks->used += size;
    return result;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    return size && count > SIZE_MAX / 2 / size ? NULL : arena_alloc(a, count * size);
}

char *arena_text(struct arena *a, const char *text, size_t len)
{
    char *copy = arena_alloc(a, len + 1);
    if (copy && len)
        memcpy(copy, text, len);
    return copy;
}
