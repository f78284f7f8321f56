/* What one read gives to the receiver: events and the paths they point to. Pure memory, reused read after read. */
#ifndef FIMD_WATCH_BATCH_H
#define FIMD_WATCH_BATCH_H

#include "fimd/watch/watch.h"

struct batch_chunk;

struct batch {
    struct watch_event *events;
    size_t count, room;
    struct batch_chunk *chunks; /* of text; they never move, so that paths stay where events point */
    struct batch_chunk *last;
    bool failed;                /* memory ran out: an event is missing */
};

void batch_fini(struct batch *b);
void batch_reset(struct batch *b); /* empty; keeps a little memory for the next read */
/* Copies the event and its paths (path and old_path may be NULL). false: no memory, b->failed is set. */
bool batch_add(struct batch *b, const struct watch_event *e);

#endif
