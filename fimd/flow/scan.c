/* See scan.h. A lane is a queue with its thread. */
#include "fimd/flow/scan.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "baseline/path.h"
#include "fimd/rt/clock.h"

static const int64_t SETTLE_WAIT = 60 * NS_PER_S; /* for what the scan found to be judged */

struct request {
    struct request *next;
    char *path; /* NULL: everything */
    enum check_depth depth;
    enum event_source source;
    const char *why;
    bool fill, walk;
    struct touch by; /* of a walk; pid 0: nobody known */
    uint64_t ticket;
};

struct lane {
    struct scans *scans;
    pthread_t thread;
    bool started;
    struct request *first, *last, *running;
    struct check_progress progress;
};

struct scans {
    struct scans_options options;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t work, ended;
    struct lane slow, quick;
    bool leaving;
    uint64_t tickets, done; /* of the slow lane, which runs them in order */
    struct scan_result last;
};

/* What a running request needs: handed to the check's callbacks. */
struct run {
    struct scans *scans;
    const struct request *request;
    struct policy *policy;
    pthread_mutex_t lock; /* what follows */
    struct scan_result *result;
};

static unsigned run_choose(void *ctx, const char *path, size_t len, enum entry_type type)
{
    const struct run *run = ctx;
    const char *leave_out = run->scans->options.leave_out;
    return path_below(path, len, leave_out, strlen(leave_out)) ? 0 : policy_choose(run->policy, path, len, type);
}

/* Only what is new below was certainly brought by whoever brought the directory. */
static int run_differs(void *ctx, enum check_difference what, const char *path, size_t len, const struct entry *before,
                       const struct entry *after)
{
    const struct run *run = ctx;
    const struct request *q = run->request;
    (void)before;
    (void)after;
    const struct touch *by = q->by.pid && what == CHECK_ADDED ? &q->by : NULL;
    return select_scanned(run->scans->options.select, path, len, q->source, what == CHECK_REMOVED, by);
}

/* What is gone meanwhile is no trouble: its end is told by itself. */
static void run_trouble(void *ctx, const char *path, size_t len, int error)
{
    struct run *run = ctx;
    struct buf text = {0};
    if (error == ENOENT || error == ENOTDIR)
        return;
    pthread_mutex_lock(&run->lock);
    if (run->result->unreadable++ == 0) {
        path_escape(&text, path, len);
        buf_printf(&text, " (%s)", strerror(error));
        const char *escaped = buf_cstr(&text);
        snprintf(run->result->unreadable_first, sizeof(run->result->unreadable_first), "%s", escaped ? escaped : "?");
    }
    pthread_mutex_unlock(&run->lock);
    buf_fini(&text);
}

static int run_request(struct lane *lane, const struct request *q, struct scan_result *result, struct fault *why)
{
    struct scans *s = lane->scans;
    struct run run = {.scans = s, .request = q, .policy = select_policy(s->options.select), .result = result};
    pthread_mutex_init(&run.lock, NULL);
    struct check_options options = {
        .store = s->options.store,
        .depth = q->depth,
        .measure = s->options.measure,
        .threads = q->walk ? 1 : s->options.threads,
        .read_rate = s->options.read_rate,
        .choose = run_choose,
        .differs = run_differs,
        .trouble = run_trouble,
        .ctx = &run,
        .stop = &s->stop,
    };
    size_t count;
    const char *const *roots = policy_roots(run.policy, &count);
    const char *one[] = {q->path};
    if (q->path) {
        roots = one;
        count = 1;
    }
    int r = q->fill ? check_fill(&options, false, roots, count, &lane->progress, why)
                    : check_run(&options, roots, count, &lane->progress, why);
    policy_unref(run.policy);
    pthread_mutex_destroy(&run.lock);
    return r;
}

static void progress_clear(struct check_progress *p)
{
    atomic_store(&p->directories, 0);
    atomic_store(&p->entries, 0);
    atomic_store(&p->bytes, 0);
    atomic_store(&p->differences, 0);
}

/* In short turns: an end does not wait for a large file that is being measured. */
static void wait_settled(struct scans *s)
{
    int64_t until = clock_mono() + SETTLE_WAIT;
    while (!atomic_load(&s->stop) && clock_mono() < until &&
           select_sync(s->options.select, NS_PER_S) == -ETIMEDOUT)
        continue;
}

