/* Records → acts. The kernel multicasts the records of events that end at the same moment interleaved,
 * with serials that run backwards; an event is the set of records with one (time, serial), ended by EOE.
 * One that never ends (a record was lost) comes out after a patience measured in the records' own time, so
 * a test or a replay gives the same result as the day itself. Pure: no clock, no socket. Not thread-safe. */
#ifndef FIMD_AUDIT_COALESCE_H
#define FIMD_AUDIT_COALESCE_H

#include "fimd/audit/act.h"

struct coalesce_options {
    void *ctx;
    /* Asked with the act's head as soon as its SYSCALL or URINGOP is there; false: its records are passed
     * over unread. NULL: everything is wanted. */
    bool (*wants)(void *ctx, const struct act *head);
    /* A finished act, and (at once) every LOGIN, CONFIG_CHANGE and message of a program. Valid in the
     * call. */
    void (*act)(void *ctx, const struct act *act);
    bool everything;  /* keep all records of an event, not only those that act.c reads for file changes */
    int64_t patience; /* ns of the records' time; 0: 2 s */
    unsigned most;    /* events open at once, above which the oldest comes out unfinished; 0: 1024 */
};

struct coalescer;
struct coalescer *coalesce_new(const struct coalesce_options *options); /* NULL: out of memory */
void coalesce_free(struct coalescer *c);
/* 0, or -ENOMEM: the record is lost and its event will come out incomplete. The bytes are copied when
 * kept. */
int coalesce_push(struct coalescer *c, const struct record *r);
/* For a stream that has fallen silent: now, ns realtime. */
void coalesce_expire(struct coalescer *c, int64_t now);
size_t coalesce_open(const struct coalescer *c);         /* events waiting for their end */
uint64_t coalesce_incomplete(const struct coalescer *c); /* wanted ones that came out without it, ever */

#endif
