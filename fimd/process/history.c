/* What happens to processes: messages, readings of /proc and LOGIN records become nodes and states. Knows
 * nothing of how the nodes are kept (tree.c) nor of what they are asked for (who.c).
 *
 *   FORK ─► a new node with its parent's state ─► EXEC, UID, GID, SID, COMM: a new state ─► EXIT: it has
 * ended /proc ─► a node that was missed, or proof that it is still the same LOGIN ─►
 * one more login of a node */
#include "fimd/process/tree.h"

#include <errno.h>
#include <string.h>

#include "fimd/rt/clock.h"

enum {
    STATES_MAX = 64, /* of one process that is still asked about: more than a program changes in a second */
    SAME_START_NS = 30 * NS_PER_MS, /* a clock tick is 10 ms, and rounded down */
};

/* The process that sends a message: when its fork was missed it is made here, and read from /proc. */
static struct process *sender(struct tree *t, pid_t pid, int64_t time)
{
    struct process *n = tree_newest(t, pid);
    if (n && !n->ghost) {
        tree_revive(t, n);
        return n;
    }
    n = tree_make(t, pid, time);
    if (n) {
        n->ghost = true; /* until /proc has told */
        tree_queue_push(t, n);
    }
    return n;
}

static struct state *state_push(struct process *n, int64_t time)
{
    struct state *s = state_new(n->state, time);
    if (!s)
        return NULL;
    s->earlier = n->state;
    n->state = s;
    return s;
}

/* A state that can be changed: what stands behind it is let go of when no event can ask for it any more. */
static struct state *state_change(struct tree *t, struct process *n, int64_t time)
{
    struct state *s = state_push(n, time);
    if (s)
        state_trim(s, n->holds ? INT64_MIN : t->read_until - TREE_KEEP_EXITED, STATES_MAX);
    return s;
}

/* A fresh image for this state, to be read from /proc. */
static int image_expect(struct tree *t, struct process *n, struct state *s, int64_t time)
{
    struct image *image = image_new();
    if (!image)
        return -ENOMEM;
    image_unref(s->image);
    s->image = image;
    s->exec = time;
    tree_queue_push(t, n);
    return 0;
}

static int thread_apply(struct tree *t, const struct connector_message *m)
{
    struct process *n = tree_newest(t, m->tgid);
    if (!n || n->ended)
        return 0;
    if (m->kind == CONNECTOR_FORK)
        n->threads++;
    if (m->kind == CONNECTOR_EXIT && n->threads)
        n->threads--;
    if (n->leader_gone && !n->threads)
        tree_end(t, n, m->time);
    return 0;
}

static void adopt(struct process *n, struct process *parent)
{
    struct process *before = n->parent;
    n->parent = process_reference(parent);
    process_unreference(before);
    if (!n->birth && parent)
        n->birth = state_ref(parent->state);
}

static int fork_apply(struct tree *t, const struct connector_message *m)
{
    struct process *parent = m->parent ? sender(t, m->parent, m->time) : NULL;
    struct process *n = tree_newest(t, m->pid);
    if (m->parent && !parent)
        return -ENOMEM;
    if (n && !n->ended && n->found && tree_same_start(n, m->time)) {
        n->born = m->time; /* /proc was quicker; the message knows the parent and the very time */
        adopt(n, parent);
        return 0;
    }
    if (n)
        tree_end(t, n, m->time); /* its EXIT comes after its pid was free: the kernel sends it last */
    n = tree_make(t, m->pid, m->time);
    if (!n)
        return -ENOMEM;
    adopt(n, parent);
    if (!parent)
        return 0;
    n->state = state_ref(parent->state);
    n->kernel = parent->kernel;
    if (!n->kernel)
        return 0;
    struct state *s =
        state_change(t, n, m->time); /* a kernel thread has its name from its maker, without a message */
    return s ? image_expect(t, n, s, m->time) : -ENOMEM;
}

static int exec_apply(struct tree *t, struct process *n, const struct connector_message *m)
{
    struct state *s = state_change(t, n, m->time);
    n->threads = 0;
    n->leader_gone = false;
    n->kernel = false;
    return s ? image_expect(t, n, s, m->time) : -ENOMEM;
}

static int ids_apply(struct tree *t, struct process *n, const struct connector_message *m)
{
    struct state *s = state_change(t, n, m->time);
    if (!s)
        return -ENOMEM;
    if (m->kind == CONNECTOR_UID) {
        s->uid = m->real;
        s->euid = m->effective;
    } else {
        s->gid = m->real;
        s->egid = m->effective;
    }
    return 0;
}

static int session_apply(struct tree *t, struct process *n, const struct connector_message *m)
{
    struct state *s = state_change(t, n, m->time);
    if (!s)
        return -ENOMEM;
    s->tty[0] = 0; /* a new session has no terminal yet */
    s->tty_stale = true;
    return 0;
}

static int comm_apply(struct tree *t, struct process *n, const struct connector_message *m)
{
    const struct image *image = n->state ? n->state->image : NULL;
    if (image && !image->read) /* about to be read: with its new name */
        return 0;
    if (image && image->name && !strcmp(image->name, m->comm))
        return 0;
    struct image *renamed = image_renamed(image, m->comm);
    struct state *s = renamed ? state_change(t, n, m->time) : NULL;
    if (!s) {
        image_unref(renamed);
        return -ENOMEM;
    }
    image_unref(s->image);
    s->image = renamed;
    return 0;
}

static int exit_apply(struct tree *t, const struct connector_message *m)
{
    struct process *n = tree_newest(t, m->pid);
    /* The kernel frees the pid before it sends EXIT: this may be of the one before. */
    while (n && n->born > m->time)
        n = tree_older(n);
    if (!n || n->ended)
        return 0;
    n->leader_gone = n->threads > 0;
    if (!n->leader_gone)
        tree_end(t, n, m->time);
    return 0;
}

