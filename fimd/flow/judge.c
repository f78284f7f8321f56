/* See judge.h.
 *
 *   judge_push ─► queue ─► attribute ─┬─► batch ─► one transaction, flushed ─► done; outputs are woken
 *                                     └─► waiting (for an audit or LOGIN record) ─► again on progress or when due
 *
 * A transaction that fails (disk full, I/O error, journal full) records nothing and leaves the baseline as it was:
 * the batch is let go, counted, and when commits work again the watched trees are walked, which finds the net change. */
#include "fimd/flow/judge.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "baseline/journal.h"
#include "baseline/path.h"
#include "fimd/flow/apply.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"

enum {
    BATCH_MOST = 1024,  /* findings a transaction: bounds its memory (about 4 KiB of dirty pages each at worst) */
    TRIM_MOST = 4096,   /* records taken off the journal's front a transaction */
    TRIM_AFTER = 65536, /* records: a storm need not wait for TRIM_EVERY */
    FLOOD = 24,         /* findings in one transaction: more are on their way, and are worth a short wait */
    FLOOD_MOST = 512,   /* findings that end that wait */
};
/* A transaction costs some ten pages whatever it holds; in a flood one of 200 findings costs each a fifth of what
 * one of 12 does. A lone change never waits. */
static const int64_t FLOOD_WAIT = 4 * NS_PER_MS;
static const int64_t TRIM_EVERY = 60 * NS_PER_S;
static const int64_t SAVE_EVERY = NS_PER_S;
static const int64_t TRIM_PAUSE = NS_PER_S / 10; /* between two portions */
static const int64_t RETRY_FIRST = 2 * NS_PER_S;
static const int64_t RETRY_MOST = 32 * NS_PER_S;
static const int64_t RETRY_CALM = 60 * NS_PER_S; /* works for so long: the next failure is a new one */
static const int64_t EARLY_EVERY = 20 * NS_PER_MS;

struct said { /* an event of fimd itself, waiting to be journaled */
    struct said *next;
    struct event event;
};

struct limits { /* what a reload may change */
    char *const *tags;
    size_t tags_count;
    int64_t keep;
    uint64_t max_size;
};

struct judge {
    struct judge_options options;
    struct buf scratch;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* what follows, up to the next blank line */
    pthread_cond_t work, idle;
    struct finding *queue_first, *queue_last;
    size_t queue_len;
    int64_t gather_until; /* in a flood: the queue grows until then, or to FLOOD_MOST; 0: no flood */
    struct said *said_first, *said_last;
    bool progress, stop;
    uint64_t said_count, said_done;
    struct judge_status status;
    struct limits limits;

    struct finding *waiting; /* the judge's thread alone, from here */
    struct finding *early;   /* attributed, and before their directory: tried again with every batch */
    struct limits now;       /* those of the transaction */
    int64_t next_trim, next_save, next_retry;
    int64_t last_trim, retry_pause, restored_at;
    uint64_t since_trim; /* records */
    bool failing;
    bool full; /* the journal has its size, and what it holds is still to be delivered */
    atomic_bool filling;
};

int judge_new(const struct judge_options *options, struct judge **ret)
{
    struct judge *j = calloc(1, sizeof(*j));
    if (!j)
        return -ENOMEM;
    j->options = *options;
    j->limits = (struct limits){options->tags, options->tags_count, options->keep, options->max_size};
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&j->work, &attributes);
    pthread_cond_init(&j->idle, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret = j;
    return 0;
}

static void said_free(struct said *list)
{
    while (list) {
        struct said *next = list->next;
        event_fini(&list->event);
        free(list);
        list = next;
    }
}

