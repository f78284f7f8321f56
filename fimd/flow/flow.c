/* See flow.h. flow_open is the list of the parts in the order in which they need each other; flow_close goes back. */
#include "fimd/flow/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "fimd/rt/clock.h"
#include "fimd/rt/log.h"

enum { KEEP_EXITED = 16384 };
static const char AGENT_VALUE[] = "agent-id";
static const int64_t PROBE_WAIT = 2 * NS_PER_S;
static const int64_t SYNC_TURN = NS_PER_S / 5;

/* ---- the store ---- */

static int agent_id(struct store_txn *txn, void *ctx)
{
    struct flow *f = ctx;
    if (store_value(txn, AGENT_VALUE, f->agent_id, sizeof(f->agent_id)) == sizeof(f->agent_id))
        return 0;
    if (getrandom(f->agent_id, sizeof(f->agent_id), 0) != sizeof(f->agent_id))
        return -EIO;
    return store_set(txn, AGENT_VALUE, f->agent_id, sizeof(f->agent_id));
}

static int open_store(struct flow *f, struct fault *why)
{
    const struct store_options options = {.dir = f->settings->state_dir, .lock = true};
    int r = store_open(&options, &f->store, why);
    return r < 0 ? r : store_write(f->store, agent_id, f, why);
}

/* ---- the outputs ---- */

struct ships {
    struct ship **list;
    size_t count;
};

static void close_list(const struct ships *ships)
{
    for (size_t i = 0; i < ships->count; i++)
        ship_close(ships->list[i]);
    free(ships->list);
}

static int open_list(struct flow *f, struct settings *settings, bool patient, struct ships *ret, struct fault *why)
{
    struct ships ships = {calloc(settings->outputs_count + 1, sizeof(struct ship *)), 0};
    if (!ships.list)
        return fault_set(why, ENOMEM, "out of memory");
    int r = 0;
    for (; ships.count < settings->outputs_count && r == 0; ships.count += r == 0) {
        const struct ship_options options = {
            .store = f->store,
            .settings = &settings->outputs[ships.count],
            .context = &f->sink_context,
            .ctx = f,
            .process = flow_ship_process,
            .state = flow_ship_state,
            .patient = patient,
        };
        r = ship_open(&options, &ships.list[ships.count], why);
    }
    if (r < 0)
        close_list(&ships);
    else
        *ret = ships;
    return r;
}

/* Only a start and a reload, which never meet, change the list: they may read it without the lock. */
static struct ships swap_ships(struct flow *f, struct ships now)
{
    pthread_rwlock_wrlock(&f->ships_lock);
    struct ships before = {f->ships, f->ships_count};
    f->ships = now.list;
    f->ships_count = now.count;
    pthread_rwlock_unlock(&f->ships_lock);
    return before;
}

static int save_ships(struct store_txn *txn, void *ctx)
{
    struct flow *f = ctx;
    int r = 0;
    for (size_t i = 0; i < f->ships_count && r == 0; i++)
        r = ship_save(f->ships[i], txn);
    return r;
}

/* They stay in the list, so that the judge goes on to keep what they have not delivered. The lock is not held here:
 * the judge takes it inside its transactions, and ours waits for those. */
static void stop_ships(struct flow *f)
{
    struct fault why = {0};
    for (size_t i = 0; i < f->ships_count; i++)
        ship_stop(f->ships[i]);
    if (f->store && f->ships_count)
        store_write(f->store, save_ships, f, &why);
}

static void close_ships(struct flow *f)
{
    stop_ships(f);
    struct ships ships = swap_ships(f, (struct ships){0});
    close_list(&ships);
}

/* The new ones begin where the old ones ended. */
static int replace_ships(struct flow *f, struct settings *settings, bool patient, struct fault *why)
{
    struct ships ships;
    stop_ships(f);
    int r = open_list(f, settings, patient, &ships, why);
    if (r < 0)
        return r;
    ships = swap_ships(f, ships);
    close_list(&ships);
    return 0;
}

static int open_outputs(struct flow *f, struct fault *why)
{
    int r = document_host_new(f->settings, f->agent_id, &f->host);
    if (r < 0)
        return fault_set(why, -r, "the host's name and addresses cannot be read: %s", strerror(-r));
    f->sink_context = (struct sink_context){.host = f->host, .sender_user = f->settings->sender_user};
    return replace_ships(f, f->settings, false, why);
}

/* ---- who ---- */

static int open_people(struct flow *f, bool connector, struct fault *why)
{
    const struct process_options options = {.connector = connector, .keep_exited = KEEP_EXITED};
    int r = processes_open(&options, &f->people, why);
    if (r == 0 && why->error) { /* without the connector: less, and told; not the reason of what may fail later */
        log_warning("%s", why->text);
        *why = (struct fault){0};
    }
    return r;
}

