/* From an event inside a file system to the batch: every path that shows it and that somebody watches. */
#ifndef FIMD_WATCH_REPORT_H
#define FIMD_WATCH_REPORT_H

#include "fimd/watch/state.h"

struct moved { /* one side of a rename */
    bool known;   /* its path is in the buffer that belongs to it */
    bool wanted;  /* something of its directory may be watched: the paths are worth a look */
};

/* An event of dir/name. */
void report_in(struct watch *w, struct intake_event *in, uint32_t dir, uint32_t ops);
/* An event of the path in w->scratch. */
void report_inside(struct watch *w, struct intake_event *in, uint32_t ops);
/* A rename from the path in w->scratch_old to the one in w->scratch. */
void report_rename(struct watch *w, struct intake_event *in, const struct moved *old, const struct moved *new);
/* WATCH_RESCAN of every path that shows this directory. */
void report_rescan(struct watch *w, uint32_t dir, pid_t pid);

#endif
