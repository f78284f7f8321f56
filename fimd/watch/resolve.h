/* A directory's handle → its node in the cache, asking the kernel when it is not there yet. */
#ifndef FIMD_WATCH_RESOLVE_H
#define FIMD_WATCH_RESOLVE_H

#include "fimd/watch/state.h"

/* All but resolve_file may evict other nodes: an index that was got before is no longer good afterwards.
 * The node, or DIR_NONE with *ret_why: -ESTALE: it no longer exists; -ENOENT: it is nothing that is watched
 * (outside every mount, or no inode mark of ours); else the trouble, and it may have been ours. */
uint32_t resolve_dir(struct watch *w, uint16_t volume, struct handle_view h, int *ret_why);
/* Asks again where the directory is now, and moves its node there. */
uint32_t resolve_again(struct watch *w, uint16_t volume, struct handle_view h, int *ret_why);
/* Where a file is by its own handle: appends its path inside the file system. Only for events that come without
 * a directory; one of several names, and none when the kernel has not looked it up. 0 or -errno. */
int resolve_file(struct watch *w, uint16_t volume, struct handle_view h, struct buf *to);

#endif
