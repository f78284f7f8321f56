/* What the files of flow.h share. */
#ifndef FIMD_FLOW_PRIVATE_H
#define FIMD_FLOW_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "fimd/flow/flow.h"
#include "fimd/flow/pool.h"

enum { FLOW_PENDING_MOST = 16384, FLOW_IGNORE_MOST = 16, FLOW_AGENT_ID = 16 };

struct flow {
    struct settings *_Atomic settings; /* a reload replaces it while status is asked for */
    struct settings **retired; /* replaced by reloads: kept, because threads may still look into them */
    size_t retired_count;
    struct policy *policy; /* the settings' one with the probe's rule */
    const char *version;
    int64_t since;

    struct store *store;
    uint8_t agent_id[FLOW_AGENT_ID];
    struct document_host *host;
    struct sink_context sink_context;
    struct processes *people;
    struct select *select;
    struct attribute *attribute;
    struct judge *judge;
    struct audit *_Atomic audit; /* NULL: off, not to be had, or not yet: it is opened when the watch runs */
    struct pool *pool;
    struct scans *scans;
    struct probe *probe;
    struct watch *watch;
    struct measure_options measure;
    atomic_bool leaving; /* those who wait for something come back */
    atomic_bool ending;  /* the measuring of a large file is given up */

    pthread_rwlock_t ships_lock; /* the list, which a reload replaces */
    struct ship **ships;
    size_t ships_count;

    pthread_mutex_t lock; /* what follows */
    pid_t ignore[FLOW_IGNORE_MOST];
    size_t ignore_count;
    char audit_text[400];
    struct probe_result probed;
    uint64_t fill; /* ticket of the one that makes the baseline for the settings in force; 0 none */
};

/* join.c: the parts' callbacks */
struct watch_callbacks flow_watch_callbacks(struct flow *f);
struct audit_callbacks flow_audit_callbacks(struct flow *f);
struct judge_callbacks flow_judge_callbacks(struct flow *f);
void flow_scan_finished(void *ctx, const struct scan_result *result);
uint64_t flow_scan_found(void *ctx);
void flow_ship_process(void *ctx, pid_t old_pid, pid_t new_pid);
void flow_ship_state(void *ctx, const char *action, const char *text, const char *output);

/* baseline.c: what is to be walked at the start and after a change of policy */
int flow_first_walk(struct flow *f, bool starting);
/* A fill has ended. Of the settings in force: remembered, so that the next start compares. Until then a start goes on filling. */
void flow_baseline_made(struct flow *f, uint64_t ticket);

#endif
