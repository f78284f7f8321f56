/* /proc/self/mountinfo, read whole: the kernel gives a consistent table only within one read, so the buffer grows
 * until it fits with room to spare. */
#include "fimd/watch/table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_FIRST = 65536,
    MNT_ID_UNIQUE = 0x4000, /* STATX_MNT_ID_UNIQUE, since 6.8; stx_mnt_id is then never used again */
};

static int read_all(int fd, struct buf *to)
{
    for (;;) {
        if (!buf_reserve(to, READ_FIRST))
            return -ENOMEM;
        ssize_t n = read(fd, to->data + to->len, READ_FIRST);
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        to->len += (size_t)n;
    }
}

int table_read(struct mounts *ret)
{
    struct buf text = { 0 };
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = read_all(fd, &text);
    close(fd);
    if (r == 0)
        r = mounts_parse((const char *)text.data, text.len, ret);
    buf_fini(&text);
    return r;
}

/* stx_mnt_id stands behind what older libraries know of struct statx; the kernel's layout is fixed. */
enum { STX_MASK_AT = 0, STX_MNT_ID_AT = 144 };

static uint64_t unique_of(const char *point)
{
    union {
        struct statx stx;
        unsigned char bytes[256];
    } u = { .bytes = { 0 } };
    uint32_t mask;
    uint64_t id;
    if (statx(AT_FDCWD, point, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, MNT_ID_UNIQUE, &u.stx) < 0)
        return 0;
    memcpy(&mask, u.bytes + STX_MASK_AT, sizeof(mask));
    memcpy(&id, u.bytes + STX_MNT_ID_AT, sizeof(id));
    return mask & MNT_ID_UNIQUE ? id : 0;
}

void table_number(struct mounts *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->list[i].wanted && m->list[i].reachable)
            m->list[i].unique = unique_of(m->list[i].point_len ? m->list[i].point : "/");
}

static bool same(const struct mount *a, const struct mount *b)
{
    return a->id == b->id && a->parent == b->parent && a->dev == b->dev && strcmp(a->root, b->root) == 0 &&
           strcmp(a->point, b->point) == 0 && strcmp(a->type, b->type) == 0 && strcmp(a->source, b->source) == 0 &&
           (a->unique == b->unique || !a->unique || !b->unique);
}

/* Tables change little and keep their order: the search goes on from where the last one ended. */
static const struct mount *find(const struct mounts *in, const struct mount *what, size_t *hint)
{
    for (size_t i = 0; i < in->count; i++) {
        size_t at = (*hint + i) % in->count;
        if (in->list[at].id != what->id)
            continue;
        *hint = at + 1;
        return same(&in->list[at], what) ? &in->list[at] : NULL;
    }
    return NULL;
}

static bool lacks(const struct mounts *from, const struct mounts *in, uint64_t dev)
{
    size_t hint = 0;
    for (size_t i = 0; i < from->count; i++)
        if (from->list[i].dev == dev && !find(in, &from->list[i], &hint))
            return true;
    return false;
}

bool table_differs_for(const struct mounts *before, const struct mounts *now, uint64_t dev)
{
    return lacks(before, now, dev) || lacks(now, before, dev);
}

static bool has(const struct buf *list, const char *path)
{
    for (size_t at = 0; at < list->len; at += strlen((const char *)list->data + at) + 1)
        if (strcmp((const char *)list->data + at, path) == 0)
            return true;
    return false;
}

static void put_missing(const struct mounts *from, const struct mounts *in, struct buf *to)
{
    size_t hint = 0;
    for (size_t i = 0; i < from->count; i++) {
        const char *point = from->list[i].point_len ? from->list[i].point : "/";
        if (find(in, &from->list[i], &hint) || has(to, point))
            continue;
        buf_put(to, point, strlen(point) + 1);
    }
}

void table_changes(const struct mounts *before, const struct mounts *now, struct buf *to)
{
    put_missing(before, now, to);
    put_missing(now, before, to);
}
