/* open_by_handle_at gives the directory, /proc/self/fd its path, and ".." the handles of those above it:
 *
 *   handle ─► fd ─readlink─► "/a/b/c" ─► names;  fd ─".."─► … until a directory the cache knows
 *
 * so that every directory on the way becomes a node. Traps: the path is of now, not of the event. "/" is what a
 * directory outside the base's root reads as (the root itself is an anchor and never asked for). " (deleted)" may
 * be part of a name. A path over 4,096 bytes cannot be read: the names are then looked up in the parents. */
#include "fimd/watch/resolve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline/path.h"
#include "fimd/watch/volume.h"

enum { TRIES = 3, DEPTH_MOST = 100000 };

static const char deleted[] = " (deleted)";

struct step { /* a directory on the way up */
    struct handle handle;
    char name[NAME_MAX + 1];
    size_t name_len;
};

struct climb {
    struct step *steps; /* the deepest first */
    size_t count, room;
    struct handle top;  /* the last directory looked at */
};

/* The path that the kernel sees for a descriptor. 0 with a NUL-terminated text, or -errno. */
static int read_link(int fd, char *text, size_t size)
{
    char link[32];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, text, size);
    if (n < 0)
        return -errno;
    if ((size_t)n >= size)
        return -ENAMETOOLONG;
    text[n] = '\0';
    return 0;
}

/* Takes the kernel's " (deleted)" off, when it is the kernel's. */
static void cut_deleted(int fd, char *path)
{
    size_t len = strlen(path), suffix = sizeof(deleted) - 1;
    struct stat st;
    if (len > suffix && strcmp(path + len - suffix, deleted) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0)
        path[len - suffix] = '\0';
}

/* The path below the base's root, "" for the root itself. -ENOENT: outside of it. */
static int read_path(const struct watch *w, const struct base *b, int fd, char path[PATH_MAX])
{
    int r = read_link(fd, path, PATH_MAX);
    if (r < 0)
        return r;
    cut_deleted(fd, path);
    size_t cut = 0;
    if (b->attached) {
        const struct mount *m = &w->mounts.list[b->mount];
        if (!path_below(path, strlen(path), m->point, m->point_len))
            return -ENOENT;
        cut = m->point_len;
    }
    memmove(path, path + cut, strlen(path + cut) + 1);
    if (strcmp(path, "/") == 0)
        path[0] = '\0';
    return 0;
}

/* The name of the directory with this inode in `parent`, by looking through it. */
static int name_by_search(int parent, ino_t inode, struct step *s)
{
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int r = -errno;
        if (fd >= 0)
            close(fd);
        return r;
    }
    int r = -ESTALE;
    for (struct dirent *e; r < 0 && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (e->d_ino != inode || strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || len > NAME_MAX)
            continue;
        memcpy(s->name, e->d_name, len + 1);
        s->name_len = len;
        r = 0;
    }
    closedir(d);
    return r;
}

/* Takes the last component off `path`. */
static int name_from_path(char *path, struct step *s)
{
    char *slash = strrchr(path, '/');
    size_t len = slash ? strlen(slash + 1) : 0;
    if (!slash || len == 0 || len > NAME_MAX)
        return -ESTALE;
    memcpy(s->name, slash + 1, len + 1);
    s->name_len = len;
    *slash = '\0';
    return 0;
}

static int add_step(struct climb *c, struct step **ret)
{
    if (c->count == DEPTH_MOST)
        return -ENAMETOOLONG;
    if (c->count == c->room) {
        size_t room = c->room ? c->room * 2 : 16;
        struct step *steps = realloc(c->steps, room * sizeof(*steps));
        if (!steps)
            return -ENOMEM;
        c->steps = steps;
        c->room = room;
    }
    *ret = &c->steps[c->count++];
    return 0;
}

