/* Gives up everything that a process which talks to the network does not need. For good. */
#ifndef FIMD_SINK_CONFINE_H
#define FIMD_SINK_CONFINE_H

#include <sys/types.h>

/* Becomes uid and gid without groups and capabilities; no new privileges, no core dump, no ptrace, no writing
 * of files; dies with the parent, which must still be `parent`; system calls are held to what DNS, TLS and
 * sockets need. 0 or -errno: then the process must end. */
int confine(uid_t uid, gid_t gid, pid_t parent);

#endif
