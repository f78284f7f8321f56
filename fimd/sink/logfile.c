/* Owns: the fd of a line file, its names when it is rotated, and the care that no reader ever finds half a
 * line that stays.
 *
 *   lines ─► [renamed away? reopen] ─► [too long? rotate] ─► writev ─► short? cut back to the last whole line
 */
#include "fimd/sink/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOCK = 64 * 1024,        /* read from the end at once */
    LINE_MOST = 64 << 20,     /* a longer last line is not looked at */
    LINES_AT_ONCE = 256,      /* two iovecs each: below IOV_MAX */
    MODE_FILE = 0600,
    MODE_DIR = 0750,
};

struct logfile {
    struct logfile_options options;
    int fd;
    dev_t device;
    ino_t inode;
    uint64_t size;
};

/* --- opening -------------------------------------------------------------------------------------------- */

static int make_directories(const char *path)
{
    char part[PATH_MAX];

    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);

        if (len >= sizeof(part))
            return -ENAMETOOLONG;
        memcpy(part, path, len);
        part[len] = '\0';
        if (mkdir(part, MODE_DIR) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

static int open_file(const char *path)
{
    /* O_NONBLOCK: who put a FIFO there shall not hold us up. Read as well: the last line is our memory. */
    int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, flags, MODE_FILE);

    if (fd < 0 && errno == ENOENT && !make_directories(path))
        fd = open(path, flags, MODE_FILE);
    return fd < 0 ? -errno : fd;
}

static const char *remedy(int error)
{
    if (error == ELOOP)
        return "; a symlink is not followed";
    return error == ENOSPC || error == EDQUOT ? "; free some space, nothing is lost" : "";
}

static int fail(struct logfile *l, struct fault *why, int error)
{
    return fault_set(why, error, "%s: %s%s", l->options.path, strerror(error), remedy(error));
}

/* A second name of the file could be anybody's way to read it, or ours to write where we should not. */
static int check_file(struct logfile *l, int fd, struct fault *why)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail(l, why, errno);
    if (!S_ISREG(st.st_mode))
        return fault_set(why, EINVAL, "%s: is no regular file; name another one", l->options.path);
    if (st.st_nlink > 1)
        return fault_set(why, EINVAL, "%s: has %lu names (hard links); remove the others", l->options.path,
                         (unsigned long)st.st_nlink);
    l->device = st.st_dev;
    l->inode = st.st_ino;
    l->size = (uint64_t)st.st_size;
    return 0;
}

/* The offset of the last newline before `end`, or -1; what cannot be read has none. */
static int64_t newline_before(int fd, int64_t end, char block[BLOCK])
{
    while (end > 0) {
        int64_t from = end > BLOCK ? end - BLOCK : 0;
        ssize_t n = pread(fd, block, (size_t)(end - from), from);
        const char *found = n > 0 ? memrchr(block, '\n', (size_t)n) : NULL;

        if (n <= 0)
            return -1;
        if (found)
            return from + (found - block);
        end = from;
    }
    return -1;
}

/* What follows the last newline: nothing, or what a crash left of our own line: its beginning, or the zeroes
 * of blocks that were never written. */
static int cut_torn_line(struct logfile *l, int fd, char block[BLOCK], struct fault *why)
{
    int64_t whole = newline_before(fd, (int64_t)l->size, block) + 1;
    char first;

    if ((uint64_t)whole == l->size)
        return 0;
    if (pread(fd, &first, 1, whole) != 1)
        return fail(l, why, EIO);
    if (first != '{' && first != '\0')
        return fault_set(why, EINVAL,
                         "%s: does not end in an event of fimd's; move the file away, or name another one",
                         l->options.path);
    if (ftruncate(fd, whole) < 0)
        return fail(l, why, errno);
    l->size = (uint64_t)whole;
    return 0;
}

static int reopen(struct logfile *l, struct fault *why)
{
    int fd = open_file(l->options.path), error;
    char *block;

    if (fd < 0)
        return fail(l, why, -fd);
    block = malloc(BLOCK);
    error = block ? check_file(l, fd, why) : fail(l, why, ENOMEM);
    if (!error)
        error = cut_torn_line(l, fd, block, why);
    free(block);
    if (error) {
        close(fd);
        return error;
    }
    if (l->fd >= 0)
        close(l->fd);
    l->fd = fd;
    return 0;
}

int logfile_open(const struct logfile_options *options, struct logfile **ret, struct fault *why)
{
    struct logfile *l = calloc(1, sizeof(*l));
    int error;

    if (!l)
        return fault_set(why, ENOMEM, "%s: %s", options->path, strerror(ENOMEM));
    l->options = *options;
    l->fd = -1;
    error = reopen(l, why);
    if (error) {
        logfile_close(l);
        return error;
    }
    *ret = l;
    return 0;
}

void logfile_close(struct logfile *l)
{
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    free(l);
}

/* --- rotating ------------------------------------------------------------------------------------------- */

