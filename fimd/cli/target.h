/* A path that a person typed, as the store and the rules have it: absolute, and without symlinks above its last
 * name. /bin/ls becomes /usr/bin/ls; what is gone keeps the names that are no longer there. */
#ifndef FIMD_CLI_TARGET_H
#define FIMD_CLI_TARGET_H

#include "baseline/buf.h"

/* Appends; 0, -EINVAL for an empty one, -ENOMEM or the errno of getcwd. */
int target_resolve(const char *typed, struct buf *ret);
/* Without a look at the disk: "//", "." and ".." taken out of an absolute path. Pure. */
int target_clean(const char *path, struct buf *ret);

#endif
