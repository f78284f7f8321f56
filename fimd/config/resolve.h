/* Rules match real paths: the symlinks on the way to a rule's path are resolved when it is read. */
#ifndef FIMD_CONFIG_RESOLVE_H
#define FIMD_CONFIG_RESOLVE_H

#include <stdbool.h>

#include "fimd/model/settings.h"

/* Adds the pattern with its literal directories resolved as far as they exist, unless it is there already;
 * with `follow` also what its last component points to. 0 or -ENOMEM. */
int path_resolve(const char *pattern, bool follow, struct strings *to);
/* Has it no pattern in it? Only such a path can be followed. */
bool path_is_literal(const char *pattern);

#endif
