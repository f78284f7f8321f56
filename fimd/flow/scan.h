/* Walks that look for what the watch could not tell: the first baseline, what changed while fimd was down, after a
 * loss, below a directory that came with its content, and when somebody asks. Differences enter at the front of
 * the flow and are measured and judged like any change. Owns two threads: one for long scans, one for short walks,
 * so that a moved-in directory does not wait for a scan of the disk. */
#ifndef FIMD_FLOW_SCAN_H
#define FIMD_FLOW_SCAN_H

#include "baseline/check.h"
#include "fimd/flow/select.h"

struct scans;

struct scan_result {
    uint64_t ticket;       /* as it was given when it was queued */
    const char *why;       /* "start", "queue-overflow", "asked" …: static */
    enum check_depth depth;
    bool fill;             /* it made a first baseline */
    uint64_t directories, entries, bytes;
    uint64_t differences;  /* journaled: what was told as a difference, measured again, and was one */
    int64_t duration;      /* ns */
    int error;             /* 0 or -errno */
    uint64_t unreadable;   /* paths that could not be looked at */
    char unreadable_first[256]; /* one of them, escaped; "" none */
    char text[400];        /* of the error */
};

struct scans_options {
    struct store *store;
    struct select *select;
    const struct measure_options *measure;
    unsigned threads;   /* of a long scan; 0: one a core */
    uint64_t read_rate; /* bytes a second, 0 no limit */
    const char *leave_out; /* a directory that is watched and not recorded: the probe's */
    void *ctx;
    /* A long scan or a fill ended. The scan's thread. */
    void (*finished)(void *ctx, const struct scan_result *result);
    /* How many differences that a scan found have been journaled since the start. */
    uint64_t (*found)(void *ctx);
};

int scans_open(const struct scans_options *options, struct scans **ret);
void scans_close(struct scans *s); /* ends running walks soon */

/* Queues a scan of all that the policy watches (path NULL), or of path's subtree. `why` is static. A scan that is
 * queued already and would do the same is not queued twice. *ret_ticket (may be NULL) is for scans_wait. 0, -ENOMEM. */
int scans_run(struct scans *s, const char *path, enum check_depth depth, enum event_source source, const char *why,
              uint64_t *ret_ticket);
/* Queues the making of the first baseline: what is not known yet is put into the store without an event. */
int scans_fill(struct scans *s, uint64_t *ret_ticket);
/* Queues a short walk below a directory that came with its content; what is new there was brought by `by` (NULL unknown). */
int scans_walk(struct scans *s, const char *path, size_t len, const struct touch *by);
/* 0 with the result when that scan has ended, -ETIMEDOUT, -ECANCELED. */
int scans_wait(struct scans *s, uint64_t ticket, int64_t timeout, struct scan_result *ret);

/* From now on nobody waits: -ECANCELED. What runs goes on. */
void scans_leave(struct scans *s);

/* Waits until no short walk is queued or running: 0, -ETIMEDOUT, -ECANCELED. */
int scans_quiet(struct scans *s, int64_t timeout);

struct scan_status {
    bool running, filling;
    char why[32];
    uint64_t directories, entries, bytes, differences;
    unsigned queued;
};
void scans_status(struct scans *s, struct scan_status *ret);

#endif
