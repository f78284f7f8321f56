/* File handles: what fanotify names a file by, and how they become descriptors again. */
#ifndef FIMD_WATCH_HANDLE_H
#define FIMD_WATCH_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "fimd/watch/decode.h"

enum { HANDLE_MAX = 128 }; /* the kernel's MAX_HANDLE_SZ */

struct handle {
    int32_t type;
    uint32_t len;
    uint8_t bytes[HANDLE_MAX];
};

struct handle_view handle_view(const struct handle *h);
bool handle_equal(struct handle_view a, struct handle_view b);
/* Copies; a handle longer than HANDLE_MAX becomes an empty one. */
void handle_copy(struct handle *to, struct handle_view from);

/* The handle fanotify would tell for dir/name, or for dir itself when name is "". 0 or -errno. */
int handle_of(int dir, const char *name, struct handle *ret);
/* A descriptor of the object (flags as open(2)), by any open, not O_PATH, descriptor of its file system; or
 * -errno: -ESTALE when it is gone or the file system cannot find it by handle. */
int handle_open(int fs, struct handle_view h, int flags);

/* The inode number inside a handle, where this file system puts it there; else 0. Pure. */
uint64_t handle_inode(const char *fs_type, struct handle_view h);

#endif