/* Attribution without audit is less, and no reason not to watch. */
static void open_audit(struct flow *f)
{
    struct fault why = {0};
    const struct audit_options options = {
        .rules = f->settings->rules,
        .policy = f->policy,
        .ignore = {getpid()},
        .callbacks = flow_audit_callbacks(f),
    };
    struct audit *audit = NULL;
    int r = f->settings->audit ? audit_open(&options, &audit, &why) : -ENOTSUP;
    f->audit = audit;
    process_logins_come(f->people, r == 0);
    attribute_set_audit(f->attribute, audit);
    if (r == 0 || !f->settings->audit)
        return;
    snprintf(f->audit_text, sizeof(f->audit_text), "%s", why.text);
    log_warning("audit is not to be had: %s", why.text);
    judge_say(f->judge, SEVERITY_MEDIUM, "audit-degraded", why.text, NULL);
}

/* ---- the stages ---- */

static unsigned cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (unsigned)n;
}

static int open_stages(struct flow *f, struct fault *why)
{
    const struct select_options select = {
        .pending = {.settle = f->settings->settle, .settle_max = f->settings->settle_max},
        .most = FLOW_PENDING_MOST,
        .people = f->people,
        .policy = f->policy,
    };
    int r = select_new(&select, &f->select);
    if (r == 0)
        r = attribute_new(f->people, f->settings->grace, &f->attribute);
    if (r < 0)
        return fault_set(why, -r, "out of memory");
    const struct judge_options judge = {
        .store = f->store,
        .select = f->select,
        .attribute = f->attribute,
        .tags = f->settings->tags.list,
        .tags_count = f->settings->tags.count,
        .probe_dir = probe_dir(f->probe),
        .keep = f->settings->journal_keep,
        .max_size = f->settings->journal_max_size,
        .callbacks = flow_judge_callbacks(f),
    };
    r = judge_new(&judge, &f->judge);
    return r < 0 ? fault_set(why, -r, "out of memory") : 0;
}

static int open_walkers(struct flow *f, struct fault *why)
{
    f->measure = (struct measure_options){.digests = f->settings->digests, .max_file_size = f->settings->max_file_size};
    store_leave(f->settings->state_dir, &f->measure.leave);
    const struct scans_options scans = {
        .store = f->store,
        .select = f->select,
        .measure = &f->measure,
        .threads = f->settings->threads,
        .read_rate = f->settings->read_rate,
        .leave_out = probe_dir(f->probe),
        .ctx = f,
        .finished = flow_scan_finished,
        .found = flow_scan_found,
    };
    struct measure_options measure = f->measure;
    measure.stop = &f->ending; /* scans have a stop of their own */
    unsigned threads = f->settings->threads ? f->settings->threads : cores();
    int r = scans_open(&scans, &f->scans);
    if (r == 0)
        r = pool_open(f->select, f->judge, &measure, threads, &f->pool);
    return r < 0 ? fault_set(why, -r, "the threads cannot be started: %s", strerror(-r)) : 0;
}

static int open_watch(struct flow *f, const struct flow_options *options, struct fault *why)
{
    pthread_mutex_lock(&f->lock);
    if (f->ignore_count < FLOW_IGNORE_MOST)
        f->ignore[f->ignore_count++] = getpid();
    pthread_mutex_unlock(&f->lock);
    const struct watch_options watch = {
        .policy = f->policy,
        .queue_events = f->settings->queue_events,
        .without = options->without,
        .ignore = f->ignore,
        .ignore_count = f->ignore_count,
        .callbacks = flow_watch_callbacks(f),
    };
    return watch_open(&watch, &f->watch, why);
}

static void say_started(struct flow *f)
{
    char paths[24];
    snprintf(paths, sizeof(paths), "%zu", policy_paths(f->settings->policy));
    judge_say(f->judge, SEVERITY_INFO, "started", "fimd watches", "version", f->version, "paths", paths,
              "configuration", f->settings->file ? f->settings->file : "built-in defaults", NULL);
}

/* The order is the order of need. What is watched is watched before the slower parts (audit's rules, the first
 * walk) are begun; events wait for the judge meanwhile. */
