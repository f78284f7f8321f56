/* The walk: who works, and what happens to one directory.
 *
 *   roots ─► each as the only item of its parent ─► queue
 *
 *   queue ─► worker: open ─► names, sorted ─┬► part: choose ─► statx ─┬► directory()
 *     ▲                                     └► next part …            │
 *     └───────────────────── subdirectories ──────────────────────────┘
 *
 * Knows nothing of what is done with the items. */
#include "baseline/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baseline/measure.h"
#include "baseline/path.h"
#include "baseline/walk_parts.h"

enum {
    PART = 256,       /* items handed over at once: about 180 KiB a worker */
    THREADS_MAX = 64, /* beyond, the queue's lock is all that is seen */
};

struct walk {
    const struct walk_options *options;
    struct walk_queue queue;
    atomic_int result; /* the first reason to end */
};

struct worker {
    struct walk *walk;
    unsigned index;
    pthread_t thread;
    struct walk_job job;
    struct buf path;    /* of the directory, then of each item */
    struct buf subdirs; /* names to go on with, each with its NUL */
    struct walk_list list;
    struct walk_item *items;
};

static void walk_end(struct walk *w, int result)
{
    int none = 0;

    atomic_compare_exchange_strong(&w->result, &none, result);
    walk_queue_end(&w->queue);
}

static bool is_stopped(const struct walk *w)
{
    return w->options->stop && atomic_load_explicit(w->options->stop, memory_order_relaxed);
}

static void tell_trouble(const struct walk *w, const char *path, size_t len, int error)
{
    if (w->options->trouble)
        w->options->trouble(w->options->ctx, path, len, -error);
}

static enum entry_type hinted_type(uint8_t d_type)
{
    static const enum entry_type types[] = {
        [DT_REG] = ENTRY_FILE,    [DT_DIR] = ENTRY_DIR,  [DT_LNK] = ENTRY_SYMLINK, [DT_FIFO] = ENTRY_FIFO,
        [DT_SOCK] = ENTRY_SOCKET, [DT_CHR] = ENTRY_CHAR, [DT_BLK] = ENTRY_BLOCK,
    };

    return d_type < sizeof(types) / sizeof(types[0]) ? types[d_type] : ENTRY_ABSENT;
}

/* --- one entry --- */

/* The hint spares the statx of what is skipped; what counts is what statx says. 0: leave it out. */
static bool measure_item(struct worker *wk, int fd, const char *name, enum entry_type hint,
                         struct walk_item *item)
{
    const struct walk_options *o = wk->walk->options;
    const char *path = (const char *)wk->path.data;

    unsigned choice = hint ? o->choose(o->ctx, path, wk->path.len, hint) : WALK_TAKE;
    if (choice == WALK_SKIP)
        return false;
    int rc = measure_stat(fd, name, &item->entry);
    if (rc) {
        if (rc != -ENOENT)
            tell_trouble(wk->walk, path, wk->path.len, rc);
        return false;
    }
    if (item->entry.type != hint)
        choice = o->choose(o->ctx, path, wk->path.len, item->entry.type);
    item->choice = choice;
    return choice != WALK_SKIP;
}

static int add_subdir(struct worker *wk, const struct walk_item *item)
{
    if (!(item->choice & WALK_ENTER) || item->entry.type != ENTRY_DIR)
        return 0;
    buf_put(&wk->subdirs, item->name, item->name_len);
    buf_put_u8(&wk->subdirs, '\0');
    return wk->subdirs.failed ? -ENOMEM : 0;
}

/* --- one directory --- */

/* The items of one part, beginning with the name at `from`; *ret_next: where the next part begins. */
static int measure_part(struct worker *wk, int fd, size_t dir_len, size_t from, struct walk_dir *dir,
                        size_t *ret_next)
{
    size_t base = dir_len == 1 ? 0 : dir_len, i = from;

    buf_reset(&wk->subdirs);
    for (; i < wk->list.count && dir->count < PART; i++) {
        const struct walk_name *n = &wk->list.list[i];
        const char *name = (const char *)wk->list.names.data + n->at;
        struct walk_item *item = &wk->items[dir->count];
        wk->path.len = base;
        buf_put_u8(&wk->path, '/');
        buf_put(&wk->path, name, n->len);
        if (wk->path.failed)
            return -ENOMEM;
        item->name = name;
        item->name_len = n->len;
        if (!measure_item(wk, fd, name, hinted_type(n->type), item))
            continue;
        dir->count++;
        int rc = add_subdir(wk, item);
        if (rc)
            return rc;
    }
    *ret_next = i;
    return 0;
}

