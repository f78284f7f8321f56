/* Disk against baseline: the threads, and how a run begins and ends.
 *
 *   walk ─► merge with the store ─┬► differs()                                (metadata)
 *     ▲ workers                   ├► small file: read at once ─┬► differs()   (content)
 *     │                           └► large file ─► queue ──────┤
 *     └── when the walk is over, its workers read too ─────────┴► filler ─► store   (fill)
 *
 * As many threads as asked for are at work, never more: with content, half of them walk and the others read
 * what waits, the largest first; whoever walks reads small files by itself, in the directory that it has open
 * anyway. */
#include "baseline/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "baseline/check_parts.h"

enum { THREADS_MAX = 64 };

/* --- what the parts ask for --- */

int check_end(struct check *c, int result, const struct fault *why)
{
    int none = 0;

    if (!result || !atomic_compare_exchange_strong(&c->result, &none, result))
        return result;
    pthread_mutex_lock(&c->lock);
    if (why && why->error)
        c->why = *why;
    pthread_mutex_unlock(&c->lock);
    check_queue_end(&c->queue, true);
    return result;
}

bool check_is_ended(const struct check *c)
{
    return atomic_load_explicit(&c->result, memory_order_relaxed) ||
           (c->options->stop && atomic_load_explicit(c->options->stop, memory_order_relaxed));
}

bool check_is_wanted(const struct check *c, const char *path, size_t len, enum entry_type type)
{
    return c->options->choose(c->options->ctx, path, len, type) & WALK_TAKE;
}

int check_set_path(struct check_worker *w, const char *dir, size_t dir_len, const char *name, size_t name_len)
{
    buf_reset(&w->path);
    if (dir_len > 1 || !name_len)
        buf_put(&w->path, dir, dir_len);
    if (name_len) {
        buf_put_u8(&w->path, '/');
        buf_put(&w->path, name, name_len);
    }
    return w->path.failed ? -ENOMEM : 0;
}

void check_worker_fini(struct check_worker *w)
{
    measurer_free(w->measurer);
    buf_fini(&w->path);
    buf_fini(&w->scratch);
    buf_fini(&w->last);
    free(w->verdicts);
    free(w->before);
}

/* --- the walk's callbacks --- */

static unsigned choose(void *ctx, const char *path, size_t len, enum entry_type type)
{
    const struct check *c = ctx;

    return c->options->choose(c->options->ctx, path, len, type);
}

static int directory(void *ctx, struct walk_dir *dir)
{
    struct check *c = ctx;

    if (check_is_ended(c))
        return -ECANCELED;
    return check_merge(&c->workers[dir->worker], dir);
}

/* A root that is not there, or a directory that went while we came: what the store has there is gone. */
static void trouble(void *ctx, const char *path, size_t len, int error)
{
    struct check *c = ctx;
    struct check_worker w;

    if (c->options->trouble)
        c->options->trouble(c->options->ctx, path, len, error);
    if (c->filling || (error != ENOENT && error != ENOTDIR && error != ELOOP))
        return;
    w = (struct check_worker){.check = c};
    int rc = check_gone(&w, path, len);
    check_worker_fini(&w);
    check_end(c, rc, NULL);
}

/* --- threads --- */

static void *read_queue(void *arg)
{
    struct check_worker *w = arg;
    struct check_job job;

    while (check_queue_take(&w->check->queue, &job)) {
        check_end(w->check, check_is_ended(w->check) ? -ECANCELED : check_job_run(w, &job), NULL);
        free(job.path);
    }
    return NULL;
}

static unsigned start_readers(struct check *c, unsigned from, unsigned to)
{
    while (from < to && !pthread_create(&c->workers[from].thread, NULL, read_queue, &c->workers[from]))
        from++;
    return from;
}

static void run_walk(struct check *c, unsigned threads, const char *const *roots, size_t count)
{
    const struct walk_options options = {
        .threads = threads,
        .choose = choose,
        .directory = directory,
        .trouble = trouble,
        .ctx = c,
        .stop = c->options->stop,
    };

    check_end(c, walk(roots, count, &options), NULL);
}

/* Workers 0 … walkers-1 walk, the others read; when the walk is over, new readers take the walkers' places.
 */
static void run_both(struct check *c, const char *const *roots, size_t count)
{
    unsigned walkers = (c->threads + 1) / 2;
    unsigned started = start_readers(c, walkers, c->threads);

    c->queueing = started > walkers;
    run_walk(c, walkers, roots, count);
    check_queue_end(&c->queue, check_is_ended(c));
    unsigned again = c->queueing ? start_readers(c, 1, walkers) : 1;
    read_queue(&c->workers[0]);
    for (unsigned i = 1; i < again; i++)
        pthread_join(c->workers[i].thread, NULL);
    for (unsigned i = walkers; i < started; i++)
        pthread_join(c->workers[i].thread, NULL);
}

static unsigned thread_count(const struct check_options *options)
{
    long count = options->threads ? (long)options->threads : sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

/* An unchanged file is proven by its strongest digest; the others are computed when it is new. */
static void plan(struct check *c)
{
    c->measure = *c->options->measure;
    if (!c->measure.stop)
        c->measure.stop = c->options->stop;
    if (c->filling)
        return;
    uint8_t id = digest_strongest(&c->options->measure->digests);
    c->measure.digests = (struct digest_plan){.count = id ? 1 : 0, .ids = {id}};
}

static int check_init(struct check *c, const struct check_options *options, struct check_progress *progress)
{
    struct timespec ts;

    c->options = options;
    c->progress = progress;
    c->threads = thread_count(options);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    c->start = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
    plan(c);
    pthread_mutex_init(&c->lock, NULL);
    c->workers = calloc(c->threads, sizeof(*c->workers));
    int rc = c->workers ? check_queue_init(&c->queue) : -ENOMEM;
    for (unsigned i = 0; c->workers && i < c->threads; i++)
        c->workers[i].check = c;
    return rc;
}

static void check_fini(struct check *c)
{
    for (unsigned i = 0; c->workers && i < c->threads; i++)
        check_worker_fini(&c->workers[i]);
    free(c->workers);
    check_queue_fini(&c->queue);
    pthread_mutex_destroy(&c->lock);
}

static int say(const struct check *c, int rc, struct fault *why)
{
    if (why && !why->error && c->why.error)
        *why = c->why;
    if (rc == -ENOMEM && why && !why->error)
        fault_set(why, ENOMEM, "out of memory");
    return rc;
}

int check_run(const struct check_options *options, const char *const *roots, size_t count,
              struct check_progress *progress, struct fault *why)
{
    struct check c = {0};

    if (why)
        *why = (struct fault){0};
    int rc = check_init(&c, options, progress);
    if (!rc && options->depth == CHECK_CONTENT)
        run_both(&c, roots, count);
    else if (!rc)
        run_walk(&c, c.threads, roots, count);
    rc = rc ? rc : atomic_load(&c.result);
    check_fini(&c);
    return say(&c, rc, why);
}

int check_fill(const struct check_options *options, bool replace, const char *const *roots, size_t count,
               struct check_progress *progress, struct fault *why)
{
    struct check c = {.filling = true};

    if (why)
        *why = (struct fault){0};
    int rc = check_init(&c, options, progress);
    if (!rc)
        rc = check_filler_start(&c.filler, options->store, replace, why);
    if (!rc)
        run_both(&c, roots, count);
    rc = rc ? rc : atomic_load(&c.result);
    int written = check_filler_finish(&c.filler, why);
    check_fini(&c);
    return say(&c, written ? written : rc, why);
}
