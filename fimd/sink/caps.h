/* POSIX capabilities: giving all of ours up, and the names of a file's. Wraps libcap-ng. */
#ifndef FIMD_SINK_CAPS_H
#define FIMD_SINK_CAPS_H

#include <sys/types.h>

/* Becomes uid and gid, without any further group, and gives up every capability: effective, permitted,
 * inheritable, ambient, and the bounding set. Without root's rights: only gives up what there is. 0 or
 * -errno. */
int caps_become(uid_t uid, gid_t gid);
/* "net_raw" …; NULL when unknown. */
const char *caps_name(unsigned capability);

#endif
