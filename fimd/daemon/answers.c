/* The daemon's side of control/requests.h: each command asks the flow and writes what it says as JSON. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "baseline/path.h"
#include "fimd/control/requests.h"
#include "fimd/daemon/daemon.h"
#include "fimd/daemon/doctor.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"

static const int64_t WAIT_DEFAULT_MS = 30000;
static const int64_t WAIT_MOST_MS = 3600 * 1000;

static void put_time(struct json *to, const char *key, int64_t ns)
{
    char text[40];
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ns % NS_PER_S / NS_PER_MS));
    json_put_text(to, key, text);
}

static int say(struct control_call *call, struct json *answer, int code)
{
    if (!answer)
        return control_fail(call, EXIT_INTERNAL, "out of memory");
    int r = control_say(call, answer);
    json_free(answer);
    return r < 0 ? EXIT_INTERNAL : code;
}

/* ---- status ---- */

static void put_watching(struct json *answer, const struct flow_status *s)
{
    struct json *watching = json_put_object(answer, FIELD_WATCHING);
    json_put_uint(watching, FIELD_PATHS, s->paths);
    json_put_uint(watching, FIELD_ENTRIES, s->store.entries);
    struct json *marks = json_put_array(watching, FIELD_MARKS);
    for (size_t i = 0; i < s->watch.marks_count; i++) {
        const struct watch_mark *m = &s->watch.marks[i];
        struct json *mark = json_put_object(marks, NULL);
        request_put_path(mark, FIELD_PATH, m->path, strlen(m->path));
        json_put_text(mark, FIELD_FS_TYPE, m->fs_type);
        json_put_text(mark, FIELD_HOW, m->how);
        json_put_text(mark, FIELD_LIMITS, m->limits);
    }
}

static const char *audit_state(const struct flow_status *s)
{
    if (!s->audit_on)
        return "none";
    if (!s->audit.enabled)
        return "off";
    return s->audit.locked ? "locked" : "on";
}

static void put_audit(struct json *attribution, const struct flow_status *s)
{
    struct json *audit = json_put_object(attribution, FIELD_AUDIT);
    json_put_text(audit, FIELD_STATE, audit_state(s));
    json_put_text(audit, FIELD_DETAIL, s->audit_text[0] ? s->audit_text : NULL);
    json_put_uint(audit, FIELD_RULES_LOADED, s->audit.rules_loaded);
    json_put_uint(audit, FIELD_RULES_WANTED, s->audit.rules_wanted);
    json_put_uint(audit, FIELD_RULES_FOREIGN, s->audit.rules_foreign);
    json_put_int(audit, FIELD_DAEMON_PID, s->audit.daemon_pid);
    json_put_uint(audit, FIELD_RECORDS, s->audit.records);
    json_put_uint(audit, FIELD_LOST, s->audit.lost_kernel + s->audit.lost_socket);
}

static void put_process(struct json *attribution, const struct flow_status *s)
{
    struct json *process = json_put_object(attribution, FIELD_PROCESS);
    json_put_text(process, FIELD_GRADE, grade_name(s->process.grade));
    json_put_uint(process, FIELD_MESSAGES, s->process.messages);
    json_put_uint(process, FIELD_GAPS, s->process.gaps);
    json_put_uint(process, FIELD_ALIVE, s->process.alive);
}

static void put_selftest(struct json *attribution, const struct flow_status *s)
{
    static const struct {
        enum grade grade;
        const char *cost;
    } rows[] = {
        {GRADE_AUDIT, "about 10 µs for each audited operation, 0.2 µs for every other system call"},
        {GRADE_PROCESS, "none for the writers; about 2 µs of fimd's time for each new process"},
        {GRADE_PROCFS, "none for the writers; short-lived processes are missed"},
    };
    const struct probe_result *p = &s->probe;
    struct json *tests = json_put_array(attribution, FIELD_SELFTEST);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool good = p->seen && p->grade >= rows[i].grade &&
                    (rows[i].grade != GRADE_PROCESS || (s->process.grade == GRADE_PROCESS && p->process_right));
        struct json *test = json_put_object(tests, NULL);
        json_put_text(test, FIELD_GRADE, grade_name(rows[i].grade));
        json_put_bool(test, FIELD_GOOD, good);
        json_put_int(test, FIELD_TOOK_US, p->latency / NS_PER_US);
        json_put_text(test, FIELD_COST, rows[i].cost);
        json_put_text(test, FIELD_DETAIL, good && !p->person_right ? "the login user was not the right one" : NULL);
    }
}

