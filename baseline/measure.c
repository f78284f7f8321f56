/* Measures one file: which way in, how often, and what becomes of trouble. Reading is measure_content.c,
 * xattrs measure_xattr.c, statx measure_stat.c.
 *
 *   name ─► statx ─┬► regular: open to read ─► statx ─► generation ─► xattrs ─► content ─► statx: the same?
 *                  │                                            no: all again, three times ◄─┘
 *                  └► anything else, or content not wanted or not to be had:
 *                     O_PATH ─► statx ─► generation ─► xattrs
 *
 * The race between the first statx and the open: whoever may write to the directory can put something else
 * there. A symlink then fails the open (O_NOFOLLOW), a FIFO is opened without waiting (O_NONBLOCK), a
 * terminal does not become ours (O_NOCTTY), a socket refuses; and nothing is read before the second statx has
 * said that it is a regular file. What is left: a FIFO or a device node may be opened and closed again at
 * once, and a device node takes CAP_MKNOD to make. To shut that out as well, by O_PATH first and a second
 * open through /proc/self/fd, costs 3 µs a file, a third of the whole for a small one. */
#include "baseline/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baseline/measure_parts.h"
#include "baseline/path.h"

enum { TRIES = 3, PAGE = 4096 };

struct attempt {
    struct measurer *m;
    int dirfd;
    const char *name;
    bool last;
    bool moved; /* result: it did not hold still */
};

int measurer_new(const struct measure_options *options, struct measurer **ret)
{
    struct measurer *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->options = *options;
    m->buffer = aligned_alloc(PAGE, MEASURE_BUFFER);
    int r = m->buffer ? 0 : -ENOMEM;
    if (r == 0 && options->digests.count > 0)
        r = digest_run_new(&options->digests, &m->run);
    if (r < 0) {
        measurer_free(m);
        return r;
    }
    *ret = m;
    return 0;
}

void measurer_free(struct measurer *m)
{
    if (!m)
        return;
    digest_run_free(m->run);
    free(m->buffer);
    free(m);
}

static bool is_too_large(const struct measurer *m, uint64_t size)
{
    return m->options.max_file_size > 0 && size > m->options.max_file_size;
}

static bool is_left_alone(const struct measure_leave *leave, const struct entry *e)
{
    return e->device == leave->device && (e->inode == leave->inodes[0] || e->inode == leave->inodes[1]);
}

/* What keeps us from reading a regular file before it is opened; 0: nothing. */
static uint32_t refusal(const struct measurer *m, const struct entry *e)
{
    if (is_left_alone(&m->options.leave, e))
        return ENTRY_NOTE_UNREADABLE;
    if (!m->run)
        return ENTRY_NOTE_NO_CONTENT;
    return is_too_large(m, e->size) ? ENTRY_NOTE_TOO_LARGE : 0;
}

static int read_target(const struct measurer *m, int fd, struct entry *e)
{
    if (e->type != ENTRY_SYMLINK)
        return 0;
    ssize_t n = readlinkat(fd, "", (char *)m->buffer, PATH_MAX);
    if (n < 0) {
        e->notes |= ENTRY_NOTE_UNREADABLE;
        return 0;
    }
    e->target = strndup((const char *)m->buffer, (size_t)n);
    return e->target ? 0 : -ENOMEM;
}

/* Generation and xattrs, by an open file that was stat'ed into e. */
static int complete(const struct measurer *m, int fd, bool readable, struct entry *e)
{
    e->generation = measure_generation(fd, e->inode);
    return measure_xattrs(m, fd, readable, e);
}

static int measure_pinned_fd(struct attempt *a, int fd, uint32_t why, struct entry *e)
{
    uint64_t blocks;
    int r = measure_stat_fd(fd, e, &blocks);
    if (r < 0)
        return r;
    if (e->type == ENTRY_FILE) {
        a->moved |= why == 0; /* it was something else a moment ago */
        e->notes |= why ? why : ENTRY_NOTE_UNREADABLE;
    }
    r = read_target(a->m, fd, e);
    return r < 0 ? r : complete(a->m, fd, false, e);
}

