/* See ship.h.
 *
 *   cursor ─► journal (short read transactions) ─► filter ─► document ─► sink.deliver ─┬─► delivered: cursor moves
 *      ▲                                                                                ├─► dead: kept aside with its reason
 *      └──────────────── again, after a pause, what was not settled ◄───────────────────┘
 *
 * The cursor is the sequence up to which all is settled. It is saved with the judge's next commit; a sink that
 * knows itself what it holds (a file) is believed instead, so that nothing is written twice. */
#include "fimd/flow/ship.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "baseline/journal.h"
#include "fimd/flow/dead.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/log.h"
#include "fimd/rt/loss.h"

enum { LOCAL_BATCH = 1024, SCAN_MOST = 8192, LARGER_AFTER = 32 };
static const uint64_t LOCAL_BYTES = 1024 * 1024;
static const int64_t BACKOFF_FIRST = NS_PER_S;
static const int64_t BACKOFF_MOST = 60 * NS_PER_S;
static const int64_t BACKOFF_MOST_LOCAL = 4 * NS_PER_S; /* a file: nobody is spared by waiting */
static const int64_t ALARM_AFTER = 30 * NS_PER_S; /* a failure that lasts so long is an event */

struct parcel { /* one batch; memory is kept from batch to batch */
    struct event *events;
    struct sink_item *items;
    char (*ids)[2 * EVENT_ID_SIZE + 1];
    size_t *offsets; /* of each document in `text` */
    struct buf text;
    size_t count, most;
    uint64_t bytes_most;
    uint64_t through; /* sequence up to which the journal was read */
    size_t looked;    /* records, also those that the filter left out */
};

struct ship {
    struct ship_options options;
    const struct sink_class *class;
    struct sink *sink; /* NULL until it could be opened; set with the lock held, by the ship's thread or before it */
    char cursor_name[128];
    pthread_t thread;
    struct parcel parcel;
    int64_t backoff, failing_since;
    size_t portion; /* documents sent at once; `taken` in a row were */
    unsigned taken;
    bool alarmed, running;
    pid_t pid;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t work, moved;
    uint64_t journal_last;
    bool stop;
    struct ship_status status;
};

/* ---- the filter ---- */

static bool in_list(const struct strings *list, const char *text)
{
    for (size_t i = 0; text && i < list->count; i++) {
        if (strcmp(list->list[i], text) == 0)
            return true;
    }
    return false;
}

static bool any_tag(const struct strings *list, const struct event *e)
{
    for (size_t i = 0; i < e->tags_count; i++) {
        if (in_list(list, e->tags[i]))
            return true;
    }
    return false;
}

static bool any_action(const struct strings *list, const struct event *e)
{
    if (in_list(list, e->action))
        return true;
    for (uint32_t bit = 1; bit; bit <<= 1) {
        if ((e->actions & bit) && in_list(list, action_name(bit)))
            return true;
    }
    return false;
}

static bool wanted(const struct output_settings *o, const struct event *e)
{
    return e->severity >= o->min_severity && (o->rules.count == 0 || in_list(&o->rules, e->rule)) &&
           (o->tags.count == 0 || any_tag(&o->tags, e)) && (o->actions.count == 0 || any_action(&o->actions, e)) &&
           !any_tag(&o->not_tags, e);
}

/* ---- a parcel ---- */

static int parcel_init(struct parcel *p, const struct output_settings *o)
{
    bool network = o->type == OUTPUT_ELASTICSEARCH;
    p->most = network && o->batch_events ? o->batch_events : LOCAL_BATCH;
    p->bytes_most = network && o->batch_bytes ? o->batch_bytes : LOCAL_BYTES;
    p->events = calloc(p->most, sizeof(*p->events));
    p->items = calloc(p->most, sizeof(*p->items));
    p->ids = calloc(p->most, sizeof(*p->ids));
    p->offsets = calloc(p->most + 1, sizeof(*p->offsets));
    return p->events && p->items && p->ids && p->offsets ? 0 : -ENOMEM;
}

