/* Regular expressions over paths (PCRE2), compiled once, matched by any thread without the heap. */
#ifndef FIMD_MODEL_REGEX_H
#define FIMD_MODEL_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "baseline/fault.h"

struct regex;

/* -EINVAL with PCRE2's words and the place in `why`, -ENOMEM. */
int regex_new(const char *pattern, size_t len, struct regex **ret, struct fault *why);
void regex_free(struct regex *r);
/* Does a text that it is found in keep it, whatever is added behind? Then no beginning of a text need be
 * tried once the whole has been. Said only when it is sure. */
bool regex_grows(const struct regex *r);
/* 1: found somewhere in text; 0: not; -1: given up (the expression is too costly for this text). */
int regex_find(const struct regex *r, const char *text, size_t len);

#endif
