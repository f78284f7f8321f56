/* The thread and what it is wired to.
 *
 *   poll ─► netlink_read (32 records at once) ─► coalescer ─► acts, sessions into the table (one lock a batch)
 *     │                                                   └► LOGIN, CONFIG_CHANGE: kept aside, told after the batch
 *     ├► somebody waits and nothing comes: is the kernel's queue empty? then the stream has gone past
 *     └► every minute, and after anything that smells of a change: the keeper looks at the rules
 *
 * Locks: `control` (the keeper and its socket; held while the kernel works, a rule's removal takes it 13 ms) before
 * table.lock (short). Callbacks are called by the thread with neither held. */
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
#include "fimd/audit/coalesce.h"
#include "fimd/audit/keeper.h"
#include "fimd/audit/netlink.h"
#include "fimd/audit/table.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"
#include "fimd/rt/wake.h"

#define MS(n) ((int64_t)(n) * NS_PER_MS)

enum {
    IDLE_MS = 1000,      /* between housekeepings */
    PROBE_MS = 4,        /* of silence, while somebody waits, before the kernel's queue is asked */
    BATCHES_MAX = 64,    /* read in a row before the other duties get their turn */
    BUSY_BATCHES = 4,    /* so many short reads in a row, each within a ms of the last: a storm of single wake-ups */
    NAP_US = 2000,       /* the storm's records are gathered meanwhile; 16 MB of buffer hold 100 times as many */
    LOGINS_MAX = 64,
};
#define LOOK_EVERY MS(60000)
#define LOOK_AFTER_CHANGE MS(50) /* auditctl -R makes a record a rule: one look for all of them */
#define LOST_EVERY MS(10000)     /* status looked at; one event about losses at most */

struct login {
    pid_t pid;
    uint32_t auid, ses;
    char tty[64];
};

struct told { /* a state, waiting for the thread */
    struct told *next;
    char action[32];
    char text[512];
};

struct audit {
    struct audit_callbacks callbacks;
    pid_t ignore[4];
    int listen, wake;
    pthread_t thread;
    bool started;
    atomic_bool stop, look_now;

    pthread_mutex_t control;
    struct keeper keeper;

    struct table table;

    pthread_mutex_t told_lock;
    struct told *told, **told_end;

    /* The thread's own. */
    struct coalescer *coalescer;
    struct rule_calls *calls;
    struct netlink_batch *batch;
    int64_t offset; /* realtime minus monotonic, at the batch */
    int64_t now;    /* monotonic, at the batch */
    struct login logins[LOGINS_MAX];
    size_t logins_count;
    bool progressed, rules_touched;
    int64_t look_at, lost_at, last_batch;
    unsigned short_batches;
    uint64_t incomplete_seen;
    uint32_t kernel_lost_seen;
    uint64_t lost_unsaid;
    bool boot_audit;

