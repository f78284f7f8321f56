/* Private to the folder: the module's state, and what feeds the tree. */
#ifndef FIMD_PROCESS_FEED_H
#define FIMD_PROCESS_FEED_H

#include <pthread.h>

#include "fimd/process/connector.h"
#include "fimd/process/process.h"
#include "fimd/process/tree.h"

struct processes {
    pthread_mutex_t lock; /* all below but the thread's own */
    struct tree tree;
    struct connector *connector; /* NULL: /proc alone */
    int wake;
    pthread_t thread;
    bool running, stop;
    bool rescan;            /* messages were lost: /proc is to be read */
    bool queue_told;        /* the thread was woken for the programs in the queue */
    int64_t logins_changed; /* since when they come, or don't */
    int64_t drained;        /* when the socket was last emptied */
    int64_t last_time;      /* stamp of the last message */
    uint64_t messages, gaps, exec_missed;
};

/* With the lock held: */
unsigned feed_drain(struct processes *p); /* empties the socket into the tree; how many messages there were */
void feed_lost(struct processes *p);      /* messages are missing: counted, and /proc is to be read again */
void feed_tell(struct processes *p);      /* wakes the thread when it has programs or all of /proc to read */
/* The living process's login (and directory) as of now, from /proc; it ends when it is found to be gone. */
void feed_check(struct processes *p, struct process *n, int64_t now, bool with_cwd);
void feed_look_up(struct processes *p, pid_t pid); /* a pid that the tree does not know */
bool feed_program_due(const struct process *n);
void feed_program(struct processes *p, struct process *n); /* now, instead of by the thread */

/* Without the lock: all of /proc, at the start (by_thread false) or after a loss. 0 or -errno. */
int feed_all(struct processes *p, bool by_thread);
void *feed_main(void *ctx); /* the thread, until stop */

#endif