void judge_free(struct judge *j)
{
    if (!j)
        return;
    said_free(j->said_first);
    buf_fini(&j->scratch);
    pthread_cond_destroy(&j->work);
    pthread_cond_destroy(&j->idle);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

void judge_push(struct judge *j, struct finding *list)
{
    struct finding *last = list;
    size_t count = 1;
    for (; last->link; count++)
        last = last->link;
    pthread_mutex_lock(&j->lock);
    if (j->queue_last)
        j->queue_last->link = list;
    else
        j->queue_first = list;
    j->queue_last = last;
    j->queue_len += count;
    if (!j->gather_until || j->queue_len >= FLOOD_MOST)
        pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
}

void judge_progress(struct judge *j)
{
    pthread_mutex_lock(&j->lock);
    j->progress = true;
    if (j->status.waiting)
        pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
}

void judge_configure(struct judge *j, char *const *tags, size_t tags_count, int64_t keep, uint64_t max_size)
{
    pthread_mutex_lock(&j->lock);
    j->limits = (struct limits){tags, tags_count, keep, max_size};
    pthread_mutex_unlock(&j->lock);
}

void judge_set_filling(struct judge *j, bool filling)
{
    atomic_store(&j->filling, filling);
}

/* ---- events of fimd itself ---- */

static int said_fill(struct said *s, enum severity severity, const char *action, const char *message, va_list pairs)
{
    s->event.kind = EVENT_STATE;
    s->event.severity = severity;
    s->event.time = s->event.created = clock_real();
    s->event.action = strdup(action);
    s->event.message = strdup(message);
    if (!s->event.action || !s->event.message)
        return -ENOMEM;
    for (const char *key; (key = va_arg(pairs, const char *)) != NULL;) {
        const char *value = va_arg(pairs, const char *);
        int r = event_detail(&s->event, key, "%s", value ? value : "");
        if (r < 0)
            return r;
    }
    return 0;
}

int judge_say(struct judge *j, enum severity severity, const char *action, const char *message, ...)
{
    struct said *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    va_list pairs;
    va_start(pairs, message);
    int r = said_fill(s, severity, action, message, pairs);
    va_end(pairs);
    if (r < 0) {
        said_free(s);
        return r;
    }
    pthread_mutex_lock(&j->lock);
    if (j->said_last)
        j->said_last->next = s;
    else
        j->said_first = s;
    j->said_last = s;
    j->said_count++;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
    return 0;
}

/* ---- one transaction ---- */

struct batch {
    struct judge *judge;
    struct policy *policy;
    struct finding *findings[BATCH_MOST];
    bool walk[BATCH_MOST], early[BATCH_MOST];
    bool patient;
    size_t count;
    struct said *said;
    struct apply apply;
    uint64_t bytes; /* of the journal's records after it */
};

/* What is early is tried once more behind the rest. */
static int apply_all(struct batch *b)
{
    int r = 0;
    bool again = false;
    for (size_t i = 0; i < b->count && r >= 0; i++) {
        r = apply_finding(&b->apply, b->findings[i], &b->walk[i]);
        b->early[i] = r == APPLY_EARLY;
        again |= b->early[i];
    }
    for (size_t i = 0; again && i < b->count && r >= 0; i++) {
        if (!b->early[i])
            continue;
        r = apply_finding(&b->apply, b->findings[i], &b->walk[i]);
        b->early[i] = r == APPLY_EARLY;
    }
    return r < 0 ? r : 0;
}

static int batch_apply(struct store_txn *txn, void *ctx)
{
    struct batch *b = ctx;
    struct judge *j = b->judge;
    b->apply = (struct apply){
        .txn = txn,
        .policy = b->policy,
        .tags = j->now.tags,
        .tags_count = j->now.tags_count,
        .filling = atomic_load(&j->filling),
        .patient = b->patient,
        .now = clock_real(),
        .mono = clock_mono(),
        .scratch = &j->scratch,
    };
    int r = apply_all(b);
    for (struct said *s = b->said; s && r == 0; s = s->next)
        r = apply_state(&b->apply, &s->event);
    struct store_counts counts = {0};
    if (r == 0)
        r = store_count(txn, &counts);
    b->bytes = counts.bytes_journal;
    if (r == 0)
        r = j->options.callbacks.save(j->options.callbacks.ctx, txn);
    return r;
}

static const struct touch *last_touch(const struct finding *f)
{
    const struct touch *last = NULL;
    for (size_t i = 0; i < f->touches_count; i++) {
        if (!last || f->touches[i].at > last->at)
            last = &f->touches[i];
    }
    return last;
}

static void batch_tell(struct judge *j, struct batch *b)
{
    const struct judge_callbacks *callbacks = &j->options.callbacks;
    if (b->apply.records)
        callbacks->committed(callbacks->ctx, b->apply.last);
    for (size_t i = 0; i < b->count; i++) {
        if (b->walk[i])
            callbacks->walk(callbacks->ctx, b->findings[i]->path, b->findings[i]->path_len, last_touch(b->findings[i]));
    }
}

static void batch_count(struct judge *j, const struct batch *b)
{
    pthread_mutex_lock(&j->lock);
    j->status.commits++;
    j->gather_until = b->count >= FLOOD ? clock_mono() + FLOOD_WAIT : 0;
    j->status.records += b->apply.records;
    j->status.found += b->apply.found;
    if (b->apply.last)
        j->status.last = b->apply.last;
    for (size_t i = 0; i < b->count; i++)
        j->status.by_grade[attribute_grade(b->findings[i])] += !b->early[i];
    pthread_mutex_unlock(&j->lock);
}

static void set_failing(struct judge *j, const struct fault *why)
{
    pthread_mutex_lock(&j->lock);
    j->status.failing = why != NULL;
    snprintf(j->status.why, sizeof(j->status.why), "%s", why ? why->text : "");
    pthread_mutex_unlock(&j->lock);
    j->failing = why != NULL;
    j->options.callbacks.recording(j->options.callbacks.ctx, why);
}

/* A full disk takes a small transaction and refuses the larger one of the scan that follows: each such turn waits
 * twice as long, so that events and scans do not chase each other. */
static void batch_failed(struct judge *j, const struct batch *b, const struct fault *why)
{
    int64_t now = clock_mono();
    loss_count(LOSS_NOT_RECORDED, b->count);
    if (!j->failing) {
        bool again = j->retry_pause && now - j->restored_at < RETRY_CALM;
        j->retry_pause = again ? j->retry_pause * 2 : RETRY_FIRST;
        if (j->retry_pause > RETRY_MOST)
            j->retry_pause = RETRY_MOST;
        set_failing(j, why);
    }
    j->next_retry = now + j->retry_pause;
}

static void batch_recorded(struct judge *j, const struct batch *b)
{
    int64_t now = clock_mono();
    uint64_t most = j->now.max_size;
    j->since_trim += b->apply.records;
    bool much = most && b->bytes > most + most / 16;
    if ((j->since_trim >= TRIM_AFTER || much) && j->next_trim > j->last_trim + TRIM_PAUSE)
        j->next_trim = j->last_trim + TRIM_PAUSE;
    if (j->failing) {
        j->restored_at = now;
        set_failing(j, NULL);
    }
}

/* Ends the batch's findings and what was said; what was said is kept when it could not be recorded. */
static void batch_end(struct judge *j, struct batch *b, bool recorded)
{
    struct finding *list = NULL;
    for (size_t i = b->count; i-- > 0;) {
        struct finding **to = recorded && b->early[i] ? &j->early : &list;
        b->findings[i]->link = *to;
        b->findings[i]->retry = clock_mono() + EARLY_EVERY;
        *to = b->findings[i];
    }
    if (list)
        select_done(j->options.select, list);
    pthread_mutex_lock(&j->lock);
    if (!recorded && b->said) {
        struct said *last = b->said;
        while (last->next)
            last = last->next;
        last->next = j->said_first;
        if (!j->said_first)
            j->said_last = last;
        j->said_first = b->said;
    } else {
        for (struct said *s = b->said; s; s = s->next)
            j->said_done++;
        pthread_cond_broadcast(&j->idle);
    }
    pthread_mutex_unlock(&j->lock);
    if (recorded)
        said_free(b->said);
    b->count = 0;
    b->said = NULL;
}

/* -EAGAIN: it failed a moment ago and is not tried again yet. */
static int batch_write(struct judge *j, struct batch *b, struct fault *why)
{
    if (j->failing && b->patient && clock_mono() < j->next_retry)
        return -EAGAIN;
    if (j->full)
        return fault_set(why, EDQUOT,
                         "the journal has reached journal.max_size and an output has yet to deliver it; mend the output "
                         "(fimctl status names it) or raise journal.max_size");
    int r = store_write(j->options.store, batch_apply, b, why);
    return r == -EAGAIN ? -EIO : r;
}

static void batch_commit(struct judge *j, struct batch *b)
{
    struct fault why = {0};
    b->policy = select_policy(j->options.select);
    memset(b->walk, 0, sizeof(b->walk));
    memset(b->early, 0, sizeof(b->early));
    int r = batch_write(j, b, &why);
    if (r == 0) {
        batch_recorded(j, b);
        batch_count(j, b);
        batch_tell(j, b);
    } else if (r == -EAGAIN) {
        loss_count(LOSS_NOT_RECORDED, b->count);
    } else {
        batch_failed(j, b, &why);
    }
    policy_unref(b->policy);
    batch_end(j, b, r == 0);
}

/* ---- the journal's length ---- */

struct trim {
    struct judge *judge;
    int64_t oldest; /* ns realtime: older records may go */
    uint64_t needed, first;
    uint64_t keep;  /* result: records before it go */
    uint64_t excess; /* bytes above the journal's size */
    bool blocked;    /* what goes next is still to be delivered */
    long taken;
};

static int trim_look(void *ctx, const struct journal_record *record)
{
    struct trim *t = ctx;
    struct event event;
    t->blocked = record->sequence >= t->needed;
    if (t->blocked || record->sequence - t->first >= TRIM_MOST)
        return 1;
    if (event_from_record(record, &event) == 0) {
        bool old = event.created < t->oldest;
        event_fini(&event);
        if (!old && t->excess == 0)
            return 1;
    }
    t->excess = t->excess > record->len ? t->excess - record->len : 0;
    t->keep = record->sequence + 1;
    return 0;
}

/* A deleted path is forgotten with its last record; a directory with children stays as the way to them. */
static void forget(struct store_txn *txn, const char *path, uint64_t sequence)
{
    struct node node;
    if (!path || store_get(txn, path, strlen(path), &node) != 0)
        return;
    if (node.entry.type == ENTRY_ABSENT && node.last == sequence)
        store_remove(txn, path, strlen(path), 0);
    node_fini(&node);
}

/* Of a move the record stands at the new path, and is the old one's last as well. */
static int trim_gone(void *ctx, const struct journal_record *record)
{
    struct event event;
    if (event_from_record(record, &event) < 0)
        return 0;
    forget(ctx, event.path, record->sequence);
    forget(ctx, event.path_old, record->sequence);
    event_fini(&event);
    return 0;
}

static int trim_apply(struct store_txn *txn, void *ctx)
{
    struct trim *t = ctx;
    struct store_counts counts;
    int r = store_count(txn, &counts);
    if (r < 0 || counts.journal_first == 0)
        return r;
    uint64_t most = t->judge->now.max_size;
    t->excess = most && counts.bytes_journal > most ? counts.bytes_journal - most : 0;
    t->keep = t->first = counts.journal_first;
    r = journal_each(txn, counts.journal_first, trim_look, t);
    if (r < 0 || t->keep == counts.journal_first)
        return r < 0 ? r : 0;
    t->taken = journal_trim(txn, t->keep, TRIM_MOST, trim_gone, txn);
    return t->taken < 0 ? (int)t->taken : 0;
}

/* Keeps the journal to its time and size; what an output has yet to deliver stays. */
static void trim(struct judge *j)
{
    struct trim t = {.judge = j, .oldest = clock_real() - j->now.keep,
                     .needed = j->options.callbacks.needed(j->options.callbacks.ctx)};
    struct fault why = {0};
    int r = store_write(j->options.store, trim_apply, &t, &why);
    j->since_trim = 0;
    j->last_trim = clock_mono();
    /* An eighth above the size nothing more is recorded, so that the disk is not filled for an output that is down. */
    if (r == 0)
        j->full = j->now.max_size && t.blocked && t.excess > j->now.max_size / 8;
    /* A full portion: there is more; the rest goes on soon, but lets others in first. */
    bool more = r == 0 && t.taken >= TRIM_MOST / 2;
    j->next_trim = j->last_trim + (more ? TRIM_PAUSE : j->full ? RETRY_FIRST : TRIM_EVERY);
}

static int save_apply(struct store_txn *txn, void *ctx)
{
    struct judge *j = ctx;
    return j->options.callbacks.save(j->options.callbacks.ctx, txn);
}

/* ---- the thread ---- */

struct work {
    struct finding *findings;
    struct said *said;
    bool progress, stop;
};

/* The earliest moment at which something is to be done although nothing arrives. */
static int64_t next_due(const struct judge *j)
{
    int64_t due = j->next_trim < j->next_save ? j->next_trim : j->next_save;
    if (j->failing && j->next_retry < due)
        due = j->next_retry;
    for (const struct finding *f = j->waiting; f; f = f->link)
        due = f->retry < due ? f->retry : due;
    if (j->early && j->early->retry < due)
        due = j->early->retry;
    return due;
}

static void wait_until(struct judge *j, int64_t due)
{
    struct timespec at = {.tv_sec = due / NS_PER_S, .tv_nsec = due % NS_PER_S};
    pthread_cond_timedwait(&j->work, &j->lock, &at);
}

/* With the lock held, in a flood: lets the queue grow for a moment. */
static void gather(struct judge *j)
{
    while (j->gather_until && j->queue_len < FLOOD_MOST && !j->stop && clock_mono() < j->gather_until)
        wait_until(j, j->gather_until);
    j->gather_until = 0;
}

static void wait_for_work(struct judge *j, struct work *ret)
{
    int64_t due = next_due(j);
    pthread_mutex_lock(&j->lock);
    gather(j);
    j->status.waiting = 0;
    for (const struct finding *f = j->waiting; f; f = f->link)
        j->status.waiting++;
    /* What was said while commits fail waits for the retry. */
    while (!j->queue_first && (!j->said_first || j->failing) && !j->stop && !(j->progress && j->waiting) &&
           clock_mono() < due)
        wait_until(j, due);
    *ret = (struct work){.findings = j->queue_first, .said = j->said_first, .progress = j->progress, .stop = j->stop};
    j->queue_first = j->queue_last = NULL;
    j->queue_len = 0;
    j->said_first = j->said_last = NULL;
    j->progress = false;
    j->now = j->limits;
    pthread_mutex_unlock(&j->lock);
}

static bool is_probe(const struct judge *j, const struct finding *f)
{
    size_t len = strlen(j->options.probe_dir);
    return len && path_below(f->path, f->path_len, j->options.probe_dir, len);
}

static bool is_measured(const struct finding *f)
{
    return (f->measured == 0 || f->measured == -ENOENT) && (f->old_measured == 0 || f->old_measured == -ENOENT);
}

/* Brings one finding on: into the batch, to the waiting ones, or to the probe. */
static void consider(struct judge *j, struct batch *b, struct finding *f, int64_t now, bool stop)
{
    f->link = NULL;
    f->retry = INT64_MAX;
    if (!is_measured(f)) { /* without it a file would look deleted; the next scan looks at it again */
        loss_count(LOSS_NOT_RECORDED, 1);
        select_done(j->options.select, f);
        return;
    }
    if (attribute(j->options.attribute, f, now) == -EAGAIN && !stop) {
        f->link = j->waiting;
        j->waiting = f;
        return;
    }
    if (is_probe(j, f)) {
        j->options.callbacks.probed(j->options.callbacks.ctx, f);
        select_done(j->options.select, f);
        return;
    }
    b->findings[b->count++] = f;
    if (b->count == BATCH_MOST)
        batch_commit(j, b);
}

static void consider_waiting(struct judge *j, struct batch *b, bool all, bool stop)
{
    int64_t now = clock_mono();
    struct finding *list = j->waiting;
    j->waiting = NULL;
    while (list) {
        struct finding *next = list->link;
        if (all || list->retry <= now) {
            consider(j, b, list, now, stop);
        } else {
            list->link = j->waiting;
            j->waiting = list;
        }
        list = next;
    }
}

/* Behind what has just come: their directories may be among it. */
static void add_early(struct judge *j, struct batch *b, bool stop)
{
    struct finding *list = j->early;
    if (!list || (!stop && b->count == 0 && clock_mono() < list->retry))
        return;
    j->early = NULL;
    while (list) {
        struct finding *next = list->link;
        b->findings[b->count++] = list;
        if (b->count == BATCH_MOST)
            batch_commit(j, b);
        list = next;
    }
}

static void housekeeping(struct judge *j)
{
    int64_t now = clock_mono();
    if (now >= j->next_save) {
        struct fault why = {0};
        store_write(j->options.store, save_apply, j, &why);
        j->next_save = now + SAVE_EVERY;
    }
    if (now >= j->next_trim)
        trim(j);
}

static void *judge_run(void *arg)
{
    struct judge *j = arg;
    struct batch *b = calloc(1, sizeof(*b));
    struct work work = {.stop = b == NULL};
    if (b)
        b->judge = j;
    while (!work.stop) {
        wait_for_work(j, &work);
        b->patient = !work.stop;
        consider_waiting(j, b, work.progress || work.stop, work.stop);
        while (work.findings) {
            struct finding *f = work.findings;
            work.findings = f->link;
            consider(j, b, f, clock_mono(), work.stop);
        }
        add_early(j, b, work.stop);
        b->said = work.said;
        if (b->count || b->said || (j->failing && clock_mono() >= j->next_retry))
            batch_commit(j, b);
        if (!work.stop)
            housekeeping(j);
    }
    if (b) {
        struct fault why = {0};
        store_write(j->options.store, save_apply, j, &why);
    }
    free(b);
    return NULL;
}

int judge_start(struct judge *j)
{
    j->next_trim = clock_mono() + TRIM_EVERY / 10;
    j->next_save = clock_mono() + SAVE_EVERY;
    int r = pthread_create(&j->thread, NULL, judge_run, j);
    j->started = r == 0;
    if (j->started)
        pthread_setname_np(j->thread, "fimd-judge");
    return -r;
}

void judge_stop(struct judge *j)
{
    if (!j || !j->started)
        return;
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    j->started = false;
}

int judge_sync(struct judge *j, int64_t timeout)
{
    int64_t until = clock_mono() + timeout;
    struct timespec at = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    int r = 0;
    pthread_mutex_lock(&j->lock);
    uint64_t said = j->said_count;
    while (j->said_done < said && r == 0)
        r = -pthread_cond_timedwait(&j->idle, &j->lock, &at);
    pthread_mutex_unlock(&j->lock);
    return r;
}

void judge_status(struct judge *j, struct judge_status *ret)
{
    pthread_mutex_lock(&j->lock);
    *ret = j->status;
    ret->queued = j->queue_len;
    pthread_mutex_unlock(&j->lock);
}