    atomic_uint_fast64_t records, lost_socket, lost_kernel, incomplete;
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

static void states_tell(struct audit *a, bool drop)
{
    for (struct told *t = states_take(a), *next; t; t = next) {
        next = t->next;
        if (!drop && a->callbacks.state) {
            a->callbacks.state(a->callbacks.ctx, t->action, t->text);
        }
        free(t);
    }
}

/* ---- records ---- */

static bool ignored(const struct audit *a, uint32_t pid)
{
    for (size_t i = 0; i < sizeof(a->ignore) / sizeof(a->ignore[0]) && a->ignore[i]; i++) {
        if ((uint32_t)a->ignore[i] == pid) {
            return true;
        }
    }
    return false;
}

/* A call's stamp is in realtime; the offset of now is that of then, unless the clock was set in between: a stamp that
 * would lie in the future is one of now. */
static int64_t act_began(const struct audit *a, const struct act *act)
{
    int64_t at = act->time - a->offset;
    return at < a->now ? at : a->now;
}

/* The queue is first in, first out: with the record of a call that began at `at`, all that was logged by then is here. */
static void stream_passed(struct audit *a, int64_t at)
{
    if (at > a->table.passed) {
        a->progressed |= a->table.awaited > a->table.passed && a->table.awaited <= at;
        a->table.passed = at;
    }
}

/* By what it does and not by fimd's key: a rule of somebody else that stands first takes the record under its own
 * key, and the kernel makes no second one. A call that failed changed nothing. */
static bool act_wanted(void *ctx, const struct act *head)
{
    struct audit *a = ctx;
    bool opening;
    stream_passed(a, act_began(a, head));
    if (!head->success || ignored(a, head->pid)) {
        return false;
    }
    return head->type == RECORD_URINGOP || rule_calls_want(a->calls, head->arch, head->call, head->args, &opening);
}

static bool has_item(const struct act *act, enum act_item item)
{
    for (size_t i = 0; i < act->paths_count; i++) {
        if (act->paths[i].item & item) {
            return true;
        }
    }
    return false;
}

static void take_operation(struct audit *a, const struct act *act)
{
    bool opening = false;
    if (act->type == RECORD_SYSCALL) {
        rule_calls_want(a->calls, act->arch, act->call, act->args, &opening);
    } else if (act->type == RECORD_URINGOP) {
        opening = act->call == 18 || act->call == 28; /* openat, openat2: their flags are not told */
    }
    int64_t at = act_began(a, act);
    /* Out of memory: the finding falls back to the process tree. */
    (void)match_add(a->table.match, act, opening && has_item(act, ITEM_NORMAL | ITEM_CREATE), at);
    a->table.acts++;
    a->progressed = true;
}

static void logins_tell(struct audit *a)
{
    for (size_t i = 0; i < a->logins_count; i++) {
        const struct login *l = &a->logins[i];
        if (a->callbacks.login) {
            a->callbacks.login(a->callbacks.ctx, l->pid, l->auid, l->ses, l->tty[0] ? l->tty : NULL);
        }
    }
    a->logins_count = 0;
}

static void take_login(struct audit *a, const struct act *act)
{
    if (!act->success) {
        return;
    }
    (void)sessions_push(a->table.sessions, act);
    struct login *l = &a->logins[a->logins_count++];
    *l = (struct login){.pid = (pid_t)act->pid, .auid = act->auid, .ses = act->ses};
    l->tty[text_copy(act->tty, l->tty, sizeof(l->tty) - 1)] = '\0';
    terminal_slash(l->tty, sizeof(l->tty));
}

static void act_take(void *ctx, const struct act *act)
{
    struct audit *a = ctx;
    if (act->type == RECORD_SYSCALL || act->type == RECORD_URINGOP) {
        take_operation(a, act);
    } else if (act->type == RECORD_LOGIN) {
        take_login(a, act);
    } else if (act->type == RECORD_CONFIG_CHANGE ||
               (act->type >= RECORD_DAEMON_FIRST && act->type <= RECORD_DAEMON_LAST)) {
        a->rules_touched = true;
    } else if (record_of_program(act->type)) {
        (void)sessions_push(a->table.sessions, act);
    }
}

static void batch_push(struct audit *a, int count)
{
    struct netlink_message m;
    struct record r;
    for (int i = 0; i < count; i++) {
        if (netlink_message(a->batch, i, &m) && !record_parse(m.type, m.text, m.len, &r)) {
            (void)coalesce_push(a->coalescer, &r);
        }
        if (a->logins_count == LOGINS_MAX) {
            pthread_mutex_unlock(&a->table.lock);
            logins_tell(a);
            pthread_mutex_lock(&a->table.lock);
        }
    }
}

static void count_incomplete(struct audit *a)
{
    uint64_t seen = coalesce_incomplete(a->coalescer);
    if (seen != a->incomplete_seen) {
        loss_count(LOSS_AUDIT_INCOMPLETE, seen - a->incomplete_seen);
        a->incomplete_seen = seen;
        atomic_store(&a->incomplete, seen);
    }
}

static void batch_take(struct audit *a, int count)
{
    a->now = clock_mono();
    a->offset = clock_real() - a->now;
    atomic_fetch_add(&a->records, (uint64_t)count);
    pthread_mutex_lock(&a->table.lock);
    batch_push(a, count);
    pthread_mutex_unlock(&a->table.lock);
    logins_tell(a);
    count_incomplete(a);
}

static void socket_lost(struct audit *a)
{
    loss_count(LOSS_AUDIT_RECORDS, 1);
    atomic_fetch_add(&a->lost_socket, 1);
    a->lost_unsaid++;
    a->rules_touched = true; /* the record that told of it may be among the lost */
}

/* Reads what is there; how many records. */
static int drain(struct audit *a)
{
    int total = 0;
    for (int i = 0; i < BATCHES_MAX; i++) {
        int n = netlink_read(a->listen, a->batch);
        if (n == -ENOBUFS) {
            socket_lost(a);
            continue;
        }
        if (n <= 0) {
            break;
        }
        batch_take(a, n);
        total += n;
        if (n < NETLINK_BATCH) {
            break;
        }
    }
    if (a->progressed && a->callbacks.progress) {
        a->callbacks.progress(a->callbacks.ctx);
    }
    a->progressed = false;
    return total;
}

/* The kernel wakes us for every record: in a storm of them the writer would pay for it, so they are let gather. */
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

/* ---- duties ---- */

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

/* Nothing came for a while: with the kernel's queue empty, and our socket after it, all that was logged before is
 * here. The queue counts what has not been taken off it, so the last record may just be on its way to us: hence the
 * moment of the probe before is the one that counts. */
static void probe(struct audit *a, int64_t *before)
{
    struct netlink_status status = {.backlog = 1};
    int64_t now = clock_mono();
    if (pthread_mutex_trylock(&a->control)) {
        return;
    }
    int rc = netlink_status(a->keeper.fd, &status);
    pthread_mutex_unlock(&a->control);
    if (rc || status.backlog || drain(a)) {
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

/* Without auditd the kernel also prints the records, rate-limited, and counts what it did not print as lost: then the
 * counter says nothing about us. With auditd it grows when the queue was full. */
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
    if (kernel || a->lost_unsaid) {
        snprintf(text, sizeof(text),
                 "audit records were lost (%llu times in fimd's socket, %llu in the kernel's queue): for changes of the "
                 "last seconds the person comes from the process tree",
                 (unsigned long long)a->lost_unsaid, (unsigned long long)kernel);
        state_queue(a, "audit-lost", text);
        a->lost_unsaid = 0;
    }
}

static void housekeep(struct audit *a)
{
    int64_t now = clock_mono();
    if (a->rules_touched) {
        a->rules_touched = false;
        if (a->look_at > now + LOOK_AFTER_CHANGE) {
            a->look_at = now + LOOK_AFTER_CHANGE;
        }
    }
    if (atomic_load(&a->look_now) || now >= a->look_at) {
        look(a);
    }
    if (now >= a->lost_at || (a->lost_unsaid && now >= a->lost_at - LOST_EVERY + MS(1000))) {
        tell_losses(a);
        a->lost_at = now + LOST_EVERY;
    }
    pthread_mutex_lock(&a->table.lock);
    a->now = now;
    a->offset = clock_real() - now;
    coalesce_expire(a->coalescer, clock_real());
    match_expire(a->table.match, now);
    pthread_mutex_unlock(&a->table.lock);
    logins_tell(a);
    count_incomplete(a);
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
        struct pollfd fds[] = {{.fd = a->listen, .events = POLLIN}, {.fd = a->wake, .events = POLLIN}};
        bool waiting = awaited(a);
        int n = poll(fds, 2, wait_ms(a, waiting));
        if (n > 0 && fds[1].revents) {
            wake_clear(a->wake);
        }
        if (n > 0 && fds[0].revents) {
            drain(a);
            nap_in_storm(a);
            probed = 0;
        } else if (waiting) {
            probe(a, &probed);
        }
        int64_t now = clock_mono();
        if (now - kept >= MS(IDLE_MS) || a->rules_touched || now >= a->look_at || (n > 0 && fds[1].revents)) {
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
    memcpy(a->ignore, options->ignore, sizeof(a->ignore));
    a->listen = a->wake = a->keeper.fd = -1;
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
    struct coalesce_options assembling = {.ctx = a, .wants = act_wanted, .act = act_take};
    /* Listening first: the rules' first records are not missed, and the LOGIN of a session that begins now. */
    a->listen = netlink_listen(false, why);
    if (a->listen < 0) {
        return a->listen;
    }
    int rc = keeper_open(&a->keeper, options->key ? options->key : "fimd", state_queue, a, why);
    if (rc) {
        return rc;
    }
    a->wake = wake_open();
    if (a->wake < 0) {
        return fault_set(why, -a->wake, "audit: eventfd: %s", strerror(-a->wake));
    }
    a->coalescer = coalesce_new(&assembling);
    a->calls = rule_calls_new(&a->keeper.machine);
    a->batch = malloc(sizeof(*a->batch));
    if (!a->coalescer || !a->calls || !a->batch || sessions_read_before(a->table.sessions)) {
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
    if (a->listen >= 0) {
        close(a->listen);
    }
    if (a->wake >= 0) {
        close(a->wake);
    }
    states_tell(a, true);
    coalesce_free(a->coalescer);
    rule_calls_free(a->calls);
    free(a->batch);
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
        .enabled = kernel.enabled != 0, .locked = kernel.enabled == 2, .daemon_pid = kernel.daemon_pid,
        .never_task = a->keeper.never_task, .boot_audit = a->boot_audit, .rules_wanted = a->keeper.rules_wanted,
        .rules_loaded = a->keeper.rules_loaded, .rules_foreign = a->keeper.rules_foreign,
        .backlog = kernel.backlog, .backlog_limit = kernel.backlog_limit, .records = atomic_load(&a->records),
        .lost_kernel = atomic_load(&a->lost_kernel), .lost_socket = atomic_load(&a->lost_socket),
        .incomplete = atomic_load(&a->incomplete),
    };
    pthread_mutex_unlock(&a->control);
    pthread_mutex_lock(&a->table.lock);
    s.listening = a->table.listening;
    s.acts = a->table.acts;
    pthread_mutex_unlock(&a->table.lock);
    *ret = s;
    return 0;
}
