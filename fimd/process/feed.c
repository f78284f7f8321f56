/* Owns nothing of its own: it feeds the tree. Drains the connector, reads /proc, and is the thread that does
 * both.
 *
 *   connector ─┬─► thread ─────┐
 *              └─► take, actor ┴─► feed_drain ─► tree     (under the lock, whoever comes first)
 *   thread: programs of what was exec'ed, from /proc (outside the lock); all of /proc after a loss */
#include "fimd/process/feed.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fimd/process/procfs.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"
#include "fimd/rt/wake.h"

enum {
    STREAK_NS = 300 * NS_PER_US, /* wake-ups closer than this are a flood … */
    STREAK = 16,                 /* … after so many of them */
    NAP_NS = NS_PER_MS,
    PARENTS_MAX = 32,
};
/* Between two readings of all of /proc, when the connector overflows without end. */
#define RESCAN_NS (NS_PER_S / 2)

void feed_lost(struct processes *p)
{
    loss_count(LOSS_CONNECTOR, 1);
    p->gaps++;
    p->rescan = true;
    tree_doubt(&p->tree, p->last_time);
}

/* Locked. How many messages there were. */
unsigned feed_drain(struct processes *p)
{
    struct connector_message messages[CONNECTOR_BATCH];
    unsigned total = 0;
    int count = 0;
    if (!p->connector)
        return 0;
    int64_t now = clock_mono();
    do {
        bool lost = false;
        count = connector_read(p->connector, messages, &lost);
        int64_t last = p->last_time;
        for (int i = 0; i < count; i++) {
            lost |= tree_apply(&p->tree, &messages[i]) != 0;
            last = messages[i].time > last ? messages[i].time : last;
        }
        if (lost || count < 0)
            feed_lost(p); /* from the last stamp before this batch on */
        p->last_time = last;
        total += count > 0 ? (unsigned)count : 0;
        tree_forget(&p->tree, 0, 2 * CONNECTOR_BATCH);
    } while (count == CONNECTOR_BATCH);
    p->drained = now;
    p->messages += total;
    return total;
}

/* The thread reads programs, and all of /proc. */
void feed_tell(struct processes *p)
{
    if (p->running && !p->queue_told && (p->tree.queue_first || p->rescan)) {
        p->queue_told = true;
        wake_up(p->wake);
    }
}

/* ---- one process, from /proc ---- */

struct reading { /* of the program of one exec; begun and ended under the lock, done without */
    struct process *process;
    struct image *image;
    bool tty_stale, ghost;
    int64_t begun;
    bool program_read, login_read, tty_read, facts_read;
    struct procfs_program program;
    struct procfs_facts facts; /* login, session and tty in any case */
};

static void reading_begin(struct process *n, struct reading *r)
{
    *r = (struct reading){.process = n, .begun = clock_mono(), .ghost = n->ghost};
    if (n->state) {
        r->image = image_ref(n->state->image);
        r->tty_stale = n->state->tty_stale;
    }
}

static void reading_do(pid_t pid, struct reading *r)
{
    int64_t start;
    int dir = procfs_open(pid);
    if (dir < 0)
        return;
    if (r->ghost)
        r->facts_read = !procfs_read_facts(dir, &r->facts);
    r->program_read = !procfs_read_program(dir, &r->program);
    if (!r->ghost) {
        r->login_read = !procfs_read_login(dir, &r->facts.login, &r->facts.session);
        r->tty_read = r->tty_stale && !procfs_read_start(dir, &start, r->facts.tty);
    }
    close(dir);
}

/* Locked, and drained since reading_do: a later exec, or a later owner of the pid, has
 * told of itself by now. */
static void reading_end(struct processes *p, struct reading *r)
{
    struct process *n = r->process;
    bool newest = tree_newest(&p->tree, n->pid) == n;
    bool same = newest && n->state && n->state->image == r->image && (!n->doubt || r->ghost);
    if (r->facts_read && newest)
        tree_found(&p->tree, &r->facts, r->begun, NULL);
    if (r->login_read && newest && !n->doubt)
        logins_confirm(&n->logins, r->begun, r->facts.login, r->facts.session);
    if (r->tty_read && same)
        tree_tty(n, n->state->time, r->facts.tty);
    if (r->image && !r->image->read) {
        bool read = r->program_read && same;
        image_fill(r->image, read ? &r->program : NULL);
        p->exec_missed += !read;
    }
    procfs_program_fini(&r->program);
    image_unref(r->image);
}

