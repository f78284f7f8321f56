/* Owns the incarnations: the hash by pid, the lists of the living and the exited, and their references. What
 * happens to them stands in history.c.
 *
 *   made ─► the living ─► the exited ─► forgotten (out of the hash) ─► freed with the last reference
 *
 * References: the hash holds one until a node is forgotten, a child holds its parent, a taken event its
 * process. */
#include "fimd/process/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/rt/clock.h"

enum {
    BUCKETS_FIRST = 1024,
    CHAIN_MAX = 64, /* ancestors behind a forgotten process */
};

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
    *t = (struct tree){
        .keep_exited = keep_exited, .buckets_count = BUCKETS_FIRST, .login_delay = TREE_LOGIN_DELAY};
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

struct process *tree_older(const struct process *n)
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

/* Freed one by one through a list of its own: a chain of parents may be long, and must not end up on the
 * stack. */
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
void tree_queue_push(struct tree *t, struct process *n)
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
struct process *tree_make(struct tree *t, pid_t pid, int64_t born)
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
void tree_revive(struct tree *t, struct process *n)
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
    struct process *n = tree_make(t, pid, now);
    if (n) {
        n->ghost = true;
        tree_end(t, n, now);
    }
    return n;
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
    for (; n; n = tree_older(n)) {
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

struct process *tree_child_since(const struct tree *t, const struct process *after,
                                 const struct process *parent, int64_t since)
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
        bool over = n->ended + TREE_KEEP_EXITED < t->read_until;
        if (!over && t->exited.count <= t->keep_exited)
            return;
        if (!over && n->ended >= t->read_until && n->ended > t->evicted_until)
            t->evicted_until = n->ended;
        forget(t, n);
    }
}