static void parcel_reset(struct parcel *p)
{
    for (size_t i = 0; i < p->count; i++)
        event_fini(&p->events[i]);
    p->count = 0;
    p->looked = 0;
    buf_reset(&p->text);
}

static void parcel_fini(struct parcel *p)
{
    parcel_reset(p);
    free(p->events);
    free(p->items);
    free(p->ids);
    free(p->offsets);
    buf_fini(&p->text);
}

/* Takes one record in; 1 ends the reading. */
static int parcel_add(void *ctx, const struct journal_record *record)
{
    struct ship *s = ctx;
    struct parcel *p = &s->parcel;
    if (p->count == p->most || p->text.len >= p->bytes_most || p->looked++ >= SCAN_MOST)
        return 1;
    struct event *e = &p->events[p->count];
    int r = event_from_record(record, e);
    if (r == -ENOMEM)
        return r;
    p->through = record->sequence;
    if (r < 0) {
        log_error("journal: record %llu cannot be read and is not delivered to %s; `fimctl verify` tells more",
                  (unsigned long long)record->sequence, s->options.settings->name);
        return 0;
    }
    if (!wanted(s->options.settings, e)) {
        event_fini(e);
        return 0;
    }
    p->offsets[p->count] = p->text.len;
    event_id(e, p->ids[p->count]);
    p->count++;
    if (s->class->wants_json)
        r = document_render(s->options.context->host, e, s->options.settings->vocab, &p->text);
    buf_put_u8(&p->text, 0);
    return r < 0 || p->text.failed ? -ENOMEM : 0;
}

struct reading {
    struct ship *ship;
    uint64_t from;
};

static int parcel_read(struct store_txn *txn, void *ctx)
{
    struct reading *r = ctx;
    int done = journal_each(txn, r->from, parcel_add, r->ship);
    return done < 0 ? done : 0;
}

static int parcel_fill(struct ship *s, uint64_t from)
{
    struct parcel *p = &s->parcel;
    struct fault why = {0};
    parcel_reset(p);
    p->through = from - 1;
    struct reading reading = {s, from};
    int r = store_read(s->options.store, parcel_read, &reading, &why);
    if (r < 0) {
        log_error("%s: the journal cannot be read: %s", s->options.settings->name, why.text);
        return r;
    }
    p->offsets[p->count] = p->text.len;
    for (size_t i = 0; i < p->count; i++) {
        p->items[i] = (struct sink_item){
            .event = &p->events[i],
            .id = p->ids[i],
            .json = s->class->wants_json ? (const char *)p->text.data + p->offsets[i] : NULL,
            .json_len = p->offsets[i + 1] - p->offsets[i] - 1,
        };
    }
    return 0;
}

/* ---- delivering ---- */

