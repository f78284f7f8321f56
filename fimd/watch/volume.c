/* A base is a detached clone of a mount: it shows no other mount below it, reads its paths from its own root on,
 * and does not make an umount of the original fail as an open descriptor there would. It does keep the superblock
 * alive, so it is closed again before the receiver gets the events.
 *
 * btrfs: a subvolume mounted alone does not show the others, and cannot be marked. The top level (subvolume 5) is
 * mounted privately, never attached anywhere; all subvolumes lie below it. */
#include "fimd/watch/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

enum { BTRFS_TOP_FLAGS = MOUNT_ATTR_RDONLY };

static const char *point_of(const struct mount *m)
{
    return m->point_len ? m->point : "/";
}

/* Opens "." of an O_PATH descriptor for reading (open_by_handle_at refuses O_PATH ones) and closes that. */
static int reopen(int path_fd)
{
    int fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : fd;
    close(path_fd);
    return r;
}

static int clone_mount(const struct mount *m)
{
    int fd = open_tree(AT_FDCWD, point_of(m), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT);
    return fd < 0 ? -errno : reopen(fd);
}

/* A file system that is mounted read-only must be asked for read-only: otherwise the kernel would make it
 * writable for us. */
static int configure_top(int fs, const struct mount *m)
{
    if (fsconfig(fs, FSCONFIG_SET_STRING, "source", m->source, 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "subvolid", "5", 0) < 0 ||
        (m->read_only && fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0) ||
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(fs, FSMOUNT_CLOEXEC, BTRFS_TOP_FLAGS);
    return fd < 0 ? -errno : reopen(fd);
}

static int mount_top(const struct mount *m)
{
    int fs = fsopen(m->type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return -errno;
    int r = configure_top(fs, m);
    close(fs);
    return r;
}

static int open_attached(const struct mount *m)
{
    int fd = open(point_of(m), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int volume_open_base(struct watch *w, struct volume *v, struct base *b)
{
    (void)v;
    if (b->fd >= 0)
        return b->fd;
    const struct mount *m = &w->mounts.list[b->mount];
    int fd = b->top ? mount_top(m) : clone_mount(m);
    b->attached = false;
    if (fd < 0 && !b->top && (fd == -EINVAL || fd == -EPERM)) { /* an unbindable mount cannot be cloned */
        fd = open_attached(m);
        b->attached = fd >= 0;
    }
    if (fd >= 0)
        b->fd = fd;
    return fd;
}

const char *volume_base_root(const struct watch *w, const struct base *b, size_t *ret_len)
{
    *ret_len = b->top ? 0 : w->mounts.list[b->mount].root_len;
    return b->top ? "" : w->mounts.list[b->mount].root;
}

void volume_close_bases(struct watch *w, struct volume *v)
{
    (void)w;
    for (unsigned i = 0; i < v->bases_count; i++) {
        if (v->bases[i].fd >= 0)
            close(v->bases[i].fd);
        v->bases[i].fd = -1;
    }
}

void volume_close_all_bases(struct watch *w)
{
    for (uint16_t i = 0; i < w->volumes_count; i++) {
        struct volume *v = &w->volumes[i];
        /* nobody unmounts the root file system */
        bool is_root = v->used && v->bases_count && !v->bases[0].top && !v->bases[0].attached &&
                       w->mounts.list[v->bases[0].mount].point_len == 0;
        if (v->used && !is_root)
            volume_close_bases(w, v);
    }
}

static void add_base(struct volume *v, uint32_t mount, bool top)
{
    if (v->bases_count < BASES_MOST)
        v->bases[v->bases_count++] = (struct base){ .mount = mount, .top = top, .fd = -1 };
}

/* Of the mounts that show the volume, one with its whole tree is enough. */
static bool add_whole(struct watch *w, struct volume *v)
{
    for (uint32_t i = 0; i < v->mounts_count; i++) {
        const struct mount *m = &w->mounts.list[v->mounts[i]];
        if (!m->reachable || m->root_len != 0)
            continue;
        add_base(v, v->mounts[i], false);
        return true;
    }
    return false;
}

static bool shown_by(const struct watch *w, const struct volume *v, const struct mount *m)
{
    for (unsigned i = 0; i < v->bases_count; i++) {
        const struct mount *b = &w->mounts.list[v->bases[i].mount];
        if (m->root_len >= b->root_len && memcmp(m->root, b->root, b->root_len) == 0 &&
            (m->root[b->root_len] == '/' || m->root_len == b->root_len))
            return true;
    }
    return false;
}

static void add_parts(struct watch *w, struct volume *v)
{
    for (uint32_t i = 0; i < v->mounts_count; i++) {
        const struct mount *m = &w->mounts.list[v->mounts[i]];
        if (m->reachable && !shown_by(w, v, m))
            add_base(v, v->mounts[i], false);
    }
}

int volume_set_mounts(struct watch *w, struct volume *v)
{
    uint32_t *list = calloc(w->mounts.count ? w->mounts.count : 1, sizeof(*list));
    if (!list)
        return -ENOMEM;
    free(v->mounts);
    v->mounts = list;
    v->mounts_count = 0;
    for (uint32_t i = 0; i < w->mounts.count; i++)
        if (w->mounts.list[i].dev == v->dev)
            v->mounts[v->mounts_count++] = i;
    v->bases_count = 0;
    if (v->mounts_count == 0 || add_whole(w, v))
        return 0;
    if (strcmp(v->fs_type, "btrfs") == 0 && w->features & WATCH_FEATURE_FILESYSTEM)
        add_base(v, v->mounts[0], true);
    else
        add_parts(w, v);
    return 0;
}

void volume_fini(struct watch *w, struct volume *v)
{
    volume_close_bases(w, v);
    free(v->mounts);
    *v = (struct volume){ .group = GROUPS_MOST };
}
