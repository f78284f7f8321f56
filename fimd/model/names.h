/* Many name patterns at once: which of them a name could match is told by its first and last byte. */
#ifndef FIMD_MODEL_NAMES_H
#define FIMD_MODEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "fimd/model/arena.h"

struct names;

/* Texts are copied. NULL out of memory. */
struct names *names_make(struct arena *a, char *const *patterns, size_t count);
/* Does any match? NULL names: no. */
bool names_match(const struct names *n, const char *name, size_t len);

#endif
