/* The directories that wait for a worker, and the descriptors they are opened by: see walk_parts.h.
 *
 * A descriptor stays open as long as subdirectories of it wait, up to OPEN_MAX of them; beyond that, and when
 * the process has none left, the one that has lain longest is closed. */
#include "baseline/walk_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baseline/path.h"

enum { OPEN_MAX_IDLE = 256 };

int walk_queue_init(struct walk_queue *q, unsigned workers)
{
    *q = (struct walk_queue){.workers = workers};
    int rc = pthread_mutex_init(&q->lock, NULL);
    if (!rc)
        rc = pthread_cond_init(&q->more, NULL);
    return -rc;
}

void walk_queue_fini(struct walk_queue *q)
{
    while (q->top) {
        struct walk_batch *b = q->top;
        q->top = b->below;
        walk_ref_release(q, b->parent);
        free(b);
    }
    pthread_cond_destroy(&q->more);
    pthread_mutex_destroy(&q->lock);
}

void walk_queue_end(struct walk_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->ended = true;
    pthread_cond_broadcast(&q->more);
    pthread_mutex_unlock(&q->lock);
}

/* With the lock held. The batch goes with its last name, and hands its reference to the job. */
static void take_name(struct walk_queue *q, struct walk_job *job)
{
    struct walk_batch *b = q->top;
    const char *name = b->names + b->at;

    buf_reset(&job->name);
    buf_put(&job->name, name, strlen(name) + 1);
    b->at += strlen(name) + 1;
    job->parent = b->parent;
    if (b->at < b->len) {
        b->parent->refs++;
        return;
    }
    q->top = b->below;
    free(b);
}

bool walk_queue_take(struct walk_queue *q, struct walk_job *job)
{
    pthread_mutex_lock(&q->lock);
    q->waiting++;
    while (!q->top && !q->ended) {
        if (q->waiting == q->workers) {
            q->ended = true;
            pthread_cond_broadcast(&q->more);
        } else {
            pthread_cond_wait(&q->more, &q->lock);
        }
    }
    bool got = !q->ended;
    if (got) {
        q->waiting--;
        take_name(q, job);
    }
    pthread_mutex_unlock(&q->lock);
    return got;
}

int walk_queue_push(struct walk_queue *q, struct walk_ref *parent, const char *names, size_t len)
{
    struct walk_batch *b = malloc(sizeof(*b) + len);
    if (!b)
        return -ENOMEM;
    *b = (struct walk_batch){.parent = parent, .len = len};
    memcpy(b->names, names, len);
    pthread_mutex_lock(&q->lock);
    parent->refs++;
    b->below = q->top;
    q->top = b;
    if (q->waiting)
        pthread_cond_broadcast(&q->more);
    pthread_mutex_unlock(&q->lock);
    return 0;
}

/* --- descriptors; all below with the lock held unless said otherwise --- */

static void list_add(struct walk_queue *q, struct walk_ref *ref)
{
    ref->newer = NULL;
    ref->older = q->newest;
    if (q->newest)
        q->newest->newer = ref;
    else
        q->oldest = ref;
    q->newest = ref;
    q->open++;
}

static void list_remove(struct walk_queue *q, struct walk_ref *ref)
{
    if (ref->older)
        ref->older->newer = ref->newer;
    else
        q->oldest = ref->newer;
    if (ref->newer)
        ref->newer->older = ref->older;
    else
        q->newest = ref->older;
    q->open--;
}

static void shut(struct walk_queue *q, struct walk_ref *ref)
{
    list_remove(q, ref);
    close(ref->fd);
    ref->fd = -1;
}

static bool shut_oldest(struct walk_queue *q)
{
    for (struct walk_ref *ref = q->oldest; ref; ref = ref->newer) {
        if (ref->users)
            continue;
        shut(q, ref);
        return true;
    }
    return false;
}

/* Without the lock. */
static bool make_room(struct walk_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool made = shut_oldest(q);
    pthread_mutex_unlock(&q->lock);
    return made;
}

struct walk_ref *walk_ref_new(struct walk_queue *q, int fd, const char *path, size_t len)
{
    struct walk_ref *ref = malloc(sizeof(*ref) + len + 1);
    if (!ref)
        return NULL;
    *ref = (struct walk_ref){.fd = fd, .refs = 1, .users = 1, .path_len = len};
    memcpy(ref->path, path, len);
    ref->path[len] = '\0';
    pthread_mutex_lock(&q->lock);
    list_add(q, ref);
    if (q->open > OPEN_MAX_IDLE)
        shut_oldest(q);
    pthread_mutex_unlock(&q->lock);
    return ref;
}

static bool is_out_of_descriptors(int error)
{
    return error == -EMFILE || error == -ENFILE;
}

static int reopen(struct walk_queue *q, struct walk_ref *ref)
{
    int fd;

    do
        fd = path_open_dir(ref->path, ref->path_len);
    while (is_out_of_descriptors(fd) && make_room(q));
    if (fd < 0)
        return fd;
    pthread_mutex_lock(&q->lock);
    if (ref->fd < 0) {
        ref->fd = fd;
        list_add(q, ref);
    } else {
        close(fd); /* another worker was quicker */
    }
    ref->users++;
    fd = ref->fd;
    if (q->open > OPEN_MAX_IDLE)
        shut_oldest(q);
    pthread_mutex_unlock(&q->lock);
    return fd;
}

int walk_ref_use(struct walk_queue *q, struct walk_ref *ref)
{
    pthread_mutex_lock(&q->lock);
    int fd = ref->fd;
    if (fd >= 0)
        ref->users++;
    pthread_mutex_unlock(&q->lock);
    return fd >= 0 ? fd : reopen(q, ref);
}

void walk_ref_unuse(struct walk_queue *q, struct walk_ref *ref)
{
    pthread_mutex_lock(&q->lock);
    ref->users--;
    pthread_mutex_unlock(&q->lock);
}

void walk_ref_release(struct walk_queue *q, struct walk_ref *ref)
{
    pthread_mutex_lock(&q->lock);
    bool gone = !--ref->refs;
    if (gone && ref->fd >= 0)
        shut(q, ref);
    pthread_mutex_unlock(&q->lock);
    if (gone)
        free(ref);
}

int walk_open_at(struct walk_queue *q, int dirfd, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    int fd;

    do {
        fd = openat(dirfd, name, flags | O_NOATIME);
        /* O_NOATIME is for the owner and CAP_FOWNER only. */
        if (fd < 0 && errno == EPERM)
            fd = openat(dirfd, name, flags);
    } while (fd < 0 && (errno == EINTR || (is_out_of_descriptors(-errno) && make_room(q))));
    return fd < 0 ? -errno : fd;
}