static void run_one(struct lane *lane, const struct request *q)
{
    struct scans *s = lane->scans;
    struct fault why = {0};
    int64_t begun = clock_mono();
    uint64_t found = s->options.found(s->options.ctx);
    struct scan_result result = {.ticket = q->ticket, .why = q->why, .depth = q->depth, .fill = q->fill};
    int error = run_request(lane, q, &result, &why);
    if (q->walk) {
        if (error < 0 && error != -ECANCELED) /* by a scan, which tells of its end: what is there shall not be missed */
            scans_run(s, q->path, q->depth, SOURCE_SCAN, "walk-failed", NULL);
        return;
    }
    wait_settled(s);
    result.directories = atomic_load(&lane->progress.directories);
    result.entries = atomic_load(&lane->progress.entries);
    result.bytes = atomic_load(&lane->progress.bytes);
    result.differences = s->options.found(s->options.ctx) - found;
    result.duration = clock_mono() - begun;
    result.error = error;
    snprintf(result.text, sizeof(result.text), "%s", why.text);
    if (error != -ECANCELED)
        s->options.finished(s->options.ctx, &result);
    pthread_mutex_lock(&s->lock);
    s->last = result;
    s->done = q->ticket;
    pthread_cond_broadcast(&s->ended);
    pthread_mutex_unlock(&s->lock);
}

static void request_free(struct scans *s, struct request *q)
{
    process_drop(select_people(s->options.select), q->by.process);
    free(q->path);
    free(q);
}

static void *lane_run(void *arg)
{
    struct lane *lane = arg;
    struct scans *s = lane->scans;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (!lane->first && !atomic_load(&s->stop))
            pthread_cond_wait(&s->work, &s->lock);
        struct request *q = atomic_load(&s->stop) ? NULL : lane->first;
        if (q) {
            lane->first = q->next;
            if (!lane->first)
                lane->last = NULL;
            lane->running = q;
            progress_clear(&lane->progress);
        }
        pthread_mutex_unlock(&s->lock);
        if (!q)
            return NULL;
        run_one(lane, q);
        pthread_mutex_lock(&s->lock);
        lane->running = NULL;
        pthread_cond_broadcast(&s->ended);
        pthread_mutex_unlock(&s->lock);
        request_free(s, q);
    }
}

static int lane_start(struct scans *s, struct lane *lane)
{
    lane->scans = s;
    int r = pthread_create(&lane->thread, NULL, lane_run, lane);
    lane->started = r == 0;
    if (lane->started)
        pthread_setname_np(lane->thread, lane == &s->slow ? "fimd-scan" : "fimd-walk");
    return -r;
}

int scans_open(const struct scans_options *options, struct scans **ret)
{
    struct scans *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->options = *options;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    int r = lane_start(s, &s->slow);
    if (r == 0)
        r = lane_start(s, &s->quick);
    if (r < 0) {
        scans_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

static void lane_end(struct scans *s, struct lane *lane)
{
    if (lane->started)
        pthread_join(lane->thread, NULL);
    for (struct request *q = lane->first, *next; q; q = next) {
        next = q->next;
        request_free(s, q);
    }
}

void scans_close(struct scans *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->stop, true);
    pthread_cond_broadcast(&s->work);
    pthread_cond_broadcast(&s->ended);
    pthread_mutex_unlock(&s->lock);
    lane_end(s, &s->slow);
    lane_end(s, &s->quick);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->ended);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool same(const struct request *a, const struct request *b)
{
    bool paths = a->path && b->path ? strcmp(a->path, b->path) == 0 : a->path == b->path;
    return paths && a->depth == b->depth && a->source == b->source && a->fill == b->fill;
}

/* One walk for what two have brought, one after the other: who brought what is not known then. Without this a
 * directory that is moved to and fro, faster than it can be walked, would make the queue grow without end. */
static void bring_together(struct scans *s, struct request *at, const struct request *q)
{
    if (at->by.process == q->by.process && at->by.pid == q->by.pid)
        return;
    process_drop(select_people(s->options.select), at->by.process);
    at->by = (struct touch){0};
}

/* Takes the request over; an equal one that has not begun yet serves both. */
static void lane_put(struct lane *lane, struct request *q, uint64_t *ret_ticket)
{
    struct scans *s = lane->scans;
    pthread_mutex_lock(&s->lock);
    for (struct request *at = lane->first; at; at = at->next) {
        if (!same(at, q))
            continue;
        bring_together(s, at, q);
        if (ret_ticket)
            *ret_ticket = at->ticket;
        pthread_mutex_unlock(&s->lock);
        request_free(s, q);
        return;
    }
    if (lane == &s->slow)
        q->ticket = ++s->tickets;
    if (ret_ticket)
        *ret_ticket = q->ticket;
    if (lane->last)
        lane->last->next = q;
    else
        lane->first = q;
    lane->last = q;
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->lock);
}

