/* Reads the extended attributes of an open file: list ─► sorted names ─► a value each ─► e->xattrs.
 *
 * By the fd where it is open for reading. What is only O_PATH (symlinks, directories, sockets, devices: never
 * opened) goes by /proc/self/fd/N, a magic link that leads to just that inode and, for a symlink, no
 * further. */
#include "baseline/measure_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

enum {
    LIST_MAX = 64 * 1024,  /* XATTR_LIST_MAX, the kernel's bound */
    VALUE_MAX = 64 * 1024, /* XATTR_SIZE_MAX */
    COMMON = 256,          /* enough for nearly all lists and values */
    /* Whoever owns a file can give it megabytes of user.*: of a longer value the digest is enough to
     * compare. */
    VALUE_KEPT = 1024,
};

_Static_assert(LIST_MAX + VALUE_MAX <= MEASURE_BUFFER, "list and value share the buffer");

struct source {
    int fd;        /* open for reading, or -1 */
    char path[32]; /* else this */
};

static ssize_t list_into(const struct source *s, char *list, size_t size)
{
    ssize_t n = s->fd >= 0 ? flistxattr(s->fd, list, size) : listxattr(s->path, list, size);
    return n < 0 ? -errno : n;
}

static ssize_t get_into(const struct source *s, const char *name, uint8_t *value, size_t size)
{
    ssize_t n = s->fd >= 0 ? fgetxattr(s->fd, name, value, size) : getxattr(s->path, name, value, size);
    return n < 0 ? -errno : n;
}

/* The kernel allocates as much as it is offered, so the common case is asked with little. */
static ssize_t list_names(const struct source *s, char *list)
{
    ssize_t n = list_into(s, list, COMMON);
    return n == -ERANGE ? list_into(s, list, LIST_MAX) : n;
}

static ssize_t get_value(const struct source *s, const char *name, uint8_t *value)
{
    ssize_t n = get_into(s, name, value, COMMON);
    return n == -ERANGE ? get_into(s, name, value, VALUE_MAX) : n;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t count_names(const char *list, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += list[i] == '\0';
    return count;
}

/* An array of pointers into the list, sorted; NULL without memory. */
static const char **sort_names(const char *list, size_t count)
{
    const char **names = calloc(count, sizeof(*names));
    if (!names)
        return NULL;
    const char *at = list;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        names[i] = at;
    qsort(names, count, sizeof(*names), compare_names);
    return names;
}

/* What anybody who owns the file may fill. The rest (ACLs, capabilities, labels) is looked into by others. */
static bool is_free_form(const char *name)
{
    return strncmp(name, "user.", 5) == 0 || strncmp(name, "trusted.", 8) == 0;
}

static int put_value(struct buf *to, const char *name, const uint8_t *value, size_t len)
{
    uint8_t digest[32];
    uint32_t stored = (uint32_t)len;
    if (len > VALUE_KEPT && is_free_form(name)) {
        int r = digest_sha256(&(struct digest_part){value, len}, 1, digest);
        if (r < 0)
            return r;
        value = digest;
        len = sizeof(digest);
        stored = (uint32_t)len | ENTRY_XATTR_DIGESTED;
    }
    buf_put(to, name, strlen(name) + 1);
    buf_put_u32(to, stored);
    buf_put(to, value, len);
    return to->failed ? -ENOMEM : 0;
}

static int put_all(const struct source *s, const char *const *names, size_t count, uint8_t *room,
                   struct buf *to)
{
    for (size_t i = 0; i < count; i++) {
        ssize_t n = get_value(s, names[i], room);
        if (n == -ENODATA) /* taken off since it was listed: ctime tells */
            continue;
        int r = n < 0 ? (int)n : put_value(to, names[i], room, (size_t)n);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Hands the bytes over to the entry. */
static void keep(struct buf *from, struct entry *e)
{
    uint8_t *fitting = from->len ? realloc(from->data, from->len) : NULL;
    if (from->len) {
        e->xattrs = fitting ? fitting : from->data;
        e->xattrs_len = from->len;
        *from = (struct buf){0};
    }
}

static int read_all(const struct measurer *m, const struct source *s, struct entry *e)
{
    char *list = (char *)m->buffer;
    ssize_t len = list_names(s, list);
    if (len <= 0)
        return len == -EOPNOTSUPP ? 0 : (int)len;
    size_t count = count_names(list, (size_t)len);
    const char **names = sort_names(list, count);
    if (!names)
        return -ENOMEM;
    struct buf bytes = {0};
    int r = put_all(s, names, count, m->buffer + LIST_MAX, &bytes);
    if (r == 0)
        keep(&bytes, e);
    buf_fini(&bytes);
    free(names);
    return r;
}

int measure_xattrs(const struct measurer *m, int fd, bool readable, struct entry *e)
{
    struct source s = {.fd = readable ? fd : -1};
    snprintf(s.path, sizeof(s.path), "/proc/self/fd/%d", fd);
    int r = read_all(m, &s, e);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        e->notes |= ENTRY_NOTE_NO_XATTRS;
    return 0;
}
