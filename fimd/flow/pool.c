/* See pool.h. A worker takes a few findings at a time: under a flood one lock is taken for many, while a lone one
 * goes through at once, and a large file holds up only what was taken with it (so: few). */
#include "fimd/flow/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "fimd/rt/clock.h"
#include "fimd/rt/log.h"

enum { TAKE_MOST = 16, TRIES = 5 };
static const int64_t HAND_ON = NS_PER_MS / 2;
static const struct timespec TRY_PAUSE = {.tv_nsec = 50 * NS_PER_MS};

struct pool {
    struct select *select;
    struct judge *judge;
    unsigned count;
    struct worker {
        struct pool *pool;
        struct measurer *measurer;
        pthread_t thread;
    } workers[];
};

/* Of descriptors and memory there may be more in a moment. What cannot be measured even then is not known to be
 * gone: the judge lets it be. */
static int measure_one(struct measurer *m, const char *path, size_t len, struct entry *ret)
{
    int r = measure_path(m, path, len, ret);
    for (int i = 1; i < TRIES && (r == -EMFILE || r == -ENFILE || r == -ENOMEM); i++) {
        nanosleep(&TRY_PAUSE, NULL);
        r = measure_path(m, path, len, ret);
    }
    if (r < 0 && r != -ENOENT)
        log_warning("%s: cannot be measured (error %d); it is looked at again by the next scan", path, -r);
    return r;
}

static void measure_finding(struct measurer *m, struct finding *f)
{
    f->measured = measure_one(m, f->path, f->path_len, &f->after);
    if (f->old_path)
        f->old_measured = measure_one(m, f->old_path, f->old_path_len, &f->old_after);
}

/* Hands on together what was quickly measured together: a large file does not hold up those before it. */
static void measure_all(struct worker *w, struct finding **taken, size_t count)
{
    struct finding *list = NULL, **end = &list;
    int64_t since = clock_mono();
    for (size_t i = 0; i < count; i++) {
        measure_finding(w->measurer, taken[i]);
        taken[i]->link = NULL;
        *end = taken[i];
        end = &taken[i]->link;
        int64_t now = clock_mono();
        if (now - since < HAND_ON && i + 1 < count)
            continue;
        judge_push(w->pool->judge, list);
        end = &list;
        since = now;
    }
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    struct finding *taken[TAKE_MOST];
    size_t count;
    while ((count = select_take(w->pool->select, taken, TAKE_MOST)) > 0)
        measure_all(w, taken, count);
    return NULL;
}

int pool_open(struct select *select, struct judge *judge, const struct measure_options *measure, unsigned threads,
              struct pool **ret)
{
    struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(p->workers[0]));
    if (!p)
        return -ENOMEM;
    p->select = select;
    p->judge = judge;
    for (unsigned i = 0; i < threads; i++) {
        struct worker *w = &p->workers[i];
        w->pool = p;
        int r = measurer_new(measure, &w->measurer);
        if (r == 0)
            r = -pthread_create(&w->thread, NULL, worker_run, w);
        if (r == 0)
            pthread_setname_np(w->thread, "fimd-measure");
        if (r < 0) {
            measurer_free(w->measurer);
            select_stop(select);
            pool_close(p);
            return r;
        }
        p->count++;
    }
    *ret = p;
    return 0;
}

void pool_close(struct pool *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->count; i++) {
        pthread_join(p->workers[i].thread, NULL);
        measurer_free(p->workers[i].measurer);
    }
    free(p);
}