/* Hands over all parts. The path's first dir_len bytes stay the directory's. */
static int hand_over(struct worker *wk, struct walk_ref *ref, size_t dir_len)
{
    const struct walk_options *o = wk->walk->options;
    struct walk_dir dir = {.fd = ref->fd, .items = wk->items, .worker = wk->index, .first = true};

    for (size_t next = 0; !dir.last; dir.first = false) {
        dir.count = 0;
        int rc = measure_part(wk, ref->fd, dir_len, next, &dir, &next);
        if (!rc && wk->subdirs.len)
            rc = walk_queue_push(&wk->walk->queue, ref, (const char *)wk->subdirs.data, wk->subdirs.len);
        if (!rc && is_stopped(wk->walk))
            rc = -ECANCELED;
        if (rc)
            return rc;
        dir.last = next == wk->list.count;
        /* The path given is the reference's copy: the worker's own is written over by each item. */
        dir.path = ref->path;
        dir.path_len = ref->path_len;
        rc = o->directory(o->ctx, &dir);
        if (rc)
            return rc;
    }
    return 0;
}

static int open_job(struct worker *wk)
{
    struct walk_queue *q = &wk->walk->queue;
    const char *name = (const char *)wk->job.name.data;

    int parent = walk_ref_use(q, wk->job.parent);
    if (parent < 0)
        return parent;
    int fd = walk_open_at(q, parent, name[0] ? name : ".");
    walk_ref_unuse(q, wk->job.parent);
    return fd;
}

static int set_path(struct worker *wk)
{
    const struct walk_ref *parent = wk->job.parent;

    buf_reset(&wk->path);
    buf_put(&wk->path, parent->path, parent->path_len == 1 ? 0 : parent->path_len);
    buf_put_u8(&wk->path, '/');
    buf_put_str(&wk->path, (const char *)wk->job.name.data);
    return wk->path.failed ? -ENOMEM : 0;
}

static int walk_open_dir(struct worker *wk, int fd)
{
    struct walk *w = wk->walk;
    size_t len = wk->path.len;

    int rc = walk_list_read(&wk->list, fd);
    if (rc && rc != -ENOMEM) {
        tell_trouble(w, (const char *)wk->path.data, len, rc);
        close(fd);
        return 0;
    }
    struct walk_ref *ref = rc ? NULL : walk_ref_new(&w->queue, fd, (const char *)wk->path.data, len);
    if (!ref) {
        close(fd);
        return -ENOMEM;
    }
    rc = hand_over(wk, ref, len);
    walk_ref_unuse(&w->queue, ref);
    walk_ref_release(&w->queue, ref);
    walk_list_shrink(&wk->list);
    return rc;
}

static int walk_job(struct worker *wk)
{
    int rc = wk->job.name.failed ? -ENOMEM : set_path(wk);
    int fd = rc ? rc : open_job(wk);

    walk_ref_release(&wk->walk->queue, wk->job.parent);
    if (rc)
        return rc;
    if (fd < 0) {
        /* No directory any more, or a symlink in its place: what was there is gone. */
        int error = fd == -ENOTDIR || fd == -ELOOP ? -ENOENT : fd;
        tell_trouble(wk->walk, (const char *)wk->path.data, wk->path.len, error);
        return 0;
    }
    return walk_open_dir(wk, fd);
}

static void *work(void *arg)
{
    struct worker *wk = arg;

    while (walk_queue_take(&wk->walk->queue, &wk->job)) {
        int rc = is_stopped(wk->walk) ? -ECANCELED : 0;
        if (rc)
            walk_ref_release(&wk->walk->queue, wk->job.parent);
        else
            rc = walk_job(wk);
        if (rc)
            walk_end(wk->walk, rc);
    }
    return NULL;
}

/* --- roots --- */

struct root {
    const char *path;
    size_t len;
};

static struct root root_of(const char *path)
{
    struct root r = {path, strlen(path)};

    while (r.len > 1 && path[r.len - 1] == '/')
        r.len--;
    return r;
}

/* Does the walk of `upper` enter every directory from itself down to the one that `lower` is in? */
static bool is_reached(const struct walk_options *o, struct root upper, struct root lower)
{
    if (!path_below(lower.path, lower.len, upper.path, upper.len))
        return false;
    for (size_t len = upper.len; len < lower.len; len++)
        if ((lower.path[len] == '/' || len == 1) &&
            !(o->choose(o->ctx, lower.path, len, ENTRY_DIR) & WALK_ENTER))
            return false;
    return true;
}

