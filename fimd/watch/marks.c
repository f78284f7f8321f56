/* mountinfo + policy ─► which mounts are wanted ─► their volumes ─► group and way
 *
 *   1. a filesystem mark, in the first group (or one of its own, when two file systems have one fsid);
 *   2. refused (overlayfs, FUSE, a btrfs that has no top level to mount, no such marks in this kernel): inode marks.
 *      File systems with a full fsid share one group for them; one with a weak fsid (FUSE, a btrfs subvolume)
 *      makes its group refuse every other, so it gets its own.
 *
 * An umount takes marks away without a word, so after every change of mounts all are set again: setting a mark
 * that stands costs a system call and changes nothing. */
#include "fimd/watch/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "baseline/walk.h"
#include "fimd/rt/log.h"
#include "fimd/watch/fan.h"
#include "fimd/watch/table.h"
#include "fimd/watch/tree.h"
#include "fimd/watch/volume.h"

enum { GROUP_FIRST = 0, IGNORED_MOST = 4096 };

static void tell_short_queue(struct watch *w)
{
    if (!w->queue_told)
        watch_notice(w, LOG_LEVEL_WARNING,
                     "the kernel's event queue keeps the system's length: fs.fanotify.max_queued_events could not "
                     "be set to %u for a moment; set it there", w->queue_events);
    w->queue_told = true;
}

/* A new group in a free place: its index or -errno. */
static int open_group(struct watch *w, uint16_t volume, bool inodes)
{
    for (int i = 0; i < GROUPS_MOST; i++) {
        if (w->groups[i].fd >= 0)
            continue;
        bool too_short;
        int fd = fan_open(w->features, w->queue_events, &too_short);
        if (fd < 0)
            return fd;
        if (too_short)
            tell_short_queue(w);
        w->groups[i] = (struct group){ .fd = fd, .volume = volume, .inodes = inodes };
        return i;
    }
    return -EMFILE;
}

static void close_group(struct watch *w, unsigned i)
{
    close(w->groups[i].fd);
    w->groups[i] = (struct group){ .fd = -1, .volume = VOLUME_NONE };
}

int marks_init(struct watch *w, struct fault *why)
{
    for (int i = 0; i < GROUPS_MOST; i++)
        w->groups[i] = (struct group){ .fd = -1, .volume = VOLUME_NONE };
    int r = open_group(w, VOLUME_NONE, false);
    if (r == -EPERM)
        return fault_set(why, EPERM, "fanotify: not permitted; fimd needs CAP_SYS_ADMIN in the initial user namespace");
    if (r == -ENOSYS)
        return fault_set(why, ENOSYS, "fanotify: this kernel was built without it (CONFIG_FANOTIFY)");
    if (r == -EINVAL)
        return fault_set(why, EINVAL, "fanotify: this kernel cannot tell directories and names; 5.9 or later can");
    return r < 0 ? fault_set(why, -r, "fanotify: %s", strerror(-r)) : 0;
}

void marks_fini(struct watch *w)
{
    for (uint16_t i = 0; i < w->volumes_count; i++)
        volume_fini(w, &w->volumes[i]);
    free(w->volumes);
    w->volumes = NULL;
    w->volumes_count = 0;
    for (unsigned i = 0; i < GROUPS_MOST; i++)
        if (w->groups[i].fd >= 0)
            close_group(w, i);
}

uint16_t marks_volume(const struct watch *w, unsigned group, uint64_t fsid)
{
    if (w->groups[group].volume != VOLUME_NONE)
        return w->groups[group].volume;
    for (uint16_t i = 0; i < w->volumes_count; i++) {
        const struct volume *v = &w->volumes[i];
        if (v->used && v->way != WAY_NONE && v->group == group && v->fsid == fsid)
            return i;
    }
    return VOLUME_NONE;
}

const char *marks_limits(const struct volume *v)
{
    static const struct {
        const char *type, *limits;
    } table[] = {
        { "overlay", "changes made directly in its lower or upper layers are not seen" },
        { "fuse", "changes made behind the FUSE server's back are not seen" },
        { "nfs", "changes made by other clients or on the server are not seen" },
        { "cifs", "changes made by other clients or on the server are not seen" },
        { "smb3", "changes made by other clients or on the server are not seen" },
        { "9p", "changes made on the host are not seen" },
        { "virtiofs", "changes made on the host are not seen" },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strncmp(v->fs_type, table[i].type, strlen(table[i].type)) == 0)
            return table[i].limits;
    return v->way == WAY_INODE ? "what happens in a new directory before its mark stands is found by a scan" : NULL;
}

/* --- inode marks ---------------------------------------------------------------------------------------------- */

