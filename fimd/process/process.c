/* Owns the lock, the connector and the thread, and the order in which the tree is fed. See process.h.
 *
 *   connector ─┬─► thread ─────┐
 *              └─► take, actor ┴─► drain ─► tree          (under the lock, whoever comes first)
 *   thread: programs of what was exec'ed, from /proc (outside the lock); all of /proc after a loss
 *
 * The socket is drained before every question to the tree, so a pid in a fanotify event is known: its FORK was
 * queued before it ran. */
#include "fimd/process/process.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fimd/process/connector.h"
#include "fimd/process/procfs.h"
#include "fimd/process/tree.h"
#include "fimd/process/who.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"
#include "fimd/rt/wake.h"

enum {
    CHECK_NS = 50 * NS_PER_MS,  /* a living process is asked again after this */
    DRAIN_NS = NS_PER_MS / 2,   /* a known pid is taken without a look at the socket within this */
    STREAK_NS = 300 * NS_PER_US, /* wake-ups closer than this are a flood … */
    STREAK = 16,                /* … after so many of them */
    NAP_NS = NS_PER_MS,
    FORGET_MANY = 1024,
    PARENTS_MAX = 32,
};
#define RESCAN_NS (NS_PER_S / 2) /* between two readings of all of /proc, when the connector overflows without end */

struct processes {
    pthread_mutex_t lock; /* all below but the thread's own */
    struct tree tree;
    struct connector *connector; /* NULL: /proc alone */
    int wake;
    pthread_t thread;
    bool running, stop;
    bool rescan;        /* messages were lost: /proc is to be read */
    bool queue_told;    /* the thread was woken for the programs in the queue */
    int64_t drained;    /* when the socket was last emptied */
    int64_t last_time;  /* stamp of the last message */
    uint64_t messages, gaps, exec_missed;
};

static void gap_note(struct processes *p)
{
    loss_count(LOSS_CONNECTOR, 1);
    p->gaps++;
    p->rescan = true;
    tree_doubt(&p->tree, p->last_time);
}

/* Locked. How many messages there were. */
static unsigned drain(struct processes *p)
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
            gap_note(p); /* from the last stamp before this batch on */
        p->last_time = last;
        total += count > 0 ? (unsigned)count : 0;
        tree_forget(&p->tree, 0, 2 * CONNECTOR_BATCH);
    } while (count == CONNECTOR_BATCH);
    p->drained = now;
    p->messages += total;
    return total;
}

/* The thread reads programs, and all of /proc. */
static void thread_tell(struct processes *p)
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

/* Locked, and drained since reading_do: a later exec, or a later owner of the pid, has told of itself by now. */
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

static bool program_due(const struct process *n)
{
    return n->state && n->state->image && !n->state->image->read;
}

