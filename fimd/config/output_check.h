/* What must fit together in one output. Inside fimd/config only. */
#ifndef FIMD_CONFIG_OUTPUT_CHECK_H
#define FIMD_CONFIG_OUTPUT_CHECK_H

#include "fimd/config/cloud_id.h"
#include "fimd/config/key.h"

/* n: the output's map, for the places of mistakes. */
void output_check(struct reader *r, const struct yaml *n, const struct output_settings *o);
/* The value of a key of a map; NULL when it is missing or empty. */
const struct yaml *child_of(const struct yaml *n, const char *key);

#endif