static bool weak(const struct watch *w, const struct volume *v)
{
    bool no_marks_at_all = !(w->features & WATCH_FEATURE_FILESYSTEM);
    return v->fsid == 0 || strncmp(v->fs_type, "fuse", 4) == 0 || (strcmp(v->fs_type, "btrfs") == 0) ||
           (no_marks_at_all && strcmp(v->fs_type, "bcachefs") == 0);
}

/* Two volumes that events cannot tell apart must not share a group (an image mounted beside its copy). */
static bool fsid_taken(const struct watch *w, const struct volume *v, unsigned group)
{
    for (uint16_t i = 0; i < w->volumes_count; i++) {
        const struct volume *o = &w->volumes[i];
        if (o != v && o->used && o->way != WAY_NONE && o->group == group && o->fsid == v->fsid)
            return true;
    }
    return false;
}

static int shared_inode_group(struct watch *w)
{
    for (int i = 0; i < GROUPS_MOST; i++)
        if (w->groups[i].fd >= 0 && w->groups[i].inodes && w->groups[i].volume == VOLUME_NONE)
            return i;
    return open_group(w, VOLUME_NONE, true);
}

static int first_inode_group(struct watch *w, uint16_t volume)
{
    struct volume *v = &w->volumes[volume];
    int i = weak(w, v) ? -EXDEV : shared_inode_group(w);
    if (i < 0 || fsid_taken(w, v, (unsigned)i))
        i = open_group(w, volume, true);
    if (i >= 0)
        v->group = (uint16_t)i;
    return i;
}

/* A nested subvolume has an fsid of its own: the volume's group refuses it, the next one takes it. */
static int mark_in_next_group(struct watch *w, uint16_t volume, int dir)
{
    for (unsigned i = 0; i < GROUPS_MOST; i++) {
        if (w->groups[i].fd < 0 || w->groups[i].volume != volume || i == w->volumes[volume].group)
            continue;
        int r = fan_mark_dir(w->groups[i].fd, w->features, dir);
        if (r != -EXDEV)
            return r;
    }
    int i = open_group(w, volume, true);
    return i < 0 ? i : fan_mark_dir(w->groups[i].fd, w->features, dir);
}

int marks_mark_dir(struct watch *w, uint16_t volume, int dir)
{
    struct volume *v = &w->volumes[volume];
    if (v->group == GROUPS_MOST) {
        int i = first_inode_group(w, volume);
        if (i < 0)
            return i;
    }
    int r = fan_mark_dir(w->groups[v->group].fd, w->features, dir);
    return r == -EXDEV ? mark_in_next_group(w, volume, dir) : r;
}

void marks_unmark_dir(struct watch *w, uint16_t volume, int dir)
{
    for (unsigned i = 0; i < GROUPS_MOST; i++)
        if (w->groups[i].fd >= 0 && (i == w->volumes[volume].group || w->groups[i].volume == volume))
            (void)fan_unmark_dir(w->groups[i].fd, w->features, dir);
}

/* --- ignore marks --------------------------------------------------------------------------------------------- */

void marks_ignore(struct watch *w, uint32_t node)
{
    struct dirnode *n = &w->dirs.nodes[node];
    struct volume *v = &w->volumes[n->volume];
    if (!(w->features & WATCH_FEATURE_EVICTABLE) || v->way != WAY_FILESYSTEM || w->dirs.ignored >= IGNORED_MOST ||
        n->flags & DIR_IGNORED)
        return;
    int fd = -ENOENT;
    for (unsigned i = 0; i < v->bases_count && fd < 0; i++) {
        int fs = volume_open_base(w, v, &v->bases[i]);
        fd = fs < 0 ? fs : handle_open(fs, dircache_handle(&w->dirs, node), O_PATH | O_DIRECTORY);
    }
    if (fd < 0)
        return;
    if (fan_ignore_dir(w->groups[v->group].fd, fd) == 0)
        dircache_set_ignored(&w->dirs, node);
    close(fd);
}

void marks_forget_ignores(struct watch *w)
{
    if (w->dirs.ignored || w->dirs.lost_ignored)
        for (unsigned i = 0; i < GROUPS_MOST; i++)
            if (w->groups[i].fd >= 0 && !w->groups[i].inodes)
                fan_forget_dirs(w->groups[i].fd);
    dircache_clear_ignored(&w->dirs);
    w->ignores_stale = false;
}

/* --- volumes -------------------------------------------------------------------------------------------------- */

static void drop_volume(struct watch *w, uint16_t i)
{
    struct volume *v = &w->volumes[i];
    int fs = v->way == WAY_FILESYSTEM && v->bases_count ? volume_open_base(w, v, &v->bases[0]) : -1;
    if (fs >= 0)
        (void)fan_unmark_filesystem(w->groups[v->group].fd, w->features, fs);
    if (v->way == WAY_INODE)
        tree_prune(w, i);
    for (unsigned k = 0; k < GROUPS_MOST; k++)
        if (w->groups[k].fd >= 0 && w->groups[k].volume == i)
            close_group(w, k);
    dircache_forget_volume(&w->dirs, i);
    volume_fini(w, v);
}

