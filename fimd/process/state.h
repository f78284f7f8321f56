/* What a process was, and from when: its program, its ids, its terminal. A state never changes but for a
 * program that is read a moment after its exec; a child begins with its parent's by reference, so that a fork
 * without an exec costs nothing here. Pure. */
#ifndef FIMD_PROCESS_STATE_H
#define FIMD_PROCESS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fimd/process/procfs.h"

struct image { /* a program that was exec'ed once */
    unsigned references;
    bool read;                     /* all is known that will be */
    char *name, *exe, *args, *cwd; /* cwd: as of the exec */
    size_t args_len;
};
struct image *image_new(void);
struct image *image_ref(struct image *i);
void image_unref(struct image *i);
struct image *image_renamed(const struct image *like, const char *name); /* NULL out of memory */
/* Takes over the strings. NULL: the process was gone, nothing more will be known. */
void image_fill(struct image *i, struct procfs_program *program);

struct state {
    unsigned references;
    struct state *earlier; /* the one it replaced; a reference, or NULL */
    bool cut;              /* there was an earlier one, and it is forgotten */
    bool tty_stale;        /* a new session since the terminal was read */
    int64_t time;          /* ns monotonic: from when */
    int64_t exec;          /* when the image was exec'ed */
    struct image *image;   /* NULL: never seen */
    uint32_t uid, euid, gid, egid;
    char tty[PROCFS_TTY_SIZE];
};
/* As `like` (NULL: nothing known), from `time` on; one reference. NULL out of memory. */
struct state *state_new(const struct state *like, int64_t time);
struct state *state_ref(struct state *s);
void state_unref(struct state *s);
/* The newest that is not later than `at`. NULL: it is forgotten. What is older than all it knows is the
 * first. */
const struct state *state_at(const struct state *newest, int64_t at);
/* Lets go of what stands behind the newest state that is not later than `before`, and behind the `most`
 * newest. */
void state_trim(struct state *newest, int64_t before, unsigned most);

#endif
