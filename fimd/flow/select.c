/* See select.h. One mutex; three conditions: `work` for the workers, `room` for those who put in, `ended` for sync. */
#include "fimd/flow/select.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"

struct select {
    pthread_mutex_t lock;
    pthread_cond_t work, room, ended;
    struct pending *pending;
    size_t most;
    unsigned idle; /* workers that wait in select_take */
    struct processes *people;
    struct policy *policy;
    bool stop;
};

static void cond_init_mono(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until)
{
    if (until == INT64_MAX) {
        pthread_cond_wait(cond, lock);
        return;
    }
    struct timespec at = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    pthread_cond_timedwait(cond, lock, &at);
}

int select_new(const struct select_options *options, struct select **ret)
{
    struct select *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    int r = pending_new(&options->pending, &s->pending);
    if (r < 0) {
        free(s);
        return r;
    }
    pthread_mutex_init(&s->lock, NULL);
    cond_init_mono(&s->work);
    cond_init_mono(&s->room);
    cond_init_mono(&s->ended);
    s->most = options->most;
    s->people = options->people;
    s->policy = policy_ref(options->policy);
    *ret = s;
    return 0;
}

static void finding_clear(struct select *s, struct finding *f)
{
    for (size_t i = 0; i < f->touches_count; i++)
        process_drop(s->people, f->touches[i].process);
    f->touches_count = 0;
    for (size_t i = 0; i < f->actors_count; i++)
        actor_unref(f->actors[i]);
    f->actors_count = 0;
}

void select_free(struct select *s)
{
    if (!s)
        return;
    for (struct finding *f; (f = pending_drain(s->pending)) != NULL;) {
        finding_clear(s, f);
        pending_done(s->pending, f);
    }
    pending_free(s->pending);
    policy_unref(s->policy);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->room);
    pthread_cond_destroy(&s->ended);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void select_set_policy(struct select *s, struct policy *policy, const struct pending_options *pending)
{
    pthread_mutex_lock(&s->lock);
    struct policy *old = s->policy;
    s->policy = policy_ref(policy);
    pending_set_options(s->pending, pending);
    pthread_mutex_unlock(&s->lock);
    policy_unref(old);
}

struct policy *select_policy(struct select *s)
{
    pthread_mutex_lock(&s->lock);
    struct policy *policy = policy_ref(s->policy);
    pthread_mutex_unlock(&s->lock);
    return policy;
}

struct processes *select_people(struct select *s)
{
    return s->people;
}

/* With the lock held: wakes as many workers as have something to do. */
static void wake_workers(struct select *s, size_t work)
{
    if (s->idle == 0)
        return;
    if (work > 1)
        pthread_cond_broadcast(&s->work);
    else
        pthread_cond_signal(&s->work);
}

static bool wait_for_room(struct select *s)
{
    if (pending_count(s->pending) >= s->most)
        loss_count(LOSS_PENDING_FULL, 1);
    while (pending_count(s->pending) >= s->most && !s->stop)
        pthread_cond_wait(&s->room, &s->lock);
    return !s->stop;
}

static void add_event(struct select *s, const struct watch_event *e, int64_t now)
{
    struct verdict verdict;
    bool moved_away = e->path_len == 0; /* to where the kernel does not tell: it is gone from here, as if deleted */
    struct pending_event event = {
        .path = moved_away ? e->old_path : e->path,
        .path_len = moved_away ? e->old_path_len : e->path_len,
        .old_path = moved_away ? NULL : e->old_path,
        .old_path_len = moved_away ? 0 : e->old_path_len,
        .ops = e->ops,
        .source = SOURCE_FANOTIFY,
        .touch = {.process = e->process, .pid = e->pid, .ops = e->ops, .at = e->read_at, .inode = e->inode,
                  .dir_inode = e->dir_inode},
    };
    policy_match(s->policy, event.path, event.path_len, &verdict);
    event.transient = verdict.transient;
    struct process *dropped = NULL;
    if (pending_add(s->pending, &event, now, &dropped) < 0) {
        /* Out of memory: the change is not forgotten, the next scan finds it. */
        loss_count(LOSS_NOT_RECORDED, 1);
        dropped = e->process;
    }
    process_drop(s->people, dropped);
}

void select_events(struct select *s, const struct watch_event *events, size_t count)
{
    int64_t now = clock_mono();
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < count; i++) {
        if (wait_for_room(s))
            add_event(s, &events[i], now);
        else
            process_drop(s->people, events[i].process);
        if (i % 64 == 63)
            wake_workers(s, count); /* a large batch: let them begin */
    }
    wake_workers(s, count);
    pthread_mutex_unlock(&s->lock);
}

int select_scanned(struct select *s, const char *path, size_t len, enum event_source source, bool removed,
                   const struct touch *by)
{
    struct pending_event event = {.path = path, .path_len = len, .source = source, .removed = removed,
                                  .walked = source == SOURCE_FANOTIFY};
    struct verdict verdict;
    event.touch.at = clock_mono();
    if (by) {
        event.touch = *by;
        event.touch.process = process_ref(s->people, by->process);
        event.ops = by->ops;
    }
    struct process *dropped = NULL;
    pthread_mutex_lock(&s->lock);
    policy_match(s->policy, path, len, &verdict);
    event.transient = event.walked && verdict.transient;
    int r = wait_for_room(s) ? pending_add(s->pending, &event, clock_mono(), &dropped) : -ECANCELED;
    if (r < 0)
        dropped = event.touch.process;
    wake_workers(s, 1);
    pthread_mutex_unlock(&s->lock);
    process_drop(s->people, dropped);
    return r;
}

size_t select_take(struct select *s, struct finding **ret, size_t most)
{
    size_t count = 0;
    int64_t due = INT64_MAX;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        struct finding *f = pending_take(s->pending, clock_mono(), &due);
        if (f) {
            ret[count++] = f;
            if (count == most)
                break;
            continue;
        }
        if (count)
            break;
        s->idle++;
        wait_until(&s->work, &s->lock, due);
        s->idle--;
    }
    /* This worker is busy now: another one takes the rest, and minds what is due next. */
    if (s->idle && (count == most || due != INT64_MAX))
        pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    return count;
}

void select_done(struct select *s, struct finding *list)
{
    for (struct finding *f = list; f; f = f->link)
        finding_clear(s, f);
    pthread_mutex_lock(&s->lock);
    while (list) {
        struct finding *next = list->link;
        pending_done(s->pending, list);
        list = next;
    }
    pthread_cond_broadcast(&s->room);
    pthread_cond_broadcast(&s->ended);
    wake_workers(s, 2);
    pthread_mutex_unlock(&s->lock);
}

void select_stop(struct select *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_broadcast(&s->work);
    pthread_cond_broadcast(&s->room);
    pthread_cond_broadcast(&s->ended);
    pthread_mutex_unlock(&s->lock);
}

size_t select_count(struct select *s)
{
    pthread_mutex_lock(&s->lock);
    size_t count = pending_count(s->pending);
    pthread_mutex_unlock(&s->lock);
    return count;
}

int select_sync(struct select *s, int64_t timeout)
{
    int64_t until = clock_mono() + timeout;
    int r = 0;
    pthread_mutex_lock(&s->lock);
    uint64_t newest = pending_newest(s->pending);
    while (r == 0 && pending_oldest(s->pending) <= newest) {
        if (s->stop)
            r = -ECANCELED;
        else if (clock_mono() >= until)
            r = -ETIMEDOUT;
        else
            wait_until(&s->ended, &s->lock, until);
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}