static uint16_t volume_by_dev(const struct watch *w, uint64_t dev)
{
    for (uint16_t i = 0; i < w->volumes_count; i++)
        if (w->volumes[i].used && w->volumes[i].dev == dev)
            return i;
    return VOLUME_NONE;
}

static int new_volume(struct watch *w, const struct mount *m, uint16_t *ret)
{
    uint16_t i = 0;
    while (i < w->volumes_count && w->volumes[i].used)
        i++;
    if (i == w->volumes_count) {
        struct volume *list = i < VOLUME_NONE ? realloc(w->volumes, (i + 1u) * sizeof(*list)) : NULL;
        if (!list)
            return -ENOMEM;
        w->volumes = list;
        w->volumes_count++;
    }
    w->volumes[i] = (struct volume){ .used = true, .fresh = true, .dev = m->dev, .group = GROUPS_MOST };
    strncpy(w->volumes[i].fs_type, m->type, sizeof(w->volumes[i].fs_type) - 1);
    *ret = i;
    return 0;
}

/* The base's root gets a node, so that every climb ends there. */
static int anchor(struct watch *w, uint16_t volume, const struct base *b, int fs)
{
    struct handle h;
    uint32_t node;
    size_t len;
    const char *root = volume_base_root(w, b, &len);
    int r = handle_of(fs, "", &h);
    return r < 0 ? r : dircache_anchor(&w->dirs, volume, handle_view(&h), root, len, &node);
}

static uint64_t fsid_of(int fs)
{
    struct statfs st;
    uint64_t id = 0;
    if (fstatfs(fs, &st) == 0)
        memcpy(&id, &st.f_fsid, sizeof(id));
    return id;
}

/* A device number can come back with another file system behind it. */
static void check_fsid(struct watch *w, uint16_t volume, uint64_t fsid)
{
    struct volume *v = &w->volumes[volume];
    if (v->fsid != fsid && v->way != WAY_NONE) {
        dircache_forget_volume(&w->dirs, volume);
        v->way = WAY_NONE;
        v->group = GROUPS_MOST;
    }
    v->fsid = fsid;
}

static int mark_filesystem(struct watch *w, uint16_t volume, int fs)
{
    struct volume *v = &w->volumes[volume];
    int i = v->group == GROUPS_MOST ? GROUP_FIRST : v->group;
    if (fsid_taken(w, v, (unsigned)i))
        i = open_group(w, volume, false);
    if (i < 0)
        return i;
    int r = fan_mark_filesystem(w->groups[i].fd, w->features, fs);
    if (r < 0 && i != GROUP_FIRST)
        close_group(w, (unsigned)i);
    if (r == 0) {
        v->group = (uint16_t)i;
        v->way = WAY_FILESYSTEM;
    }
    return r;
}

static int try_filesystem(struct watch *w, uint16_t volume)
{
    struct volume *v = &w->volumes[volume];
    int r = -EOPNOTSUPP;
    for (unsigned i = 0; i < v->bases_count; i++) {
        int fs = volume_open_base(w, v, &v->bases[i]);
        if (fs < 0) {
            r = fs;
            continue;
        }
        if (i == 0)
            check_fsid(w, volume, fsid_of(fs));
        if (i == 0 || v->way == WAY_NONE)
            r = w->features & WATCH_FEATURE_FILESYSTEM ? mark_filesystem(w, volume, fs) : -EOPNOTSUPP;
        if (v->way == WAY_FILESYSTEM && anchor(w, volume, &v->bases[i], fs) == -ENOMEM)
            return -ENOMEM;
    }
    return r;
}

static int mark_inodes(struct watch *w, uint16_t volume)
{
    struct volume *v = &w->volumes[volume];
    int r = -ENOENT;
    v->way = WAY_INODE;
    for (uint32_t i = 0; i < v->mounts_count; i++) {
        if (!w->mounts.list[v->mounts[i]].wanted)
            continue;
        int one = tree_mark_mount(w, volume, v->mounts[i]);
        r = r == 0 ? 0 : one;
    }
    return r;
}

static void complain(struct watch *w, struct volume *v, int error)
{
    for (uint32_t i = 0; i < v->mounts_count && !v->complained; i++) {
        const struct mount *m = &w->mounts.list[v->mounts[i]];
        if (!m->wanted)
            continue;
        watch_notice(w, LOG_LEVEL_WARNING, "%s: this %s file system cannot be watched: %s; only scans see its changes",
                     m->point_len ? m->point : "/", v->fs_type, strerror(-error));
        v->complained = true;
    }
}

