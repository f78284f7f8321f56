/* The thread and what it is wired to.
 *
 *   poll ─┬► records: intake ─► table ◄─ audit_find, from other threads
 *         ├► somebody waits and nothing comes: is the kernel's queue empty? then the stream has gone past
 *         └► every minute, and after anything that smells of a change: the keeper looks at the rules
 *
 * Locks: `control` (the keeper and its socket; held while the kernel works, a rule's removal takes it 13
 * ms) before table.lock (short). Callbacks are called by the thread with neither held. */
#include "fimd/audit/audit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fimd/audit/before.h"
#include "fimd/audit/intake.h"
#include "fimd/audit/keeper.h"
#include "fimd/audit/netlink.h"
#include "fimd/audit/table.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"
#include "fimd/rt/wake.h"

#define MS(n) ((int64_t)(n) * NS_PER_MS)

enum {
    IDLE_MS = 1000, /* between housekeepings */
    PROBE_MS = 4,   /* of silence, while somebody waits, before the kernel's queue is asked */
    BUSY_BATCHES =
        4, /* so many short reads in a row, each within a ms of the last: a storm of single wake-ups */
    NAP_US = 2000, /* the storm's records are gathered meanwhile; 16 MB of buffer hold 100 times as many */
};
#define LOOK_EVERY MS(60000)
#define LOOK_AFTER_CHANGE MS(50) /* auditctl -R makes a record a rule: one look for all of them */
#define LOST_EVERY MS(10000)     /* status looked at; one event about losses at most */

struct told { /* a state, waiting for the thread */
    struct told *next;
    char action[32];
    char text[512];
};

struct audit {
    struct audit_callbacks callbacks;
    int wake;
    pthread_t thread;
    bool started;
    atomic_bool stop, look_now;

    pthread_mutex_t control;
    struct keeper keeper;

    struct table table;

    pthread_mutex_t told_lock;
    struct told *told, **told_end;

    /* The thread's own. */
    struct intake intake;
    int64_t look_at, lost_at, last_batch;
    unsigned short_batches;
    uint32_t kernel_lost_seen;
    bool boot_audit;

    atomic_uint_fast64_t lost_kernel;
};

/* Any thread: queued for the audit thread. Out of memory: the state is lost, its counters are not. */
static void state_queue(void *ctx, const char *action, const char *text)
{
    struct audit *a = ctx;
    struct told *t = calloc(1, sizeof(*t));
    if (!t) {
        return;
    }
    snprintf(t->action, sizeof(t->action), "%s", action);
    snprintf(t->text, sizeof(t->text), "%s", text);
    pthread_mutex_lock(&a->told_lock);
    *a->told_end = t;
    a->told_end = &t->next;
    pthread_mutex_unlock(&a->told_lock);
}

static struct told *states_take(struct audit *a)
{
    pthread_mutex_lock(&a->told_lock);
    struct told *list = a->told;
    a->told = NULL;
    a->told_end = &a->told;
    pthread_mutex_unlock(&a->told_lock);
    return list;
}

static bool hides_logins(const char *action)
{
    return !strcmp(action, "audit-off") || !strcmp(action, "audit-lost");
}

/* Who logged in while records were lost, or none were made: known as those are that were there before fimd.
 * Out of memory: those sessions have no address. */
static void sessions_catch_up(struct audit *a)
{
    struct sessions *now = sessions_new(0);
    if (now && !sessions_read_before(now)) { /* takes its time: not with the lock held */
        pthread_mutex_lock(&a->table.lock);
        (void)sessions_merge(a->table.sessions, now);
        pthread_mutex_unlock(&a->table.lock);
    }
    sessions_free(now);
}

static void states_tell(struct audit *a, bool drop)
{
    for (struct told *t = states_take(a), *next; t; t = next) {
        next = t->next;
        if (!drop && hides_logins(t->action)) {
            sessions_catch_up(a);
        }
        if (!drop && a->callbacks.state) {
            a->callbacks.state(a->callbacks.ctx, t->action, t->text);
        }
        free(t);
    }
}

/* ---- duties ---- */

/* The kernel wakes us for every record: in a storm of them the writer would pay for it, so they are let
 * gather. */
