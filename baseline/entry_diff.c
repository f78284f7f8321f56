/* What differs between two entries, as attribute bits. Pure. Which of the bits anybody cares for is the
 * policy's business, what they are called attr.c's. */
#include "baseline/entry.h"

#include <string.h>

#include "baseline/attr.h"

/* Extended attributes that have a bit of their own; every other name is ATTR_XATTR. */
static const struct {
    const char *name;
    uint32_t bit;
} xattr_bits[] = {
    {"system.posix_acl_access", ATTR_ACL},
    {"system.posix_acl_default", ATTR_ACL},
    {"trusted.SGI_ACL_FILE", ATTR_ACL}, /* the same two once more: xfs shows root how it keeps them */
    {"trusted.SGI_ACL_DEFAULT", ATTR_ACL},
    {"security.capability", ATTR_CAPS},
    {"security.selinux", ATTR_SELINUX},
};

static uint32_t xattr_bit(const char *name)
{
    for (size_t i = 0; i < sizeof(xattr_bits) / sizeof(xattr_bits[0]); i++)
        if (strcmp(xattr_bits[i].name, name) == 0)
            return xattr_bits[i].bit;
    return ATTR_XATTR;
}

static bool xattr_same(const struct entry_xattr *a, const struct entry_xattr *b)
{
    return a->digested == b->digested && a->len == b->len && memcmp(a->value, b->value, a->len) == 0;
}

/* A merge of the two sorted lists. */
static uint32_t diff_xattrs(const struct entry *before, const struct entry *after)
{
    if ((before->notes | after->notes) & ENTRY_NOTE_NO_XATTRS)
        return 0;
    struct slice old_rest = {.data = before->xattrs, .len = before->xattrs_len};
    struct slice new_rest = {.data = after->xattrs, .len = after->xattrs_len};
    struct entry_xattr a, b;
    bool has_a = entry_xattr_next(&old_rest, &a), has_b = entry_xattr_next(&new_rest, &b);
    uint32_t bits = 0;
    while (has_a || has_b) {
        int order = !has_a ? 1 : !has_b ? -1 : strcmp(a.name, b.name);
        if (order != 0 || !xattr_same(&a, &b))
            bits |= xattr_bit(order <= 0 ? a.name : b.name);
        if (order <= 0)
            has_a = entry_xattr_next(&old_rest, &a);
        if (order >= 0)
            has_b = entry_xattr_next(&new_rest, &b);
    }
    return bits;
}

static bool digests_differ(const struct digests *before, const struct digests *after)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct digest *a = &before->list[i], *b = digests_find(after, a->id);
        if (b && (a->len != b->len || memcmp(a->value, b->value, a->len) != 0))
            return true;
    }
    return false;
}

static bool content_differs(const struct entry *before, const struct entry *after)
{
    if (before->target && after->target && strcmp(before->target, after->target) != 0)
        return true;
    return digests_differ(&before->digests, &after->digests);
}

static bool inode_differs(const struct entry *before, const struct entry *after)
{
    return before->inode != after->inode ||
           (before->generation && after->generation && before->generation != after->generation);
}

/* The kernel deals out device numbers at boot: those without a disk behind them (btrfs, tmpfs, overlayfs,
 * NFS) in the order of mounting, disks in the order of their discovery. Were the number enough, a whole host
 * would have changed after a reboot. What a mount puts in a path's place is another inode, or by chance the
 * same number (both are roots, say): then generation or, where there is none, ctime to the nanosecond tells
 * them apart. */
static bool device_differs(const struct entry *before, const struct entry *after)
{
    if (before->rdev != after->rdev)
        return true;
    if (before->device == after->device)
        return false;
    bool proven = before->generation && after->generation;
    return inode_differs(before, after) || (!proven && before->ctime != after->ctime);
}

/* Of two directories only what is theirs: adding a child moves their size, times and links. */
static uint32_t diff_own(const struct entry *before, const struct entry *after)
{
    return (before->size != after->size ? ATTR_SIZE : 0) | (before->mtime != after->mtime ? ATTR_MTIME : 0) |
           (before->nlink != after->nlink ? ATTR_LINKS : 0);
}

uint32_t entry_diff(const struct entry *before, const struct entry *after)
{
    bool directory = before->type == ENTRY_DIR || after->type == ENTRY_DIR;
    uint32_t bits = diff_xattrs(before, after);
    bits |= before->type != after->type ? ATTR_TYPE : 0;
    bits |= before->mode != after->mode ? ATTR_MODE : 0;
    bits |= before->uid != after->uid ? ATTR_OWNER : 0;
    bits |= before->gid != after->gid ? ATTR_GROUP : 0;
    bits |= (before->flags ^ after->flags) & ENTRY_FLAGS_MASK ? ATTR_FLAGS : 0;
    bits |= inode_differs(before, after) ? ATTR_INODE : 0;
    bits |= device_differs(before, after) ? ATTR_DEVICE : 0;
    bits |= content_differs(before, after) ? ATTR_CONTENT : 0;
    bits |= directory ? 0 : diff_own(before, after);
    if (bits && !directory && before->ctime != after->ctime)
        bits |= ATTR_CTIME;
    return bits;
}
