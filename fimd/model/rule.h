/* Copies of rules, made in an arena. */
#ifndef FIMD_MODEL_RULE_H
#define FIMD_MODEL_RULE_H

#include <stdbool.h>

#include "fimd/model/arena.h"
#include "fimd/model/policy.h"

int rule_copy(struct arena *a, const struct rule *from, struct rule *ret); /* 0 or -ENOMEM */
bool texts_equal(char *const *a, size_t a_count, char *const *b, size_t b_count);

#endif
