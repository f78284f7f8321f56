/* How the parts are joined: every callback is a few lines that hand over from one part to the next. */
#include "fimd/flow/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fimd/rt/clock.h"
#include "fimd/rt/log.h"
#include "fimd/rt/loss.h"

/* ---- watch ---- */

static void *on_take(void *ctx, pid_t pid)
{
    struct flow *f = ctx;
    return process_take(f->people, pid, clock_mono());
}

static void on_drop(void *ctx, void *process)
{
    struct flow *f = ctx;
    process_drop(f->people, process);
}

static void overflowed(struct flow *f)
{
    loss_count(LOSS_FANOTIFY_OVERFLOW, 1);
    log_warning("the kernel's fanotify queue overflowed: everything watched is compared with the baseline now; "
                "`queue_events` in fimd.yaml makes the queue longer");
    judge_say(f->judge, SEVERITY_HIGH, "queue-overflow",
              "the kernel's fanotify queue overflowed; changes made meanwhile are found by a scan, without who made them",
              NULL);
    scans_run(f->scans, NULL, CHECK_METADATA, SOURCE_SCAN, "queue-overflow", NULL);
}

static void rescan(struct flow *f, const struct watch_event *e)
{
    const struct touch by = {.process = e->process, .pid = e->pid, .at = e->read_at};
    scans_walk(f->scans, e->path, e->path_len, e->pid ? &by : NULL);
}

/* A watched root was made again, moved here or mounted over: audit's rule for it went with the one before. */
static void root_appeared(struct flow *f, const struct watch_event *e)
{
    size_t count;
    struct policy *policy = select_policy(f->select);
    const char *const *roots = policy_roots(policy, &count);
    for (size_t i = 0; i < count; i++) {
        if (strlen(roots[i]) == e->path_len && memcmp(roots[i], e->path, e->path_len) == 0)
            audit_path_appeared(f->audit, e->path, e->path_len);
    }
    policy_unref(policy);
}

static bool makes_directory(const struct watch_event *e)
{
    return (e->ops & WATCH_DIR) && (e->ops & (WATCH_CREATE | WATCH_RENAME | WATCH_RESCAN));
}

static bool is_path_event(const struct watch_event *e)
{
    return !(e->ops & (WATCH_RESCAN | WATCH_OVERFLOW));
}

static void on_batch(void *ctx, const struct watch_event *events, size_t count)
{
    struct flow *f = ctx;
    for (size_t i = 0; i < count; i++) {
        if (f->audit && makes_directory(&events[i]))
            root_appeared(f, &events[i]);
    }
    for (size_t i = 0; i < count;) {
        size_t run = 0;
        while (i + run < count && is_path_event(&events[i + run]))
            run++;
        if (run)
            select_events(f->select, events + i, run);
        i += run;
        if (i == count)
            break;
        if (events[i].ops & WATCH_OVERFLOW)
            overflowed(f);
        else
            rescan(f, &events[i]);
        process_drop(f->people, events[i].process);
        i++;
    }
}

static void on_drained(void *ctx, int64_t now)
{
    struct flow *f = ctx;
    process_forget_before(f->people, now);
}

static void on_notice(void *ctx, int level, const char *text)
{
    (void)ctx;
    log_line((enum log_level)level, "%s", text);
}

struct watch_callbacks flow_watch_callbacks(struct flow *f)
{
    return (struct watch_callbacks){.ctx = f,
                                    .take = on_take,
                                    .drop = on_drop,
                                    .batch = on_batch,
                                    .drained = on_drained,
                                    .notice = on_notice};
}

/* ---- audit ---- */

static void on_login(void *ctx, pid_t pid, uint32_t login, uint32_t session, const char *tty, int64_t stamp)
{
    struct flow *f = ctx;
    process_login_stamped(f->people, pid, login, session, tty, stamp);
}

static void on_progress(void *ctx)
{
    struct flow *f = ctx;
    judge_progress(f->judge);
}

/* Records of logins may be among what was lost, or was never made: who logged in meanwhile is not known. */
static void logins_lost(struct flow *f, const char *action)
{
    /* That audit was off before the start is known to the tree, and is told late: it says nothing of what came since. */
    bool was_off = strcmp(action, "audit-off") == 0 && clock_real() - f->since > 2 * NS_PER_S;
    if (was_off || strcmp(action, "audit-lost") == 0)
        process_logins_lost(f->people, clock_mono() - NS_PER_S);
}

static void on_audit_state(void *ctx, const char *action, const char *text)
{
    struct flow *f = ctx;
    logins_lost(f, action);
    log_warning("audit: %s", text);
    judge_say(f->judge, SEVERITY_HIGH, action, text, NULL);
}

struct audit_callbacks flow_audit_callbacks(struct flow *f)
{
    return (struct audit_callbacks){.ctx = f, .login = on_login, .progress = on_progress, .state = on_audit_state};
}

/* ---- judge ---- */

static void on_committed(void *ctx, uint64_t last)
{
    struct flow *f = ctx;
    pthread_rwlock_rdlock(&f->ships_lock);
    for (size_t i = 0; i < f->ships_count; i++)
        ship_wake(f->ships[i], last);
    pthread_rwlock_unlock(&f->ships_lock);
}

