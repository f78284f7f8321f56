/* The names of one directory: read in large pieces, sorted as memcmp has it, each once. */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/walk_parts.h"

enum {
    BUFFER = 64 * 1024, /* up to 256 KiB there is no difference, below 32 KiB there is */
    KEEP_NAMES = 16384, /* what a worker keeps from directory to directory */
};

static bool is_dot(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static uint64_t head_of(const char *name, size_t len)
{
    uint64_t head = 0;

    memcpy(&head, name, len < sizeof(head) ? len : sizeof(head));
    return be64toh(head);
}

static int add(struct walk_list *l, const struct dirent64 *e)
{
    size_t len = strlen(e->d_name);

    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        struct walk_name *list = reallocarray(l->list, cap, sizeof(*list));
        if (!list)
            return -ENOMEM;
        l->list = list;
        l->cap = cap;
    }
    if (l->names.len > UINT32_MAX || len > UINT16_MAX)
        return -EOVERFLOW;
    l->list[l->count++] = (struct walk_name){.head = head_of(e->d_name, len),
                                             .at = (uint32_t)l->names.len,
                                             .len = (uint16_t)len,
                                             .type = e->d_type};
    buf_put(&l->names, e->d_name, len + 1);
    return l->names.failed ? -ENOMEM : 0;
}

static int add_all(struct walk_list *l, ssize_t size)
{
    for (ssize_t at = 0; at < size;) {
        const struct dirent64 *e = (const struct dirent64 *)(l->buffer + at);
        int rc = is_dot(e->d_name) ? 0 : add(l, e);
        if (rc)
            return rc;
        at += e->d_reclen;
    }
    return 0;
}

static int compare(const void *left, const void *right, void *names)
{
    const struct walk_name *a = left, *b = right;

    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    size_t n = a->len < b->len ? a->len : b->len;
    int order = memcmp((const char *)names + a->at, (const char *)names + b->at, n);
    return order ? order : (int)a->len - (int)b->len;
}

/* A directory that changes while it is read may show a name twice. */
static void unite(struct walk_list *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++)
        if (!kept || compare(&l->list[kept - 1], &l->list[i], l->names.data))
            l->list[kept++] = l->list[i];
    l->count = kept;
}

int walk_list_read(struct walk_list *l, int fd)
{
    l->count = 0;
    buf_reset(&l->names);
    if (!l->buffer && !(l->buffer = malloc(BUFFER)))
        return -ENOMEM;
    for (;;) {
        ssize_t size = getdents64(fd, l->buffer, BUFFER);
        if (size < 0)
            return -errno;
        if (!size)
            break;
        int rc = add_all(l, size);
        if (rc)
            return rc;
    }
    if (l->count > 1)
        qsort_r(l->list, l->count, sizeof(*l->list), compare, l->names.data);
    unite(l);
    return 0;
}

void walk_list_fini(struct walk_list *l)
{
    buf_fini(&l->names);
    free(l->list);
    free(l->buffer);
    *l = (struct walk_list){0};
}

void walk_list_shrink(struct walk_list *l)
{
    if (l->cap > KEEP_NAMES)
        walk_list_fini(l);
}
