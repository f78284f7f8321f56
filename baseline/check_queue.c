/* Files that wait to be read: see check_parts.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/check_parts.h"

enum {
    QUEUE_MAX = 8192,   /* about 1 MiB with their paths */
    LARGE = 256 * 1024, /* from here on the queue's cost is nothing beside the reading */
    ENOUGH = 16,        /* small files that keep the readers busy until the next ones come */
};

int check_queue_init(struct check_queue *q)
{
    *q = (struct check_queue){.heap = malloc(QUEUE_MAX * sizeof(*q->heap))};
    if (!q->heap)
        return -ENOMEM;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->more, NULL);
    return 0;
}

void check_queue_fini(struct check_queue *q)
{
    if (!q->heap)
        return;
    while (q->count)
        free(q->heap[--q->count].path);
    free(q->heap);
    q->heap = NULL;
    pthread_cond_destroy(&q->more);
    pthread_mutex_destroy(&q->lock);
}

static void sift_up(struct check_queue *q, size_t at)
{
    struct check_job job = q->heap[at];

    for (; at && q->heap[(at - 1) / 2].size < job.size; at = (at - 1) / 2)
        q->heap[at] = q->heap[(at - 1) / 2];
    q->heap[at] = job;
}

static void sift_down(struct check_queue *q, size_t at)
{
    struct check_job job = q->heap[at];

    for (size_t child; (child = 2 * at + 1) < q->count; at = child) {
        if (child + 1 < q->count && q->heap[child + 1].size > q->heap[child].size)
            child++;
        if (q->heap[child].size <= job.size)
            break;
        q->heap[at] = q->heap[child];
    }
    q->heap[at] = job;
}

bool check_queue_offer(struct check_queue *q, const char *path, size_t len, uint64_t size)
{
    pthread_mutex_lock(&q->lock);
    bool take = q->count < QUEUE_MAX && (size >= LARGE || q->count < ENOUGH) && !q->ended;
    char *copy = take ? malloc(len + 1) : NULL;
    if (copy) {
        memcpy(copy, path, len);
        copy[len] = '\0';
        q->heap[q->count++] = (struct check_job){.size = size, .len = len, .path = copy};
        sift_up(q, q->count - 1);
        pthread_cond_signal(&q->more);
    }
    pthread_mutex_unlock(&q->lock);
    return copy;
}

bool check_queue_take(struct check_queue *q, struct check_job *ret)
{
    pthread_mutex_lock(&q->lock);
    while (!q->count && !q->ended)
        pthread_cond_wait(&q->more, &q->lock);
    bool got = q->count > 0;
    if (got) {
        *ret = q->heap[0];
        q->heap[0] = q->heap[--q->count];
        if (q->count)
            sift_down(q, 0);
    }
    pthread_mutex_unlock(&q->lock);
    return got;
}

void check_queue_end(struct check_queue *q, bool drop)
{
    pthread_mutex_lock(&q->lock);
    q->ended = true;
    while (drop && q->count)
        free(q->heap[--q->count].path);
    pthread_cond_broadcast(&q->more);
    pthread_mutex_unlock(&q->lock);
}
