/* Keeps fimd's rules in the kernel: loads them, finds what somebody took out, puts it back, takes out its
 * own (and only those) at the end. Also keeps audit enabled and its queue long enough, and puts both back.
 * Not thread-safe. */
#ifndef FIMD_AUDIT_KEEPER_H
#define FIMD_AUDIT_KEEPER_H

#include "baseline/fault.h"
#include "fimd/audit/netlink.h"
#include "fimd/audit/targets.h"

struct keeper_kernel { /* netlink.h's requests; tests bring a kernel of their own, that can be locked */
    int (*status)(int fd, struct netlink_status *ret);
    int (*set_enabled)(int fd, unsigned enabled);
    int (*set_backlog_limit)(int fd, uint32_t limit);
    int (*rules)(int fd, int (*each)(void *ctx, const struct rule_wire *rule), void *ctx);
    int (*add)(int fd, const struct rule_wire *rule);
    int (*remove)(int fd, const struct rule_wire *rule);
    int (*cover_mount)(int fd, const char *mount, const char *tree);
};

struct keeper {
    int fd; /* control socket; owned */
    const struct keeper_kernel *kernel;
    char key[128];
    struct rule_machine machine;
    struct policy *policy; /* a reference */
    enum rules_wanted wanted;
    struct targets targets; /* as of the last look */
    struct netlink_status status;
    unsigned rules_wanted, rules_loaded, rules_foreign;
    bool never_task;
    unsigned enabled_before;        /* what the host wants without us */
    uint32_t backlog_limit_before;  /* 0: was not changed */
    bool told_locked, told_never, told_left_out, told_failed;
    void (*state)(void *ctx, const char *action, const char *text);
    void *ctx;
};

/* state() may be called by every function here. */
int keeper_open(struct keeper *k, const char *key,
                void (*state)(void *ctx, const char *action, const char *text), void *ctx, struct fault *why);
/* The same on a kernel of the caller's; fd is owned from then on. */
int keeper_open_on(struct keeper *k, const struct keeper_kernel *kernel, int fd, const char *key,
                   void (*state)(void *ctx, const char *action, const char *text), void *ctx,
                   struct fault *why);
/* Takes a reference to the policy, loads what is new, takes out what is no longer wanted. */
int keeper_set(struct keeper *k, struct policy *policy, enum rules_wanted wanted, struct fault *why);
/* Looks at everything and repairs it. 0 or -errno when audit itself can't be asked. */
int keeper_look(struct keeper *k);
/* A mount below a loaded directory: its rules cover it from now on. */
void keeper_mounted(struct keeper *k, const char *path);
void keeper_close(struct keeper *k);

#endif