/* Sleeps for `pause` ns, or until the ship is to stop: false then. */
static bool pause_for(struct ship *s, int64_t pause)
{
    int64_t until = clock_mono() + pause;
    struct timespec at = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    pthread_mutex_lock(&s->lock);
    while (!s->stop && clock_mono() < until)
        pthread_cond_timedwait(&s->work, &s->lock, &at);
    bool go_on = !s->stop;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

/* Full jitter: somewhere between nothing and the bound, which doubles; never below what the server asked for. */
static int64_t next_pause(struct ship *s, int64_t at_least)
{
    s->backoff = s->backoff ? s->backoff * 2 : BACKOFF_FIRST;
    int64_t most = s->options.settings->type == OUTPUT_ELASTICSEARCH ? BACKOFF_MOST : BACKOFF_MOST_LOCAL;
    if (s->backoff > most)
        s->backoff = most;
    unsigned seed = (unsigned)clock_mono();
    int64_t pause = (int64_t)((double)s->backoff * rand_r(&seed) / RAND_MAX);
    if (at_least > BACKOFF_MOST)
        at_least = BACKOFF_MOST;
    return pause > at_least ? pause : at_least;
}

static void set_error(struct ship *s, const char *text)
{
    pthread_mutex_lock(&s->lock);
    bool news = text && strcmp(s->status.last_error, text) != 0;
    s->status.failing = text != NULL;
    if (text)
        snprintf(s->status.last_error, sizeof(s->status.last_error), "%s", text);
    pthread_mutex_unlock(&s->lock);
    if (news)
        log_warning("output %s: %s", s->options.settings->name, text);
    if (!text) {
        if (s->alarmed)
            s->options.state(s->options.ctx, "output-restored", "the output delivers again", s->options.settings->name);
        s->alarmed = false;
        s->failing_since = s->backoff = 0;
        return;
    }
    int64_t now = clock_mono();
    if (!s->failing_since)
        s->failing_since = now;
    if (!s->alarmed && now - s->failing_since >= ALARM_AFTER) {
        s->alarmed = true;
        s->options.state(s->options.ctx, "output-failing", text, s->options.settings->name);
    }
}

/* A refused document is kept as it was sent, with the server's reason: fimctl status counts them. */
static bool bury(struct ship *s, const struct sink_item *item)
{
    struct fault why = {0};
    char text[400];
    int r = dead_keep(s->options.store, s->options.settings->name, item, &why);
    if (r < 0) {
        set_error(s, why.text);
        return false; /* not settled before it is safe */
    }
    if (r == 0) /* told before a kill, and the cursor was not saved */
        return true;
    loss_count(LOSS_DEAD_LETTER, 1);
    snprintf(text, sizeof(text), "document %s (sequence %llu) was refused for good and is kept as a dead letter: %s",
             item->id, (unsigned long long)item->event->sequence, item->reason);
    log_error("output %s: %s", s->options.settings->name, text);
    s->options.state(s->options.ctx, "dead-letter", text, s->options.settings->name);
    pthread_mutex_lock(&s->lock);
    s->status.dead++;
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* Takes the settled items out of `items`, keeping the order of the rest; returns how many are left. */
static size_t settle(struct ship *s, struct sink_item *items, size_t count)
{
    size_t left = 0, delivered = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].verdict == SINK_DELIVERED)
            delivered++;
        else if (items[i].verdict != SINK_DEAD || !bury(s, &items[i]))
            items[left++] = items[i];
    }
    pthread_mutex_lock(&s->lock);
    s->status.delivered += delivered;
    pthread_mutex_unlock(&s->lock);
    return left;
}

static void mind_process(struct ship *s)
{
    pid_t pid = s->class->process ? s->class->process(s->sink) : 0;
    if (pid != s->pid)
        s->options.process(s->options.ctx, s->pid, pid);
    s->pid = pid;
}

/* One document that is too large by itself is given up, with others it is tried in smaller portions. */
static bool too_large(struct sink_item *item, size_t portion)
{
    if (portion > 1)
        return false;
    item->verdict = SINK_DEAD;
    snprintf(item->reason, sizeof(item->reason), "larger than the server takes (413)");
    return true;
}

/* What a server took or did not take of late is what it is asked to take next: else every batch would begin with the
 * same refusals. Now and then a larger one is tried. */
static void learn(struct ship *s, bool taken, size_t portion)
{
    if (!taken) {
        s->portion = portion > 1 ? portion / 2 : 1;
        s->taken = 0;
    } else if (portion >= s->portion && ++s->taken == LARGER_AFTER) {
        s->portion = s->portion < s->parcel.most ? s->portion * 2 : s->portion;
        s->taken = 0;
    }
}

/* Why documents come again: an error, or what the server said of the first of those that it did not take. */
static void set_refusal(struct ship *s, const struct sink_item *items, size_t left, const struct fault *why)
{
    char text[sizeof(why->text)];
    snprintf(text, sizeof(text), "%zu document%s turned away for now%s%s", left, left == 1 ? " was" : "s were",
             items[0].reason[0] ? ": " : "", items[0].reason);
    set_error(s, why->error ? why->text : text);
}

