/* Which selection of paths the baseline in a store was made for: kept there as a digest, so that a start knows
 * whether to compare or to take in first. Any thread. */
#ifndef FIMD_FLOW_SELECTION_H
#define FIMD_FLOW_SELECTION_H

#include "baseline/store.h"
#include "fimd/model/policy.h"

struct selection {
    bool same; /* the baseline was made for what this policy selects */
    bool any;  /* it has entries, if only some */
};

int selection_read(struct store *s, const struct policy *policy, struct selection *ret, struct fault *why);
/* The baseline is complete for this policy. */
int selection_remember(struct store *s, const struct policy *policy, struct fault *why);

#endif
