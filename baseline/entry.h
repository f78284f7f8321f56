/* What fimd knows of one file: the unit of the baseline. A plain value; its owned memory is target and
 * xattrs. */
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
    ENTRY_NOTE_UNSTABLE = 1u << 0,   /* moved at every try: the digest is of no single moment */
    ENTRY_NOTE_TOO_LARGE = 1u << 1,  /* above max_file_size, or endless holes (measure.h): no digest */
    ENTRY_NOTE_UNREADABLE = 1u << 2, /* content could not be read (EIO, EACCES…): no digest */
    ENTRY_NOTE_NO_CONTENT = 1u << 3, /* digests not asked for */
    ENTRY_NOTE_NO_XATTRS = 1u << 4,  /* xattrs not asked for, or they could not be read: none are told of */
    ENTRY_NOTE_BUSY = 1u << 5,       /* beside UNREADABLE: a lease is held on it. Measure it again: the kernel
                                      * breaks the lease within /proc/sys/fs/lease-break-time, 45 s */
    ENTRY_NOTES_ALL = (1u << 6) - 1,
};

/* The file-system flags that are compared, by their values in statx(2). Left out: what belongs to the mount
 * (mount root, automount, DAX), not to the file. Stored. */
enum entry_flag {
    ENTRY_FLAG_COMPRESSED = 0x4,
    ENTRY_FLAG_IMMUTABLE = 0x10,
    ENTRY_FLAG_APPEND = 0x20,
    ENTRY_FLAG_NODUMP = 0x40,
    ENTRY_FLAG_ENCRYPTED = 0x800,
    ENTRY_FLAG_VERITY = 0x100000,
    ENTRY_FLAGS_MASK = ENTRY_FLAG_COMPRESSED | ENTRY_FLAG_IMMUTABLE | ENTRY_FLAG_APPEND | ENTRY_FLAG_NODUMP |
                       ENTRY_FLAG_ENCRYPTED | ENTRY_FLAG_VERITY,
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
    uint8_t *xattrs;     /* owned: name NUL, u32 length (LE), value; sorted by name; NULL when none */
    size_t xattrs_len;
};

/* In the length of an extended attribute: the value was long, what is kept is its SHA-256. Only user.* and
 * trusted.* ones: ACLs, capabilities and labels are always whole. */
#define ENTRY_XATTR_DIGESTED (UINT32_C(1) << 31)

/* One extended attribute; points into the entry's bytes. */
struct entry_xattr {
    const char *name;
    const uint8_t *value;
    size_t len;
    bool digested; /* value is the SHA-256 of the value */
};

void entry_fini(struct entry *e); /* frees what it owns and makes it ENTRY_ABSENT */
int entry_copy(struct entry *to, const struct entry *from); /* deep; 0 or -ENOMEM */
const char *entry_type_name(enum entry_type type);          /* ECS file.type: "file", "dir", "symlink", … */
/* The next of a slice that begins as e->xattrs, e->xattrs_len. False at the end, and with s->failed set when
 * the bytes are not well-formed. */
bool entry_xattr_next(struct slice *s, struct entry_xattr *ret);
/* One extended attribute's value inside e->xattrs; NULL when it is not there, or kept only as a digest. */
const uint8_t *entry_xattr(const struct entry *e, const char *name, size_t *ret_len);

/* Stored form (versioned by its first byte). Decoding takes hostile bytes: 0 or -EBADMSG, -ENOMEM. */
void entry_encode(const struct entry *e, struct buf *to);
int entry_decode(const uint8_t *data, size_t len, struct entry *ret);

/* Which attributes differ. Content differs when a digest that both have differs, or a target; sizes alone are
 * ATTR_SIZE. Digests that only one side has say nothing, nor do xattrs when a side has ENTRY_NOTE_NO_XATTRS,
 * nor generations of which one is 0. A directory's size, mtime, ctime and link count follow its children and
 * are not compared. ctime alone is evidence, not a change: it is set only beside another bit. A device number
 * alone is the kernel's new numbering after a boot when inode and generation (or ctime, where a generation is
 * not known) are the same: it is no change either. */
uint32_t entry_diff(const struct entry *before, const struct entry *after);

#endif
