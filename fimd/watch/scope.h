/* From a directory in a file system to the paths at which it is seen, and whether anybody watches there. */
#ifndef FIMD_WATCH_SCOPE_H
#define FIMD_WATCH_SCOPE_H

#include "fimd/watch/state.h"

/* Makes the node's findings valid: DIR_CHILDREN, DIR_DEEPER, DIR_PLAIN and mount. */
void scope_find(struct watch *w, uint32_t node);
/* Is this path watched itself, or (a directory) something below it? */
bool scope_wants(const struct watch *w, const char *path, size_t len, bool is_dir);

/* dir/name inside the file system, into `to` (emptied first); name "." is the directory itself. */
bool scope_inside(const struct watch *w, uint32_t dir, const char *name, size_t len, struct buf *to);
/* The same as seen through mount number `i` of the volume, into `to` (emptied first). False: not seen there. */
bool scope_show(const struct watch *w, const struct volume *v, uint32_t i, const struct buf *inside, struct buf *to);
/* For a node that is DIR_PLAIN: straight to the path seen. */
bool scope_plain(const struct watch *w, uint32_t dir, const char *name, size_t len, struct buf *to);

#endif
