/* Every way in which fimd can miss something, by name, counted. Whoever counts also makes an event and starts
 * the work that repairs it (flow/loss). Any thread. */
#ifndef FIMD_RT_LOSS_H
#define FIMD_RT_LOSS_H

#include <stdint.h>

enum loss {
    LOSS_FANOTIFY_OVERFLOW, /* FAN_Q_OVERFLOW: changes may be missed → rescan */
    LOSS_PATH_UNRESOLVED,   /* an event whose directory is gone or out of reach → its root is rescanned */
    LOSS_AUDIT_RECORDS,     /* ENOBUFS or a gap of serials on the audit socket → grade falls to `process` */
    LOSS_AUDIT_INCOMPLETE,  /* an audit event without its end */
    LOSS_CONNECTOR,         /* a gap in the process connector's sequence → tree read again from /proc */
    LOSS_PROCESS_EVICTED,   /* a process forgotten before its events were read */
    LOSS_PENDING_FULL,      /* the table of waiting paths is full → the reader waits */
    LOSS_NOT_RECORDED,      /* a change that could not be committed (disk full) → rescan when it can */
    LOSS_DEAD_LETTER,       /* a document that a server refuses for good */
    LOSS_KINDS
};

void loss_count(enum loss kind, uint64_t n);
uint64_t loss_read(enum loss kind);
const char *loss_name(enum loss kind); /* "fanotify-overflow" … : in status, events and docs */

#endif
