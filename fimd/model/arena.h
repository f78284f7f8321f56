/* Memory that lives and dies as a whole: what a policy is compiled into. Allocations are never freed one by
 * one. */
#ifndef FIMD_MODEL_ARENA_H
#define FIMD_MODEL_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena { /* all zero: empty */
    struct arena_chunk *chunks;
};

void arena_fini(struct arena *a);
/* Zeroed memory, aligned for any type; NULL out of memory. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size); /* NULL also when count * size overflows */
/* A copy of len bytes with a NUL behind. */
char *arena_text(struct arena *a, const char *text, size_t len);

#endif
