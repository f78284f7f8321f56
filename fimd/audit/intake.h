/* The listening socket and what becomes of its records. Belongs to the audit thread; counters may be read
 * by any. */
#ifndef FIMD_AUDIT_INTAKE_H
#define FIMD_AUDIT_INTAKE_H

#include <stdatomic.h>

#include "fimd/audit/audit.h"
#include "fimd/audit/table.h"

enum { INTAKE_LOGINS = 64 };

struct intake_login {
    pid_t pid;
    uint32_t auid, ses;
    char tty[64];
    int64_t time; /* ns realtime */
};

struct intake {
    struct table *table;
    struct audit_callbacks callbacks; /* login and progress are called, with no lock held */
    pid_t ignore[4];
    int fd; /* the socket, to poll; owned */
    struct coalescer *coalescer;
    struct rule_calls *calls;
    struct netlink_batch *batch;
    int64_t offset; /* realtime minus monotonic, at the batch */
    int64_t now;    /* monotonic, at the batch */
    struct intake_login logins[INTAKE_LOGINS];
    size_t logins_count;
    bool progressed;
    bool rules_touched;   /* somebody changed rules or switches; whoever looks at them clears it */
    uint64_t lost_unsaid; /* losses of the socket since somebody last told of them and cleared it */
    uint64_t incomplete_seen;
    atomic_uint_fast64_t records, lost_socket, incomplete;
};

/* Also after a failure to be ended by intake_close. ignore: four pids. */
int intake_open(struct intake *in, struct table *table, const struct audit_callbacks *callbacks,
                const pid_t *ignore, struct fault *why);
void intake_close(struct intake *in);
/* Reads what is there, does not wait; how many records it was. */
int intake_drain(struct intake *in);
/* Housekeeping: events without an end, old acts. */
void intake_expire(struct intake *in);

#endif
