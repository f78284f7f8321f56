/* A file of lines that only grows: whole lines, never half of one; rotated by size, reopened when somebody
 * else has rotated it. One thread. */
#ifndef FIMD_SINK_LOGFILE_H
#define FIMD_SINK_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "baseline/buf.h"
#include "baseline/fault.h"

struct logfile;

struct logfile_options {
    const char *path;     /* must outlive the logfile */
    uint64_t rotate_size; /* bytes; 0: never */
    unsigned rotate_keep; /* PATH.1 (the newest) … PATH.KEEP; 0: what was is thrown away */
};

/* Opens, or makes (0600, in a directory made 0750), without following a symlink. A last line without its end
 * is what a crash left of a write: it is cut off. -EINVAL when the file is not one of ours. */
int logfile_open(const struct logfile_options *options, struct logfile **ret, struct fault *why);
void logfile_close(struct logfile *l);

/* Appends lines (without their newlines), rotating between them as needed; the number that is whole in the
 * file, at least 1; or -errno with none of them in it. */
long logfile_append(struct logfile *l, const struct iovec *lines, size_t count, struct fault *why);
int logfile_sync(struct logfile *l, struct fault *why);

/* Appends the last whole line to ret, also the newest rotated file's when there is none yet. 0, -ENOENT,
 * -errno. */
int logfile_last(struct logfile *l, struct buf *ret);

#endif