static int open_parts(struct flow *f, const struct flow_options *options, struct fault *why)
{
    int r = open_store(f, why);
    if (r == 0)
        r = probe_new(f->settings->state_dir, &f->probe, why);
    if (r == 0)
        r = probe_policy(f->probe, f->settings->policy, &f->policy, why);
    if (r == 0)
        r = open_people(f, !options->without_connector, why);
    if (r == 0)
        r = open_stages(f, why);
    if (r == 0)
        r = open_walkers(f, why);
    if (r == 0)
        r = open_watch(f, options, why);
    if (r < 0)
        return r;
    log_info("watching, %lld ms after the start", (long long)((clock_real() - f->since) / NS_PER_MS));
    open_audit(f);
    say_started(f);
    r = open_outputs(f, why);
    if (r == 0)
        r = judge_start(f->judge);
    if (r == 0)
        r = flow_first_walk(f, true);
    return r;
}

int flow_open(const struct flow_options *options, struct flow **ret, struct fault *why)
{
    struct flow *f = calloc(1, sizeof(*f));
    if (!f)
        return fault_set(why, ENOMEM, "out of memory");
    pthread_rwlock_init(&f->ships_lock, NULL);
    pthread_mutex_init(&f->lock, NULL);
    f->settings = options->settings;
    f->version = options->version;
    f->since = clock_real();
    int r = open_parts(f, options, why);
    if (r < 0) {
        f->settings = NULL; /* stays the caller's */
        if (f->select)
            select_stop(f->select); /* without a judge a full table would hold the watch's thread for ever */
        flow_close(f);
        return why->error ? r : fault_set(why, -r, "%s", strerror(-r));
    }
    struct probe_result probed;
    flow_probe(f, &probed);
    *ret = f;
    return 0;
}

/* From the source to the sinks, so that what was seen is still said. */
static void close_parts(struct flow *f)
{
    pthread_mutex_lock(&f->lock);
    struct watch *watch = f->watch;
    f->watch = NULL; /* an output may just now tell of another pid (flow_ship_process) */
    pthread_mutex_unlock(&f->lock);
    watch_close(watch);
    scans_close(f->scans);
    if (f->select && f->judge)
        select_sync(f->select, NS_PER_S);
    if (f->judge && f->settings) {
        judge_say(f->judge, SEVERITY_INFO, "stopped", "fimd stops watching", NULL);
        judge_sync(f->judge, NS_PER_S);
    }
    atomic_store(&f->ending, true);
    if (f->select)
        select_stop(f->select);
    pool_close(f->pool);
    judge_stop(f->judge); /* before audit: it asks that to its last finding */
    audit_close(f->audit);
    close_ships(f);
}