static void nap_in_storm(struct audit *a)
{
    int64_t now = clock_mono();
    a->short_batches = now - a->last_batch < NS_PER_MS ? a->short_batches + 1 : 0;
    if (a->short_batches >= BUSY_BATCHES) {
        const struct timespec nap = {.tv_nsec = NAP_US * NS_PER_US};
        nanosleep(&nap, NULL);
        now = clock_mono();
        a->short_batches = BUSY_BATCHES; /* until a pause shows that it is over */
    }
    a->last_batch = now;
}

static bool awaited(struct audit *a)
{
    pthread_mutex_lock(&a->table.lock);
    bool yes = a->table.awaited > a->table.passed;
    pthread_mutex_unlock(&a->table.lock);
    return yes;
}

static void passed(struct audit *a, int64_t at)
{
    pthread_mutex_lock(&a->table.lock);
    if (at > a->table.passed) {
        a->table.passed = at;
    }
    bool over = a->table.awaited <= a->table.passed;
    pthread_mutex_unlock(&a->table.lock);
    if (over && a->callbacks.progress) {
        a->callbacks.progress(a->callbacks.ctx);
    }
}

/* Nothing came for a while: with the kernel's queue empty, and our socket after it, all that was logged
 * before is here. The queue counts what has not been taken off it, so the last record may just be on its
 * way to us: hence the moment of the probe before is the one that counts. */
static void probe(struct audit *a, int64_t *before)
{
    struct netlink_status status = {.backlog = 1};
    int64_t now = clock_mono();
    if (pthread_mutex_trylock(&a->control)) {
        return;
    }
    int rc = netlink_status(a->keeper.fd, &status);
    pthread_mutex_unlock(&a->control);
    if (rc || status.backlog || intake_drain(&a->intake)) {
        *before = 0;
        return;
    }
    if (*before) {
        passed(a, *before);
    }
    *before = now;
}

/* What is loaded, for audit_covers and audit_find. `control` is held. */
static void publish(struct audit *a)
{
    struct targets copy;
    if (!targets_copy(&copy, &a->keeper.targets)) {
        table_cover(&a->table, &copy);
    }
}

static void look(struct audit *a)
{
    atomic_store(&a->look_now, false);
    pthread_mutex_lock(&a->control);
    if (!keeper_look(&a->keeper)) {
        publish(a);
    }
    pthread_mutex_unlock(&a->control);
    a->look_at = clock_mono() + LOOK_EVERY;
}

/* Without auditd the kernel also prints the records, rate-limited, and counts what it did not print as
 * lost: then the counter says nothing about us. With auditd it grows when the queue was full. */
static uint64_t kernel_lost(struct audit *a)
{
    struct netlink_status status;
    pthread_mutex_lock(&a->control);
    int rc = netlink_status(a->keeper.fd, &status);
    pthread_mutex_unlock(&a->control);
    if (rc) {
        return 0;
    }
    uint32_t more = status.lost - a->kernel_lost_seen;
    a->kernel_lost_seen = status.lost;
    if (!status.daemon_pid || more > INT32_MAX) {
        return 0;
    }
    atomic_fetch_add(&a->lost_kernel, more);
    return more;
}

static void tell_losses(struct audit *a)
{
    char text[256];
    uint64_t kernel = kernel_lost(a);
    if (kernel) {
        loss_count(LOSS_AUDIT_RECORDS, kernel);
    }
    if (kernel || a->intake.lost_unsaid) {
        snprintf(text, sizeof(text),
                 "audit records were lost (%llu times in fimd's socket, %llu in the kernel's queue): for "
                 "changes of the "
                 "last seconds the person comes from the process tree",
                 (unsigned long long)a->intake.lost_unsaid, (unsigned long long)kernel);
        state_queue(a, "audit-lost", text);
        a->intake.lost_unsaid = 0;
    }
}

