/* Mark first, then read what is in the directory: whatever is made after the mark tells of itself, whatever was
 * made before it is found by reading. The cache's pinned nodes are the table of marks; on overlayfs they are the
 * only way to tell a directory by its handle.
 *
 *   work list of paths ─► open without symlinks ─► handle → node ─► mark ─► children that the policy enters ─┐
 *        ▲──────────────────────────────────────────────────────────────────────────────────────────────────┘ */
#include "fimd/watch/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline/path.h"
#include "baseline/walk.h"
#include "fimd/rt/log.h"
#include "fimd/watch/fan.h"
#include "fimd/watch/marks.h"
#include "fimd/watch/scope.h"

struct work { /* a directory to be marked; the paths are as seen, NUL-terminated */
    struct work *next;
    uint32_t parent; /* its parent's node; DIR_NONE: the first */
    size_t len, name_at;
    char path[];
};

struct walk_state {
    struct watch *w;
    uint16_t volume;
    const struct mount *mount;
    struct work *todo;
    unsigned marked; /* new ones */
    int trouble;     /* the last error that kept something from being marked */
};

static bool push(struct walk_state *s, uint32_t parent, const char *dir, size_t dir_len, const char *name)
{
    size_t name_len = strlen(name);
    struct work *k = malloc(sizeof(*k) + dir_len + 1 + name_len + 1);
    if (!k) {
        s->trouble = -ENOMEM;
        return false;
    }
    if (dir_len == 1 && name_len)
        dir_len = 0; /* "/" and a name */
    memcpy(k->path, dir, dir_len);
    k->len = dir_len;
    if (name_len) {
        k->path[k->len++] = '/';
        memcpy(k->path + k->len, name, name_len);
        k->len += name_len;
    }
    k->path[k->len] = '\0';
    k->name_at = k->len - name_len;
    k->parent = parent;
    k->next = s->todo;
    s->todo = k;
    return true;
}

/* Another mount lies there: it is another volume's, or comes with its own walk. */
static bool leaves_mount(const struct walk_state *s, const char *path, size_t len)
{
    return s->mount->holds_mounts && mounts_at(&s->w->mounts, path, len) != s->mount;
}

static bool is_directory(int dir, const struct dirent *e)
{
    struct stat st;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    return fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void push_child(struct walk_state *s, const struct work *k, uint32_t node, int dir, const struct dirent *e)
{
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || !is_directory(dir, e))
        return;
    if (!push(s, node, k->path, k->len, e->d_name))
        return;
    struct work *child = s->todo;
    bool wanted = policy_choose(s->w->policy, child->path, child->len, ENTRY_DIR) & WALK_ENTER;
    if (wanted && !leaves_mount(s, child->path, child->len))
        return;
    s->todo = child->next;
    free(child);
}

static void push_children(struct walk_state *s, const struct work *k, uint32_t node, int path_fd)
{
    int fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        s->trouble = -errno;
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        push_child(s, k, node, fd, e);
    closedir(d);
}

/* The node of an open directory: known already, or put below its parent. */
static int place(struct walk_state *s, const struct work *k, int fd, uint32_t *ret)
{
    struct handle h;
    int r = handle_of(fd, "", &h);
    if (r < 0)
        return r;
    struct dircache *dirs = &s->w->dirs;
    uint32_t node = dircache_find(dirs, s->volume, handle_view(&h));
    if (k->parent != DIR_NONE)
        return dircache_put(dirs, s->volume, handle_view(&h), k->parent, k->path + k->name_at,
                            k->len - k->name_at, ret);
    if (node != DIR_NONE) {
        *ret = node;
        return 0;
    }
    return dircache_anchor(dirs, s->volume, handle_view(&h), s->mount->root, s->mount->root_len, ret);
}

static int mark_one(struct walk_state *s, const struct work *k)
{
    int fd = path_open_dir(k->path, k->len);
    if (fd < 0)
        return fd;
    uint32_t node;
    int r = place(s, k, fd, &node);
    if (r == 0)
        r = marks_mark_dir(s->w, s->volume, fd);
    if (r == 0) {
        s->marked += !(s->w->dirs.nodes[node].flags & DIR_PINNED);
        s->w->dirs.nodes[node].flags |= DIR_PINNED;
        push_children(s, k, node, fd);
    }
    close(fd);
    return r;
}

