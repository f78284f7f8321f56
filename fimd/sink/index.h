/* The name of the index that an event goes to. Pure. */
#ifndef FIMD_SINK_INDEX_H
#define FIMD_SINK_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INDEX_NAME_SIZE = 256 }; /* Elasticsearch takes 255 bytes */

/* The index has a date in it: every event's own name is made by index_of. */
bool index_is_dated(const char *pattern);
/* strftime of the pattern with an event's time (ns), UTC. 0; -ENAMETOOLONG. */
int index_of(const char *pattern, int64_t time, char ret[INDEX_NAME_SIZE]);
/* What no index may be called: NULL when all is well, else what is wrong with it (static). */
const char *index_mistake(const char *name);
/* The pattern with its conversions as '*', for an index template: "audit-%Y.%m.%d" → "audit-*". */
int index_wildcard(const char *pattern, char ret[INDEX_NAME_SIZE]);

struct index_stream { /* type-dataset-namespace */
    char type[64], dataset[104], namespace[104];
};
/* false, and ret untouched, when the name is not of that form. NULL name: false. */
bool index_stream_parse(const char *name, struct index_stream *ret);

#endif
