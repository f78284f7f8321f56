/* The outputs of fimd.yaml. */
#ifndef FIMD_CONFIG_OUTPUT_H
#define FIMD_CONFIG_OUTPUT_H

#include "fimd/config/key.h"

/* A key_fn for `outputs` in struct settings: replaces what is there. */
void key_outputs(struct reader *r, const struct yaml *n, const struct key *key, void *target);
/* The outputs when nothing else is said: an NDJSON file. 0 or -ENOMEM. */
int outputs_default(struct settings *s);
/* What can be told only with the policy: filters that name rules. */
void outputs_check_rules(struct reader *r, const struct yaml *outputs, const struct policy *policy);

#endif
