/* Owns the incarnations: the hash by pid, the lists of the living and the exited, and their references. See tree.h.
 *
 *   FORK ─► a new node with its parent's state ─► EXEC, UID, GID, COMM: a new state ─► EXIT: the list of the exited
 *                                                                                      ─► forgotten
 *
 * References: the hash holds one until a node is forgotten, a child holds its parent, a taken event its process. */
#include "fimd/process/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/rt/clock.h"

enum {
    BUCKETS_FIRST = 1024,
    STATES_MAX = 64,     /* of one process that is still asked about: more changes than a program makes in a second */
    CHAIN_MAX = 64,      /* ancestors behind a forgotten process */
    SAME_START_NS = 30 * NS_PER_MS, /* a clock tick is 10 ms, and rounded down */
};
#define KEEP_AFTER_EXIT (INT64_C(1) * NS_PER_S) /* its LOGIN may still come, and decides for its children */

static void list_remove(struct process_list *l, struct process *n)
{
    *(n->previous ? &n->previous->next : &l->first) = n->next;
    *(n->next ? &n->next->previous : &l->last) = n->previous;
    n->previous = n->next = NULL;
    l->count--;
}

static void list_append(struct process_list *l, struct process *n)
{
    n->previous = l->last;
    n->next = NULL;
    *(l->last ? &l->last->next : &l->first) = n;
    l->last = n;
    l->count++;
}

int tree_init(struct tree *t, size_t keep_exited)
{
    *t = (struct tree){.keep_exited = keep_exited, .buckets_count = BUCKETS_FIRST};
    t->buckets = calloc(t->buckets_count, sizeof(struct process *));
    return t->buckets ? 0 : -ENOMEM;
}

/* pids are handed out one after the other: their low bits spread them evenly. */
static struct process **bucket(const struct tree *t, pid_t pid)
{
    return &t->buckets[(unsigned)pid & (t->buckets_count - 1)];
}

static void buckets_grow(struct tree *t)
{
    size_t old_count = t->buckets_count;
    struct process **old = t->buckets, **grown = calloc(2 * old_count, sizeof(struct process *));
    if (!grown)
        return; /* slower, but right */
    t->buckets = grown;
    t->buckets_count = 2 * old_count;
    for (size_t i = 0; i < old_count; i++) {
        /* To the ends of the new buckets: of one pid the newest must stay first. */
        struct process **ends[2] = {&grown[i], &grown[i + old_count]};
        for (struct process *n = old[i], *next; n; n = next) {
            size_t high = ((unsigned)n->pid & old_count) != 0;
            next = n->next_same;
            n->next_same = NULL;
            *ends[high] = n;
            ends[high] = &n->next_same;
        }
    }
    free(old);
}

struct process *tree_newest(const struct tree *t, pid_t pid)
{
    struct process *n = *bucket(t, pid);
    while (n && n->pid != pid)
        n = n->next_same;
    return n;
}

static struct process *older(const struct process *n)
{
    pid_t pid = n->pid;
    do
        n = n->next_same;
    while (n && n->pid != pid);
    return (struct process *)(uintptr_t)n;
}

static void process_fini(struct process *n)
{
    state_unref(n->birth);
    state_unref(n->state);
    logins_fini(&n->logins);
    actor_unref(n->actor);
    free(n->cwd);
    free(n);
}

struct process *process_reference(struct process *n)
{
    if (n)
        n->references++;
    return n;
}

/* Freed one by one through a list of its own: a chain of parents may be long, and must not end up on the stack. */
void process_unreference(struct process *n)
{
    struct process *dying = NULL;
    if (n && !--n->references)
        dying = n;
    while (dying) {
        struct process *d = dying, *both[2] = {d->parent, d->newer};
        dying = d->queue_next; /* free for this: what is queued is referred to */
        process_fini(d);
        for (int i = 0; i < 2; i++) {
            if (both[i] && !--both[i]->references) {
                both[i]->queue_next = dying;
                dying = both[i];
            }
        }
    }
}

struct process *process_hold(struct process *n)
{
    n->holds++;
    return process_reference(n);
}

static void newer_drop(struct process *n)
{
    struct process *newer = n->newer;
    n->newer = NULL;
    process_unreference(newer);
}

void process_release(struct tree *t, struct process *n)
{
    (void)t;
    /* Once forgotten and no longer asked about, it must not keep the later owners of its pid. */
    if (!--n->holds && !n->hashed)
        newer_drop(n);
    process_unreference(n);
}

