/* A walk finds candidates with statx alone. Each is measured here, in the worker that found it, because between
 * the walk and now it may have come to rest, and because only a measurement tells content and extended attributes.
 *
 *   candidate ─► an idle measurer ─► entry_diff ─► what the rules ask for ─► list (locked) */
#include "fimd/cli/differences.h"

#include "baseline/attr.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct differences {
    const struct policy *policy;
    struct measure_options measure;
    pthread_mutex_t lock;
    struct difference *list;
    size_t count, room;
    struct measurer **idle;
    size_t idle_count, idle_room;
};

int differences_new(const struct policy *policy, const struct measure_options *measure, struct differences **ret)
{
    struct differences *d = calloc(1, sizeof(*d));

    if (!d)
        return -ENOMEM;
    d->policy = policy;
    d->measure = *measure;
    pthread_mutex_init(&d->lock, NULL);
    *ret = d;
    return 0;
}

static void difference_fini(struct difference *x)
{
    entry_fini(&x->before);
    entry_fini(&x->after);
    free(x->path);
}

void differences_free(struct differences *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++)
        difference_fini(&d->list[i]);
    for (size_t i = 0; i < d->idle_count; i++)
        measurer_free(d->idle[i]);
    pthread_mutex_destroy(&d->lock);
    free(d->list);
    free(d->idle);
    free(d);
}

static void *grown(void *list, size_t count, size_t *room, size_t size)
{
    size_t more = *room ? *room * 2 : 16;
    void *to;

    if (count < *room)
        return list;
    to = reallocarray(list, more, size);
    if (to)
        *room = more;
    return to;
}

static int take_measurer(struct differences *d, struct measurer **ret)
{
    struct measurer *m = NULL;

    pthread_mutex_lock(&d->lock);
    if (d->idle_count)
        m = d->idle[--d->idle_count];
    pthread_mutex_unlock(&d->lock);
    if (!m)
        return measurer_new(&d->measure, ret);
    *ret = m;
    return 0;
}

static void give_measurer(struct differences *d, struct measurer *m)
{
    struct measurer **idle;

    pthread_mutex_lock(&d->lock);
    idle = grown(d->idle, d->idle_count, &d->idle_room, sizeof(*d->idle));
    if (idle) {
        d->idle = idle;
        d->idle[d->idle_count++] = m;
    }
    pthread_mutex_unlock(&d->lock);
    if (!idle)
        measurer_free(m);
}

static int measure(struct differences *d, const char *path, size_t len, struct entry *ret)
{
    struct measurer *m;
    int r = take_measurer(d, &m);

    if (r < 0)
        return r;
    r = measure_path(m, path, len, ret);
    give_measurer(d, m);
    return r;
}

/* Moves x into the list, or frees it. */
static int keep(struct differences *d, struct difference *x)
{
    struct difference *list;

    pthread_mutex_lock(&d->lock);
    list = grown(d->list, d->count, &d->room, sizeof(*d->list));
    if (list) {
        d->list = list;
        d->list[d->count++] = *x;
    }
    pthread_mutex_unlock(&d->lock);
    if (!list)
        difference_fini(x);
    return list ? 0 : -ENOMEM;
}

/* What is there now decides: 1 when it still differs, 0 when not. */
static int look_again(struct differences *d, struct difference *x)
{
    struct verdict verdict;
    int r = measure(d, x->path, x->len, &x->after);

    if (r < 0 && r != -ENOENT)
        return r;
    if (r == -ENOENT) {
        x->what = CHECK_REMOVED;
        return x->before.type != ENTRY_ABSENT;
    }
    if (x->before.type == ENTRY_ABSENT) {
        x->what = CHECK_ADDED;
        return 1;
    }
    policy_match(d->policy, x->path, x->len, &verdict);
    x->what = CHECK_CHANGED;
    x->changes = entry_diff(&x->before, &x->after) & verdict.attributes;
    return x->changes != 0;
}

int differences_add(struct differences *d, enum check_difference what, const char *path, size_t len,
                    const struct entry *before, const struct entry *after)
{
    struct difference x = {.what = what, .path = strndup(path, len), .len = len};
    int r = x.path ? 0 : -ENOMEM;

    (void)after; /* of the walk; what is measured now is better */
    if (r == 0 && before)
        r = entry_copy(&x.before, before);
    if (r == 0)
        r = look_again(d, &x);
    if (r > 0)
        return keep(d, &x);
    difference_fini(&x);
    return r;
}

static int by_path(const void *a, const void *b)
{
    const struct difference *x = a, *y = b;

    return strcmp(x->path, y->path);
}

const struct difference *differences_sorted(struct differences *d, size_t *ret_count)
{
    if (d->count)
        qsort(d->list, d->count, sizeof(*d->list), by_path);
    *ret_count = d->count;
    return d->list;
}