static void put_queue(struct json *queues, const char *name, uint64_t length)
{
    struct json *queue = json_put_object(queues, NULL);
    json_put_text(queue, FIELD_NAME, name);
    json_put_uint(queue, FIELD_LENGTH, length);
}

static void put_numbers(struct json *answer, const struct flow_status *s)
{
    struct json *queues = json_put_array(answer, FIELD_QUEUES);
    put_queue(queues, "pending", s->pending);
    put_queue(queues, "judge", s->judge.queued);
    put_queue(queues, "waiting-for-attribution", s->judge.waiting);
    struct json *journal = json_put_object(answer, FIELD_JOURNAL);
    json_put_uint(journal, FIELD_FIRST, s->store.journal_first);
    json_put_uint(journal, FIELD_LAST, s->store.journal_last);
    json_put_uint(journal, FIELD_BYTES, s->store.bytes_journal);
    struct json *losses = json_put_object(answer, FIELD_LOSSES);
    for (int kind = 0; kind < LOSS_KINDS; kind++) {
        if (loss_read((enum loss)kind))
            json_put_uint(losses, loss_name((enum loss)kind), loss_read((enum loss)kind));
    }
}

static void put_outputs(struct json *answer, const struct flow_status *s)
{
    struct json *outputs = json_put_array(answer, FIELD_OUTPUTS);
    for (size_t i = 0; i < s->ships_count; i++) {
        const struct ship_status *ship = &s->ships[i];
        struct json *output = json_put_object(outputs, NULL);
        uint64_t last = s->store.journal_last;
        json_put_text(output, FIELD_NAME, ship->name);
        json_put_text(output, FIELD_TYPE, ship->type);
        json_put_uint(output, FIELD_CURSOR, ship->cursor);
        json_put_uint(output, FIELD_BACKLOG, last > ship->cursor ? last - ship->cursor : 0);
        json_put_uint(output, FIELD_DELIVERED, ship->delivered);
        json_put_uint(output, FIELD_DEAD, ship->dead);
        json_put_text(output, FIELD_LAST_ERROR, ship->last_error[0] ? ship->last_error : NULL);
        json_put_text(output, "peer", ship->peer[0] ? ship->peer : NULL);
    }
}

static void put_scan(struct json *answer, const char *key, const struct scan_status *s, bool running)
{
    struct json *scan = json_put_object(answer, key);
    json_put_bool(scan, FIELD_RUNNING, running);
    if (!running)
        return;
    json_put_uint(scan, FIELD_DIRECTORIES, s->directories);
    json_put_uint(scan, FIELD_ENTRIES, s->entries);
    json_put_uint(scan, FIELD_BYTES, s->bytes);
    json_put_uint(scan, FIELD_DIFFERENCES, s->differences);
}

static void put_degraded(struct json *answer, const struct strings *degraded)
{
    struct json *list = json_put_array(answer, FIELD_DEGRADED);
    for (size_t i = 0; i < degraded->count; i++)
        json_put_text(list, NULL, degraded->list[i]);
}

static int answer_status(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    struct daemon *d = ctx;
    struct flow_status s;
    struct strings degraded = {0};
    (void)request;
    (void)peer;
    if (flow_status(d->flow, &s) < 0)
        return control_fail(call, EXIT_INTERNAL, "out of memory");
    if (flow_degraded(d->flow, &degraded) < 0) {
        flow_status_fini(&s);
        strings_fini(&degraded);
        return control_fail(call, EXIT_INTERNAL, "out of memory");
    }
    struct json *answer = json_object();
    json_put_text(answer, FIELD_VERSION, FIMD_VERSION);
    json_put_int(answer, FIELD_PID, getpid());
    put_time(answer, FIELD_SINCE, s.since);
    json_put_text(answer, FIELD_STATE, STATE_WATCHING);
    json_put_text(answer, FIELD_CONFIG, d->config_path);
    json_put_text(answer, FIELD_STATE_DIR, d->state_dir);
    put_watching(answer, &s);
    struct json *attribution = json_put_object(answer, FIELD_ATTRIBUTION);
    json_put_text(attribution, FIELD_GRADE, grade_name(s.probe.grade));
    put_audit(attribution, &s);
    put_process(attribution, &s);
    put_selftest(attribution, &s);
    put_numbers(answer, &s);
    put_outputs(answer, &s);
    put_scan(answer, FIELD_FILLING, &s.scan, s.scan.running && s.scan.filling);
    put_scan(answer, FIELD_SCAN, &s.scan, s.scan.running && !s.scan.filling);
    put_degraded(answer, &degraded);
    int code = degraded.count ? EXIT_NOT_SO : EXIT_WELL;
    strings_fini(&degraded);
    flow_status_fini(&s);
    return say(call, answer, code);
}