/* Takes it out of the hash and its list, with the hash's reference. */
static void unhash(struct tree *t, struct process *n)
{
    struct process **at = bucket(t, n->pid);
    while (*at != n)
        at = &(*at)->next_same;
    *at = n->next_same;
    n->next_same = NULL;
    n->hashed = false;
    t->hashed_count--;
    list_remove(n->ended ? &t->exited : &t->alive, n);
    if (!n->holds)
        newer_drop(n);
    process_unreference(n);
}

void tree_fini(struct tree *t)
{
    struct process *n;
    while ((n = tree_queue_pop(t)))
        process_unreference(n);
    while (t->alive.first)
        unhash(t, t->alive.first);
    while (t->exited.first)
        unhash(t, t->exited.first);
    free(t->buckets);
    *t = (struct tree){0};
}

/* What has just been exec'ed may be gone in a moment and goes first; who was there already can wait. */
static void queue_push(struct tree *t, struct process *n)
{
    if (n->queued)
        return;
    n->queued = true;
    process_reference(n);
    if (n->found && t->queue_last) {
        n->queue_next = NULL;
        t->queue_last = t->queue_last->queue_next = n;
        return;
    }
    n->queue_next = t->queue_first;
    t->queue_first = n;
    if (!t->queue_last)
        t->queue_last = n;
}

struct process *tree_queue_pop(struct tree *t)
{
    struct process *n = t->queue_first;
    if (!n)
        return NULL;
    t->queue_first = n->queue_next;
    if (!t->queue_first)
        t->queue_last = NULL;
    n->queue_next = NULL;
    n->queued = false;
    return n;
}

/* A new node in the hash and among the living, in front of all with its pid. */
static struct process *process_make(struct tree *t, pid_t pid, int64_t born)
{
    struct process *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    struct process *before = tree_newest(t, pid);
    n->pid = pid;
    n->born = born;
    n->references = 1;
    n->hashed = true;
    n->sweep = t->sweep;
    n->next_same = *bucket(t, pid);
    *bucket(t, pid) = n;
    list_append(&t->alive, n);
    /* An event read later can mean either, while the backlog reaches back to the one before. */
    if (before && before->ended >= t->read_until && !before->newer)
        before->newer = process_reference(n);
    if (++t->hashed_count > t->buckets_count)
        buckets_grow(t);
    return n;
}

void tree_end(struct tree *t, struct process *n, int64_t when)
{
    if (n->ended || !n->hashed)
        return;
    list_remove(&t->alive, n);
    n->ended = when > n->born ? when : n->born;
    if (!n->ended)
        n->ended = 1;
    list_append(&t->exited, n);
}

/* The first thread's end is not the process's while others run; whoever still acts has not ended. */
static void revive(struct tree *t, struct process *n)
{
    if (!n->ended || !n->hashed)
        return;
    list_remove(&t->exited, n);
    n->ended = 0;
    list_append(&t->alive, n);
}

struct process *process_stranger(pid_t pid, int64_t now)
{
    struct process *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    n->pid = pid;
    n->ghost = true;
    n->born = n->ended = now;
    n->references = n->holds = 1;
    return n;
}

struct process *tree_ghost(struct tree *t, pid_t pid, int64_t now)
{
    struct process *n = process_make(t, pid, now);
    if (n) {
        n->ghost = true;
        tree_end(t, n, now);
    }
    return n;
}

