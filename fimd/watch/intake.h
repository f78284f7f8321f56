/* What was read, from bytes to the batch. */
#ifndef FIMD_WATCH_INTAKE_H
#define FIMD_WATCH_INTAKE_H

#include "fimd/watch/state.h"

/* Fills w->batch from `len` bytes that group gave; *ret_events: how many events they were. */
void intake(struct watch *w, unsigned group, const uint8_t *data, size_t len, size_t *ret_events);
/* The mount table changed: marks what is there now, and tells the places to look at. */
void intake_mounts(struct watch *w, pid_t pid);
/* Halves of renames that have waited since before `before`. */
void intake_age(struct watch *w, int64_t before);
/* Tells the rescans that are due. True: some must still wait, so that trouble does not make a storm of them. */
bool intake_rescans(struct watch *w);

#endif
