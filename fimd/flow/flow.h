/* The whole of it: opens the parts in order, joins them, and closes them in reverse. The program above it gives
 * settings and asks for status; nothing here knows of sockets to people or of configuration files. */
#ifndef FIMD_FLOW_FLOW_H
#define FIMD_FLOW_FLOW_H

#include "fimd/audit/audit.h"
#include "fimd/flow/judge.h"
#include "fimd/flow/probe.h"
#include "fimd/flow/scan.h"
#include "fimd/flow/ship.h"
#include "fimd/model/settings.h"
#include "fimd/process/process.h"
#include "fimd/watch/watch.h"

struct flow;

struct flow_options {
    struct settings *settings; /* taken over on success */
    uint32_t without;          /* enum watch_feature, to behave as an older kernel */
    bool without_connector;
    const char *version;
};

/* Watches when it returns; the baseline fills behind it. */
int flow_open(const struct flow_options *options, struct flow **ret, struct fault *why);
void flow_close(struct flow *f); /* settles what was seen, takes out its audit rules, ends */

/* Another configuration: taken over on success, untouched else. state_dir and runtime_dir stay as they were. */
int flow_reload(struct flow *f, struct settings *settings, struct fault *why);

/* Returns when all that happened on watched files before the call is in the journal; delivered: and in every output. */
int flow_sync(struct flow *f, bool delivered, int64_t timeout);
/* Whoever waits in flow_sync or flow_scan comes back soon, with an error: for an orderly stop. */
void flow_leave(struct flow *f);
/* Scans now (path NULL: everything) and waits; who: shown in the event. */
int flow_scan(struct flow *f, const char *path, enum check_depth depth, const char *who, int64_t timeout,
              struct scan_result *ret);
/* Proves attribution again (also done at the start). */
int flow_probe(struct flow *f, struct probe_result *ret);

/* Who asks over the control socket, as the process tree and the sessions know it; NULL unknown. The caller's reference. */
struct actor *flow_who(struct flow *f, pid_t pid);

struct flow_status {
    int64_t since;              /* ns realtime */
    struct store_counts store;
    struct watch_status watch;
    struct audit_status audit;
    bool audit_on;
    struct process_status process;
    struct judge_status judge;
    struct scan_status scan;
    struct probe_result probe;
    uint64_t pending;
    size_t paths;               /* configured */
    struct ship_status *ships;  /* owned: flow_status_fini */
    size_t ships_count;
    char audit_text[400];       /* why attribution is less than wanted; "" */
};
int flow_status(struct flow *f, struct flow_status *ret);
void flow_status_fini(struct flow_status *s);
/* The policy in force: the caller's reference. */
struct policy *flow_policy(struct flow *f);
bool flow_covers(struct flow *f, const char *path, size_t len); /* by audit rules that are loaded */
/* Why it is not well, one line each; owned by the caller (strings_fini). */
int flow_degraded(struct flow *f, struct strings *ret);

#endif