/* A directory that is gone again is no trouble: its deletion is told by its parent. */
static void run(struct walk_state *s)
{
    while (s->todo) {
        struct work *k = s->todo;
        s->todo = k->next;
        int r = mark_one(s, k);
        if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -ELOOP && r != -ESTALE)
            s->trouble = r;
        free(k);
    }
}

static void tell(struct walk_state *s, const char *path)
{
    struct volume *v = &s->w->volumes[s->volume];
    if (s->trouble && !v->complained)
        watch_notice(s->w, LOG_LEVEL_WARNING, "%s: not all directories below can be watched: %s", path,
                     strerror(-s->trouble));
    v->complained |= s->trouble != 0;
}

int tree_mark_mount(struct watch *w, uint16_t volume, uint32_t mount)
{
    const struct mount *m = &w->mounts.list[mount];
    const char *point = m->point_len ? m->point : "/";
    size_t len = m->point_len ? m->point_len : 1;
    struct walk_state s = { .w = w, .volume = volume, .mount = m };
    if (!(policy_choose(w->policy, point, len, ENTRY_DIR) & WALK_ENTER))
        return 0;
    if (!push(&s, DIR_NONE, point, len, ""))
        return -ENOMEM;
    struct work *first = s.todo;
    s.todo = NULL;
    int r = mark_one(&s, first);
    free(first);
    run(&s);
    if (r == 0)
        tell(&s, point);
    return r;
}

/* The node of the directory above, by its own handle. */
static uint32_t node_of(struct watch *w, uint16_t volume, const char *path, size_t len)
{
    struct handle h;
    int fd = path_open_dir(path, len);
    int r = fd < 0 ? fd : handle_of(fd, "", &h);
    if (fd >= 0)
        close(fd);
    return r < 0 ? DIR_NONE : dircache_find(&w->dirs, volume, handle_view(&h));
}

bool tree_mark_new(struct watch *w, uint16_t volume, const char *path, size_t len)
{
    const char *name;
    size_t name_len;
    struct walk_state s = { .w = w, .volume = volume, .mount = mounts_at(&w->mounts, path, len) };
    size_t parent_len = path_parent(path, len, &name, &name_len);
    if (!s.mount || !(policy_choose(w->policy, path, len, ENTRY_DIR) & WALK_ENTER))
        return false;
    uint32_t parent = node_of(w, volume, path, parent_len);
    char *text = parent == DIR_NONE ? NULL : strndup(name, name_len);
    bool ok = text && push(&s, parent, path, parent_len, text);
    free(text);
    if (!ok)
        return false;
    run(&s);
    tell(&s, path);
    return s.marked > 0;
}

static bool asked_for(struct watch *w, const struct volume *v, uint32_t node)
{
    bool wanted = false;
    if (!scope_inside(w, node, ".", 1, &w->scratch))
        return true;
    for (uint32_t i = 0; i < v->mounts_count && !wanted; i++)
        wanted = scope_show(w, v, i, &w->scratch, &w->shown) &&
                 policy_choose(w->policy, (char *)w->shown.data, w->shown.len, ENTRY_DIR) & WALK_ENTER;
    return wanted;
}

static void unmark(struct watch *w, const struct volume *v, uint32_t node)
{
    for (uint32_t i = 0; i < v->mounts_count; i++) {
        if (!scope_show(w, v, i, &w->scratch, &w->shown))
            continue;
        int fd = path_open_dir((char *)w->shown.data, w->shown.len);
        if (fd < 0)
            continue;
        marks_unmark_dir(w, w->dirs.nodes[node].volume, fd);
        close(fd);
        break;
    }
    w->dirs.nodes[node].flags &= (uint8_t)~DIR_PINNED;
}

void tree_prune(struct watch *w, uint16_t volume)
{
    const struct volume *v = &w->volumes[volume];
    for (uint32_t i = 0; i < w->dirs.slots; i++) {
        const struct dirnode *n = &w->dirs.nodes[i];
        if (n->used && n->volume == volume && n->flags & DIR_PINNED && !asked_for(w, v, i))
            unmark(w, v, i);
    }
}
