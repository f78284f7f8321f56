/* Open events stand in a hash by serial and in a list by arrival; a finished one goes back to a pool with its
 * memory, so that a storm allocates nothing.
 *
 *   push ─► alone? ───────────────────────────► act()
 *       └─► event (found or begun) ─ EOE ─────► act()
 *                                  └ patience ► act(), incomplete */
#include "fimd/audit/coalesce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/buf.h"

enum {
    BUCKETS = 256,
    RECORDS_MAX = 64,       /* of one event; an execve of many arguments has more, which nobody here needs */
    BYTES_MAX = 128 * 1024, /* of one event */
    BYTES_KEPT = 8 * 1024,  /* a pooled event does not sit on more memory than this */
    POOL_MAX = 64,
};
#define PATIENCE INT64_C(2000000000)
#define CLOCK_SET_BACK (INT64_C(3600) * 1000000000)

struct event {
    struct event *next_bucket;
    struct event *older, *newer;
    int64_t time;
    int64_t began; /* the stream's clock when its first record came */
    uint64_t serial;
    bool main;     /* SYSCALL or URINGOP came */
    bool unwanted;
    bool lossy;    /* a record of it could not be kept */
    unsigned count;
    struct {
        unsigned type;
        size_t offset, len;
    } records[RECORDS_MAX];
    struct buf bytes;
};

struct coalescer {
    struct coalesce_options options;
    struct event *buckets[BUCKETS];
    struct event *oldest, *newest;
    struct event *pool; /* by next_bucket */
    size_t open, pooled;
    int64_t latest; /* the latest stamp seen: the stream's clock */
    uint64_t incomplete;
    struct act act; /* too large for the stack of every call */
};

struct coalescer *coalesce_new(const struct coalesce_options *options)
{
    struct coalescer *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->options = *options;
    c->options.patience = options->patience ? options->patience : PATIENCE;
    c->options.most = options->most ? options->most : 1024;
    return c;
}

static void event_free(struct event *e)
{
    buf_fini(&e->bytes);
    free(e);
}

void coalesce_free(struct coalescer *c)
{
    if (!c) {
        return;
    }
    for (struct event *e = c->oldest, *next; e; e = next) {
        next = e->newer;
        event_free(e);
    }
    for (struct event *e = c->pool, *next; e; e = next) {
        next = e->next_bucket;
        event_free(e);
    }
    free(c);
}

static struct event **bucket_of(struct coalescer *c, uint64_t serial)
{
    return &c->buckets[serial % BUCKETS];
}

static struct event *event_find(struct coalescer *c, const struct record *r)
{
    for (struct event *e = *bucket_of(c, r->serial); e; e = e->next_bucket) {
        if (e->serial == r->serial && e->time == r->time) {
            return e;
        }
    }
    return NULL;
}

static struct event *event_take(struct coalescer *c)
{
    struct event *e = c->pool;
    if (!e) {
        return calloc(1, sizeof(*e));
    }
    c->pool = e->next_bucket;
    c->pooled--;
    return e;
}

static struct event *event_begin(struct coalescer *c, const struct record *r)
{
    struct event *e = event_take(c);
    if (!e) {
        return NULL;
    }
    e->time = r->time;
    e->began = c->latest;
    e->serial = r->serial;
    e->main = e->unwanted = e->lossy = false;
    e->count = 0;
    struct event **bucket = bucket_of(c, e->serial);
    e->next_bucket = *bucket;
    *bucket = e;
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
    c->open++;
    return e;
}

static void event_unlink(struct coalescer *c, struct event *e)
{
    struct event **at = bucket_of(c, e->serial);
    while (*at != e) {
        at = &(*at)->next_bucket;
    }
    *at = e->next_bucket;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    c->open--;
}

static void event_recycle(struct coalescer *c, struct event *e)
{
    if (c->pooled >= POOL_MAX) {
        event_free(e);
        return;
    }
    if (e->bytes.cap > BYTES_KEPT) {
        buf_fini(&e->bytes);
    }
    buf_reset(&e->bytes);
    e->next_bucket = c->pool;
    c->pool = e;
    c->pooled++;
}