/* The process that sends a message: when its fork was missed it is made here, and read from /proc. */
static struct process *sender(struct tree *t, pid_t pid, int64_t time)
{
    struct process *n = tree_newest(t, pid);
    if (n && !n->ghost) {
        revive(t, n);
        return n;
    }
    n = process_make(t, pid, time);
    if (n) {
        n->ghost = true; /* until /proc has told */
        queue_push(t, n);
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
        state_trim(s, n->holds ? INT64_MIN : t->read_until - KEEP_AFTER_EXIT, STATES_MAX);
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
    queue_push(t, n);
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
    n = process_make(t, m->pid, m->time);
    if (!n)
        return -ENOMEM;
    adopt(n, parent);
    if (!parent)
        return 0;
    n->state = state_ref(parent->state);
    n->kernel = parent->kernel;
    if (!n->kernel)
        return 0;
    struct state *s = state_change(t, n, m->time); /* a kernel thread has its name from its maker, without a message */
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
        n = older(n);
    if (!n || n->ended)
        return 0;
    n->leader_gone = n->threads > 0;
    if (!n->leader_gone)
        tree_end(t, n, m->time);
    return 0;
}

static int (*const changes[])(struct tree *, struct process *, const struct connector_message *) = {
    [CONNECTOR_EXEC] = exec_apply, [CONNECTOR_UID] = ids_apply,   [CONNECTOR_GID] = ids_apply,
    [CONNECTOR_SID] = session_apply, [CONNECTOR_COMM] = comm_apply, [CONNECTOR_EXIT] = NULL,
};

int tree_apply(struct tree *t, const struct connector_message *m)
{
    if (m->kind == CONNECTOR_OTHER || m->kind == CONNECTOR_ACK || !m->tgid)
        return 0;
    /* A thread may take other ids for itself, but fanotify only tells the process: its first thread stands for it. */
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
            revive(t, n);
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
        n = process_make(t, f->pid, f->start);
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

void tree_stale(struct tree *t, int64_t before)
{
    for (struct process *n = t->alive.first, *next; n; n = next) {
        next = n->next;
        if (n->checked < before && !n->holds)
            tree_end(t, n, before);
    }
}

void tree_doubt(struct tree *t, int64_t since)
{
    for (struct process *n = t->alive.first; n; n = n->next) {
        if (!n->doubt)
            n->doubt = since;
    }
    t->sweep++;
}

void tree_swept(struct tree *t, int64_t begin, int64_t now)
{
    for (struct process *n = t->alive.first, *next; n; n = next) {
        next = n->next;
        if (n->sweep != t->sweep && n->born < begin)
            tree_end(t, n, now);
    }
}

struct process *tree_meant(const struct tree *t, pid_t pid, int64_t now, bool *ret_lost)
{
    struct process *n = tree_newest(t, pid), *meant = NULL;
    for (; n; n = older(n)) {
        if (n->born <= now && (!n->ended || n->ended >= t->read_until) && !n->ghost)
            meant = n;
    }
    /* One that ended within the backlog and had to be forgotten may have had this pid before. */
    if (t->evicted_until >= t->read_until && t->evicted_until && (!meant || meant->born > t->read_until))
        *ret_lost = true;
    if (meant || !(n = tree_newest(t, pid)) || n->born > now)
        return meant;
    return n; /* ended before all that is unread, or a ghost: still the best that is known */
}

/* Which incarnation a LOGIN is of; *ret_doubtful when there were two in its time. */
static struct process *login_owner(const struct tree *t, pid_t pid, int64_t from, int64_t now, bool *ret_doubtful)
{
    struct process *found = NULL;
    *ret_doubtful = false;
    for (struct process *n = tree_newest(t, pid); n; n = older(n)) {
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

struct process *tree_child_since(const struct tree *t, const struct process *after, const struct process *parent,
                                 int64_t since)
{
    struct process *n = after ? after->previous : t->alive.last;
    while (n && n->parent != parent && n->born >= since)
        n = n->previous;
    return n && n->parent == parent && n->born >= since ? n : NULL;
}

/* A process whose time is over has said all: who came long before it is no longer shown, and its login is
 * settled here, so that a program that forks and ends for ever does not grow a chain for ever. */
static void chain_cut(struct process *n)
{
    struct process *far = n;
    for (int i = 0; i < CHAIN_MAX && far; i++)
        far = far->parent;
    if (!far || !far->parent || far->hashed)
        return;
    struct login_span span;
    int64_t at = far->born;
    struct process *a = far->parent;
    enum login_answer answer = logins_at(&far->logins, at, &span);
    while (answer == LOGIN_INHERITED && a) {
        answer = logins_at(&a->logins, at, &span);
        at = a->born;
        a = a->parent;
    }
    bool known = answer == LOGIN_KNOWN;
    if (!far->logins.count && (!known || !logins_confirm(&far->logins, far->born, span.user, span.session)))
        far->logins.cut = !known;
    struct process *parent = far->parent;
    far->parent = NULL;
    process_unreference(parent);
}

static void forget(struct tree *t, struct process *n)
{
    chain_cut(n);
    process_reference(n);
    unhash(t, n);
    process_unreference(n);
}

void tree_forget(struct tree *t, int64_t now, unsigned most)
{
    if (now > t->read_until)
        t->read_until = now;
    for (struct process *n; most && (n = t->exited.first); most--) {
        bool over = n->ended + KEEP_AFTER_EXIT < t->read_until;
        if (!over && t->exited.count <= t->keep_exited)
            return;
        if (!over && n->ended >= t->read_until && n->ended > t->evicted_until)
            t->evicted_until = n->ended;
        forget(t, n);
    }
}