static int numbered(const struct logfile *l, unsigned number, char ret[PATH_MAX])
{
    int n = number ? snprintf(ret, PATH_MAX, "%s.%u", l->options.path, number)
                   : snprintf(ret, PATH_MAX, "%s", l->options.path);

    return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int move_up(const struct logfile *l, unsigned number)
{
    char from[PATH_MAX], to[PATH_MAX];

    if (numbered(l, number, from) || numbered(l, number + 1, to))
        return -ENAMETOOLONG;
    return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

static int rotate(struct logfile *l, struct fault *why)
{
    int error = 0;

    if (!l->options.rotate_keep && unlink(l->options.path) < 0 && errno != ENOENT)
        error = -errno;
    for (unsigned i = l->options.rotate_keep; i-- > 0 && !error;)
        error = move_up(l, i);
    if (error)
        return fault_set(why, -error, "%s: cannot be rotated: %s", l->options.path, strerror(-error));
    return reopen(l, why);
}

/* logrotate may have moved the file away, or copied and truncated it. */
static int refresh(struct logfile *l, struct fault *why)
{
    struct stat st;

    if (fstatat(AT_FDCWD, l->options.path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return fail(l, why, errno);
        return reopen(l, why);
    }
    if (st.st_dev != l->device || st.st_ino != l->inode)
        return reopen(l, why);
    l->size = (uint64_t)st.st_size;
    return 0;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* How many of the lines go into the file before it is full; at least 1 into an empty one. */
static size_t lines_that_fit(const struct logfile *l, const struct iovec *lines, size_t count)
{
    uint64_t size = l->size;
    size_t n = 0;

    if (count > LINES_AT_ONCE)
        count = LINES_AT_ONCE;
    for (; n < count; n++) {
        size += lines[n].iov_len + 1;
        if (l->options.rotate_size && size > l->options.rotate_size && (n || l->size))
            break;
    }
    return n;
}

/* How many lines are whole in the first `written` bytes, and how long they are together. */
static size_t whole_lines(const struct iovec *lines, size_t count, uint64_t written, uint64_t *ret_len)
{
    uint64_t len = 0;
    size_t n = 0;

    while (n < count && len + lines[n].iov_len + 1 <= written)
        len += lines[n++].iov_len + 1;
    *ret_len = len;
    return n;
}

static long write_lines(struct logfile *l, const struct iovec *lines, size_t count, struct fault *why)
{
    struct iovec parts[2 * LINES_AT_ONCE];
    static const char newline = '\n';
    uint64_t len;
    ssize_t n;
    size_t whole;
    int error;

    for (size_t i = 0; i < count; i++) {
        parts[2 * i] = lines[i];
        parts[2 * i + 1] = (struct iovec){(char *)&newline, 1};
    }
    do
        n = writev(l->fd, parts, (int)(2 * count));
    while (n < 0 && errno == EINTR);
    error = n < 0 ? errno : ENOSPC; /* a short write has no errno; the next one tells */
    whole = whole_lines(lines, count, n < 0 ? 0 : (uint64_t)n, &len);
    if (n > 0 && (uint64_t)n > len && ftruncate(l->fd, (off_t)(l->size + len)) < 0) {
        error = errno;
        l->inode = 0; /* have it opened again before the next line, which cuts the half one off */
    }
    l->size += len;
    return whole ? (long)whole : fail(l, why, error);
}

long logfile_append(struct logfile *l, const struct iovec *lines, size_t count, struct fault *why)
{
    size_t done = 0;
    int error = refresh(l, why);

    while (!error && done < count) {
        size_t fit = lines_that_fit(l, lines + done, count - done);
        long n = fit ? write_lines(l, lines + done, fit, why) : rotate(l, why);

        if (n < 0)
            error = (int)n;
        else
            done += (size_t)n;
    }
    return done ? (long)done : error;
}

int logfile_sync(struct logfile *l, struct fault *why)
{
    return fdatasync(l->fd) < 0 ? fail(l, why, errno) : 0;
}

/* --- the last line -------------------------------------------------------------------------------------- */

static int last_line(int fd, struct buf *ret)
{
    struct stat st;
    char *block = malloc(BLOCK);
    int64_t end, from;
    int error = -ENOENT;

    if (!block)
        return -ENOMEM;
    end = fstat(fd, &st) < 0 ? -1 : newline_before(fd, st.st_size, block);
    from = newline_before(fd, end, block) + 1;
    free(block);
    if (end < 0 || end - from > LINE_MOST)
        return error;
    if (!buf_reserve(ret, (size_t)(end - from)))
        return -ENOMEM;
    if (pread(fd, ret->data + ret->len, (size_t)(end - from), from) != end - from)
        return -EIO;
    ret->len += (size_t)(end - from);
    return 0;
}

int logfile_last(struct logfile *l, struct buf *ret)
{
    char newest[PATH_MAX];
    int error = last_line(l->fd, ret), fd;

    if (error != -ENOENT || numbered(l, 1, newest))
        return error;
    fd = open(newest, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    error = last_line(fd, ret);
    close(fd);
    return error;
}