/* No symlink and nothing missing on the way: else no walk comes there, and that has to be told. */
static bool is_straight(struct root r)
{
    const char *name;
    size_t len;
    int fd = path_open_dir(r.path, path_parent(r.path, r.len, &name, &len));

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool is_covered(const struct walk_options *o, const char *const *roots, size_t count, size_t index)
{
    struct root r = root_of(roots[index]);

    for (size_t i = 0; i < count; i++) {
        struct root other = root_of(roots[i]);
        bool same = other.len == r.len && !memcmp(other.path, r.path, r.len);
        if (same ? i < index : other.len < r.len && is_reached(o, other, r) && is_straight(r))
            return true;
    }
    return false;
}

/* The root, measured in its open parent: shown alone, and queued when it is a directory to enter. */
static int begin_in(struct worker *wk, struct walk_ref *parent, const char *name, size_t name_len)
{
    const struct walk_options *o = wk->walk->options;
    struct walk_item *item = wk->items;
    struct walk_dir dir = {.path = parent->path,
                           .path_len = parent->path_len,
                           .fd = parent->fd,
                           .items = item,
                           .count = 1,
                           .first = true,
                           .last = true,
                           .alone = true,
                           .worker = wk->index};
    int rc = measure_stat(parent->fd, name_len ? name : ".", &item->entry);

    if (rc) {
        tell_trouble(wk->walk, (const char *)wk->path.data, wk->path.len, rc);
        return 0;
    }
    item->name = name;
    item->name_len = name_len;
    item->choice = o->choose(o->ctx, (const char *)wk->path.data, wk->path.len, item->entry.type);
    if (item->choice == WALK_SKIP)
        return 0;
    if (item->choice & WALK_ENTER && item->entry.type == ENTRY_DIR)
        rc = walk_queue_push(&wk->walk->queue, parent, name, name_len + 1);
    return rc ? rc : o->directory(o->ctx, &dir);
}

static int begin(struct worker *wk, struct root r)
{
    struct walk_queue *q = &wk->walk->queue;
    const char *at;
    size_t name_len;

    buf_reset(&wk->path);
    buf_put(&wk->path, r.path, r.len);
    const char *path = buf_cstr(&wk->path);
    if (!path)
        return -ENOMEM;
    size_t parent_len = path_parent(path, r.len, &at, &name_len);
    int fd = path_open_dir(path, parent_len ? parent_len : r.len);
    if (fd < 0) {
        tell_trouble(wk->walk, path, r.len, fd);
        return 0;
    }
    struct walk_ref *parent = walk_ref_new(q, fd, path, parent_len ? parent_len : r.len);
    if (!parent) {
        close(fd);
        return -ENOMEM;
    }
    int rc = begin_in(wk, parent, name_len ? at : "", name_len);
    walk_ref_unuse(q, parent);
    walk_ref_release(q, parent);
    return rc;
}

static int begin_all(struct worker *wk, const char *const *roots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int rc = is_stopped(wk->walk) ? -ECANCELED : 0;
        if (!rc && !is_covered(wk->walk->options, roots, count, i))
            rc = begin(wk, root_of(roots[i]));
        if (rc)
            return rc;
    }
    return 0;
}

/* --- workers --- */

static unsigned thread_count(const struct walk_options *options)
{
    long cores = options->threads ? (long)options->threads : sysconf(_SC_NPROCESSORS_ONLN);

    return cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
}

static void worker_fini(struct worker *wk)
{
    buf_fini(&wk->path);
    buf_fini(&wk->subdirs);
    buf_fini(&wk->job.name);
    walk_list_fini(&wk->list);
    free(wk->items);
}

static int workers_init(struct walk *w, struct worker *workers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        workers[i] = (struct worker){.walk = w, .index = i};
        workers[i].items = calloc(PART, sizeof(*workers[i].items));
        if (!workers[i].items)
            return -ENOMEM;
    }
    return 0;
}

/* The caller is the first worker. A thread that cannot be had is done without. */
static void work_all(struct walk *w, struct worker *workers, unsigned count)
{
    unsigned started = 1;

    while (started < count && !pthread_create(&workers[started].thread, NULL, work, &workers[started]))
        started++;
    pthread_mutex_lock(&w->queue.lock);
    w->queue.workers = started;
    pthread_cond_broadcast(&w->queue.more);
    pthread_mutex_unlock(&w->queue.lock);
    work(&workers[0]);
    for (unsigned i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
}

int walk(const char *const *roots, size_t count, const struct walk_options *options)
{
    struct walk w = {.options = options};
    unsigned threads = thread_count(options);
    struct worker *workers = calloc(threads, sizeof(*workers));
    if (!workers)
        return -ENOMEM;
    int rc = workers_init(&w, workers, threads);
    if (!rc)
        rc = walk_queue_init(&w.queue, threads);
    if (!rc) {
        rc = begin_all(&workers[0], roots, count);
        if (!rc) {
            work_all(&w, workers, threads);
            rc = atomic_load(&w.result);
        }
        walk_queue_fini(&w.queue);
    }
    for (unsigned i = 0; i < threads; i++)
        worker_fini(&workers[i]);
    free(workers);
    return rc;
}
