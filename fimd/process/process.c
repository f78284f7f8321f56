/* Owns the lock, the thread's life and the order of questions: whoever asks drains the connector first, so
 * that a pid in a fanotify event is known (its FORK was queued before it ran). See process.h; the feeding is
 * feed.c's.
 *
 *   take: drain ─► the incarnation that is meant ─► /proc, while it lives ─► a hold
 *   actor: drain ─► /proc, while it lives ─► who ─► -EAGAIN, or the actor */
#include "fimd/process/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fimd/process/feed.h"
#include "fimd/process/who.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"
#include "fimd/rt/wake.h"

enum {
    CHECK_NS = 50 * NS_PER_MS, /* a living process is asked again after this */
    DRAIN_NS = NS_PER_MS / 2,  /* a known pid is taken without a look at the socket within this */
    FORGET_MANY = 1024,
    CHILDREN_MAX = 64,
};
#define LOGINS_UNNOTICED NS_PER_S /* audit may have been off for so long before anybody saw it */

static int thread_start(struct processes *p)
{
    int r = pthread_create(&p->thread, NULL, feed_main, p);
    p->running = !r;
    if (p->running)
        pthread_setname_np(p->thread, "fimd-process");
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
    p->last_time = p->logins_changed = clock_mono();
    p->wake = wake_open();
    if (p->wake < 0)
        return fault_set(why, -p->wake, "process tree: eventfd: %s", strerror(-p->wake));
    r = feed_all(p, false);
    if (r)
        return fault_set(why, -r, "/proc: %s; the process tree is read from there at the start",
                         strerror(-r));
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

/* The one that was asked a moment ago: nothing is read. Should its pid have gone to another within that
 * moment, the two are told apart, or said to be one of two, when the actor is asked for (who_ask). */
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
    feed_drain(p);
    struct process *n = tree_meant(&p->tree, pid, now, &lost);
    if (!n || (n->ghost && now - n->checked >= CHECK_NS)) {
        feed_look_up(p, pid);
        n = tree_meant(&p->tree, pid, now, &lost);
    } else if (ask_again(n, now)) {
        feed_check(p, n, now, true);
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
    if (!n->ended && feed_program_due(n))
        feed_program(p, n);
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
    feed_tell(p);
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

/* With the lock held: what is known of the process is brought up to `at`. */
static void bring_up(struct processes *p, struct process *process, int64_t at, int64_t now)
{
    if (now - p->drained >= DRAIN_NS || at > p->drained)
        feed_drain(p);
    if (!process->ended && !process->ghost && !who_is_fresh(process, at))
        feed_check(p, process, now, false);
    if (!process->ended && feed_program_due(process))
        feed_program(p, process);
}

int process_actor(struct processes *p, struct process *process, int64_t at, int64_t now, struct actor **ret,
                  int64_t *ret_retry)
{
    struct who who;
    int r;
    pthread_mutex_lock(&p->lock);
    bring_up(p, process, at, now);
    who_ask(&p->tree, process, at, now, &who);
    if (who.wait > now) {
        *ret_retry = who.wait;
        r = -EAGAIN;
    } else {
        r = who_actor(&p->tree, process, at, &who, clock_real() - clock_mono(), ret);
    }
    feed_tell(p);
    pthread_mutex_unlock(&p->lock);
    return r;
}

int process_actor_told(struct processes *p, struct process *process, int64_t at, int64_t now, uint32_t login,
                       uint32_t session, struct actor **ret)
{
    struct who who;
    pthread_mutex_lock(&p->lock);
    bring_up(p, process, at, now);
    who_ask(&p->tree, process, at, now, &who);
    who.known = true;
    who.user = login;
    who.session = session;
    int r = who_actor(&p->tree, process, at, &who, clock_real() - clock_mono(), ret);
    feed_tell(p);
    pthread_mutex_unlock(&p->lock);
    return r;
}

/* Children that were forked while the login was being set may have it or not: those that live are asked. */
static void children_check(struct processes *p, const struct process *parent, int64_t since, int64_t now)
{
    struct process *ask[CHILDREN_MAX];
    unsigned count = 0;
    for (struct process *n = NULL;
         count < CHILDREN_MAX && (n = tree_child_since(&p->tree, n, parent, since));)
        ask[count++] = process_reference(n);
    while (count--) {
        if (!ask[count]->ended)
            feed_check(p, ask[count], now, false);
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
    feed_drain(p);
    int64_t now = clock_mono();
    int64_t from = stamp ? stamp - (clock_real() - now) : now - TREE_LOGIN_DELAY_MAX;
    if (stamp)
        tree_login_delay(&p->tree, now - from);
    if (from > now)
        from = now; /* the clock was set back meanwhile */
    int r = tree_login(&p->tree, pid, from, now, login, session);
    struct process *n = tree_newest(&p->tree, pid);
    if (!r && n && tty_given(tty) && n->state && !n->state->tty[0])
        r = tree_tty(n, now, tty);
    if (!r && n && !n->ghost)
        children_check(p, n, from, now);
    if (r)
        feed_lost(p); /* as good as lost: /proc is asked again */
    feed_tell(p);
    pthread_mutex_unlock(&p->lock);
}

void process_login(struct processes *p, pid_t pid, uint32_t login, uint32_t session, const char *tty)
{
    process_login_stamped(p, pid, login, session, tty, 0);
}

/* Locked. The living are read again; of those who are gone by then nobody will tell. */
static void logins_lost(struct processes *p, int64_t since, int64_t now)
{
    struct tree *t = &p->tree;
    if (!t->lost_until || since < t->lost_from)
        t->lost_from = since;
    t->lost_until = now;
    p->rescan |= p->connector != NULL;
}

void process_logins_lost(struct processes *p, int64_t since)
{
    pthread_mutex_lock(&p->lock);
    logins_lost(p, since, clock_mono());
    feed_tell(p);
    pthread_mutex_unlock(&p->lock);
}

void process_logins_come(struct processes *p, bool yes)
{
    pthread_mutex_lock(&p->lock);
    int64_t now = clock_mono();
    /* Off: those on their way, too, and what went by before it was noticed. On: whatever was while it was
     * off. */
    if (yes != p->tree.logins_come)
        logins_lost(p, yes ? p->logins_changed : now - LOGINS_UNNOTICED, yes ? now : INT64_MAX);
    if (yes != p->tree.logins_come)
        p->logins_changed = now;
    p->tree.logins_come = yes;
    feed_tell(p);
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