void flow_close(struct flow *f)
{
    if (!f)
        return;
    close_parts(f);
    judge_free(f->judge);
    attribute_free(f->attribute);
    select_free(f->select);
    processes_close(f->people);
    document_host_free(f->host);
    policy_unref(f->policy);
    probe_free(f->probe);
    store_close(f->store);
    for (size_t i = 0; i < f->retired_count; i++) {
        settings_fini(f->retired[i]);
        free(f->retired[i]);
    }
    free(f->retired);
    if (f->settings) {
        settings_fini(f->settings);
        free(f->settings);
    }
    pthread_rwlock_destroy(&f->ships_lock);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* ---- another configuration ---- */

static int retire(struct flow *f, struct settings *settings)
{
    struct settings **list = realloc(f->retired, (f->retired_count + 1) * sizeof(*list));
    if (!list)
        return -ENOMEM;
    f->retired = list;
    f->retired[f->retired_count++] = settings;
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* These are built into what runs; a restart takes them. */
static void tell_restart(const struct settings *old, const struct settings *new)
{
    bool digests = old->digests.count != new->digests.count ||
                   memcmp(old->digests.ids, new->digests.ids, old->digests.count) != 0;
    if (!same_text(old->state_dir, new->state_dir) || !same_text(old->runtime_dir, new->runtime_dir) || digests ||
        old->max_file_size != new->max_file_size || old->threads != new->threads ||
        old->queue_events != new->queue_events || old->audit != new->audit || old->grace != new->grace)
        log_warning("state_dir, runtime_dir, digests, max_file_size, scan.threads, queue_events, attribution.audit and "
                    "attribution.grace take effect at the next start");
}

static int use_policy(struct flow *f, struct settings *settings, struct fault *why)
{
    struct policy *policy;
    int r = probe_policy(f->probe, settings->policy, &policy, why);
    if (r < 0)
        return r;
    r = watch_set_policy(f->watch, policy, why);
    if (r == 0 && f->audit)
        r = audit_set_policy(f->audit, policy, settings->rules, why);
    if (r < 0) {
        watch_set_policy(f->watch, f->policy, NULL);
        if (f->audit)
            audit_set_policy(f->audit, f->policy, f->settings->rules, NULL);
        policy_unref(policy);
        return r;
    }
    const struct pending_options pending = {.settle = settings->settle, .settle_max = settings->settle_max};
    select_set_policy(f->select, policy, &pending);
    policy_unref(f->policy);
    f->policy = policy;
    return 0;
}

int flow_reload(struct flow *f, struct settings *settings, struct fault *why)
{
    int r = retire(f, f->settings);
    if (r < 0)
        return fault_set(why, ENOMEM, "out of memory");
    r = use_policy(f, settings, why);
    if (r < 0) {
        f->retired_count--; /* the old one stays in force */
        return r;
    }
    tell_restart(f->settings, settings);
    judge_configure(f->judge, settings->tags.list, settings->tags.count, settings->journal_keep,
                    settings->journal_max_size);
    pthread_mutex_lock(&f->lock);
    f->fill = 0; /* one that runs is not for these settings */
    f->settings = settings;
    pthread_mutex_unlock(&f->lock);
    struct fault output = {0};
    if (replace_ships(f, settings, true, &output) < 0) {
        log_error("outputs: %s", output.text);
        judge_say(f->judge, SEVERITY_HIGH, "outputs-failed", output.text, NULL);
    }
    judge_say(f->judge, SEVERITY_MEDIUM, "reloaded", "the configuration was read again", "configuration",
              settings->file ? settings->file : "built-in defaults", NULL);
    /* The settings are in force, and ours: what cannot be begun now is no reason to give them back. */
    r = flow_first_walk(f, false);
    if (r < 0) {
        log_error("what the new configuration selects cannot be scanned: %s", strerror(-r));
        judge_say(f->judge, SEVERITY_HIGH, "scan-failed", "what the new configuration selects cannot be scanned", NULL);
    }
    return 0;
}

/* ---- what is asked of it ---- */

int flow_probe(struct flow *f, struct probe_result *ret)
{
    int r = probe_run(f->probe, PROBE_WAIT, ret);
    pthread_mutex_lock(&f->lock);
    f->probed = *ret;
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int sync_ships_for(struct flow *f, uint64_t last, int64_t until)
{
    int r = 0;
    pthread_rwlock_rdlock(&f->ships_lock);
    for (size_t i = 0; i < f->ships_count && r == 0; i++)
        r = ship_sync(f->ships[i], last, until - clock_mono());
    pthread_rwlock_unlock(&f->ships_lock);
    return r;
}

/* In short turns: a reload that replaces the outputs need not wait for ours to end. */
static int sync_ships(struct flow *f, int64_t until)
{
    struct judge_status judge;
    judge_status(f->judge, &judge);
    int r;
    do {
        int64_t turn = clock_mono() + SYNC_TURN;
        r = sync_ships_for(f, judge.last, turn < until ? turn : until);
    } while (r == -ETIMEDOUT && clock_mono() < until && !atomic_load(&f->leaving));
    return r;
}

int flow_sync(struct flow *f, bool delivered, int64_t timeout)
{
    int64_t until = clock_mono() + timeout;
    int r = watch_sync(f->watch, timeout);
    if (r == 0)
        r = select_sync(f->select, until - clock_mono());
    /* A directory that came with its content is walked after it was judged. */
    if (r == 0)
        r = scans_quiet(f->scans, until - clock_mono());
    if (r == 0)
        r = select_sync(f->select, until - clock_mono());
    if (r == 0)
        r = judge_sync(f->judge, until - clock_mono());
    return r == 0 && delivered ? sync_ships(f, until) : r;
}

void flow_leave(struct flow *f)
{
    atomic_store(&f->leaving, true);
    scans_leave(f->scans);
}

int flow_scan(struct flow *f, const char *path, enum check_depth depth, const char *who, int64_t timeout,
              struct scan_result *ret)
{
    uint64_t ticket;
    judge_say(f->judge, SEVERITY_INFO, "scan-asked", "a scan was asked for", "by", who, "path", path ? path : "", NULL);
    int r = scans_run(f->scans, path, depth, SOURCE_SCAN, "asked", &ticket);
    if (r == 0)
        r = scans_wait(f->scans, ticket, timeout, ret);
    return r == 0 ? select_sync(f->select, timeout) : r;
}

struct actor *flow_who(struct flow *f, pid_t pid)
{
    int64_t now = clock_mono(), retry;
    struct process *process = process_take(f->people, pid, now);
    struct actor *actor = NULL;
    if (process)
        process_actor(f->people, process, now, now, &actor, &retry);
    process_drop(f->people, process);
    return actor;
}

struct policy *flow_policy(struct flow *f)
{
    return select_policy(f->select);
}

bool flow_covers(struct flow *f, const char *path, size_t len)
{
    return f->audit && audit_covers(f->audit, path, len);
}
