/* Why a rule does not match a path. Pure. */
#ifndef FIMD_CLI_WHY_H
#define FIMD_CLI_WHY_H

#include "fimd/model/policy.h"

bool why_matches(const struct verdict *verdict, size_t rule_index);
/* The rule's own path covers this one, and yet it does not match: true, and the reason appended. */
bool why_not(const struct rule *rule, const char *path, size_t len, struct buf *ret);

#endif
