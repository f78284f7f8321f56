/* What the audit thread has learnt, shared with the threads that ask: acts, sessions, how far the stream
 * has come, and which paths are covered. One mutex; every call is short. */
#ifndef FIMD_AUDIT_TABLE_H
#define FIMD_AUDIT_TABLE_H

#include <pthread.h>

#include "fimd/audit/audit.h"
#include "fimd/audit/match.h"
#include "fimd/audit/session.h"
#include "fimd/audit/targets.h"

struct table {
    pthread_mutex_t lock;
    struct match *match;
    struct sessions *sessions;
    struct targets covered; /* a copy, with what is loaded */
    int64_t passed;         /* ns monotonic: the record of all that was over by then is here */
    int64_t awaited;        /* somebody waits for the stream to pass this moment */
    bool listening;
    uint64_t acts;
};

int table_init(struct table *t, int64_t now);
void table_fini(struct table *t);
/* The targets now loaded; takes them over. */
void table_cover(struct table *t, struct targets *covered);
/* As audit_find. *ret_wake: nobody waited before: the audit thread must look at `awaited`. */
int table_find(struct table *t, const struct audit_query *query, int64_t now, struct audit_proof *ret,
               bool *ret_wake);
/* ns after the reading of an event by which its record has been logged, if there is one. */
int64_t table_margin(void);
/* "pts3", as records write a terminal, to "pts/3"; in place, needs one byte more. */
void terminal_slash(char *tty, size_t size);

#endif