/* ---- sync, scan ---- */

static int64_t asked_timeout(const struct json *request, int64_t otherwise_ms)
{
    int64_t ms = json_get_int(request, FIELD_TIMEOUT_MS, otherwise_ms);
    if (ms < 0)
        ms = 0;
    return (ms > WAIT_MOST_MS ? WAIT_MOST_MS : ms) * NS_PER_MS;
}

static int answer_sync(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    struct daemon *d = ctx;
    (void)peer;
    bool delivered = json_get_bool(request, "delivered", false);
    int r = flow_sync(d->flow, delivered, asked_timeout(request, WAIT_DEFAULT_MS));
    if (r < 0)
        return control_fail(call, r == -ETIMEDOUT ? EXIT_NOT_SO : EXIT_INTERNAL, "not in time: %s", strerror(-r));
    struct flow_status s;
    if (flow_status(d->flow, &s) < 0)
        return control_fail(call, EXIT_INTERNAL, "out of memory");
    struct json *answer = json_object();
    json_put_uint(answer, FIELD_SEQUENCE, s.store.journal_last);
    flow_status_fini(&s);
    return say(call, answer, EXIT_WELL);
}

/* "alice (uid 1000)", "uid 0": who asked, by the socket's credentials and the process tree. */
static void who_asked(struct daemon *d, const struct control_peer *peer, char *ret, size_t size)
{
    struct actor *actor = flow_who(d->flow, peer->pid);
    if (actor && actor->login_known && actor->login != ACTOR_UNSET)
        snprintf(ret, size, "login uid %u as uid %u", actor->login, peer->uid);
    else
        snprintf(ret, size, "uid %u", peer->uid);
    actor_unref(actor);
}

struct scan_call {
    struct daemon *daemon;
    struct control_call *call;
    const char *path;
    enum check_depth depth;
    char who[80];
    struct scan_result result;
    int r;
    atomic_bool done;
};

static void *scan_thread(void *arg)
{
    struct scan_call *c = arg;
    c->r = flow_scan(c->daemon->flow, c->path, c->depth, c->who, WAIT_MOST_MS * NS_PER_MS, &c->result);
    atomic_store(&c->done, true);
    return NULL;
}

static void put_scan_counts(struct json *answer, const char *key, uint64_t directories, uint64_t entries,
                            uint64_t bytes, uint64_t differences)
{
    struct json *to = json_put_object(answer, key);
    json_put_uint(to, FIELD_DIRECTORIES, directories);
    json_put_uint(to, FIELD_ENTRIES, entries);
    json_put_uint(to, FIELD_BYTES, bytes);
    json_put_uint(to, FIELD_DIFFERENCES, differences);
}

static void say_progress(struct scan_call *c)
{
    struct flow_status s;
    if (flow_status(c->daemon->flow, &s) < 0)
        return;
    struct json *answer = json_object();
    put_scan_counts(answer, FIELD_PROGRESS, s.scan.directories, s.scan.entries, s.scan.bytes, s.scan.differences);
    json_put_uint((struct json *)json_get(answer, FIELD_PROGRESS), FIELD_TOTAL, s.store.entries);
    flow_status_fini(&s);
    if (answer)
        control_say(c->call, answer);
    json_free(answer);
}

static int scan_path(struct scan_call *c)
{
    pthread_t thread;
    const struct timespec pause = {.tv_nsec = 20 * NS_PER_MS};
    atomic_store(&c->done, false);
    int r = -pthread_create(&thread, NULL, scan_thread, c);
    if (r < 0)
        return r;
    for (int turn = 1; !atomic_load(&c->done); turn++) {
        nanosleep(&pause, NULL);
        if (turn % 10 == 0)
            say_progress(c);
    }
    pthread_join(thread, NULL);
    return c->r < 0 ? c->r : c->result.error;
}

