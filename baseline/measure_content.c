/* Digests the content of an open regular file in one pass, holes without reading them. Knows no paths, opens
 * nothing.
 *
 *   stat'ed size ─► data and hole ranges ─┬► read a buffer ─► all digests
 *                                         └► zeros ─────────► all digests
 *
 * read(2) into a buffer and not mmap(2), which would be a tenth faster for SHA-256 alone: a mapped file that
 * somebody truncates, or a bad sector, is a SIGBUS for the whole process. */
#include "baseline/measure_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    ZEROS = 32 * 1024,
    /* So often is asked whether the file has moved or the program wants to end: some 10 ms of SHA-256. */
    STEP = 16 * 1024 * 1024,
    /* Below it a read-ahead hint or a search for holes costs more than it gains. */
    LARGE = 1024 * 1024,
    /* Files of /proc and the like say that their size is 0; so much is read of one. */
    UNSIZED_MAX = 16 * 1024 * 1024,
};

static const uint64_t holes_max = UINT64_C(64) << 30; /* see measure.h */
static const uint8_t zeros[ZEROS];

struct reading {
    struct measurer *m;
    int fd;
    const struct entry *entry;
    bool patient;
    bool moved;
    bool ended; /* end of file, or moved and not patient: nothing more to do */
    uint64_t since_look; /* bytes since moved and stop were asked for */
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int look_around(struct reading *r, uint64_t done)
{
    r->since_look += done;
    if (r->since_look < STEP)
        return 0;
    r->since_look = 0;
    const atomic_bool *stop = r->m->options.stop;
    if (stop && atomic_load_explicit(stop, memory_order_relaxed))
        return -ECANCELED;
    if (!r->moved)
        r->moved = measure_moved(r->fd, r->entry);
    r->ended = r->moved && !r->patient;
    return 0;
}

static ssize_t read_some(int fd, void *to, size_t len, uint64_t offset)
{
    ssize_t n;
    do {
        n = pread(fd, to, len, (off_t)offset);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int digest_data(struct reading *r, uint64_t from, uint64_t to)
{
    while (from < to && !r->ended) {
        ssize_t n = read_some(r->fd, r->m->buffer, (size_t)least(to - from, MEASURE_BUFFER), from);
        if (n <= 0) {
            r->ended = true; /* shorter than it was: truncated, which its times will tell, or a pseudo file */
            return (int)n;
        }
        int error = digest_run_update(r->m->run, r->m->buffer, (size_t)n);
        if (error == 0)
            error = look_around(r, (uint64_t)n);
        if (error < 0)
            return error;
        from += (uint64_t)n;
    }
    return 0;
}

static int digest_hole(struct reading *r, uint64_t from, uint64_t to)
{
    while (from < to && !r->ended) {
        uint64_t n = least(to - from, ZEROS);
        int error = digest_run_update(r->m->run, zeros, (size_t)n);
        if (error == 0)
            error = look_around(r, n);
        if (error < 0)
            return error;
        from += n;
    }
    return 0;
}

/* The next range of data at or after `from`, within the size; empty at its end when there is none. A file
 * system that cannot tell has no holes. */
static void next_data(int fd, uint64_t from, uint64_t size, uint64_t *ret_start, uint64_t *ret_end)
{
    off_t start = lseek(fd, (off_t)from, SEEK_DATA);
    if (start < 0) {
        *ret_start = errno == ENXIO ? size : from;
        *ret_end = size;
        return;
    }
    off_t end = lseek(fd, start, SEEK_HOLE);
    *ret_start = least((uint64_t)start, size);
    *ret_end = end > start ? least((uint64_t)end, size) : size;
}

static bool holes_too_large(int fd, uint64_t size)
{
    uint64_t holes = 0, start = 0, end = 0;
    for (uint64_t at = 0; at < size && holes <= holes_max; at = end) {
        next_data(fd, at, size, &start, &end);
        holes += start - at;
    }
    return holes > holes_max;
}

static int digest_sparse(struct reading *r, uint64_t size)
{
    uint64_t start, end = 0;
    for (uint64_t at = 0; at < size && !r->ended; at = end) {
        next_data(r->fd, at, size, &start, &end);
        int error = digest_hole(r, at, start);
        if (error == 0)
            error = digest_data(r, start, end);
        if (error < 0)
            return error;
    }
    return 0;
}

/* Nothing but what it gives says how long it is; a file that is really empty costs one read. One that has
 * grown is told by its times. */
static int digest_unsized(struct reading *r)
{
    int error = digest_data(r, 0, UNSIZED_MAX);
    return error == 0 && !r->ended ? -EFBIG : error;
}

/* Hints only, so their failure is none. DONTNEED lets go of clean pages alone: those not yet written are what
 * the disk is going to have, and to flush another's file (fdatasync) is not for a watcher to do. Pages that a
 * process has mapped stay too: behind a running program's back the disk can be read only after a reboot. */
static void advise(const struct measurer *m, int fd, uint64_t size)
{
    if (m->options.drop_cache && size > 0)
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (size >= LARGE)
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

static int digest_all(struct reading *r, uint64_t blocks)
{
    uint64_t size = r->entry->size;
    uint64_t allocated = blocks > UINT64_MAX / 512 ? UINT64_MAX : blocks * 512;
    advise(r->m, r->fd, size);
    if (size == 0)
        return digest_unsized(r);
    if (size < LARGE || allocated >= size)
        return digest_data(r, 0, size);
    if (size - allocated > holes_max && holes_too_large(r->fd, size))
        return -EFBIG;
    return digest_sparse(r, size);
}

int measure_content(struct measurer *m, int fd, const struct entry *e, uint64_t blocks, bool patient,
                    struct digests *ret, bool *ret_moved)
{
    struct reading r = {.m = m, .fd = fd, .entry = e, .patient = patient};
    int error = digest_run_begin(m->run);
    if (error == 0)
        error = digest_all(&r, blocks);
    if (error == 0)
        error = digest_run_end(m->run, ret);
    *ret_moved = r.moved;
    return error;
}
