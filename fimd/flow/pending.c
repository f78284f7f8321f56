/* The table of waiting changes: see pending.h.
 *
 * A slot is a path with its newest finding. A finding holds one slot, a rename two. `blockers` counts the earlier
 * findings on its paths that are not done; each of those has a waiter that points back. */
#include "fimd/flow/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/watch/watch.h"

struct slot {
    struct slot *next; /* in the bucket */
    uint64_t hash;
    struct finding *newest;
    unsigned holders; /* findings that hold it */
    size_t len;
    char path[];
};

struct waiter {
    struct waiter *next;
    struct finding *finding;
};

enum stage { STAGE_BLOCKED, STAGE_RESTING, STAGE_READY, STAGE_TAKEN };

struct pending_private {
    struct finding f;
    struct slot *slot, *old_slot;
    uint64_t serial;
    struct finding *older, *newer; /* all that are not done, by serial */
    struct finding *next_ready, *prev_ready;
    struct waiter *waiters;
    unsigned blockers;
    enum stage stage;
    size_t heap_index;
    int64_t due;
    bool writing;  /* created or modified and not closed since */
    bool deleting; /* the last event was its deletion: it may come back at once */
    bool transient;
    bool walked; /* no event has told of it yet */
};

struct pending {
    struct pending_options options;
    struct slot **buckets;
    size_t buckets_count, slots; /* buckets: a power of two */
    struct finding **heap;
    size_t heap_len, heap_cap;
    struct finding *ready_first, *ready_last;
    struct finding *oldest, *newest;
    uint64_t serial;
    size_t count;
};

enum { BUCKETS_FIRST = 1024 };

int pending_new(const struct pending_options *options, struct pending **ret)
{
    struct pending *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->options = *options;
    p->buckets_count = BUCKETS_FIRST;
    p->buckets = calloc(p->buckets_count, sizeof(struct slot *));
    if (!p->buckets) {
        free(p);
        return -ENOMEM;
    }
    *ret = p;
    return 0;
}

void pending_free(struct pending *p)
{
    if (!p)
        return;
    free(p->buckets);
    free(p->heap);
    free(p);
}

void pending_set_options(struct pending *p, const struct pending_options *options)
{
    p->options = *options;
}

/* ---- slots ---- */

static uint64_t hash_path(const char *path, size_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)path[i]) * UINT64_C(0x100000001b3);
    return h ^ (h >> 29);
}

static void slots_grow(struct pending *p)
{
    size_t count = p->buckets_count * 2;
    struct slot **buckets = calloc(count, sizeof(*buckets));
    if (!buckets)
        return; /* longer chains, nothing lost */
    for (size_t i = 0; i < p->buckets_count; i++) {
        for (struct slot *s = p->buckets[i], *next; s; s = next) {
            next = s->next;
            s->next = buckets[s->hash & (count - 1)];
            buckets[s->hash & (count - 1)] = s;
        }
    }
    free(p->buckets);
    p->buckets = buckets;
    p->buckets_count = count;
}

static struct slot *slot_find(const struct pending *p, uint64_t hash, const char *path, size_t len)
{
    struct slot *s = p->buckets[hash & (p->buckets_count - 1)];
    while (s && (s->hash != hash || s->len != len || memcmp(s->path, path, len) != 0))
        s = s->next;
    return s;
}

static struct slot *slot_get(struct pending *p, const char *path, size_t len)
{
    uint64_t hash = hash_path(path, len);
    struct slot *s = slot_find(p, hash, path, len);
    if (s)
        return s;
    s = calloc(1, sizeof(*s) + len + 1);
    if (!s)
        return NULL;
    memcpy(s->path, path, len);
    s->len = len;
    s->hash = hash;
    if (++p->slots > p->buckets_count)
        slots_grow(p);
    s->next = p->buckets[hash & (p->buckets_count - 1)];
    p->buckets[hash & (p->buckets_count - 1)] = s;
    return s;
}