static void housekeep(struct audit *a)
{
    int64_t now = clock_mono();
    if (a->intake.rules_touched) {
        a->intake.rules_touched = false;
        if (a->look_at > now + LOOK_AFTER_CHANGE) {
            a->look_at = now + LOOK_AFTER_CHANGE;
        }
    }
    if (atomic_load(&a->look_now) || now >= a->look_at) {
        look(a);
    }
    if (now >= a->lost_at || (a->intake.lost_unsaid && now >= a->lost_at - LOST_EVERY + MS(1000))) {
        tell_losses(a);
        a->lost_at = now + LOST_EVERY;
    }
    intake_expire(&a->intake);
    states_tell(a, false);
}

static int wait_ms(const struct audit *a, bool waiting)
{
    if (waiting) {
        return PROBE_MS;
    }
    int64_t until = (a->look_at - clock_mono()) / NS_PER_MS + 1;
    return until < 0 ? 0 : until < IDLE_MS ? (int)until : IDLE_MS;
}

static void *run(void *argument)
{
    struct audit *a = argument;
    int64_t probed = 0, kept = 0;
    while (!atomic_load(&a->stop)) {
        struct pollfd fds[] = {{.fd = a->intake.fd, .events = POLLIN}, {.fd = a->wake, .events = POLLIN}};
        bool waiting = awaited(a);
        int n = poll(fds, 2, wait_ms(a, waiting));
        if (n > 0 && fds[1].revents) {
            wake_clear(a->wake);
        }
        if (n > 0 && fds[0].revents) {
            intake_drain(&a->intake);
            nap_in_storm(a);
            probed = 0;
        } else if (waiting) {
            probe(a, &probed);
        }
        int64_t now = clock_mono();
        if (now - kept >= MS(IDLE_MS) || a->intake.rules_touched || now >= a->look_at ||
            (n > 0 && fds[1].revents)) {
            housekeep(a);
            kept = now;
        }
    }
    return NULL;
}

/* ---- opening and closing ---- */

static bool word_in(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += len) {
        if ((at == text || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\n' || !at[len])) {
            return true;
        }
    }
    return false;
}

static bool audited_from_boot(void)
{
    char line[4096] = "";
    FILE *f = fopen("/proc/cmdline", "re");
    if (!f) {
        return false;
    }
    size_t n = fread(line, 1, sizeof(line) - 1, f);
    line[n] = '\0';
    fclose(f);
    return word_in(line, "audit=1");
}

static struct audit *audit_new(const struct audit_options *options)
{
    struct audit *a = calloc(1, sizeof(*a));
    if (!a) {
        return NULL;
    }
    a->callbacks = options->callbacks;
    a->intake.fd = a->wake = a->keeper.fd = -1;
    a->told_end = &a->told;
    pthread_mutex_init(&a->control, NULL);
    pthread_mutex_init(&a->told_lock, NULL);
    if (table_init(&a->table, clock_mono())) {
        pthread_mutex_destroy(&a->control);
        pthread_mutex_destroy(&a->told_lock);
        free(a);
        return NULL;
    }
    return a;
}

static int open_parts(struct audit *a, const struct audit_options *options, struct fault *why)
{
    /* Listening first: the rules' first records are not missed, nor the LOGIN of a session that begins
     * now. */
    int rc = intake_open(&a->intake, &a->table, &a->callbacks, options->ignore, why);
    if (rc) {
        return rc;
    }
    rc = keeper_open(&a->keeper, options->key ? options->key : "fimd", state_queue, a, why);
    if (rc) {
        return rc;
    }
    a->wake = wake_open();
    if (a->wake < 0) {
        return fault_set(why, -a->wake, "audit: eventfd: %s", strerror(-a->wake));
    }
    if (sessions_read_before(a->table.sessions)) {
        return fault_set(why, ENOMEM, "audit: out of memory");
    }
    a->kernel_lost_seen = a->keeper.status.lost;
    a->boot_audit = audited_from_boot();
    rc = keeper_set(&a->keeper, options->policy, options->rules, why);
    if (!rc) {
        publish(a);
    }
    return rc;
}

static int start(struct audit *a, struct fault *why)
{
    a->look_at = clock_mono() + LOOK_EVERY;
    a->lost_at = clock_mono() + LOST_EVERY;
    a->table.listening = true;
    wake_up(a->wake); /* what was queued for telling is told at once */
    int rc = pthread_create(&a->thread, NULL, run, a);
    if (rc) {
        return fault_set(why, rc, "audit: thread: %s", strerror(rc));
    }
    a->started = true;
    pthread_setname_np(a->thread, "fimd-audit");
    return 0;
}

