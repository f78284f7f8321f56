/* Ways into a file system: descriptors to open handles from. */
#ifndef FIMD_WATCH_VOLUME_H
#define FIMD_WATCH_VOLUME_H

#include "fimd/watch/state.h"

/* Which mounts show the volume, and which of them are bases. 0 or -ENOMEM. */
int volume_set_mounts(struct watch *w, struct volume *v);
/* A descriptor of the base's root, opened when it is not: fd or -errno. Stays the volume's. */
int volume_open_base(struct watch *w, struct volume *v, struct base *b);
/* The base's root inside the file system. */
const char *volume_base_root(const struct watch *w, const struct base *b, size_t *ret_len);
/* Closes what would hold a file system that somebody unmounts. */
void volume_close_bases(struct watch *w, struct volume *v);
void volume_close_all_bases(struct watch *w);
void volume_fini(struct watch *w, struct volume *v);

#endif