/* One step up: *fd becomes the parent. `path` is that of *fd, or too_long says that there is none yet. */
static int step_up(const struct watch *w, const struct base *b, struct climb *c, int *fd, char *path, bool *too_long)
{
    struct step *s;
    struct stat st;
    int r = add_step(c, &s);
    if (r < 0)
        return r;
    s->handle = c->top;
    if (fstat(*fd, &st) < 0)
        return -errno;
    int parent = openat(*fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    r = *too_long ? name_by_search(parent, st.st_ino, s) : name_from_path(path, s);
    close(*fd);
    *fd = parent;
    if (r == 0 && *too_long) {
        r = read_path(w, b, parent, path);
        *too_long = r == -ENAMETOOLONG;
        r = *too_long ? 0 : r;
    }
    return r;
}

/* Climbs from *fd to the first directory that is known. 0 with its node. */
static int climb_up(struct watch *w, uint16_t volume, const struct base *b, struct climb *c, int *fd, char *path,
                    bool too_long, uint32_t *ret)
{
    for (;;) {
        int r = handle_of(*fd, "", &c->top);
        if (r < 0)
            return r;
        uint32_t node = dircache_find(&w->dirs, volume, handle_view(&c->top));
        /* the first is the one that is asked for: known or not, it is to be placed anew */
        bool known = node != DIR_NONE && !(w->dirs.nodes[node].flags & DIR_GONE);
        if (known && (c->count || w->dirs.nodes[node].flags & DIR_ANCHOR)) {
            *ret = node;
            return 0;
        }
        if (!too_long && !path[0])
            return -ENOENT; /* at the base's root and it is no anchor: this is another directory without a path */
        r = step_up(w, b, c, fd, path, &too_long);
        if (r < 0)
            return r;
    }
}

static int put_steps(struct watch *w, uint16_t volume, const struct climb *c, uint32_t node, uint32_t *ret)
{
    for (size_t i = c->count; i-- > 0;) {
        const struct step *s = &c->steps[i];
        int r = dircache_put(&w->dirs, volume, handle_view(&s->handle), node, s->name, s->name_len, &node);
        if (r < 0)
            return r;
    }
    *ret = node;
    return 0;
}

/* One look at where the directory `fd` is. -EAGAIN: it moved meanwhile. */
static int place(struct watch *w, uint16_t volume, const struct base *b, int fd, uint32_t *ret)
{
    char path[PATH_MAX], after[PATH_MAX], before[PATH_MAX];
    int r = read_path(w, b, fd, path);
    bool too_long = r == -ENAMETOOLONG;
    if (r < 0 && !too_long)
        return r;
    if (!too_long)
        memcpy(before, path, strlen(path) + 1);
    struct climb climb = { 0 };
    uint32_t top = DIR_NONE;
    int at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    r = at < 0 ? -errno : climb_up(w, volume, b, &climb, &at, path, too_long, &top);
    if (at >= 0)
        close(at);
    if (r == 0 && !too_long && (read_path(w, b, fd, after) < 0 || strcmp(before, after) != 0))
        r = -EAGAIN;
    if (r == 0)
        r = put_steps(w, volume, &climb, top, ret);
    free(climb.steps);
    return r;
}

/* By one base. -ENOENT: this base does not show it. */
static int ask(struct watch *w, uint16_t volume, struct base *b, struct handle_view h, uint32_t *ret)
{
    int fs = volume_open_base(w, &w->volumes[volume], b);
    if (fs < 0)
        return fs == -ENOENT || fs == -ENOTDIR ? -ENOENT : fs;
    int fd = handle_open(fs, h, O_PATH | O_DIRECTORY);
    if (fd < 0)
        return fd;
    int r = -EAGAIN;
    for (int i = 0; i < TRIES && r == -EAGAIN; i++)
        r = place(w, volume, b, fd, ret);
    close(fd);
    return r;
}

static int ask_all(struct watch *w, uint16_t volume, struct handle_view h, uint32_t *ret)
{
    struct volume *v = &w->volumes[volume];
    int r = -ENOENT;
    for (unsigned i = 0; i < v->bases_count && r == -ENOENT; i++)
        r = ask(w, volume, &v->bases[i], h, ret);
    return r;
}

uint32_t resolve_again(struct watch *w, uint16_t volume, struct handle_view h, int *ret_why)
{
    uint32_t node = DIR_NONE;
    int r = ask_all(w, volume, h, &node);
    if (r == -ELOOP) { /* what the cache holds is from before a move whose event is still to come */
        dircache_flush(&w->dirs);
        r = ask_all(w, volume, h, &node);
    }
    if (r == 0)
        return node;
    *ret_why = r;
    return DIR_NONE;
}

uint32_t resolve_dir(struct watch *w, uint16_t volume, struct handle_view h, int *ret_why)
{
    uint32_t node = dircache_find(&w->dirs, volume, h);
    if (node != DIR_NONE) {
        *ret_why = -ESTALE;
        return w->dirs.nodes[node].flags & DIR_GONE ? DIR_NONE : node;
    }
    *ret_why = -ENOENT;
    if (w->volumes[volume].way != WAY_FILESYSTEM)
        return DIR_NONE; /* the table of marks is the truth there: a directory that moved away still tells */
    node = resolve_again(w, volume, h, ret_why);
    if (node == DIR_NONE && *ret_why == -ENOENT)
        dircache_gone(&w->dirs, volume, h); /* not ours: nobody asks for it again */
    return node;
}

int resolve_file(struct watch *w, uint16_t volume, struct handle_view h, struct buf *to)
{
    struct volume *v = &w->volumes[volume];
    char path[PATH_MAX];
    int r = -ENOENT;
    for (unsigned i = 0; i < v->bases_count && r == -ENOENT; i++) {
        int fs = volume_open_base(w, v, &v->bases[i]);
        int fd = fs < 0 ? fs : handle_open(fs, h, O_PATH | O_NOFOLLOW);
        r = fd < 0 ? fd : read_path(w, &v->bases[i], fd, path);
        if (fd >= 0)
            close(fd);
        if (r == 0 && !path[0])
            r = -ENOENT;
        if (r == 0) {
            size_t len;
            const char *root = volume_base_root(w, &v->bases[i], &len);
            buf_put(to, root, len);
            buf_put_str(to, path);
        }
    }
    return r == 0 && to->failed ? -ENOMEM : r;
}
