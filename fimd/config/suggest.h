/* The nearest of some words. Pure. */
#ifndef FIMD_CONFIG_SUGGEST_H
#define FIMD_CONFIG_SUGGEST_H

#include <stddef.h>

/* Insertions, deletions, replacements and swaps of neighbours from a to b. */
size_t edit_distance(const char *a, const char *b);

struct suggestion {   /* begin with {0} */
    const char *word; /* NULL: none is near */
    size_t distance;
};
/* Keeps the candidate when it is nearer than the one before and near enough to have been meant. */
void suggest(struct suggestion *s, const char *wanted, const char *candidate);

#endif