bool feed_program_due(const struct process *n)
{
    return n->state && n->state->image && !n->state->image->read;
}

/* Locked. Where messages were lost, or there are none, only the start tells one owner of the pid from the
 * next. */
static bool is_same(struct processes *p, struct process *n, int64_t now)
{
    int64_t start = 0;
    char tty[PROCFS_TTY_SIZE];
    if (p->connector && !n->doubt)
        return true;
    int dir = procfs_open(n->pid), r = dir;
    if (dir >= 0) {
        r = procfs_read_start(dir, &start, tty);
        close(dir);
    }
    if (!r && tree_same_start(n, start))
        return true;
    tree_end(&p->tree, n, now);
    return false;
}

/* A session is only read when its user is new here: one file less to open. */
static int login_read(const struct process *n, uint32_t *ret_login, uint32_t *ret_session)
{
    int r = procfs_peek_login(n->pid, ret_login);
    *ret_session = ACTOR_UNSET;
    if (r || *ret_login == ACTOR_UNSET || logins_session(&n->logins, *ret_login, ret_session))
        return r;
    return procfs_peek_session(n->pid, ret_session);
}

static void cwd_set(struct process *n, char *cwd, int64_t now)
{
    if (!cwd || (n->cwd && !strcmp(cwd, n->cwd))) {
        free(cwd);
        return;
    }
    free(n->cwd);
    n->cwd = cwd;
    n->cwd_at = now;
}

/* Locked. The living process's login (and directory) as of now. What was read is its own when it is still the
 * newest with its pid after the socket was drained once more: a later owner's FORK comes before it runs. */
void feed_check(struct processes *p, struct process *n, int64_t now, bool with_cwd)
{
    uint32_t login, session;
    if (!is_same(p, n, now))
        return;
    int r = login_read(n, &login, &session);
    char *cwd = r || !with_cwd ? NULL : procfs_peek_cwd(n->pid);
    feed_drain(p);
    if (r == -ENOENT || r == -ESRCH)
        tree_end(&p->tree, n, now); /* should its EXIT be late, or lost */
    if (r || tree_newest(&p->tree, n->pid) != n || logins_confirm(&n->logins, now, login, session)) {
        free(cwd);
        return;
    }
    n->checked = now;
    cwd_set(n, cwd, now);
}

/* Locked: its program is wanted now, and the thread has not come to it yet. */
void feed_program(struct processes *p, struct process *n)
{
    struct reading r;
    reading_begin(n, &r);
    reading_do(n->pid, &r);
    feed_drain(p);
    reading_end(p, &r);
}

static int facts_read(pid_t pid, struct procfs_facts *ret)
{
    int dir = procfs_open(pid);
    if (dir < 0)
        return dir;
    int r = procfs_read_facts(dir, ret);
    close(dir);
    return r;
}

/* Locked. A process that the tree does not know, when it lives; without a connector its parents as well. */
void feed_look_up(struct processes *p, pid_t pid)
{
    struct procfs_facts chain[PARENTS_MAX];
    int count = 0, most = p->connector ? 1 : PARENTS_MAX;
    int64_t now = clock_mono();
    while (count < most && pid > 0 && !facts_read(pid, &chain[count]))
        pid = chain[count++].parent;
    feed_drain(p);
    while (count--) /* from the top, so that each finds its parent */
        tree_found(&p->tree, &chain[count], now, NULL);
    for (struct process *n;
         !p->connector && (n = tree_queue_pop(&p->tree));) { /* there is no thread to do it */
        feed_program(p, n);
        process_unreference(n);
    }
}

/* How many programs were read. */
static unsigned programs_read(struct processes *p)
{
    unsigned count = 0;
    pthread_mutex_lock(&p->lock);
    p->queue_told = false;
    for (struct process *n; (n = tree_queue_pop(&p->tree)); count++) {
        struct reading r;
        reading_begin(n, &r);
        if (r.ghost || feed_program_due(n)) {
            pthread_mutex_unlock(&p->lock);
            reading_do(n->pid, &r);
            pthread_mutex_lock(&p->lock);
            feed_drain(p);
        }
        reading_end(p, &r);
        process_unreference(n);
    }
    pthread_mutex_unlock(&p->lock);
    return count;
}

