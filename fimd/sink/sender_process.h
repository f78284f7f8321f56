/* The daemon's side of the network process: starting, talking to, ending it. One thread, but for the pid
 * and sender_interrupt. */
#ifndef FIMD_SINK_SENDER_PROCESS_H
#define FIMD_SINK_SENDER_PROCESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "baseline/buf.h"
#include "baseline/fault.h"

struct sender_process {
    atomic_int pid;       /* 0: there is none */
    int fd;               /* our end of the socket pair; -1 */
    pthread_mutex_t lock; /* held while the pid may be taken back: no other process is ever killed by it */
};

void sender_init(struct sender_process *p);
void sender_fini(struct sender_process *p); /* ends it as well */
/* Kills it, so that whoever talks to it fails soon. Any thread. */
void sender_interrupt(struct sender_process *p);

/* program NULL: this one. 0 or -errno. */
int sender_start(struct sender_process *p, const char *program, struct fault *why);
/* Ends it at once and takes its exit status. */
void sender_end(struct sender_process *p);
/* Says in `why` how it ended, and cleans up after it: -EPIPE. For when talking to it has failed. */
int sender_lost(struct sender_process *p, struct fault *why);

/* Both give up at `until` (ns monotonic): -ETIMEDOUT. -EPIPE, -ECONNRESET: it is gone. */
int sender_write(struct sender_process *p, const struct buf *frame, int64_t until);
/* The content of the next frame, at most `most` bytes; -EBADMSG when it is longer. */
int sender_read(struct sender_process *p, struct buf *ret, size_t most, int64_t until);

/* Whom to become: the user's ids, or those of nobody. */
void sender_account(const char *user, uid_t *ret_uid, gid_t *ret_gid);

#endif