/* Delivers all items; false when the ship is to stop before that. */
static bool deliver_all(struct ship *s, struct sink_item *items, size_t count)
{
    while (count > 0) {
        struct fault why = {0};
        int64_t retry_after = 0;
        size_t portion = s->portion < count ? s->portion : count;
        for (size_t i = 0; i < portion; i++) {
            items[i].verdict = SINK_RETRY;
            items[i].reason[0] = '\0';
        }
        int r = s->class->deliver(s->sink, items, portion, &retry_after, &why);
        mind_process(s);
        if (r == -EMSGSIZE) {
            learn(s, false, portion);
            if (!too_large(&items[0], portion))
                continue;
            r = 0;
        } else if (r == 0 || r == -EAGAIN) { /* a busy server may be one that has no room for so much at once */
            learn(s, r == 0, portion);
        }
        size_t left = r == 0 ? settle(s, items, portion) : portion;
        memmove(items + left, items + portion, (count - portion) * sizeof(*items));
        count -= portion - left;
        if (r == 0 && left == 0) {
            set_error(s, NULL);
            continue;
        }
        set_refusal(s, items, left, &why);
        if (!pause_for(s, next_pause(s, retry_after)))
            return false;
    }
    return true;
}

static void move_cursor(struct ship *s, uint64_t to)
{
    pthread_mutex_lock(&s->lock);
    s->status.cursor = to;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

/* Waits for records after the cursor; 0: stop. */
static uint64_t wait_for_records(struct ship *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->stop && s->journal_last <= s->status.cursor)
        pthread_cond_wait(&s->work, &s->lock);
    uint64_t from = s->journal_last > s->status.cursor ? s->status.cursor + 1 : 0;
    pthread_mutex_unlock(&s->lock);
    return from;
}

/* ---- opening ---- */

struct beginning {
    struct ship *ship;
    struct sink *sink; /* NULL: it could not be opened */
};

static int read_cursor(struct store_txn *txn, void *ctx)
{
    const struct beginning *b = ctx;
    struct ship *s = b->ship;
    struct store_counts counts;
    uint64_t cursor = 0;
    int r = store_count(txn, &counts);
    if (r < 0)
        return r;
    if (store_value(txn, s->cursor_name, &cursor, sizeof(cursor)) != sizeof(cursor))
        cursor = 0;
    uint64_t dead;
    r = dead_count(txn, s->options.settings->name, &dead);
    if (r < 0)
        return r;
    int64_t own = b->sink && s->class->last ? s->class->last(b->sink) : -1;
    if (own >= 0)
        cursor = (uint64_t)own;
    if (s->options.settings->type == OUTPUT_CONSOLE || cursor > counts.journal_last)
        cursor = s->options.settings->type == OUTPUT_CONSOLE ? counts.journal_last : 0;
    /* What retention has taken off cannot be delivered any more. */
    if (counts.journal_first > 0 && cursor + 1 < counts.journal_first)
        cursor = counts.journal_first - 1;
    pthread_mutex_lock(&s->lock);
    s->status.cursor = cursor;
    s->status.dead = dead;
    if (s->journal_last < counts.journal_last)
        s->journal_last = counts.journal_last;
    s->sink = b->sink;
    pthread_mutex_unlock(&s->lock);
    return 0;
}

/* The cursor is read with and without a sink: what the sink has yet to get must not be trimmed meanwhile. */
static int attach(struct ship *s, struct fault *why)
{
    struct beginning b = {.ship = s};
    struct fault reading = {0};
    int opened = s->class->open(s->options.settings, s->options.context, &b.sink, why);
    int r = store_read(s->options.store, read_cursor, &b, &reading);
    if (opened < 0)
        return opened;
    if (r == 0) {
        mind_process(s);
        return 0;
    }
    s->class->close(b.sink);
    *why = reading;
    return r;
}

static bool attach_at_last(struct ship *s)
{
    while (!s->sink) {
        struct fault why = {0};
        if (!pause_for(s, next_pause(s, 0)))
            return false;
        if (attach(s, &why) < 0)
            set_error(s, why.text);
    }
    return true;
}

