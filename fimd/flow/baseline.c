/* What is walked at the start: a first baseline where there is none, what changed while fimd was down where there
 * is one. A policy that selects other paths than the last time first takes in silently what it did not have; so does
 * a start after a first baseline that was cut short. What either has already is compared then. */
#include "fimd/flow/private.h"

#include "fimd/flow/selection.h"
#include "fimd/rt/log.h"

int flow_first_walk(struct flow *f, bool starting)
{
    struct selection known = {0};
    struct fault why = {0};
    int r = selection_read(f->store, f->settings->policy, &known, &why);
    if (r < 0)
        return r;
    judge_set_filling(f->judge, !known.same);
    if (!known.same) {
        pthread_mutex_lock(&f->lock); /* it may end before its ticket is kept */
        r = scans_fill(f->scans, &f->fill);
        pthread_mutex_unlock(&f->lock);
    }
    bool compare = starting ? f->settings->scan_at_start && (known.same || known.any) : !known.same;
    if (r == 0 && compare)
        r = scans_run(f->scans, NULL, f->settings->scan_at_start_depth, starting ? SOURCE_START : SOURCE_SCAN,
                      starting ? "start" : "policy-changed", NULL);
    return r;
}

void flow_baseline_made(struct flow *f, uint64_t ticket)
{
    struct fault why = {0};
    pthread_mutex_lock(&f->lock);
    bool ours = f->fill == ticket;
    const struct policy *policy = f->settings->policy; /* stays, also when a reload replaces it */
    pthread_mutex_unlock(&f->lock);
    if (!ours) /* of settings that a reload has replaced: the next one makes it */
        return;
    /* Not remembered: the next start fills again what there is, and compares. */
    if (selection_remember(f->store, policy, &why) < 0)
        log_warning("the baseline is made, but that could not be noted: %s", why.text);
    judge_set_filling(f->judge, false);
}