static void slot_release(struct pending *p, struct slot *s)
{
    if (!s || s->holders)
        return;
    struct slot **at = &p->buckets[s->hash & (p->buckets_count - 1)];
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    p->slots--;
    free(s);
}

/* ---- the heap of those at rest, the earliest due on top ---- */

static void heap_set(struct pending *p, size_t i, struct finding *f)
{
    p->heap[i] = f;
    f->private->heap_index = i;
}

static void heap_up(struct pending *p, size_t i)
{
    struct finding *f = p->heap[i];
    while (i > 0 && p->heap[(i - 1) / 2]->private->due > f->private->due) {
        heap_set(p, i, p->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_set(p, i, f);
}

static void heap_down(struct pending *p, size_t i)
{
    struct finding *f = p->heap[i];
    for (size_t child; (child = 2 * i + 1) < p->heap_len; i = child) {
        if (child + 1 < p->heap_len && p->heap[child + 1]->private->due < p->heap[child]->private->due)
            child++;
        if (p->heap[child]->private->due >= f->private->due)
            break;
        heap_set(p, i, p->heap[child]);
    }
    heap_set(p, i, f);
}

static void heap_remove(struct pending *p, struct finding *f)
{
    size_t i = f->private->heap_index;
    struct finding *last = p->heap[--p->heap_len];
    if (last == f)
        return;
    heap_set(p, i, last);
    heap_up(p, i);
    heap_down(p, last->private->heap_index);
}

/* Room for one more, so that what follows cannot fail. */
static int heap_reserve(struct pending *p)
{
    if (p->heap_cap > p->count)
        return 0;
    size_t cap = p->heap_cap ? p->heap_cap * 2 : 256;
    struct finding **heap = realloc(p->heap, cap * sizeof(*heap));
    if (!heap)
        return -ENOMEM;
    p->heap = heap;
    p->heap_cap = cap;
    return 0;
}

static void heap_push(struct pending *p, struct finding *f)
{
    p->heap[p->heap_len] = f;
    f->private->heap_index = p->heap_len;
    heap_up(p, p->heap_len++);
}

/* ---- when a finding is at rest ---- */

static int64_t rest_due(const struct pending *p, const struct finding *f, int64_t now)
{
    const struct pending_private *own = f->private;
    int64_t most = f->first + p->options.settle_max; /* nobody keeps a change back by making more of them */
    int64_t quiet = f->last + p->options.settle;
    if (own->deleting || own->walked)
        quiet = f->last + p->options.settle / 2;
    else if (own->transient)
        return most;
    else if (!own->writing)
        return now;
    return quiet < most ? quiet : most;
}

static void ready_push(struct pending *p, struct finding *f)
{
    f->private->stage = STAGE_READY;
    f->private->next_ready = NULL;
    f->private->prev_ready = p->ready_last;
    if (p->ready_last)
        p->ready_last->private->next_ready = f;
    else
        p->ready_first = f;
    p->ready_last = f;
}

static void ready_remove(struct pending *p, struct finding *f)
{
    struct pending_private *own = f->private;
    if (own->prev_ready)
        own->prev_ready->private->next_ready = own->next_ready;
    else
        p->ready_first = own->next_ready;
    if (own->next_ready)
        own->next_ready->private->prev_ready = own->prev_ready;
    else
        p->ready_last = own->prev_ready;
}

/* Puts a finding that nothing blocks where its events say. */
static void schedule(struct pending *p, struct finding *f, int64_t now)
{
    struct pending_private *own = f->private;
    if (own->blockers)
        return;
    own->due = rest_due(p, f, now);
    if (own->stage == STAGE_READY)
        return; /* it is at the door: what came last will be seen when it is measured */
    if (own->stage == STAGE_RESTING)
        heap_remove(p, f);
    if (own->due <= now) {
        ready_push(p, f);
        return;
    }
    own->stage = STAGE_RESTING;
    heap_push(p, f);
}

/* ---- findings ---- */

static struct finding *finding_new(struct pending *p, const struct pending_event *e)
{
    struct pending_private *own = calloc(1, sizeof(*own));
    if (!own || heap_reserve(p) != 0) {
        free(own);
        return NULL;
    }
    struct finding *f = &own->f;
    f->private = own;
    f->source = e->source;
    own->serial = ++p->serial;
    own->older = p->newest;
    if (p->newest)
        p->newest->private->newer = f;
    else
        p->oldest = f;
    p->newest = f;
    p->count++;
    return f;
}

static void finding_unlink(struct pending *p, struct finding *f)
{
    struct pending_private *own = f->private;
    if (own->older)
        own->older->private->newer = own->newer;
    else
        p->oldest = own->newer;
    if (own->newer)
        own->newer->private->older = own->older;
    else
        p->newest = own->older;
    p->count--;
}


static void slot_drop(struct pending *p, struct slot *s, struct finding *f)
{
    if (!s)
        return;
    s->holders--;
    if (s->newest == f)
        s->newest = NULL;
    slot_release(p, s);
}

/* Adds a touch; returns a process reference that is not needed, or NULL. */
static struct process *finding_touch(struct finding *f, const struct touch *touch)
{
    if (touch->pid == 0)
        return touch->process;
    for (size_t i = 0; i < f->touches_count; i++) {
        struct touch *t = &f->touches[i];
        if (t->pid != touch->pid || t->process != touch->process)
            continue;
        t->ops |= touch->ops;
        t->at = touch->at;
        if (touch->inode)
            t->inode = touch->inode;
        if (touch->dir_inode)
            t->dir_inode = touch->dir_inode;
        return touch->process;
    }
    if (f->touches_count == FINDING_TOUCHES) {
        f->touches_more = true;
        return touch->process;
    }
    f->touches[f->touches_count++] = *touch;
    return NULL;
}

static void finding_note(struct finding *f, const struct pending_event *e)
{
    struct pending_private *own = f->private;
    f->ops |= e->ops;
    f->last = e->touch.at;
    f->removed = e->removed;
    if (e->source == SOURCE_FANOTIFY)
        f->source = SOURCE_FANOTIFY;
    own->walked &= e->walked;
    if (e->walked && !own->walked)
        return; /* the events that came before know better what it is doing */
    own->transient = e->transient;
    own->deleting = (e->ops & WATCH_DELETE) != 0;
    if ((e->ops & (WATCH_CREATE | WATCH_MODIFY)) && !(e->ops & WATCH_DIR))
        own->writing = true;
    if (e->ops & (WATCH_CLOSE_WRITE | WATCH_RENAME))
        own->writing = false;
}

/* An earlier finding that waits and that nobody waits for can be taken over by a later one on the same path. */
static bool can_absorb(const struct finding *earlier)
{
    const struct pending_private *own = earlier->private;
    return own->stage != STAGE_TAKEN && !own->blockers && !own->waiters && !own->old_slot;
}

static void unschedule(struct pending *p, struct finding *f)
{
    if (f->private->stage == STAGE_RESTING)
        heap_remove(p, f);
    else if (f->private->stage == STAGE_READY)
        ready_remove(p, f);
}

/* Takes the touches of `earlier` over into f and ends it. */
static void absorb(struct pending *p, struct finding *f, struct finding *earlier)
{
    for (size_t i = 0; i < earlier->touches_count && f->touches_count < FINDING_TOUCHES - 1; i++)
        f->touches[f->touches_count++] = earlier->touches[i];
    earlier->touches_count = 0;
    f->first = earlier->first < f->first ? earlier->first : f->first;
    unschedule(p, earlier);
    pending_done(p, earlier);
}

static int wait_for(struct finding *f, struct finding *earlier)
{
    struct waiter *w = malloc(sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->finding = f;
    w->next = earlier->private->waiters;
    earlier->private->waiters = w;
    f->private->blockers++;
    return 0;
}

/* Orders f behind what is still open on the slot's path. */
static int follow(struct pending *p, struct finding *f, struct slot *s)
{
    struct finding *earlier = s->newest;
    if (!earlier || earlier == f)
        return 0;
    if (can_absorb(earlier) && earlier->touches_count + f->touches_count < FINDING_TOUCHES) {
        absorb(p, f, earlier);
        return 0;
    }
    return wait_for(f, earlier);
}

static int add_new(struct pending *p, const struct pending_event *e, bool renamed, int64_t now,
                   struct process **ret_dropped)
{
    struct slot *slot = slot_get(p, e->path, e->path_len);
    if (!slot)
        return -ENOMEM;
    slot->holders++; /* held over what follows: absorbing an earlier finding may release it */
    struct slot *old = renamed ? slot_get(p, e->old_path, e->old_path_len) : NULL;
    struct finding *f = !renamed || old ? finding_new(p, e) : NULL;
    slot->holders--;
    if (!f) {
        slot_release(p, slot);
        slot_release(p, old);
        return -ENOMEM;
    }
    f->first = e->touch.at;
    f->private->stage = STAGE_BLOCKED;
    f->private->walked = e->walked;
    slot->holders++;
    f->private->slot = slot;
    if (old) {
        old->holders++;
        f->private->old_slot = old;
        f->old_path = old->path;
        f->old_path_len = old->len;
    }
    f->path = slot->path;
    f->path_len = slot->len;
    int r = follow(p, f, slot);
    if (r == 0 && old && old != slot)
        r = follow(p, f, old);
    /* Out of memory for a waiter: the order of two findings on a path is lost, neither of them is. */
    (void)r;
    slot->newest = f;
    if (old)
        old->newest = f;
    *ret_dropped = finding_touch(f, &e->touch);
    finding_note(f, e);
    schedule(p, f, now);
    return 0;
}

int pending_add(struct pending *p, const struct pending_event *e, int64_t now, struct process **ret_dropped)
{
    bool renamed = e->old_path && e->old_path_len > 0;
    *ret_dropped = NULL;
    if (!renamed) {
        struct slot *s = slot_find(p, hash_path(e->path, e->path_len), e->path, e->path_len);
        struct finding *f = s ? s->newest : NULL;
        /* A rename's finding under its old path is not joined: what happens there now is another file's. */
        if (f && f->private->stage != STAGE_TAKEN && f->private->slot == s) {
            *ret_dropped = finding_touch(f, &e->touch);
            finding_note(f, e);
            schedule(p, f, now);
            return 0;
        }
    }
    return add_new(p, e, renamed, now, ret_dropped);
}

struct finding *pending_take(struct pending *p, int64_t now, int64_t *ret_due)
{
    while (p->heap_len && p->heap[0]->private->due <= now) {
        struct finding *f = p->heap[0];
        heap_remove(p, f);
        ready_push(p, f);
    }
    *ret_due = p->heap_len ? p->heap[0]->private->due : INT64_MAX;
    struct finding *f = p->ready_first;
    if (!f)
        return NULL;
    ready_remove(p, f);
    f->private->stage = STAGE_TAKEN;
    return f;
}

void pending_done(struct pending *p, struct finding *f)
{
    struct pending_private *own = f->private;
    finding_unlink(p, f);
    for (struct waiter *w = own->waiters, *next; w; w = next) {
        next = w->next;
        if (--w->finding->private->blockers == 0)
            schedule(p, w->finding, w->finding->last);
        free(w);
    }
    slot_drop(p, own->slot, f);
    slot_drop(p, own->old_slot, f);
    entry_fini(&f->after);
    entry_fini(&f->old_after);
    free(own);
}

struct finding *pending_drain(struct pending *p)
{
    for (struct finding *f = p->oldest; f; f = f->private->newer) {
        if (f->private->stage == STAGE_TAKEN)
            continue;
        unschedule(p, f);
        f->private->stage = STAGE_TAKEN;
        return f;
    }
    return NULL;
}

size_t pending_count(const struct pending *p)
{
    return p->count;
}

uint64_t pending_newest(const struct pending *p)
{
    return p->serial;
}

uint64_t pending_oldest(const struct pending *p)
{
    return p->oldest ? p->oldest->private->serial : p->serial + 1;
}