static int (*const changes[])(struct tree *, struct process *, const struct connector_message *) = {
    [CONNECTOR_EXEC] = exec_apply,   [CONNECTOR_UID] = ids_apply,   [CONNECTOR_GID] = ids_apply,
    [CONNECTOR_SID] = session_apply, [CONNECTOR_COMM] = comm_apply, [CONNECTOR_EXIT] = NULL,
};

int tree_apply(struct tree *t, const struct connector_message *m)
{
    if (m->kind == CONNECTOR_OTHER || m->kind == CONNECTOR_ACK || !m->tgid)
        return 0;
    /* A thread may take other ids for itself, but fanotify only tells the process: its first thread stands
     * for it. */
    if (m->pid != m->tgid)
        return thread_apply(t, m);
    if (m->kind == CONNECTOR_FORK)
        return fork_apply(t, m);
    if (m->kind == CONNECTOR_EXIT)
        return exit_apply(t, m);
    struct process *n = sender(t, m->pid, m->time);
    return n ? changes[m->kind](t, n, m) : -ENOMEM;
}

bool tree_same_start(struct process *n, int64_t start)
{
    int64_t difference = n->born - start;
    if (n->ghost || difference > SAME_START_NS || difference < -SAME_START_NS)
        return false;
    n->doubt = 0;
    return true;
}

/* What /proc says of a node that is new or was a ghost. */
static int facts_apply(struct tree *t, struct process *n, const struct procfs_facts *f, int64_t now)
{
    struct state *s = state_push(n, f->start);
    if (!s)
        return -ENOMEM;
    s->uid = f->uid;
    s->euid = f->euid;
    s->gid = f->gid;
    s->egid = f->egid;
    s->tty_stale = false;
    memcpy(s->tty, f->tty, sizeof(s->tty));
    n->found = true;
    int r = s->image ? 0 : image_expect(t, n, s, f->start);
    if (!r && !s->image->read && !s->image->name)
        s->image->name = procfs_pick_name(f->name, NULL);
    n->ghost = false;
    n->kernel = f->kernel;
    n->threads = f->threads;
    n->checked = now;
    return r ? r : logins_confirm(&n->logins, now, f->login, f->session);
}

static bool is_that(struct process *n, const struct procfs_facts *f)
{
    return n && !n->ghost && tree_same_start(n, f->start);
}

int tree_found(struct tree *t, const struct procfs_facts *f, int64_t now, struct process **ret)
{
    struct process *n = tree_newest(t, f->pid);
    if (n && !n->ghost && n->born > now) /* another has the pid since */
        return 0;
    if (is_that(n, f)) {
        if (n->ended < now)
            tree_revive(t, n);
        if (!n->parent && f->parent)
            adopt(n, tree_newest(t, f->parent));
        n->sweep = t->sweep;
        n->checked = now;
        if (ret)
            *ret = n;
        return logins_confirm(&n->logins, now, f->login, f->session);
    }
    if (!n || !n->ghost || n->ended) {
        if (n)
            tree_end(t, n, f->start);
        n = tree_make(t, f->pid, f->start);
    }
    if (!n)
        return -ENOMEM;
    if (f->start < n->born)
        n->born = f->start;
    n->sweep = t->sweep;
    if (!n->parent && f->parent)
        adopt(n, tree_newest(t, f->parent));
    int r = facts_apply(t, n, f, now);
    if (!r && ret)
        *ret = n;
    return r;
}

void tree_join(struct tree *t, const struct procfs_facts *f)
{
    struct process *n = tree_newest(t, f->pid);
    if (n && n->found && !n->parent && f->parent)
        adopt(n, tree_newest(t, f->parent));
}

void tree_login_delay(struct tree *t, int64_t delay)
{
    int64_t wanted = 2 * delay, less = t->login_delay - t->login_delay / 64;
    wanted = wanted > less ? wanted : less;
    wanted = wanted > TREE_LOGIN_DELAY ? wanted : TREE_LOGIN_DELAY;
    t->login_delay = wanted < TREE_LOGIN_DELAY_MAX ? wanted : TREE_LOGIN_DELAY_MAX;
}

/* Which incarnation a LOGIN is of; *ret_doubtful when there were two in its time. */
static struct process *login_owner(const struct tree *t, pid_t pid, int64_t from, int64_t now,
                                   bool *ret_doubtful)
{
    struct process *found = NULL;
    *ret_doubtful = false;
    for (struct process *n = tree_newest(t, pid); n; n = tree_older(n)) {
        if (n->born > now || (n->ended && n->ended < from))
            continue;
        *ret_doubtful = found != NULL;
        found = n;
    }
    return found ? found : tree_newest(t, pid);
}

int tree_login(struct tree *t, pid_t pid, int64_t from, int64_t now, uint32_t user, uint32_t session)
{
    bool doubtful;
    struct process *n = login_owner(t, pid, from, now, &doubtful);
    if (!n)
        n = tree_ghost(t, pid, now);
    if (!n)
        return -ENOMEM;
    int r = 0;
    for (; n && !r; n = doubtful ? n->newer : NULL)
        r = logins_set(&n->logins, from > n->born ? from : n->born, user, session, doubtful);
    return r;
}

int tree_tty(struct process *n, int64_t when, const char *tty)
{
    struct state *s = state_push(n, when);
    if (!s)
        return -ENOMEM;
    s->tty_stale = false;
    size_t len = strnlen(tty, sizeof(s->tty) - 1);
    memcpy(s->tty, tty, len);
    s->tty[len] = 0;
    return 0;
}
