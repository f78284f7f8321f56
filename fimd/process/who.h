/* From a process at a moment to a person: the login by asking the ancestors, and the actor. Pure. */
#ifndef FIMD_PROCESS_WHO_H
#define FIMD_PROCESS_WHO_H

#include "fimd/process/tree.h"

struct who {
    bool known;
    uint32_t user, session; /* ACTOR_UNSET: nobody logged in */
    bool mixed;             /* two processes with this pid may be meant: their programs are not told apart */
    int64_t wait; /* until then (ns monotonic) a LOGIN that changes this may still come; 0: nothing is due */
};
void who_ask(const struct tree *t, const struct process *n, int64_t at, int64_t now, struct who *ret);
/* /proc of the living process need not be asked again: what was read covers `at`. */
bool who_is_fresh(const struct process *n, int64_t at);
/* A reference. to_real: what is added to a monotonic time for a real one. 0 or -ENOMEM. */
int who_actor(struct tree *t, struct process *n, int64_t at, const struct who *w, int64_t to_real,
              struct actor **ret);

#endif
