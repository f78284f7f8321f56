/* The ssh sessions that stood before fimd was started: sshd still holds the connection. */
#ifndef FIMD_AUDIT_BEFORE_SSH_H
#define FIMD_AUDIT_BEFORE_SSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fimd/audit/session.h"

/* Reads /proc; what can't be read is left out. 0 or -ENOMEM. */
int sessions_read_ssh(struct sessions *s);
/* The other end of the established connection with this inode, from the lines of /proc/net/tcp or tcp6. */
bool socket_address(FILE *table, uint64_t inode, char *ret, size_t size);

#endif