static void event_tell(struct coalescer *c, const struct event *e, bool ended)
{
    struct record records[RECORDS_MAX];
    const char *bytes = e->bytes.data ? (const char *)e->bytes.data : ""; /* all bodies were empty */
    for (unsigned i = 0; i < e->count; i++) {
        records[i] = (struct record){.type = e->records[i].type, .time = e->time, .serial = e->serial,
                                     .body = {bytes + e->records[i].offset, e->records[i].len}};
    }
    act_build(&c->act, records, e->count);
    c->act.complete = ended && e->main && !e->lossy;
    c->options.act(c->options.ctx, &c->act);
}

static void event_end(struct coalescer *c, struct event *e, bool ended)
{
    event_unlink(c, e);
    if (!e->unwanted && e->count) {
        c->incomplete += !(ended && e->main && !e->lossy);
        event_tell(c, e, ended);
    }
    event_recycle(c, e);
}

/* A stamp is the moment a call began, but its records come when it ends: that of a call that took long (a
 * rename on a busy disk) lies far behind and means nothing. Only one that lies behind by more than any
 * call takes shows that the host's clock was set back. */
static void stream_advance(struct coalescer *c, const struct record *r)
{
    if (r->time > c->latest || c->latest - r->time > CLOCK_SET_BACK) {
        c->latest = r->time;
    }
}

static bool expired(const struct coalescer *c, const struct event *e, int64_t now)
{
    return now - e->began > c->options.patience || e->began - now > CLOCK_SET_BACK;
}

void coalesce_expire(struct coalescer *c, int64_t now)
{
    while (c->oldest && expired(c, c->oldest, now)) {
        event_end(c, c->oldest, false);
    }
}

static bool keeps(const struct coalescer *c, unsigned type)
{
    return c->options.everything || type == RECORD_SYSCALL || type == RECORD_PATH || type == RECORD_CWD ||
           type == RECORD_URINGOP;
}

static bool comes_alone(unsigned type)
{
    return record_of_program(type) || type == RECORD_LOGIN || type == RECORD_CONFIG_CHANGE;
}

static void tell_alone(struct coalescer *c, const struct record *r)
{
    act_build(&c->act, r, 1);
    c->act.complete = true;
    c->options.act(c->options.ctx, &c->act);
}

static bool wanted(struct coalescer *c, const struct record *r)
{
    if (!c->options.wants) {
        return true;
    }
    act_head(&c->act, r);
    return c->options.wants(c->options.ctx, &c->act);
}

static int event_keep(struct event *e, const struct record *r)
{
    if (e->count == RECORDS_MAX || e->bytes.len + r->body.len > BYTES_MAX) {
        e->lossy = true;
        return 0;
    }
    size_t offset = e->bytes.len;
    buf_put(&e->bytes, r->body.data, r->body.len);
    if (e->bytes.failed) {
        e->bytes.failed = false;
        e->lossy = true;
        return -ENOMEM;
    }
    e->records[e->count].type = r->type;
    e->records[e->count].offset = offset;
    e->records[e->count++].len = r->body.len;
    return 0;
}

static int event_push(struct coalescer *c, struct event *e, const struct record *r)
{
    if (e->unwanted) {
        return 0;
    }
    if (r->type == RECORD_SYSCALL || r->type == RECORD_URINGOP) {
        e->main = true;
        if (!wanted(c, r)) {
            e->unwanted = true;
            return 0;
        }
    }
    return event_keep(e, r);
}

int coalesce_push(struct coalescer *c, const struct record *r)
{
    stream_advance(c, r);
    coalesce_expire(c, c->latest);
    if (comes_alone(r->type)) {
        tell_alone(c, r);
        return 0;
    }
    struct event *e = event_find(c, r);
    if (r->type == RECORD_EOE) {
        if (e) {
            event_end(c, e, true);
        }
        return 0;
    }
    if (!keeps(c, r->type)) {
        return 0;
    }
    if (!e) {
        if (c->open >= c->options.most) {
            event_end(c, c->oldest, false);
        }
        e = event_begin(c, r);
    }
    return e ? event_push(c, e, r) : -ENOMEM;
}

size_t coalesce_open(const struct coalescer *c)
{
    return c->open;
}

uint64_t coalesce_incomplete(const struct coalescer *c)
{
    return c->incomplete;
}
