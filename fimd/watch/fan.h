/* The system calls of fanotify, and what of them this kernel has. The only file that knows <sys/fanotify.h>. */
#ifndef FIMD_WATCH_FAN_H
#define FIMD_WATCH_FAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of enum watch_feature this kernel has, less `without`. */
uint32_t fan_probe(uint32_t without);

/* A group for file events: a descriptor, or -errno. Its queue holds `queue` events (0: the system's number);
 * *ret_short: the number could not be raised, the system's holds. */
int fan_open(uint32_t features, unsigned queue, bool *ret_short);
/* A group that tells when something is mounted or unmounted in this mount namespace: a descriptor or -errno. */
int fan_open_mounts(void);

/* All return 0 or -errno. `dir` is any descriptor of a directory. */
int fan_mark_filesystem(int group, uint32_t features, int dir);
int fan_unmark_filesystem(int group, uint32_t features, int dir);
int fan_mark_dir(int group, uint32_t features, int dir); /* the directory and its direct children */
int fan_unmark_dir(int group, uint32_t features, int dir);
/* The events of files right in this directory are no longer queued: not its subdirectories', not renames. */
int fan_ignore_dir(int group, int dir);
void fan_forget_dirs(int group); /* takes all marks on directories away, ignore marks too */

/* How many events wait. The kernel walks its whole queue for this: not for every round. */
size_t fan_waiting(int group);

#endif
