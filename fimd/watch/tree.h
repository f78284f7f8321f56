/* Inode marks, a directory at a time, for file systems that refuse a mark as a whole. */
#ifndef FIMD_WATCH_TREE_H
#define FIMD_WATCH_TREE_H

#include "fimd/watch/state.h"

/* Marks every directory of the mount that the policy asks for. 0 or -errno of the mount's root. */
int tree_mark_mount(struct watch *w, uint16_t volume, uint32_t mount);
/* Marks a directory that was made or moved here a moment ago (its node is in the cache, if it has one) and what
 * is below it. True: something was marked that was not before, so what happened inside until now was not seen. */
bool tree_mark_new(struct watch *w, uint16_t volume, const char *path, size_t len);
/* Takes the marks off that the policy no longer asks for. */
void tree_prune(struct watch *w, uint16_t volume);

#endif