static int answer_scan(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    const char *depth = json_get_text(request, FIELD_DEPTH);
    struct scan_call c = {.daemon = ctx, .call = call,
                          .depth = depth && strcmp(depth, DEPTH_CONTENT) == 0 ? CHECK_CONTENT : CHECK_METADATA};
    const struct json *paths = json_get(request, FIELD_PATHS);
    struct scan_result sum = {0};
    who_asked(c.daemon, peer, c.who, sizeof(c.who));
    const struct json *at = json_first(paths);
    int r = 0;
    do {
        struct buf path = {0};
        if (at && request_get_path(at, &path) < 0)
            return control_fail(call, EXIT_BAD_USAGE, "a path must be absolute");
        c.path = at ? buf_cstr(&path) : NULL;
        r = scan_path(&c);
        buf_fini(&path);
        sum.directories += c.result.directories;
        sum.entries += c.result.entries;
        sum.bytes += c.result.bytes;
        sum.differences += c.result.differences;
        sum.duration += c.result.duration;
        at = at ? json_next(at) : NULL;
    } while (at && r == 0);
    if (r < 0)
        return control_fail(call, EXIT_INTERNAL, "the scan ended early: %s", c.result.text[0] ? c.result.text : strerror(-r));
    struct json *answer = json_object();
    put_scan_counts(answer, FIELD_RESULT, sum.directories, sum.entries, sum.bytes, sum.differences);
    json_put_int((struct json *)json_get(answer, FIELD_RESULT), FIELD_TOOK_MS, sum.duration / NS_PER_MS);
    return say(call, answer, EXIT_WELL);
}

/* ---- explain, doctor, reload ---- */

/* The mark that a path falls under: the longest one above it. */
static const struct watch_mark *mark_of(const struct flow_status *s, const char *path, size_t len)
{
    const struct watch_mark *best = NULL;
    for (size_t i = 0; i < s->watch.marks_count; i++) {
        const struct watch_mark *m = &s->watch.marks[i];
        if (path_below(path, len, m->path, strlen(m->path)) && (!best || strlen(m->path) > strlen(best->path)))
            best = m;
    }
    return best;
}

static int answer_explain(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    struct daemon *d = ctx;
    struct buf path = {0};
    struct flow_status s;
    struct verdict verdict;
    (void)peer;
    if (request_get_path(json_get(request, FIELD_PATH), &path) < 0) {
        buf_fini(&path);
        return control_fail(call, EXIT_BAD_USAGE, "the path must be absolute");
    }
    if (flow_status(d->flow, &s) < 0) {
        buf_fini(&path);
        return control_fail(call, EXIT_INTERNAL, "out of memory");
    }
    const char *text = (const char *)path.data;
    struct policy *policy = flow_policy(d->flow);
    policy_match(policy, text, path.len, &verdict);
    const struct watch_mark *mark = mark_of(&s, text, path.len);
    bool covered = flow_covers(d->flow, text, path.len);
    struct json *answer = json_object();
    json_put_bool(answer, FIELD_WATCHED, verdict.rule != NULL);
    json_put_text(answer, FIELD_HOW, mark ? mark->how : "not yet there");
    json_put_text(answer, FIELD_LIMITS, mark ? mark->limits : NULL);
    json_put_bool(answer, FIELD_COVERED, covered);
    json_put_text(answer, FIELD_GRADE, grade_name(covered ? s.probe.grade : s.process.grade));
    policy_unref(policy);
    flow_status_fini(&s);
    buf_fini(&path);
    return say(call, answer, EXIT_WELL);
}

static int answer_doctor(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    struct daemon *d = ctx;
    (void)request;
    (void)peer;
    return say(call, doctor_checks(d->flow), EXIT_WELL);
}

static int answer_reload(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    struct daemon *d = ctx;
    struct mistakes mistakes = {0};
    struct fault why = {0};
    (void)request;
    (void)peer;
    int r = daemon_reload(d, &mistakes, &why);
    struct json *answer = json_object();
    if (r == 0)
        json_put_text(answer, FIELD_MESSAGE, "the configuration was read again and is in force");
    else if (!mistakes.count)
        json_put_text(answer, FIELD_ERROR, why.text);
    struct json *list = mistakes.count ? json_put_array(answer, FIELD_MISTAKES) : NULL;
    for (size_t i = 0; i < mistakes.count; i++) {
        const struct mistake *m = &mistakes.list[i];
        struct buf line = {0};
        buf_printf(&line, "%s:%d:%d: %s", m->file, m->line, m->column, m->text);
        json_put_text(list, NULL, buf_cstr(&line));
        buf_fini(&line);
    }
    mistakes_fini(&mistakes);
    return say(call, answer, r == 0 ? EXIT_WELL : EXIT_BAD_CONFIG);
}

static const struct control_command commands[] = {
    {COMMAND_STATUS, answer_status}, {COMMAND_SYNC, answer_sync},     {COMMAND_SCAN, answer_scan},
    {COMMAND_EXPLAIN, answer_explain}, {COMMAND_DOCTOR, answer_doctor}, {COMMAND_RELOAD, answer_reload},
};

const struct control_command *daemon_commands(size_t *ret_count)
{
    *ret_count = sizeof(commands) / sizeof(commands[0]);
    return commands;
}
