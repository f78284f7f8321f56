/* The one writer: takes measured findings, waits for who did it, and commits baseline and journal together, many
 * findings a transaction while a flush of the one before is under way (group commit). Owns its thread. */
#ifndef FIMD_FLOW_JUDGE_H
#define FIMD_FLOW_JUDGE_H

#include <stdatomic.h>

#include "baseline/store.h"
#include "fimd/flow/attribute.h"
#include "fimd/flow/select.h"

struct judge;

struct judge_callbacks { /* on the judge's thread */
    void *ctx;
    /* Committed and flushed up to this sequence. */
    void (*committed)(void *ctx, uint64_t last);
    /* A directory that came with its content; by: who brought it, NULL unknown; valid during the call. */
    void (*walk)(void *ctx, const char *path, size_t len, const struct touch *by);
    /* A finding below the probe's directory (see probe.h): it is not recorded. */
    void (*probed)(void *ctx, const struct finding *f);
    /* Commits fail (why) or work again (NULL): what was missed meanwhile has to be walked again. */
    void (*recording)(void *ctx, const struct fault *why);
    /* The lowest sequence that an output has yet to deliver: nothing from there on is trimmed. */
    uint64_t (*needed)(void *ctx);
    /* Small values to be kept with the next commit: writes cursors into the transaction. */
    int (*save)(void *ctx, struct store_txn *txn);
};

struct judge_options {
    struct store *store;
    struct select *select;
    struct attribute *attribute;      /* used by the judge's thread alone */
    char *const *tags;
    size_t tags_count;
    const char *probe_dir;            /* "" none */
    int64_t keep;                     /* ns: how long records are kept */
    uint64_t max_size;                /* bytes of the journal's records */
    struct judge_callbacks callbacks;
};

int judge_new(const struct judge_options *options, struct judge **ret);
int judge_start(struct judge *j);
/* Commits what it has and ends the thread. */
void judge_stop(struct judge *j);
void judge_free(struct judge *j);

/* Measured findings, linked by ->link. Any thread. */
void judge_push(struct judge *j, struct finding *list);
/* Audit went on: findings that wait may look again. Any thread. */
void judge_progress(struct judge *j);
/* An event of fimd itself, to be journaled (NULL ends): key, value pairs of strings. Any thread. 0, -ENOMEM. */
int judge_say(struct judge *j, enum severity severity, const char *action, const char *message, ...)
    __attribute__((sentinel));
/* Other tags and limits, from the next transaction on; the tags must stay where they are. Any thread. */
void judge_configure(struct judge *j, char *const *tags, size_t tags_count, int64_t keep, uint64_t max_size);
/* While the first baseline is being made. */
void judge_set_filling(struct judge *j, bool filling);
/* Waits until what was said before has been committed. */
int judge_sync(struct judge *j, int64_t timeout);

struct judge_status {
    uint64_t commits, records, waiting, queued;
    uint64_t last;        /* sequence of the last record committed since the start; 0 none */
    uint64_t by_grade[4]; /* records of changes by the grade of their attribution */
    uint64_t found;       /* records of changes that a scan found */
    bool failing;
    char why[400];
};
void judge_status(struct judge *j, struct judge_status *ret);

#endif
