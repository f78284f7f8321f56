/* The attributes of a file that fimd records and compares: one table for names, bits and meaning.
 * The names are those of fimd.yaml's `attributes`, of fimd.changes in events and of `fimctl explain`. */
#ifndef BASELINE_ATTR_H
#define BASELINE_ATTR_H

#include <stddef.h>
#include <stdint.h>

enum attr {
    ATTR_CONTENT = 1u << 0, /* any digest, or the target of a symlink */
    ATTR_TYPE = 1u << 1,
    ATTR_MODE = 1u << 2,
    ATTR_OWNER = 1u << 3,
    ATTR_GROUP = 1u << 4,
    ATTR_SIZE = 1u << 5,
    ATTR_MTIME = 1u << 6,
    ATTR_CTIME = 1u << 7,
    ATTR_INODE = 1u << 8,
    ATTR_LINKS = 1u << 9,
    ATTR_ACL = 1u << 10,     /* system.posix_acl_* */
    ATTR_XATTR = 1u << 11,   /* every other extended attribute */
    ATTR_CAPS = 1u << 12,    /* security.capability */
    ATTR_SELINUX = 1u << 13, /* security.selinux */
    ATTR_FLAGS = 1u << 14,   /* statx(2) stx_attributes: immutable, append … */
    ATTR_DEVICE = 1u << 15,  /* another file system here (a mount over the path), or a device node's number */
    ATTR_ALL = (1u << 16) - 1,
};

/* The name of one bit, "content"…; NULL when it is not exactly one known bit. */
const char *attr_name(uint32_t bit);
/* The bits of a name; `all` included; 0 when unknown. */
uint32_t attr_parse(const char *name, size_t len);

#endif