/* A volume that was marked by inodes stays so: its table of directories hangs on it. */
static void mark_volume(struct watch *w, uint16_t volume)
{
    struct volume *v = &w->volumes[volume];
    if (v->fresh)
        dircache_forget_volume(&w->dirs, volume);
    int r = v->way == WAY_INODE ? -EOPNOTSUPP : try_filesystem(w, volume);
    if (r == -EOPNOTSUPP || r == -ENODEV || r == -EXDEV || r == -EINVAL || r == -EPERM)
        r = mark_inodes(w, volume);
    if (r < 0)
        complain(w, v, r);
    volume_close_bases(w, v);
}

/* --- the whole ------------------------------------------------------------------------------------------------ */

/* Wanted: what a root lies in, and every mount below one where something could be watched. */
static void choose_mounts(struct watch *w, struct mounts *m)
{
    size_t count;
    const char *const *roots = policy_roots(w->policy, &count);
    for (size_t i = 0; i < m->count; i++)
        m->list[i].wanted = false;
    for (size_t i = 0; i < count; i++) {
        struct mount *at = mounts_at(m, roots[i], strlen(roots[i]));
        if (at)
            at->wanted = true;
    }
    for (size_t i = 0; i < m->count; i++) {
        struct mount *c = &m->list[i];
        if (!c->reachable || c->wanted || c->point_len == 0)
            continue;
        for (size_t k = 0; k < count && !c->wanted; k++) {
            bool below = strcmp(roots[k], "/") == 0 || (strncmp(c->point, roots[k], strlen(roots[k])) == 0 &&
                                                        c->point[strlen(roots[k])] == '/');
            c->wanted = below && policy_choose(w->policy, c->point, c->point_len, ENTRY_DIR) != WALK_SKIP;
        }
    }
}

static int keep_volume(struct watch *w, const struct mount *m)
{
    uint16_t i = volume_by_dev(w, m->dev);
    int r = i == VOLUME_NONE ? new_volume(w, m, &i) : 0;
    if (r == 0)
        w->volumes[i].wanted = true;
    return r;
}

/* Volumes whose mounts are others than before: what the cache knows of them may be wrong by now. */
static void find_fresh(struct watch *w, const struct mounts *before)
{
    for (uint16_t i = 0; i < w->volumes_count; i++)
        if (w->volumes[i].used && table_differs_for(before, &w->mounts, w->volumes[i].dev))
            w->volumes[i].fresh = true;
}

static int bring_in_line(struct watch *w, const struct mounts *before)
{
    int r = 0;
    for (uint16_t i = 0; i < w->volumes_count; i++)
        w->volumes[i].wanted = false;
    for (size_t i = 0; i < w->mounts.count; i++)
        if (w->mounts.list[i].wanted) {
            int one = keep_volume(w, &w->mounts.list[i]);
            r = one < 0 ? one : r;
        }
    find_fresh(w, before);
    for (uint16_t i = 0; i < w->volumes_count; i++) {
        if (!w->volumes[i].used || volume_set_mounts(w, &w->volumes[i]) < 0 || !w->volumes[i].wanted)
            continue;
        mark_volume(w, i);
        w->volumes[i].fresh = false;
    }
    for (uint16_t i = 0; i < w->volumes_count; i++) {
        if (w->volumes[i].used && !w->volumes[i].wanted)
            drop_volume(w, i);
        else if (w->volumes[i].used && w->volumes[i].way == WAY_INODE)
            tree_prune(w, i);
    }
    return r;
}

static void tell_changes(struct watch *w, const struct mounts *before, struct buf *changed)
{
    table_changes(before, &w->mounts, changed);
    size_t kept = 0;
    for (size_t at = 0; at < changed->len;) {
        const char *path = (const char *)changed->data + at;
        size_t len = strlen(path) + 1;
        if (policy_choose(w->policy, path, len - 1, ENTRY_DIR) != WALK_SKIP) {
            memmove(changed->data + kept, path, len);
            kept += len;
        }
        at += len;
    }
    changed->len = kept;
}

int marks_apply(struct watch *w, struct buf *changed)
{
    struct mounts before = w->mounts, now;
    int r = table_read(&now);
    if (r < 0)
        return r;
    for (uint16_t i = 0; i < w->volumes_count; i++)
        volume_close_bases(w, &w->volumes[i]); /* bases are indexes into the old table */
    choose_mounts(w, &now);
    w->mounts = now;
    table_number(&w->mounts);
    w->mounts_stale = false;
    w->dirs.generation++;
    r = bring_in_line(w, &before);
    marks_forget_ignores(w);
    if (changed)
        tell_changes(w, &before, changed);
    mounts_fini(&before);
    return r;
}
