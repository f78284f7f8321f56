/* The login sessions that stood before fimd was started, as far as the host's list of users tells them. */
#ifndef FIMD_AUDIT_BEFORE_H
#define FIMD_AUDIT_BEFORE_H

#include "fimd/audit/session.h"

/* Reads /run/utmp and /proc (of ssh also what is not in utmp); what can't be read is left out. 0 or -ENOMEM. */
int sessions_read_before(struct sessions *s);
/* The same from bytes of utmp, with the session and program of a pid by a function; for tests. */
int sessions_from_utmp(struct sessions *s, const void *bytes, size_t len,
                       bool (*of_pid)(pid_t pid, uint32_t *ret_session, char *ret_program, size_t size));

#endif