static void *ship_run(void *arg)
{
    struct ship *s = arg;
    if (!attach_at_last(s))
        return NULL;
    for (uint64_t from; (from = wait_for_records(s)) != 0;) {
        if (parcel_fill(s, from) < 0) {
            if (!pause_for(s, BACKOFF_FIRST))
                break;
            continue;
        }
        if (!deliver_all(s, s->parcel.items, s->parcel.count))
            break;
        move_cursor(s, s->parcel.through);
    }
    return NULL;
}

static void ship_free(struct ship *s)
{
    if (s->sink)
        s->class->close(s->sink);
    parcel_fini(&s->parcel);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->moved);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct ship *ship_new(const struct ship_options *options)
{
    struct ship *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->options = *options;
    s->class = sink_class_of(options->settings->type);
    s->status.name = options->settings->name;
    s->status.type = s->class->name;
    snprintf(s->cursor_name, sizeof(s->cursor_name), "cursor/%s", options->settings->name);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->work, &attributes);
    pthread_cond_init(&s->moved, &attributes);
    pthread_condattr_destroy(&attributes);
    return s;
}

int ship_open(const struct ship_options *options, struct ship **ret, struct fault *why)
{
    struct ship *s = ship_new(options);
    if (!s)
        return fault_set(why, ENOMEM, "out of memory");
    int r = parcel_init(&s->parcel, options->settings);
    s->portion = s->parcel.most;
    if (r == 0)
        r = attach(s, why);
    if (r < 0 && r != -ENOMEM && (r != -EINVAL || options->patient)) {
        set_error(s, why->text);
        *why = (struct fault){0};
        r = 0;
    }
    if (r == 0)
        r = -pthread_create(&s->thread, NULL, ship_run, s);
    if (r < 0) {
        ship_free(s);
        return r;
    }
    s->running = true;
    *ret = s;
    return 0;
}

void ship_stop(struct ship *s)
{
    if (!s->running)
        return;
    pthread_mutex_lock(&s->lock);
    uint64_t last = s->journal_last;
    pthread_mutex_unlock(&s->lock);
    bool done = ship_sync(s, last, NS_PER_S) == 0;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    struct sink *sink = done ? NULL : s->sink;
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->lock);
    if (sink && s->class->interrupt)
        s->class->interrupt(sink);
    pthread_join(s->thread, NULL);
    s->running = false;
}

void ship_close(struct ship *s)
{
    if (!s)
        return;
    ship_stop(s);
    ship_free(s);
}

void ship_wake(struct ship *s, uint64_t last)
{
    pthread_mutex_lock(&s->lock);
    s->journal_last = last;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
}

int ship_save(struct ship *s, struct store_txn *txn)
{
    /* Compared with what the store has, not with what was given to it: that may have been rolled back. */
    uint64_t kept;
    pthread_mutex_lock(&s->lock);
    uint64_t cursor = s->status.cursor;
    pthread_mutex_unlock(&s->lock);
    if (store_value(txn, s->cursor_name, &kept, sizeof(kept)) == sizeof(kept) && kept == cursor)
        return 0;
    return store_set(txn, s->cursor_name, &cursor, sizeof(cursor));
}

int ship_sync(struct ship *s, uint64_t sequence, int64_t timeout)
{
    int64_t until = clock_mono() + timeout;
    struct timespec at = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    int r = 0;
    pthread_mutex_lock(&s->lock);
    while (s->status.cursor < sequence && r == 0)
        r = -pthread_cond_timedwait(&s->moved, &s->lock, &at);
    pthread_mutex_unlock(&s->lock);
    return r;
}

void ship_status(struct ship *s, struct ship_status *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->status;
    struct sink *sink = s->sink;
    pthread_mutex_unlock(&s->lock);
    if (sink && s->class->peer)
        s->class->peer(sink, ret->peer, sizeof(ret->peer));
}
