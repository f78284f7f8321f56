/* The memory of acts: which process did something to which file, found by (pid, object's inode), by (pid,
 * directory's inode, name) and, for writes, by inode alone (who opened this file for writing?).
 *
 * Two rings of fixed-size slots, one for opens for writing (a file may be written long after it was
 * opened) and one for everything else; each grows on demand to its bound, overwrites its oldest beyond it,
 * and shrinks when what it held has expired. Who did it is shared: 20,000 files made by one tar hold one
 * subject. Names are kept as hashes. Pure; not thread-safe. */
#ifndef FIMD_AUDIT_MATCH_H
#define FIMD_AUDIT_MATCH_H

#include <sys/types.h>

#include "fimd/audit/act.h"

struct subject { /* who, as one record told it; immutable, counted by the table */
    unsigned references;
    uint32_t pid, ppid;
    uint32_t auid, ses, uid, gid, euid, egid; /* UINT32_MAX */
    bool auid_told;
    const char *comm, *exe, *tty, *cwd; /* NUL-terminated, inside this allocation; NULL unknown */
    size_t size;
};

struct match_limits {
    unsigned acts, opens;           /* slots at most; 0: 32768 and 16384 */
    int64_t act_age, open_age;      /* ns; 0: 30 s and 1 h */
};

struct match;
struct match *match_new(const struct match_limits *limits); /* NULL: out of memory */
void match_free(struct match *m);

/* Remembers an act. `at`: when the call began, ns monotonic; opening: it opened its objects for writing.
 * 0, or -ENOMEM: not remembered. */
int match_add(struct match *m, const struct act *act, bool opening, int64_t at);
void match_expire(struct match *m, int64_t now);

struct match_query {
    pid_t pid;
    uint64_t inode, dir_inode; /* 0 unknown */
    const char *name;          /* last component; NULL unknown */
    size_t name_len;
    bool write;
    unsigned items;            /* enum act_item bits the object must have had; 0: any */
    int64_t before;            /* ns monotonic: acts that began later are not meant */
    bool (*opener)(void *ctx,
                   pid_t pid); /* may this other process have handed its descriptor over? NULL: none may */
    void *ctx;
};

/* How surely the act is the one meant; higher is surer. */
enum match_strength {
    MATCH_NONE,
    MATCH_OPENER, /* another process opened this inode for writing */
    MATCH_WEAK, /* the same process and inode under another name (a link, an inode number used again), or the
                 * same name with another inode (overlayfs) */
    MATCH_EXACT,
};

struct match_hit {
    enum match_strength strength;
    const struct subject *who; /* the table's: until its next call */
    int64_t time;              /* ns realtime */
    uint64_t serial;
    uint32_t arch, call;
    unsigned type;
};

void match_find(struct match *m, const struct match_query *query, struct match_hit *ret);
size_t match_count(const struct match *m);

#endif
