/* Measures one file: everything in struct entry, all digests in one read.
 *
 * No symlink is followed in any component (openat2 RESOLVE_NO_SYMLINKS), nothing but a regular file is read,
 * atime is not touched, nothing is ever opened for writing. A file that moves under our hands (size, mtime or
 * ctime differ after the read) is measured again, up to 3 times, then marked ENTRY_NOTE_UNSTABLE; at most the
 * size seen at its opening is read, so that a file that grows without pause comes to an end too.
 *
 * Holes are hashed without being read. A file with more than 64 GiB of holes is ENTRY_NOTE_TOO_LARGE whatever
 * max_file_size says: making one takes one ftruncate(2), hashing an exabyte of zeros takes decades. */
#ifndef BASELINE_MEASURE_H
#define BASELINE_MEASURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "baseline/digest.h"
#include "baseline/entry.h"

/* Files that are never opened, by device and inode: closing any descriptor of a file drops every POSIX lock that the
 * process holds on it, and the store's own lock files may stand below a watched directory. */
struct measure_leave {
    uint64_t device;
    uint64_t inodes[2]; /* 0: none */
};

struct measure_options {
    struct digest_plan digests; /* count 0: no content is read */
    uint64_t max_file_size;     /* bytes; 0: none */
    bool drop_cache;            /* drop the page cache's copy first, so that the disk is what is read */
    struct measure_leave leave; /* measured by their metadata alone: ENTRY_NOTE_UNREADABLE (store_leave fills it) */
    const atomic_bool *stop;    /* set from outside to end a long read: -ECANCELED; may be NULL */
};

/* One thread's buffers, kept from file to file. Copies the options. 0, -ENOMEM, -ENOTSUP (a digest that is
 * not to be had here). */
struct measurer;
int measurer_new(const struct measure_options *options, struct measurer **ret);
void measurer_free(struct measurer *m);

/* Measures an absolute path of any length. ret is filled on 0 and untouched else (the caller ends it with
 * entry_fini). -ENOENT when there is nothing there, also when a component became a symlink or no directory
 * (ELOOP, ENOTDIR). -EMFILE, -ENFILE, -ENOMEM: try later. -EACCES: a directory on the way is closed to us.
 * -EINVAL: no absolute path. Any other trouble with the content is a note in the entry. */
int measure_path(struct measurer *m, const char *path, size_t len, struct entry *ret);
/* The same for one name in an open directory; a name with a slash, "" and ".." are -EINVAL. */
int measure_at(struct measurer *m, int dirfd, const char *name, struct entry *ret);
/* Metadata only, without opening the file: what statx gives. xattrs, generation, target and digests stay
 * empty (ENTRY_NOTE_NO_CONTENT, ENTRY_NOTE_NO_XATTRS), so entry_diff compares what is there. Owns no
 * memory. */
int measure_stat(int dirfd, const char *name, struct entry *ret);

#endif
