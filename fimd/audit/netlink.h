/* The kernel's audit system: its sockets, its control requests, its names of system calls. The one place
 * that knows libaudit and the netlink messages; everything else here is plain data. */
#ifndef FIMD_AUDIT_NETLINK_H
#define FIMD_AUDIT_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "baseline/fault.h"
#include "fimd/audit/rules.h"

/* The multicast socket: non-blocking, CLOEXEC, with as large a buffer as the rights allow. everything:
 * also the records that no file change needs (command lines), which are otherwise dropped by the kernel
 * before they reach the queue. An fd or -errno. */
int netlink_listen(bool everything, struct fault *why);

enum { NETLINK_BATCH = 32, NETLINK_RECORD_MAX = 9216 };
struct netlink_batch { /* large: on the heap */
    char bytes[NETLINK_BATCH][NETLINK_RECORD_MAX];
    size_t lengths[NETLINK_BATCH];
};
struct netlink_message {
    unsigned type;
    const char *text;
    size_t len;
};
/* As many messages as are there, up to NETLINK_BATCH; 0: none; -ENOBUFS: some were lost; -errno. */
int netlink_read(int fd, struct netlink_batch *batch);
/* Message i of the batch; false: not from the kernel's side, or malformed. */
bool netlink_message(const struct netlink_batch *batch, int i, struct netlink_message *ret);

/* A control socket: one request at a time, the caller sees to that. An fd or -errno. */
int netlink_control(struct fault *why);
struct netlink_status {
    unsigned enabled; /* 0 off, 1 on, 2 locked */
    pid_t daemon_pid;
    uint32_t backlog, backlog_limit, lost;
};
int netlink_status(int fd, struct netlink_status *ret);
int netlink_set_enabled(int fd, unsigned enabled);
int netlink_set_backlog_limit(int fd, uint32_t limit);
/* Each loaded rule; other than 0 from `each` ends the listing with that. */
int netlink_rules(int fd, int (*each)(void *ctx, const struct rule_wire *rule), void *ctx);
int netlink_add(int fd, const struct rule_wire *rule);    /* -EEXIST: stands already */
int netlink_remove(int fd, const struct rule_wire *rule); /* -ENOENT: did not stand */
/* Lets the dir= rules over `tree` cover what is mounted at `mount`, below it. */
int netlink_cover_mount(int fd, const char *mount, const char *tree);

void netlink_machine(struct rule_machine *ret);
/* NULL: no name known. Valid for ever. */
const char *netlink_call_name(uint32_t arch, uint32_t call);

#endif