static void on_walk(void *ctx, const char *path, size_t len, const struct touch *by)
{
    struct flow *f = ctx;
    scans_walk(f->scans, path, len, by);
}

static void on_probed(void *ctx, const struct finding *finding)
{
    struct flow *f = ctx;
    probe_seen(f->probe, finding);
}

static void on_recording(void *ctx, const struct fault *why)
{
    struct flow *f = ctx;
    if (why) {
        log_error("changes cannot be recorded: %s", why->text);
        judge_say(f->judge, SEVERITY_CRITICAL, "recording-failed", why->text, NULL);
        return;
    }
    log_warning("changes are recorded again; everything watched is compared with the baseline now");
    judge_say(f->judge, SEVERITY_HIGH, "recording-restored",
              "changes are recorded again; those made meanwhile are found by a scan, without who made them", NULL);
    scans_run(f->scans, NULL, CHECK_METADATA, SOURCE_SCAN, "recording-restored", NULL);
}

static uint64_t on_needed(void *ctx)
{
    struct flow *f = ctx;
    uint64_t needed = UINT64_MAX;
    pthread_rwlock_rdlock(&f->ships_lock);
    for (size_t i = 0; i < f->ships_count; i++) {
        struct ship_status status;
        ship_status(f->ships[i], &status);
        if (status.cursor + 1 < needed)
            needed = status.cursor + 1;
    }
    pthread_rwlock_unlock(&f->ships_lock);
    return needed;
}

static int on_save(void *ctx, struct store_txn *txn)
{
    struct flow *f = ctx;
    int r = 0;
    pthread_rwlock_rdlock(&f->ships_lock);
    for (size_t i = 0; i < f->ships_count && r == 0; i++)
        r = ship_save(f->ships[i], txn);
    pthread_rwlock_unlock(&f->ships_lock);
    return r;
}

struct judge_callbacks flow_judge_callbacks(struct flow *f)
{
    return (struct judge_callbacks){.ctx = f,
                                    .committed = on_committed,
                                    .walk = on_walk,
                                    .probed = on_probed,
                                    .recording = on_recording,
                                    .needed = on_needed,
                                    .save = on_save};
}

/* ---- scans ---- */

uint64_t flow_scan_found(void *ctx)
{
    struct flow *f = ctx;
    struct judge_status status;
    judge_status(f->judge, &status);
    return status.found;
}

void flow_scan_finished(void *ctx, const struct scan_result *r)
{
    struct flow *f = ctx;
    char entries[24], bytes[24], differences[24], seconds[24], unreadable[24], text[1000];
    snprintf(entries, sizeof(entries), "%" PRIu64, r->entries);
    snprintf(bytes, sizeof(bytes), "%" PRIu64, r->bytes);
    snprintf(differences, sizeof(differences), "%" PRIu64, r->differences);
    snprintf(seconds, sizeof(seconds), "%.3f", (double)r->duration / NS_PER_S);
    const char *depth = r->depth == CHECK_CONTENT ? "content" : "metadata";
    if (r->error)
        snprintf(text, sizeof(text), "the scan (%s) ended early: %s", r->why, r->text);
    else if (r->fill)
        snprintf(text, sizeof(text), "the first baseline is made: %s entries in %s s", entries, seconds);
    else
        snprintf(text, sizeof(text), "%s scan (%s): %s entries compared in %s s, %s differ", depth, r->why, entries,
                 seconds, differences);
    snprintf(unreadable, sizeof(unreadable), "%" PRIu64, r->unreadable);
    if (r->unreadable) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "; %s paths could not be looked at, one of them %s", unreadable,
                 r->unreadable_first);
    }
    bool bad = r->error || r->unreadable;
    log_line(bad ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "%s", text);
    if (r->fill && !r->error)
        flow_baseline_made(f, r->ticket);
    judge_say(f->judge, bad ? SEVERITY_HIGH : SEVERITY_INFO, r->fill ? "baseline-made" : "scan-finished", text,
              "reason", r->why, "depth", depth, "entries", entries, "bytes", bytes, "differences", differences,
              "seconds", seconds, "unreadable", unreadable, "error", r->error ? r->text : "", NULL);
}

/* ---- outputs ---- */

static void remember_ignored(struct flow *f, pid_t old_pid, pid_t new_pid)
{
    pthread_mutex_lock(&f->lock);
    size_t kept = 0;
    for (size_t i = 0; i < f->ignore_count; i++) {
        if (f->ignore[i] != old_pid)
            f->ignore[kept++] = f->ignore[i];
    }
    f->ignore_count = kept;
    if (new_pid && f->ignore_count < FLOW_IGNORE_MOST)
        f->ignore[f->ignore_count++] = new_pid;
    pthread_mutex_unlock(&f->lock);
}

void flow_ship_process(void *ctx, pid_t old_pid, pid_t new_pid)
{
    struct flow *f = ctx;
    remember_ignored(f, old_pid, new_pid);
    pthread_mutex_lock(&f->lock); /* it may be about to be closed */
    if (f->watch)
        watch_ignore(f->watch, old_pid, new_pid);
    pthread_mutex_unlock(&f->lock);
}

void flow_ship_state(void *ctx, const char *action, const char *text, const char *output)
{
    struct flow *f = ctx;
    judge_say(f->judge, SEVERITY_HIGH, action, text, "output", output, NULL);
}
