/* Owns the line. It is drawn on err, so that the output can be piped while the line is seen.
 *
 *   check_progress (written by the walk's workers) ─► thread, 10 times a second ─► "checking ███░░ 42 %  …" */
#include "fimd/cli/progress.h"

#include "fimd/cli/human.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { BAR_WIDTH = 30, PERIOD_MS = 100 };

struct progress {
    struct cli *cli;
    const char *what;
    uint64_t total;
    struct check_progress *of;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop;
};

static void put_bar(struct buf *to, uint64_t done, uint64_t total)
{
    uint64_t part = done >= total ? BAR_WIDTH : done * BAR_WIDTH / total;

    buf_put_str(to, " ");
    for (uint64_t i = 0; i < BAR_WIDTH; i++)
        buf_put_str(to, i < part ? "█" : "░");
    /* More than was there last time is no more than all: the total is the baseline's. */
    buf_printf(to, " %3u %%", done >= total ? 99 : (unsigned)(done * 100 / total));
}

void progress_draw(struct cli *cli, const char *what, uint64_t done, uint64_t total, uint64_t bytes)
{
    struct buf line = {0};

    if (!cli->progress)
        return;
    buf_printf(&line, "\r\033[K%s", what);
    if (total)
        put_bar(&line, done, total);
    buf_put_str(&line, "  ");
    human_count(&line, done);
    buf_put_str(&line, " entries");
    if (bytes) {
        buf_put_str(&line, ", ");
        human_size(&line, bytes);
    }
    fwrite(line.data, 1, line.len, cli->err);
    fflush(cli->err);
    buf_fini(&line);
}

void progress_wipe(struct cli *cli)
{
    if (!cli->progress)
        return;
    fputs("\r\033[K", cli->err);
    fflush(cli->err);
}

static struct timespec soon(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += PERIOD_MS * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    return t;
}

static void *draw_on(void *arg)
{
    struct progress *p = arg;

    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        struct timespec until = soon();

        if (pthread_cond_timedwait(&p->stopped, &p->lock, &until) == ETIMEDOUT)
            progress_draw(p->cli, p->what, atomic_load(&p->of->entries), p->total, atomic_load(&p->of->bytes));
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct progress *progress_start(struct cli *cli, const char *what, uint64_t total, struct check_progress *of)
{
    struct progress *p = cli->progress ? calloc(1, sizeof(*p)) : NULL;

    if (!p)
        return NULL;
    p->cli = cli;
    p->what = what;
    p->total = total;
    p->of = of;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->stopped, NULL);
    if (pthread_create(&p->thread, NULL, draw_on, p) != 0) { /* the work goes on without it */
        free(p);
        return NULL;
    }
    return p;
}

void progress_stop(struct progress *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->stopped);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    progress_wipe(p->cli);
    pthread_cond_destroy(&p->stopped);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
