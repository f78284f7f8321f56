/* Policy files and sets: found on the path or built in, each loaded once. */
#ifndef FIMD_CONFIG_POLICIES_H
#define FIMD_CONFIG_POLICIES_H

#include "fimd/config/rules.h"

/* Loads what fimd.yaml names. names: the node of `policies`, for the places of mistakes; NULL: the default's.
 */
void policies_load(struct reader *r, const struct settings *s, const struct yaml *names, struct rules *to);

/* A whole file into the arena, with a NUL behind: its length, or -errno; -EFBIG above FILE_SIZE_MAX. */
long file_read(struct arena *a, const char *path, char **ret);
enum { FILE_SIZE_MAX = 4 << 20 };

#endif
