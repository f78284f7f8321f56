/* What fimd knows of one file: the unit of the baseline. A plain value; its owned memory is target and xattrs. */
#ifndef BASELINE_ENTRY_H
#define BASELINE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baseline/buf.h"
#include "baseline/digest.h"

/* Stored: never renumber. */
enum entry_type {
    ENTRY_ABSENT = 0,
    ENTRY_FILE = 1,
    ENTRY_DIR = 2,
    ENTRY_SYMLINK = 3,
    ENTRY_FIFO = 4,
    ENTRY_SOCKET = 5,
    ENTRY_CHAR = 6,
    ENTRY_BLOCK = 7,
};

/* Said of the measurement itself. Stored. */
enum entry_note {
    ENTRY_NOTE_UNSTABLE = 1u << 0,   /* moved while it was read, at every try: the digest is of no single moment */
    ENTRY_NOTE_TOO_LARGE = 1u << 1,  /* above max_file_size: no digest */
    ENTRY_NOTE_UNREADABLE = 1u << 2, /* content could not be read (EIO, EACCES…): no digest */
    ENTRY_NOTE_NO_CONTENT = 1u << 3, /* digests not asked for */
};

struct entry {
    enum entry_type type;
    uint32_t notes;
    uint32_t mode; /* permission bits, 07777 */
    uint32_t uid;
    uint32_t gid;
    uint32_t nlink;
    uint64_t inode;
    uint32_t generation; /* of the inode, where the file handle tells it (ext4, xfs, btrfs, tmpfs); else 0 */
    uint64_t device;     /* makedev() of the file system, as stat(2) */
    uint64_t rdev;       /* of a device node */
    uint64_t size;       /* bytes */
    int64_t mtime;       /* ns since the epoch */
    int64_t ctime;
    uint64_t flags;      /* statx stx_attributes, masked by what can be compared (ENTRY_FLAGS_MASK) */
    struct digests digests;
    char *target;        /* of a symlink, NUL-terminated, owned; else NULL */
    uint8_t *xattrs;     /* owned: name NUL, u32 length (LE), value; sorted by name; NULL when there are none */
    size_t xattrs_len;
};

void entry_fini(struct entry *e); /* frees what it owns and makes it ENTRY_ABSENT */
int entry_copy(struct entry *to, const struct entry *from); /* deep; 0 or -ENOMEM */
const char *entry_type_name(enum entry_type type);          /* ECS file.type: "file", "dir", "symlink", … */
/* One extended attribute's value inside e->xattrs, or NULL. */
const uint8_t *entry_xattr(const struct entry *e, const char *name, size_t *ret_len);

/* Stored form (versioned by its first byte). Decoding takes hostile bytes: 0 or -EBADMSG, -ENOMEM. */
void entry_encode(const struct entry *e, struct buf *to);
int entry_decode(const uint8_t *data, size_t len, struct entry *ret);

/* Which attributes differ. Content differs when a digest that both have differs, or a target; sizes alone are
 * ATTR_SIZE. Digests that only one side has say nothing. A directory's size, mtime, ctime and link count follow
 * its children and are not compared. ctime alone is evidence, not a change: it is set only beside another bit. */
uint32_t entry_diff(const struct entry *before, const struct entry *after);

#endif
