/* Which file systems are watched, by which group, and in which way. */
#ifndef FIMD_WATCH_MARKS_H
#define FIMD_WATCH_MARKS_H

#include "fimd/watch/state.h"

/* Opens the first group. 0 or -errno with the fault. */
int marks_init(struct watch *w, struct fault *why);
void marks_fini(struct watch *w);

/* Reads the mount table and brings every mark in line with it and with the policy: what is new is marked before
 * anything is let go. 0 or -errno (then the old table and marks stand). With `changed` not NULL: appended are the
 * watched places where something was mounted or unmounted, each a path ended by NUL. */
int marks_apply(struct watch *w, struct buf *changed);

/* An inode mark, in a group that takes it. 0 or -errno. */
int marks_mark_dir(struct watch *w, uint16_t volume, int dir);
void marks_unmark_dir(struct watch *w, uint16_t volume, int dir);
/* A hot directory that nobody watches: stop its events at the source. */
void marks_ignore(struct watch *w, uint32_t node);
void marks_forget_ignores(struct watch *w);

/* The volume of an event; VOLUME_NONE. */
uint16_t marks_volume(const struct watch *w, unsigned group, uint64_t fsid);
/* What watching this volume cannot see; static, NULL: nothing. */
const char *marks_limits(const struct volume *v);

#endif
