/* Records are decoded in batches inside short transactions and handed over outside of them: whoever prints may
 * wait for a pager for an hour, and pages of the store cannot be used again while a transaction looks at them.
 *
 *   transaction ─► up to 256 records ─► events ─► (closed) ─► fn … ─► next transaction */
#include "fimd/cli/history.h"

#include "baseline/path.h"
#include "fimd/rt/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256 };

/* The clock may have been set back in between; within a day the search for a time still finds all. */
static const int64_t clock_slack = 24 * 3600 * NS_PER_S;

struct batch {
    struct history *history;
    bool backward;
    uint64_t next;  /* where to go on; backward: 0 is the end */
    bool end;
    size_t count;
    struct event events[BATCH];
};

static int add(struct batch *b, const struct journal_record *record)
{
    int r = event_from_record(record, &b->events[b->count]);

    if (r == 0)
        b->count++;
    else if (r == -EBADMSG)
        b->history->unreadable++;
    return r == -EBADMSG ? 0 : r;
}

static int add_forward(void *ctx, const struct journal_record *record)
{
    struct batch *b = ctx;

    if (b->count == BATCH)
        return 1;
    b->next = record->sequence + 1;
    return add(b, record);
}

static int load_forward(struct store_txn *t, void *ctx)
{
    struct batch *b = ctx;
    int r = journal_each(t, b->next, add_forward, b);

    b->end = r == 0;
    return r > 0 ? 0 : r;
}

static int load_backward(struct store_txn *t, void *ctx)
{
    struct batch *b = ctx;
    int r = 0;

    while (r == 0 && b->next > 0 && b->count < BATCH) {
        struct journal_record record;

        r = journal_get(t, b->next, &record);
        if (r == 0) {
            b->next--;
            r = add(b, &record);
        }
    }
    b->end = b->next == 0 || r == -ENOENT;
    return r == -ENOENT ? 0 : r;
}

static int hand_over(struct batch *b)
{
    int r = 0;

    for (size_t i = 0; i < b->count; i++) {
        if (r == 0)
            r = b->history->fn(b->history->ctx, &b->events[i]);
        event_fini(&b->events[i]);
    }
    b->count = 0;
    return r;
}

static int read_all(struct batch *b, struct fault *why)
{
    int r = 0;

    while (r == 0 && !b->end) {
        int loaded = store_read(b->history->store, b->backward ? load_backward : load_forward, b, why);

        r = hand_over(b);
        if (loaded < 0)
            return loaded;
    }
    return r;
}

static int newest(struct store_txn *t, void *ctx)
{
    *(uint64_t *)ctx = journal_next(t) - 1;
    return 0;
}

/* A batch is large: on the heap. */
static int read_from(struct history *h, bool backward, uint64_t from, uint64_t *ret_next, struct fault *why)
{
    struct batch *b = calloc(1, sizeof(*b));
    int r;

    if (!b)
        return fault_set(why, ENOMEM, "out of memory");
    b->history = h;
    b->backward = backward;
    b->next = from;
    r = read_all(b, why);
    *ret_next = b->next;
    free(b);
    return r;
}

int history_forward(struct history *h, uint64_t from, uint64_t *ret_next, struct fault *why)
{
    return read_from(h, false, from, ret_next, why);
}

int history_backward(struct history *h, struct fault *why)
{
    uint64_t last = 0, next;
    int r = store_read(h->store, newest, &last, why);

    return r < 0 ? r : read_from(h, true, last, &next, why);
}

struct step { /* one event of a path's list */
    const char *path;
    size_t len;
    uint64_t sequence; /* 0: the node's */
    struct event event;
};

static int take_step(struct store_txn *t, void *ctx)
{
    struct step *s = ctx;
    struct journal_record record;
    struct node node;
    int r = 0;

    if (!s->sequence) {
        r = store_get(t, s->path, s->len, &node);
        if (r < 0)
            return r;
        s->sequence = node.last;
        node_fini(&node);
    }
    if (!s->sequence)
        return -ENOENT;
    r = journal_get(t, s->sequence, &record);
    if (r == -ENOENT)
        return -ESTALE; /* trimmed: not the same as never */
    return r < 0 ? r : event_from_record(&record, &s->event);
}

static int follow(struct history *h, struct step *step, struct fault *why)
{
    int r;

    do {
        uint64_t older;

        r = store_read(h->store, take_step, step, why);
        if (r < 0)
            return r;
        older = step->event.previous;
        r = h->fn(h->ctx, &step->event);
        event_fini(&step->event);
        if (older >= step->sequence) /* a list goes backwards: else it would never end */
            older = 0;
        step->sequence = older;
    } while (r == 0 && step->sequence);
    return r;
}

struct search { /* history_fn's context when the journal is looked through */
    struct history *to;
    const char *path;
    size_t len;
};

static bool is(const char *text, const struct search *s)
{
    return text && strlen(text) == s->len && memcmp(text, s->path, s->len) == 0;
}

/* The path came or went with a directory above it that was moved. */
static bool went_along(const struct event *e, const struct search *s)
{
    if (!(e->actions & ACTION_MOVED) || (e->after.type != ENTRY_DIR && e->before.type != ENTRY_DIR))
        return false;
    return (e->path && path_below(s->path, s->len, e->path, strlen(e->path))) ||
           (e->path_old && path_below(s->path, s->len, e->path_old, strlen(e->path_old)));
}

static int pick(void *ctx, const struct event *e)
{
    const struct search *s = ctx;

    if (e->kind != EVENT_CHANGE || !(is(e->path, s) || is(e->path_old, s) || is(e->path_new, s) || went_along(e, s)))
        return 0;
    return s->to->fn(s->to->ctx, e);
}

int history_path(struct history *h, const char *path, size_t len, bool *ret_trimmed, struct fault *why)
{
    struct step step = {.path = path, .len = len};
    struct search search = {h, path, len};
    struct history through = {.store = h->store, .fn = pick, .ctx = &search};
    int r = follow(h, &step, why);

    *ret_trimmed = r == -ESTALE;
    if (r == -ESTALE)
        return 0;
    if (r != -ENOENT)
        return r;
    r = history_backward(&through, why);
    h->unreadable += through.unreadable;
    return r;
}

struct seek {
    int64_t time;
    uint64_t from;
};

/* The record at or after `sequence` that can be read; its `created`. */
static int created_at(struct store_txn *t, uint64_t sequence, int64_t *ret)
{
    struct journal_record record;
    struct event e;
    int r = journal_get(t, sequence, &record);

    if (r == 0)
        r = event_from_record(&record, &e);
    if (r < 0)
        return r;
    *ret = e.created;
    event_fini(&e);
    return 0;
}

static int bisect(struct store_txn *t, void *ctx)
{
    struct seek *s = ctx;
    struct store_counts counts;
    uint64_t low, high;
    int r = store_count(t, &counts);

    if (r < 0)
        return r;
    low = counts.journal_first;
    high = counts.journal_last + 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int64_t created;

        r = created_at(t, middle, &created);
        if (r < 0) /* an unreadable record: let the filter look at everything */
            low = high = counts.journal_first;
        else if (created < s->time)
            low = middle + 1;
        else
            high = middle;
    }
    s->from = low;
    return 0;
}

int history_seek(struct store *s, int64_t time, uint64_t *ret, struct fault *why)
{
    struct seek seek = {.time = time > INT64_MIN + clock_slack ? time - clock_slack : INT64_MIN};
    int r = store_read(s, bisect, &seek, why);

    if (r == 0)
        *ret = seek.from;
    return r;
}