/* Everything but content, by an O_PATH fd, which opens nothing. `why` is the note for a regular file. */
static int measure_pinned(struct attempt *a, uint32_t why, struct entry *e)
{
    int fd = openat(a->dirfd, a->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return measure_error(errno);
    int r = measure_pinned_fd(a, fd, why, e);
    close(fd);
    return r;
}

/* O_NOATIME is for the owner and CAP_FOWNER only; others must leave a trace. */
static int open_content(const struct attempt *a)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd;
    do {
        fd = openat(a->dirfd, a->name, flags | O_NOATIME);
        if (fd < 0 && errno == EPERM)
            fd = openat(a->dirfd, a->name, flags);
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

/* Errors that end the whole measurement; every other one is about this file's content. */
static bool is_fatal(int error)
{
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -ECANCELED;
}

static uint32_t note_of(int error)
{
    return error == -EFBIG ? ENTRY_NOTE_TOO_LARGE : ENTRY_NOTE_UNREADABLE;
}

static int take_content(struct attempt *a, int fd, uint64_t blocks, struct entry *e)
{
    uint32_t why = refusal(a->m, e); /* again: it may have grown since it was looked at by its name */
    if (why) {
        e->notes |= why;
        return 0;
    }
    int r = measure_content(a->m, fd, e, blocks, a->last, &e->digests, &a->moved);
    if (is_fatal(r))
        return r;
    if (r < 0)
        e->notes |= note_of(r);
    a->moved = a->moved || measure_moved(fd, e);
    return 0;
}

/* What is kept is the first statx, also of an unstable file: against the one after the read, the next
 * comparison with the disk would find all in order and never look again. */
static int measure_readable(struct attempt *a, int fd, struct entry *e)
{
    uint64_t blocks;
    int r = measure_stat_fd(fd, e, &blocks);
    if (r < 0)
        return r;
    if (e->type != ENTRY_FILE) {
        a->moved = true;
        return 0;
    }
    r = complete(a->m, fd, true, e);
    return r < 0 ? r : take_content(a, fd, blocks, e);
}

/* A regular file that cannot be opened for reading. */
static int measure_closed(struct attempt *a, int error, struct entry *e)
{
    static const int swapped[] = {-ENOENT, -ELOOP, -ENOTDIR, -ENXIO, -ENODEV, -ESTALE};
    if (is_fatal(error))
        return error;
    for (size_t i = 0; i < sizeof(swapped) / sizeof(swapped[0]); i++)
        a->moved |= swapped[i] == error;
    /* Without O_NONBLOCK we would now wait for the holder of a lease, up to 45 s. */
    uint32_t busy = error == -EAGAIN ? ENTRY_NOTE_BUSY : 0;
    return measure_pinned(a, ENTRY_NOTE_UNREADABLE | busy, e);
}

static int measure_file(struct attempt *a, struct entry *e)
{
    int fd = open_content(a);
    if (fd < 0)
        return measure_closed(a, fd, e);
    int r = measure_readable(a, fd, e);
    close(fd);
    if (r == 0 && e->type != ENTRY_FILE) /* opened something that is not to be opened */
        r = measure_pinned(a, ENTRY_NOTE_UNREADABLE, e);
    return r;
}

static int measure_once(struct attempt *a, struct entry *e)
{
    int r = measure_stat(a->dirfd, a->name, e);
    if (r < 0)
        return r;
    uint32_t why = e->type == ENTRY_FILE ? refusal(a->m, e) : 0;
    if (e->type != ENTRY_FILE || why)
        return measure_pinned(a, why, e);
    return measure_file(a, e);
}

static int measure_name(struct measurer *m, int dirfd, const char *name, struct entry *ret)
{
    for (int i = 1;; i++) {
        struct attempt a = {.m = m, .dirfd = dirfd, .name = name, .last = i == TRIES};
        struct entry e = {.type = ENTRY_ABSENT};
        int r = measure_once(&a, &e);
        if (r == 0 && (!a.moved || a.last)) {
            e.notes |= a.moved ? ENTRY_NOTE_UNSTABLE : 0;
            *ret = e;
            return 0;
        }
        entry_fini(&e);
        if (r < 0)
            return r;
    }
}

int measure_at(struct measurer *m, int dirfd, const char *name, struct entry *ret)
{
    if (name[0] == '\0' || strchr(name, '/') || strcmp(name, "..") == 0)
        return -EINVAL;
    return measure_name(m, dirfd, name, ret);
}

/* For kernels before 5.6, and for sandboxes that know no openat2: the same name by name. */
static int open_by_names(const char *path, size_t len)
{
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[NAME_MAX + 1];
    const char *part;
    size_t n;
    while (fd >= 0 && (part = path_next(&path, &len, &n))) {
        if (n > NAME_MAX) {
            close(fd);
            return -ENAMETOOLONG;
        }
        memcpy(name, part, n);
        name[n] = '\0';
        int next = openat(fd, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
        int error = errno;
        close(fd);
        errno = error;
        fd = next;
    }
    return fd < 0 ? -errno : fd;
}

static int open_parent(const char *path, size_t len)
{
    int fd = path_open_dir(path, len);
    return fd == -ENOSYS ? open_by_names(path, len) : fd;
}

int measure_path(struct measurer *m, const char *path, size_t len, struct entry *ret)
{
    const char *part;
    size_t part_len;
    char name[NAME_MAX + 1] = "."; /* of "/" itself */
    if (len == 0 || path[0] != '/' || memchr(path, '\0', len))
        return -EINVAL;
    size_t parent = path_parent(path, len, &part, &part_len);
    if (part_len > NAME_MAX)
        return -ENOENT;
    if (part_len > 0) {
        memcpy(name, part, part_len);
        name[part_len] = '\0';
    }
    int dirfd = open_parent(path, part_len > 0 ? parent : 1);
    if (dirfd < 0)
        return measure_error(-dirfd);
    int r = strcmp(name, "..") == 0 ? -EINVAL : measure_name(m, dirfd, name, ret);
    close(dirfd);
    return r;
}
