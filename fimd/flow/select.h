/* The pending table behind a lock: the watch's thread and the scans put in, the measuring workers take out, the
 * judge ends. A full table makes the watch's thread wait, so that the kernel's bounded queue takes the pressure;
 * scans wait too. */
#ifndef FIMD_FLOW_SELECT_H
#define FIMD_FLOW_SELECT_H

#include "fimd/flow/pending.h"
#include "fimd/model/policy.h"
#include "fimd/watch/watch.h"

struct select;

struct select_options {
    struct pending_options pending;
    size_t most;              /* findings at once */
    struct processes *people; /* where references to processes go back to */
    struct policy *policy;    /* a reference is taken */
};

int select_new(const struct select_options *options, struct select **ret);
void select_free(struct select *s); /* drops what was not taken */
void select_set_policy(struct select *s, struct policy *policy, const struct pending_options *pending);
struct policy *select_policy(struct select *s); /* a reference: the caller's */

struct processes *select_people(struct select *s);

/* Events of one read, of paths only (the caller keeps WATCH_RESCAN and WATCH_OVERFLOW). Waits while the table is
 * full. Takes over every event's process. */
void select_events(struct select *s, const struct watch_event *events, size_t count);
/* A difference that a scan found. `by` (may be NULL) is copied, its process referenced anew. 0, -ENOMEM, -ECANCELED. */
int select_scanned(struct select *s, const char *path, size_t len, enum event_source source, bool removed,
                   const struct touch *by);

/* Waits for findings at rest and takes up to `most` of them; 0 when closing. */
size_t select_take(struct select *s, struct finding **ret, size_t most);
/* Ends findings (linked by ->link): drops their processes and actors. */
void select_done(struct select *s, struct finding *list);
/* Wakes everyone for good: select_take returns 0, adding is refused. */
void select_stop(struct select *s);

size_t select_count(struct select *s);
/* Waits until all that is in the table now is done. 0 or -ETIMEDOUT, -ECANCELED. */
int select_sync(struct select *s, int64_t timeout);

#endif