/* Locked. Where messages were lost, or there are none, only the start tells one owner of the pid from the next. */
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
static void live_check(struct processes *p, struct process *n, int64_t now, bool with_cwd)
{
    uint32_t login, session;
    if (!is_same(p, n, now))
        return;
    int r = login_read(n, &login, &session);
    char *cwd = r || !with_cwd ? NULL : procfs_peek_cwd(n->pid);
    drain(p);
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
static void program_read(struct processes *p, struct process *n)
{
    struct reading r;
    reading_begin(n, &r);
    reading_do(n->pid, &r);
    drain(p);
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
static void look_up(struct processes *p, pid_t pid)
{
    struct procfs_facts chain[PARENTS_MAX];
    int count = 0, most = p->connector ? 1 : PARENTS_MAX;
    int64_t now = clock_mono();
    while (count < most && pid > 0 && !facts_read(pid, &chain[count]))
        pid = chain[count++].parent;
    drain(p);
    while (count--) /* from the top, so that each finds its parent */
        tree_found(&p->tree, &chain[count], now, NULL);
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
        if (r.ghost || program_due(n)) {
            pthread_mutex_unlock(&p->lock);
            reading_do(n->pid, &r);
            pthread_mutex_lock(&p->lock);
            drain(p);
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
    drain(p);
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

/* Unlocked. 0 or -errno: then what was in doubt stays so. By the thread: what is exec'ed meanwhile does not wait. */
static int all_read(struct processes *p, bool by_thread)
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
    drain(p);
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
 * forking processes then need not wake it, and take drains for itself. An exec ends the rest: its program is only
 * to be read while it lives. */
static void *thread_main(void *ctx)
{
    struct processes *p = ctx;
    int64_t last_wake = 0, last_scan = 0;
    unsigned streak = 0;
    while (!stopped(p)) {
        nap(p, RESCAN_NS, true);
        int64_t now = clock_mono();
        pthread_mutex_lock(&p->lock);
        unsigned messages = drain(p);
        pthread_mutex_unlock(&p->lock);
        unsigned programs = programs_read(p);
        streak = messages && !programs && now - last_wake < STREAK_NS + (streak > STREAK ? NAP_NS : 0) ? streak + 1 : 0;
        last_wake = now;
        if (streak > STREAK)
            nap(p, NAP_NS, false);
        if (rescan_wanted(p, last_scan, now)) {
            last_scan = now;
            if (all_read(p, true))
                rescan_again(p);
        }
    }
    return NULL;
}

/* ---- the interface ---- */

static int thread_start(struct processes *p)
{
    int r = pthread_create(&p->thread, NULL, thread_main, p);
    p->running = !r;
    return -r;
}

/* Subscribed first, read then: what begins meanwhile is told by both, and is taken once (tree_found). */
static int begin(struct processes *p, bool connector, struct fault *why)
{
    int r = connector ? connector_open(&p->connector, why) : 0;
    if (r == -ENOMEM)
        return r;
    p->tree.connector = p->connector != NULL;
    if (!p->connector)
        return 0;
    p->last_time = clock_mono();
    p->wake = wake_open();
    if (p->wake < 0)
        return fault_set(why, -p->wake, "process tree: eventfd: %s", strerror(-p->wake));
    r = all_read(p, false);
    if (r)
        return fault_set(why, -r, "/proc: %s; the process tree is read from there at the start", strerror(-r));
    r = thread_start(p);
    return r ? fault_set(why, -r, "process tree: no thread: %s", strerror(-r)) : 0;
}

int processes_open(const struct process_options *options, struct processes **ret, struct fault *why)
{
    struct processes *p = calloc(1, sizeof(*p));
    if (!p || tree_init(&p->tree, options->keep_exited)) {
        free(p);
        return fault_set(why, ENOMEM, "process tree: out of memory");
    }
    p->wake = -1;
    pthread_mutex_init(&p->lock, NULL);
    int r = begin(p, options->connector, why);
    if (r) {
        processes_close(p);
        return r;
    }
    *ret = p;
    return 0;
}

void processes_close(struct processes *p)
{
    if (!p)
        return;
    if (p->running) {
        pthread_mutex_lock(&p->lock);
        p->stop = true;
        pthread_mutex_unlock(&p->lock);
        wake_up(p->wake);
        pthread_join(p->thread, NULL);
    }
    connector_close(p->connector);
    if (p->wake >= 0)
        close(p->wake);
    tree_fini(&p->tree);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

enum grade processes_grade(const struct processes *p)
{
    return p->connector ? GRADE_PROCESS : GRADE_PROCFS;
}

/* The one that was asked a moment ago: nothing is read. Should its pid have gone to another within that moment,
 * the two are told apart, or said to be one of two, when the actor is asked for (who_ask). */
static struct process *take_known(struct processes *p, pid_t pid, int64_t now)
{
    struct process *n = tree_newest(&p->tree, pid);
    if (!n || n->ghost || n->ended || n->doubt || now - n->checked >= CHECK_NS || now < n->checked)
        return NULL;
    if (p->connector && now - p->drained >= DRAIN_NS)
        return NULL;
    return n;
}

static bool ask_again(const struct process *n, int64_t now)
{
    return !n->ended && !n->ghost && now - n->checked >= CHECK_NS;
}

static struct process *take_asked(struct processes *p, pid_t pid, int64_t now)
{
    bool lost = false;
    drain(p);
    struct process *n = tree_meant(&p->tree, pid, now, &lost);
    if (!n || (n->ghost && now - n->checked >= CHECK_NS)) {
        look_up(p, pid);
        n = tree_meant(&p->tree, pid, now, &lost);
    } else if (ask_again(n, now)) {
        live_check(p, n, now, true);
        n = tree_meant(&p->tree, pid, now, &lost);
    }
    if (lost) {
        loss_count(LOSS_PROCESS_EVICTED, 1);
        return process_stranger(pid, now);
    }
    if (!n)
        n = tree_ghost(&p->tree, pid, now);
    if (!n)
        return NULL;
    if (n->ghost)
        n->checked = now;
    if (!n->ended && program_due(n))
        program_read(p, n);
    return process_hold(n);
}

struct process *process_take(struct processes *p, pid_t pid, int64_t now)
{
    if (pid <= 0)
        return NULL;
    pthread_mutex_lock(&p->lock);
    struct process *n = take_known(p, pid, now);
    if (n)
        process_hold(n);
    else
        n = take_asked(p, pid, now);
    thread_tell(p);
    pthread_mutex_unlock(&p->lock);
    return n;
}

struct process *process_ref(struct processes *p, struct process *process)
{
    if (!process)
        return NULL;
    pthread_mutex_lock(&p->lock);
    process_hold(process);
    pthread_mutex_unlock(&p->lock);
    return process;
}

void process_drop(struct processes *p, struct process *process)
{
    if (!process)
        return;
    pthread_mutex_lock(&p->lock);
    process_release(&p->tree, process);
    pthread_mutex_unlock(&p->lock);
}

pid_t process_pid(const struct process *process)
{
    return process->pid;
}

int process_actor(struct processes *p, struct process *process, int64_t at, int64_t now, struct actor **ret,
                  int64_t *ret_retry)
{
    struct who who;
    int r;
    pthread_mutex_lock(&p->lock);
    if (now - p->drained >= DRAIN_NS || at > p->drained)
        drain(p);
    if (!process->ended && !process->ghost && !who_is_fresh(process, at))
        live_check(p, process, now, false);
    if (!process->ended && program_due(process))
        program_read(p, process);
    who_ask(&p->tree, process, at, now, &who);
    if (who.wait > now) {
        *ret_retry = who.wait;
        r = -EAGAIN;
    } else {
        r = who_actor(&p->tree, process, at, &who, clock_real() - clock_mono(), ret);
    }
    thread_tell(p);
    pthread_mutex_unlock(&p->lock);
    return r;
}

/* Children that were forked while the login was being set may have it or not: those that live are asked. */
static void children_check(struct processes *p, const struct process *parent, int64_t since, int64_t now)
{
    struct process *ask[64];
    unsigned count = 0;
    for (struct process *n = NULL; count < 64 && (n = tree_child_since(&p->tree, n, parent, since));)
        ask[count++] = process_reference(n);
    while (count--) {
        if (!ask[count]->ended)
            live_check(p, ask[count], now, false);
        process_unreference(ask[count]);
    }
}

/* Audit writes "(none)" and "?" for no terminal, and pts0 for what the kernel calls pts/0. */
static bool tty_given(const char *tty)
{
    return tty && *tty && *tty != '(' && *tty != '?';
}

void process_login_stamped(struct processes *p, pid_t pid, uint32_t login, uint32_t session, const char *tty,
                           int64_t stamp)
{
    if (pid <= 0)
        return;
    pthread_mutex_lock(&p->lock);
    drain(p);
    int64_t now = clock_mono();
    int64_t from = stamp ? stamp - (clock_real() - now) : now - TREE_LOGIN_DELAY;
    if (from > now)
        from = now; /* the clock was set back meanwhile */
    int r = tree_login(&p->tree, pid, from, now, login, session);
    struct process *n = tree_newest(&p->tree, pid);
    if (!r && n && tty_given(tty) && n->state && !n->state->tty[0])
        r = tree_tty(n, now, tty);
    if (!r && n && !n->ghost)
        children_check(p, n, from, now);
    if (r)
        gap_note(p); /* as good as lost: /proc is asked again */
    thread_tell(p);
    pthread_mutex_unlock(&p->lock);
}

void process_login(struct processes *p, pid_t pid, uint32_t login, uint32_t session, const char *tty)
{
    process_login_stamped(p, pid, login, session, tty, 0);
}

void process_logins_come(struct processes *p, bool yes)
{
    pthread_mutex_lock(&p->lock);
    /* Who logged in while none came is only known to /proc. */
    p->rescan |= yes && !p->tree.logins_come && p->connector;
    p->tree.logins_come = yes;
    thread_tell(p);
    pthread_mutex_unlock(&p->lock);
}

void process_logins_passed(struct processes *p, int64_t until)
{
    pthread_mutex_lock(&p->lock);
    if (until > p->tree.logins_passed)
        p->tree.logins_passed = until;
    pthread_mutex_unlock(&p->lock);
}

void process_forget_before(struct processes *p, int64_t now)
{
    pthread_mutex_lock(&p->lock);
    if (!p->connector)
        tree_stale(&p->tree, now - NS_PER_S); /* nobody tells of an end */
    tree_forget(&p->tree, now, FORGET_MANY);
    pthread_mutex_unlock(&p->lock);
}

bool process_descends(struct processes *p, struct process *child, pid_t ancestor)
{
    pthread_mutex_lock(&p->lock);
    const struct process *n = child;
    while (n && n->pid != ancestor)
        n = n->parent;
    pthread_mutex_unlock(&p->lock);
    return n != NULL;
}

void processes_status(struct processes *p, struct process_status *ret)
{
    pthread_mutex_lock(&p->lock);
    *ret = (struct process_status){
        .grade = processes_grade(p),
        .messages = p->messages,
        .gaps = p->gaps,
        .alive = p->tree.alive.count,
        .exited_kept = p->tree.exited.count,
        .exec_missed = p->exec_missed,
    };
    pthread_mutex_unlock(&p->lock);
}
