/* Measures one file: everything in struct entry, all digests in one read.
 *
 * No symlink is followed in any component (openat2 RESOLVE_NO_SYMLINKS), a FIFO or device is never opened for
 * reading, atime is not touched, nothing is ever opened for writing. A file that moves under our hands (size,
 * mtime or ctime differ after the read) is measured again, up to 3 times, then marked ENTRY_NOTE_UNSTABLE. */
#ifndef BASELINE_MEASURE_H
#define BASELINE_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "baseline/digest.h"
#include "baseline/entry.h"

struct measure_options {
    struct digest_plan digests; /* count 0: no content is read */
    uint64_t max_file_size;     /* bytes; 0: none */
    bool drop_cache;            /* drop the page cache's copy before reading, so that the disk is what is read */
};

/* One thread's buffers, kept from file to file. */
struct measurer;
int measurer_new(const struct measure_options *options, struct measurer **ret);
void measurer_free(struct measurer *m);

/* Measures an absolute path of any length. ret is filled on 0 and untouched else (the caller ends it with
 * entry_fini). -ENOENT when there is nothing there, also when a component became a symlink or no directory
 * (ELOOP, ENOTDIR). -EMFILE, -ENOMEM: try later. Any other trouble with the content is a note in the entry. */
int measure_path(struct measurer *m, const char *path, size_t len, struct entry *ret);
/* The same for one name in an open directory. */
int measure_at(struct measurer *m, int dirfd, const char *name, struct entry *ret);
/* Metadata only, without opening the file: what statx gives. xattrs, generation and digests stay empty. */
int measure_stat(int dirfd, const char *name, struct entry *ret);

#endif
