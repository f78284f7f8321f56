/* fimd's proof of itself: at the start a child of its own makes a file in a watched directory of its own and ends;
 * what comes out of the flow shows which grade of attribution really holds, and how long it took. */
#ifndef FIMD_FLOW_PROBE_H
#define FIMD_FLOW_PROBE_H

#include "baseline/fault.h"
#include "fimd/flow/pending.h"
#include "fimd/model/policy.h"

struct probe;

struct probe_result {
    bool seen;           /* fanotify told of it */
    bool person_right;   /* its login user is the child's */
    bool process_right;  /* pid and parent are the child's */
    enum grade grade;    /* of the whole */
    int64_t latency;     /* ns from the child's write to the attributed finding */
};

/* Makes the directory (0700) below state_dir. */
int probe_new(const char *state_dir, struct probe **ret, struct fault *why);
void probe_free(struct probe *p);
const char *probe_dir(const struct probe *p);
/* The policy with the probe's own rule added: a new reference. */
int probe_policy(const struct probe *p, const struct policy *policy, struct policy **ret, struct fault *why);
/* Makes the change and waits for it to come by. */
int probe_run(struct probe *p, int64_t timeout, struct probe_result *ret);
/* A finding below the probe's directory. The judge's thread. */
void probe_seen(struct probe *p, const struct finding *f);

#endif