static struct request *request_new(const char *path, size_t len, const struct request *like)
{
    struct request *q = malloc(sizeof(*q));
    if (!q)
        return NULL;
    *q = *like;
    q->path = path ? strndup(path, len) : NULL;
    if (path && !q->path) {
        free(q);
        return NULL;
    }
    return q;
}

int scans_run(struct scans *s, const char *path, enum check_depth depth, enum event_source source, const char *why,
              uint64_t *ret_ticket)
{
    const struct request like = {.depth = depth, .source = source, .why = why};
    struct request *q = request_new(path, path ? strlen(path) : 0, &like);
    if (!q)
        return -ENOMEM;
    lane_put(&s->slow, q, ret_ticket);
    return 0;
}

int scans_fill(struct scans *s, uint64_t *ret_ticket)
{
    const struct request like = {.depth = CHECK_CONTENT, .fill = true, .source = SOURCE_START, .why = "first-baseline"};
    struct request *q = request_new(NULL, 0, &like);
    if (!q)
        return -ENOMEM;
    lane_put(&s->slow, q, ret_ticket);
    return 0;
}

int scans_walk(struct scans *s, const char *path, size_t len, const struct touch *by)
{
    const struct request like = {.depth = CHECK_METADATA, .walk = true, .source = SOURCE_FANOTIFY, .why = "moved-in"};
    struct request *q = request_new(path, len, &like);
    if (!q)
        return -ENOMEM;
    if (by) {
        q->by = *by;
        q->by.process = process_ref(select_people(s->options.select), by->process);
        /* Made and closed: each is at rest. */
        q->by.ops = WATCH_CREATE | WATCH_CLOSE_WRITE;
        q->by.inode = q->by.dir_inode = 0;
    }
    lane_put(&s->quick, q, NULL);
    return 0;
}

int scans_wait(struct scans *s, uint64_t ticket, int64_t timeout, struct scan_result *ret)
{
    int64_t until = clock_mono() + timeout;
    struct timespec at = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    int r = 0;
    pthread_mutex_lock(&s->lock);
    while (s->done < ticket && r == 0) {
        if (s->leaving || atomic_load(&s->stop))
            r = -ECANCELED;
        else
            r = -pthread_cond_timedwait(&s->ended, &s->lock, &at);
    }
    if (r == 0)
        *ret = s->last;
    pthread_mutex_unlock(&s->lock);
    return r;
}

int scans_quiet(struct scans *s, int64_t timeout)
{
    int64_t until = clock_mono() + timeout;
    struct timespec at = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    int r = 0;
    pthread_mutex_lock(&s->lock);
    while ((s->quick.first || s->quick.running) && r == 0) {
        if (s->leaving || atomic_load(&s->stop))
            r = -ECANCELED;
        else
            r = -pthread_cond_timedwait(&s->ended, &s->lock, &at);
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

void scans_leave(struct scans *s)
{
    pthread_mutex_lock(&s->lock);
    s->leaving = true;
    pthread_cond_broadcast(&s->ended);
    pthread_mutex_unlock(&s->lock);
}

void scans_status(struct scans *s, struct scan_status *ret)
{
    *ret = (struct scan_status){0};
    pthread_mutex_lock(&s->lock);
    const struct request *q = s->slow.running;
    if (q) {
        ret->running = true;
        ret->filling = q->fill;
        snprintf(ret->why, sizeof(ret->why), "%s", q->why);
        ret->directories = atomic_load(&s->slow.progress.directories);
        ret->entries = atomic_load(&s->slow.progress.entries);
        ret->bytes = atomic_load(&s->slow.progress.bytes);
        ret->differences = atomic_load(&s->slow.progress.differences);
    }
    for (q = s->slow.first; q; q = q->next)
        ret->queued++;
    pthread_mutex_unlock(&s->lock);
}
