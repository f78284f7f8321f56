/* One event of the kernel → what the receiver gets of it, and what the cache learns from it. */
#ifndef FIMD_WATCH_TRANSLATE_H
#define FIMD_WATCH_TRANSLATE_H

#include "fimd/watch/state.h"

/* Event number i of w->events. */
void translate(struct watch *w, size_t i);
/* Half a rename whose other half did not come. Takes h->process. */
void translate_half(struct watch *w, const struct half *h);
/* "Look at all of this path": into the batch. */
void translate_rescan(struct watch *w, const char *path, size_t len, pid_t pid);
/* The same for all that is watched of a volume. */
void translate_rescan_volume(struct watch *w, uint16_t volume);

#endif