/* ---- all processes ---- */

struct facts_list {
    struct procfs_facts *list;
    size_t count, cap;
};

static int facts_add(struct facts_list *l, const struct procfs_facts *f)
{
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct procfs_facts *list = realloc(l->list, cap * sizeof(*list));
        if (!list)
            return -ENOMEM;
        l->list = list;
        l->cap = cap;
    }
    l->list[l->count++] = *f;
    return 0;
}

static int one_read(struct processes *p, pid_t pid, struct facts_list *all)
{
    struct procfs_facts f;
    int64_t now = clock_mono();
    if (facts_read(pid, &f))
        return 0; /* gone between the listing and here */
    pthread_mutex_lock(&p->lock);
    feed_drain(p);
    int r = tree_found(&p->tree, &f, now, NULL);
    pthread_mutex_unlock(&p->lock);
    return r ? r : facts_add(all, &f);
}

/* A second time round, now that every parent is there. */
static void parents_join(struct processes *p, const struct facts_list *all)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < all->count; i++)
        tree_join(&p->tree, &all->list[i]);
    pthread_mutex_unlock(&p->lock);
}

/* Unlocked. 0 or -errno: then what was in doubt stays so. By the thread: what is exec'ed meanwhile does not
 * wait. */
int feed_all(struct processes *p, bool by_thread)
{
    struct facts_list all = {0};
    int64_t begin = clock_mono();
    DIR *proc = opendir("/proc");
    if (!proc)
        return -errno;
    int r = 0;
    for (struct dirent *e; !r && (e = readdir(proc));) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
            r = one_read(p, (pid_t)strtol(e->d_name, NULL, 10), &all);
        if (by_thread)
            programs_read(p);
    }
    closedir(proc);
    parents_join(p, &all);
    free(all.list);
    if (r)
        return r;
    pthread_mutex_lock(&p->lock);
    feed_drain(p);
    tree_swept(&p->tree, begin, clock_mono());
    pthread_mutex_unlock(&p->lock);
    return 0;
}

/* ---- the thread ---- */

static void nap(struct processes *p, int64_t ns, bool socket)
{
    struct pollfd ready[2] = {{.fd = p->wake, .events = POLLIN},
                              {.fd = connector_fd(p->connector), .events = POLLIN}};
    struct timespec wait = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    if (ppoll(ready, socket ? 2 : 1, &wait, NULL) > 0 && ready[0].revents)
        wake_clear(p->wake);
}

static bool rescan_wanted(struct processes *p, int64_t last, int64_t now)
{
    pthread_mutex_lock(&p->lock);
    bool wanted = p->rescan && now - last >= RESCAN_NS;
    if (wanted)
        p->rescan = false;
    pthread_mutex_unlock(&p->lock);
    return wanted;
}

static void rescan_again(struct processes *p)
{
    pthread_mutex_lock(&p->lock);
    p->rescan = true;
    pthread_mutex_unlock(&p->lock);
}

static bool stopped(struct processes *p)
{
    pthread_mutex_lock(&p->lock);
    bool stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return stop;
}

/* A lone message is read at once. In a flood of forks the thread rests a millisecond between two looks: the
 * forking processes then need not wake it, and take drains for itself. An exec ends the rest: its program is
 * only to be read while it lives. */
void *feed_main(void *ctx)
{
    struct processes *p = ctx;
    int64_t last_wake = 0, last_scan = 0;
    unsigned streak = 0;
    while (!stopped(p)) {
        nap(p, RESCAN_NS, true);
        int64_t now = clock_mono();
        pthread_mutex_lock(&p->lock);
        unsigned messages = feed_drain(p);
        pthread_mutex_unlock(&p->lock);
        unsigned programs = programs_read(p);
        streak = messages && !programs && now - last_wake < STREAK_NS + (streak > STREAK ? NAP_NS : 0)
                     ? streak + 1
                     : 0;
        last_wake = now;
        if (streak > STREAK)
            nap(p, NAP_NS, false);
        if (rescan_wanted(p, last_scan, now)) {
            last_scan = now;
            if (feed_all(p, true))
                rescan_again(p);
        }
    }
    return NULL;
}
