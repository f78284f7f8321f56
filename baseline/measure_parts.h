/* What the files of measure share; nobody else includes it. */
#ifndef BASELINE_MEASURE_PARTS_H
#define BASELINE_MEASURE_PARTS_H

#include "baseline/measure.h"

enum {
    /* One read's worth. From 64 KiB to 1 MiB the speed is the same within noise; and so the list of a file's
     * xattrs (at most XATTR_LIST_MAX, 64 KiB) and a value (XATTR_SIZE_MAX, 64 KiB) fit side by side. */
    MEASURE_BUFFER = 128 * 1024,
};

struct measurer {
    struct measure_options options;
    struct digest_run *run; /* NULL when no digests are asked for */
    uint8_t *buffer;        /* MEASURE_BUFFER bytes, page-aligned */
};

/* statx of an open file (O_PATH will do) into a fresh *ret, notes 0, and its blocks of 512 bytes. 0 or
 * -errno. */
int measure_stat_fd(int fd, struct entry *ret, uint64_t *ret_blocks);
/* The inode's generation by its file handle, checked against `inode`; 0 when the file system has none that we
 * read. */
uint32_t measure_generation(int fd, uint64_t inode);
/* -ENOENT for every error that says that there is nothing at a path; others as they are, negative. */
int measure_error(int error);

/* Sets e->xattrs, or the note that they could not be had. `readable`: fd is more than O_PATH. 0 or
 * -ENOMEM. */
int measure_xattrs(const struct measurer *m, int fd, bool readable, struct entry *e);

/* Digests a regular file, open for reading, that was stat'ed into e. *ret_moved is set when it was seen to
 * differ from e on the way; then, unless `patient`, the rest is left out. 0, -EFBIG (too much of it is
 * holes), -ECANCELED, -ENOMEM, or what read(2) said. */
int measure_content(struct measurer *m, int fd, const struct entry *e, uint64_t blocks, bool patient,
                    struct digests *ret, bool *ret_moved);
/* Is the open file another one than when it was stat'ed into e? One that cannot be asked has moved. */
bool measure_moved(int fd, const struct entry *e);

#endif
