/* The kernel's process connector: its socket, its bytes, its sequence numbers. Owns nothing of the tree.
 *
 *   NETLINK_CONNECTOR ─► connector_read (recvmmsg) ─► connector_decode (pure) ─► messages
 *                                          └► connector_sequence: whether some are missing */
#ifndef FIMD_PROCESS_CONNECTOR_H
#define FIMD_PROCESS_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "baseline/fault.h"

enum connector_kind {
    CONNECTOR_OTHER, /* counted in the sequence, of no meaning here (ptrace, core dump, …) */
    CONNECTOR_ACK,   /* the answer to a listener's subscription: real is its errno */
    CONNECTOR_FORK,
    CONNECTOR_EXEC,
    CONNECTOR_UID,
    CONNECTOR_GID,
    CONNECTOR_SID,
    CONNECTOR_COMM,
    CONNECTOR_EXIT,
};

struct connector_message {
    enum connector_kind kind;
    uint32_t cpu, sequence;   /* sequence counts up by one on each cpu */
    int64_t time;             /* ns monotonic */
    pid_t pid, tgid;          /* pid == tgid: the process itself, else one of its threads. FORK: the child */
    pid_t parent;             /* FORK: the parent's tgid */
    uint32_t real, effective; /* UID, GID */
    char comm[16];            /* COMM; NUL-terminated */
};

/* One datagram, hostile bytes: 0 or -EBADMSG. */
int connector_decode(const uint8_t *data, size_t len, struct connector_message *ret);

struct connector_sequences { /* the number that is due on each cpu; zero it to begin */
    struct connector_cpu {
        bool known;
        uint32_t due;
    } *cpus;
    size_t count;
};
void connector_sequences_fini(struct connector_sequences *s);
/* False: messages of this cpu are missing before this one. A cpu's first message is always in order. */
bool connector_sequence(struct connector_sequences *s, const struct connector_message *m);

enum { CONNECTOR_BATCH = 64 };

struct connector;
/* Subscribes and waits for the kernel's word that it holds. -errno with the reason and the remedy. */
int connector_open(struct connector **ret, struct fault *why);
void connector_close(struct connector *c);
int connector_fd(const struct connector *c); /* to poll */
/* Without waiting: how many came (less than CONNECTOR_BATCH: the queue is empty now), or -errno. *ret_lost is
 * set when some are missing before or among them, and left alone else. */
int connector_read(struct connector *c, struct connector_message ret[CONNECTOR_BATCH], bool *ret_lost);

#endif
