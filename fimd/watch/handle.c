/* Handles and their system calls. Knows the few layouts that carry the inode number (found by asking the file
 * systems for handles and comparing with stat). */
#include "fimd/watch/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

/* since 6.5: a handle only to compare, also from file systems that cannot open by it (overlayfs) */
enum { HANDLE_FID_ONLY = 0x200 };

struct raw_handle { /* struct file_handle with room behind it */
    uint32_t len;
    int32_t type;
    uint8_t bytes[HANDLE_MAX];
};

struct handle_view handle_view(const struct handle *h)
{
    return (struct handle_view){ .type = h->type, .len = h->len, .bytes = h->len ? h->bytes : NULL };
}

bool handle_equal(struct handle_view a, struct handle_view b)
{
    return a.bytes && b.bytes && a.type == b.type && a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

void handle_copy(struct handle *to, struct handle_view from)
{
    to->type = from.type;
    to->len = from.bytes && from.len <= HANDLE_MAX ? from.len : 0;
    if (to->len)
        memcpy(to->bytes, from.bytes, to->len);
}

int handle_of(int dir, const char *name, struct handle *ret)
{
    struct raw_handle raw = { .len = HANDLE_MAX };
    int mount_id;
    int flags = name[0] ? 0 : AT_EMPTY_PATH;
    int r = name_to_handle_at(dir, name, (struct file_handle *)(void *)&raw, &mount_id, flags);
    if (r < 0 && errno == EOPNOTSUPP) {
        raw.len = HANDLE_MAX;
        r = name_to_handle_at(dir, name, (struct file_handle *)(void *)&raw, &mount_id, flags | HANDLE_FID_ONLY);
    }
    if (r < 0)
        return -errno;
    handle_copy(ret, (struct handle_view){ .type = raw.type, .len = raw.len, .bytes = raw.bytes });
    return 0;
}

int handle_open(int fs, struct handle_view h, int flags)
{
    if (!h.bytes || h.len > HANDLE_MAX)
        return -ESTALE;
    struct raw_handle raw = { .len = h.len, .type = h.type };
    memcpy(raw.bytes, h.bytes, h.len);
    int fd = open_by_handle_at(fs, (struct file_handle *)(void *)&raw, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static const struct layout {
    const char *fs_type;
    int32_t type;
    uint32_t len;
    uint8_t at, size;
} layouts[] = {
    { "ext4", 0x01, 8, 0, 4 },  { "ext3", 0x01, 8, 0, 4 },  { "ext2", 0x01, 8, 0, 4 },
    { "xfs", 0x81, 12, 0, 8 },  { "xfs", 0x01, 8, 0, 4 },   { "tmpfs", 0x01, 12, 4, 8 },
    { "btrfs", 0x4d, 20, 0, 8 }, { "devtmpfs", 0x01, 12, 4, 8 },
};

uint64_t handle_inode(const char *fs_type, struct handle_view h)
{
    for (size_t i = 0; h.bytes && i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        const struct layout *l = &layouts[i];
        if (h.type != l->type || h.len != l->len || strcmp(fs_type, l->fs_type) != 0)
            continue;
        uint32_t narrow;
        uint64_t wide = 0;
        if (l->size == sizeof(wide)) {
            memcpy(&wide, h.bytes + l->at, sizeof(wide));
        } else {
            memcpy(&narrow, h.bytes + l->at, sizeof(narrow));
            wide = narrow;
        }
        return wide;
    }
    return 0;
}