int audit_open(const struct audit_options *options, struct audit **ret, struct fault *why)
{
    struct audit *a = audit_new(options);
    if (!a) {
        return fault_set(why, ENOMEM, "audit: out of memory");
    }
    int rc = open_parts(a, options, why);
    if (!rc) {
        rc = start(a, why);
    }
    if (rc) {
        audit_close(a);
        return rc;
    }
    *ret = a;
    return 0;
}

void audit_close(struct audit *a)
{
    if (!a) {
        return;
    }
    if (a->started) {
        atomic_store(&a->stop, true);
        wake_up(a->wake);
        pthread_join(a->thread, NULL);
    }
    keeper_close(&a->keeper);
    intake_close(&a->intake);
    if (a->wake >= 0) {
        close(a->wake);
    }
    states_tell(a, true);
    table_fini(&a->table);
    pthread_mutex_destroy(&a->control);
    pthread_mutex_destroy(&a->told_lock);
    free(a);
}

/* ---- asking ---- */

int audit_set_policy(struct audit *a, struct policy *policy, enum rules_wanted rules, struct fault *why)
{
    pthread_mutex_lock(&a->control);
    int rc = keeper_set(&a->keeper, policy, rules, why);
    publish(a);
    pthread_mutex_unlock(&a->control);
    wake_up(a->wake);
    return rc;
}

void audit_path_appeared(struct audit *a, const char *path, size_t len)
{
    char text[4096];
    if (len < sizeof(text)) {
        memcpy(text, path, len);
        text[len] = '\0';
        pthread_mutex_lock(&a->control);
        keeper_mounted(&a->keeper, text);
        pthread_mutex_unlock(&a->control);
    }
    atomic_store(&a->look_now, true);
    wake_up(a->wake);
}

int audit_find(struct audit *a, const struct audit_query *query, struct audit_proof *ret)
{
    bool wake;
    int rc = table_find(&a->table, query, clock_mono(), ret, &wake);
    if (wake) {
        wake_up(a->wake);
    }
    return rc;
}

bool audit_covers(struct audit *a, const char *path, size_t len)
{
    pthread_mutex_lock(&a->table.lock);
    bool yes = a->table.listening && targets_cover(&a->table.covered, path, len);
    pthread_mutex_unlock(&a->table.lock);
    return yes;
}

bool audit_session_get(struct audit *a, uint32_t session, struct audit_session *ret)
{
    pthread_mutex_lock(&a->table.lock);
    bool known = sessions_get(a->table.sessions, session, ret);
    pthread_mutex_unlock(&a->table.lock);
    return known;
}

int audit_status_get(struct audit *a, struct audit_status *ret)
{
    struct netlink_status kernel;
    pthread_mutex_lock(&a->control);
    int rc = netlink_status(a->keeper.fd, &kernel);
    if (rc) {
        pthread_mutex_unlock(&a->control);
        return rc;
    }
    struct audit_status s = {
        .enabled = kernel.enabled != 0,
        .locked = kernel.enabled == 2,
        .daemon_pid = kernel.daemon_pid,
        .never_task = a->keeper.never_task,
        .boot_audit = a->boot_audit,
        .rules_wanted = a->keeper.rules_wanted,
        .rules_loaded = a->keeper.rules_loaded,
        .rules_foreign = a->keeper.rules_foreign,
        .backlog = kernel.backlog,
        .backlog_limit = kernel.backlog_limit,
        .records = atomic_load(&a->intake.records),
        .lost_kernel = atomic_load(&a->lost_kernel),
        .lost_socket = atomic_load(&a->intake.lost_socket),
        .incomplete = atomic_load(&a->intake.incomplete),
    };
    pthread_mutex_unlock(&a->control);
    pthread_mutex_lock(&a->table.lock);
    s.listening = a->table.listening;
    s.acts = a->table.acts;
    pthread_mutex_unlock(&a->table.lock);
    *ret = s;
    return 0;
}
