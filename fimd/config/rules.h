/* Rules: the `watch` lists of fimd.yaml and of policy files. */
#ifndef FIMD_CONFIG_RULES_H
#define FIMD_CONFIG_RULES_H

#include "fimd/config/key.h"

struct rules {
    struct rule *list;
    size_t count;
};

void rules_fini(struct rules *rs);
/* Reads a `watch` list; policy: whose rules they are. */
void rules_read(struct reader *r, const struct yaml *n, const char *policy, struct rules *to);

#endif
