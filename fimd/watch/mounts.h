/* The table of mounts, from the text of /proc/self/mountinfo, and where a path lies in it. Pure.
 *
 * A file system (one superblock, one `dev`) may be mounted several times and in parts: `root` is the directory of
 * the file system that is seen at `point`. A path inside the file system therefore has as many names as there
 * are mounts that show it, less those that another mount hides. */
#ifndef FIMD_WATCH_MOUNTS_H
#define FIMD_WATCH_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baseline/buf.h"

struct mount {
    int id, parent;
    uint64_t dev;       /* major << 32 | minor: the superblock's, not st_dev on btrfs */
    const char *root;   /* inside the file system; "" for its root */
    const char *point;  /* where it is seen; "" for "/" */
    const char *type;
    const char *source;
    size_t root_len, point_len;
    bool read_only;     /* the file system, not only this mount of it */
    bool reachable;     /* its root can be reached by its point: nothing was mounted over it */
    bool holds_mounts;  /* others are mounted below it */
    bool wanted;        /* the owner's mark; mounts.c clears it */
    uint64_t unique;    /* the owner's: a number that is never used again; 0 unknown */
};

struct mounts {
    struct mount *list; /* in the kernel's order: a later one at the same point lies on top */
    size_t count;
    size_t *children;   /* indexes, by parent and then in the kernel's order: thousands of mounts are usual on some hosts */
    size_t root;        /* where every path begins; count when there is none */
    char *text;         /* the strings */
};

/* 0, -EBADMSG (a line that is none; nothing is kept), -ENOMEM. */
int mounts_parse(const char *text, size_t len, struct mounts *ret);
void mounts_fini(struct mounts *m);

/* The mount that a path without symlinks leads into; NULL when there is none. */
struct mount *mounts_at(const struct mounts *m, const char *path, size_t len);
/* Is anything mounted right at a child of this directory? */
bool mounts_on_child(const struct mounts *m, const char *dir, size_t len);
/* The path at which `mount` shows `inside` (a path in its file system), appended to `to`. False, and nothing
 * appended: it lies outside the mount's root, or another mount hides it. */
bool mounts_show(const struct mounts *m, const struct mount *mount, const char *inside, size_t len, struct buf *to);

#endif
