/* For the tests on the real kernel: audit is one for the whole host, so they go one after the other, under
 * a lock. */
#ifndef TESTS_UNIT_AUDIT_HOST_H
#define TESTS_UNIT_AUDIT_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "fimd/audit/audit.h"

enum { PERSON = 4242 }; /* the login user that children act as */

struct host {
    int lock;
    char key[32];
    char dir[64]; /* a fresh directory; removed by host_fini */
    struct policy *policy;
    struct audit *audit;
    pthread_mutex_t told; /* states, which audit's thread writes; zero is a mutex that is free */
    char states[4096];    /* "action: text\n" … */
    atomic_uint logins, progress;
    uint32_t last_login, last_session;
    pid_t last_pid;
};

/* False: no root, or no audit here (the test is skipped). h must outlive the test's function (static):
 * when a test fails in its middle, host_put_back, as its suite's fini, ends it. */
bool host_init(struct host *h);
void host_open(struct host *h, enum rules_wanted rules); /* audit_open on h->policy, with keys of our own */
void host_watch(struct host *h, const char *path);       /* a policy of one rule of high severity */
void host_fini(struct host *h);
void host_put_back(void);
/* Runs act(arg) in a child that has logged in as PERSON; its pid, once it is over. It must return 0. */
pid_t host_act(int (*act)(void *arg), void *arg);
/* audit_find until it is no longer -EAGAIN. */
int host_find(struct host *h, const struct audit_query *query, struct audit_proof *ret);
bool host_told(struct host *h, const char *action, int within_ms);
int64_t host_now(void);
unsigned host_rules(const struct host *h); /* rules with our key in the kernel */
void host_remove_rules(const struct host *h); /* as an attacker would */

#endif
