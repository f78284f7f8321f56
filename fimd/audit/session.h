/* Login sessions, as the records of PAM and of the login programs tell them: session id → remote address,
 * method and terminal. Pure; not thread-safe. */
#ifndef FIMD_AUDIT_SESSION_H
#define FIMD_AUDIT_SESSION_H

#include "fimd/audit/act.h"
#include "fimd/audit/audit.h"

struct sessions;
struct sessions *
sessions_new(size_t most); /* NULL: out of memory; 0: 1024, above which the oldest is forgotten */
void sessions_free(struct sessions *s);
/* USER_LOGIN, USER_START, CRED_…, LOGIN; other types are passed over. 0 or -ENOMEM. */
int sessions_push(struct sessions *s, const struct act *act);
/* What is known from elsewhere of a session that began before fimd; never replaces what a record told. */
int sessions_put(struct sessions *s, uint32_t id, const struct audit_session *known);
/* All that `from` knows, as by sessions_put. 0 or -ENOMEM. */
int sessions_merge(struct sessions *s, const struct sessions *from);
bool sessions_get(const struct sessions *s, uint32_t id, struct audit_session *ret);

#endif
