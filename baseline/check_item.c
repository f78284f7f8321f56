/* One item: is it the same, has it to be read, and what is told of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "baseline/check_parts.h"
#include "baseline/path.h"

int check_tell(struct check *c, enum check_difference what, const char *path, size_t len,
               const struct entry *before, const struct entry *after)
{
    atomic_fetch_add_explicit(&c->progress->differences, 1, memory_order_relaxed);
    return check_end(c, c->options->differs(c->options->ctx, what, path, len, before, after), NULL);
}

/* ctime moves with every change of an inode, also of what is not looked at here (xattrs); a directory's with
 * each of its children, so that it is often told in vain, but never not told. */
static bool is_candidate(const struct entry *before, const struct entry *after)
{
    return entry_diff(before, after) || before->ctime != after->ctime;
}

enum check_verdict check_compare(const struct check *c, const struct entry *before, const struct entry *after)
{
    if (is_candidate(before, after) || before->notes & ENTRY_NOTE_BUSY)
        return VERDICT_CHANGED;
    return c->options->depth == CHECK_CONTENT ? VERDICT_READ : VERDICT_SAME;
}

/* --- reading --- */

static int64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Waits until as much time has passed as the bytes read so far may take at the rate that is allowed. */
static void keep_rate(struct check *c, uint64_t bytes)
{
    uint64_t rate = c->options->read_rate;

    if (!rate || !bytes)
        return;
    double read = (double)(atomic_fetch_add(&c->read, bytes) + bytes);
    int64_t due = (int64_t)(read / (double)rate * 1e9);
    for (int64_t early; !check_is_ended(c) && (early = due - (now() - c->start)) > 0;) {
        if (early > 100000000)
            early = 100000000; /* to notice the end */
        nanosleep(&(struct timespec){.tv_nsec = early}, NULL);
    }
}

static int need_measurer(struct check_worker *w)
{
    return w->measurer ? 0 : measurer_new(&w->check->measure, &w->measurer);
}

static void trouble(const struct check *c, const char *path, size_t len, int error)
{
    if (c->options->trouble)
        c->options->trouble(c->options->ctx, path, len, error);
}

/* dirfd -1: by the path. False: there is nothing to go on with, and what is to be told of that has been. */
static bool measure(struct check_worker *w, int dirfd, const char *name, const char *path, size_t len,
                    struct entry *ret)
{
    struct check *c = w->check;

    int rc = need_measurer(w);
    if (!rc)
        rc =
            dirfd < 0 ? measure_path(w->measurer, path, len, ret) : measure_at(w->measurer, dirfd, name, ret);
    if (rc == -ENOMEM || rc == -ECANCELED || rc == -ENOTSUP) {
        check_end(c, rc, NULL);
        return false;
    }
    if (rc) {
        trouble(c, path, len, -rc);
        if (rc == -ENOENT && !c->filling)
            check_end(c, check_gone(w, path, len), NULL);
        return false;
    }
    uint64_t bytes = ret->digests.count ? ret->size : 0;
    atomic_fetch_add_explicit(&c->progress->bytes, bytes, memory_order_relaxed);
    keep_rate(c, bytes);
    return true;
}

static int compare_content(struct check *c, const char *path, size_t len, const struct entry *before,
                           const struct entry *after)
{
    return is_candidate(before, after) ? check_tell(c, CHECK_CHANGED, path, len, before, after) : 0;
}

static int fill_item(struct check_worker *w, const char *path, size_t len, const struct entry *entry)
{
    int rc = check_filler_put(&w->check->filler, path, len, entry, &w->scratch);

    return check_end(w->check, rc, NULL);
}

/* Measures now, and compares or fills. */
static int read_item(struct check_worker *w, const struct entry *before, int dirfd, const char *name)
{
    const char *path = (const char *)w->path.data;
    size_t len = w->path.len;
    struct entry after;

    if (!measure(w, dirfd, name, path, len, &after))
        return atomic_load(&w->check->result);
    int rc = w->check->filling ? fill_item(w, path, len, &after)
                               : compare_content(w->check, path, len, before, &after);
    entry_fini(&after);
    return rc;
}

/* Who offered the job knew the entry; by the time it is read there may be a newer one, so it is looked up
 * again. */
struct lookup {
    const struct check_job *job;
    struct node node;
};

static int look_up(struct store_txn *t, void *ctx)
{
    struct lookup *l = ctx;

    return store_get(t, l->job->path, l->job->len, &l->node);
}

int check_job_run(struct check_worker *w, const struct check_job *job)
{
    struct check *c = w->check;
    struct lookup l = {.job = job};
    struct entry after;
    struct fault why;
    int rc;

    if (!measure(w, -1, NULL, job->path, job->len, &after))
        return atomic_load(&c->result);
    if (c->filling) {
        rc = fill_item(w, job->path, job->len, &after);
    } else {
        rc = store_read(c->options->store, look_up, &l, &why);
        if (!rc && l.node.entry.type != ENTRY_ABSENT)
            rc = compare_content(c, job->path, job->len, &l.node.entry, &after);
        else if (rc)
            rc = rc == -ENOENT ? 0 : check_end(c, rc, &why);
        node_fini(&l.node);
    }
    entry_fini(&after);
    return rc;
}

int check_item(struct check_worker *w, enum check_verdict verdict, const struct entry *before, int dirfd,
               const char *name, const struct entry *after)
{
    struct check *c = w->check;
    const char *path = (const char *)w->path.data;
    size_t len = w->path.len;

    if (check_is_ended(c))
        return -ECANCELED;
    if (strlen(name) > STORE_NAME_MAX) {
        trouble(c, path, len, ENAMETOOLONG);
        return 0;
    }
    if (c->filling || verdict == VERDICT_READ) {
        bool queued = c->queueing && after->type == ENTRY_FILE && c->measure.digests.count &&
                      check_queue_offer(&c->queue, path, len, after->size);
        return queued ? 0 : read_item(w, before, dirfd, name);
    }
    if (verdict == VERDICT_ADDED)
        return check_tell(c, CHECK_ADDED, path, len, NULL, after);
    int rc = check_tell(c, CHECK_CHANGED, path, len, before, after);
    if (!rc && before->type == ENTRY_DIR && after->type != ENTRY_DIR)
        rc = check_gone_below(w, path, len);
    return rc;
}
