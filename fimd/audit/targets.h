/* What the policy wants audited, as it is on disk now: directories, files, or all that login users do. */
#ifndef FIMD_AUDIT_TARGETS_H
#define FIMD_AUDIT_TARGETS_H

#include "fimd/audit/rules.h"
#include "fimd/model/settings.h"

struct target {
    enum target_kind kind;
    char *path;      /* NULL for TARGET_LOGINS, TARGET_RINGS */
    uint64_t device; /* of what is there now; inode 0: nothing is */
    uint64_t inode;
    bool loaded;     /* its rules stand in the kernel (keeper) */
};

struct targets {
    struct target *list; /* sorted by path */
    size_t count, capacity;
    size_t left_out;     /* directories beyond what is bearable, and files beyond what is sensible */
};

/* Reads the disk. A directory that another one covers is left out. 0, or -ENOMEM. End with targets_fini. */
int targets_resolve(const struct policy *policy, enum rules_wanted wanted, struct targets *ret);
void targets_fini(struct targets *t);
int targets_copy(struct targets *to, const struct targets *from);
/* The same kind and path in t; NULL. */
struct target *targets_find(const struct targets *t, const struct target *like);
/* Does a loaded target cover the path? */
bool targets_cover(const struct targets *t, const char *path, size_t len);

/* The parts of it, pure; for tests. */
int targets_add(struct targets *t, enum target_kind kind, const char *path);
void targets_reduce(struct targets *t); /* sorts, drops doubles and what lies below a directory of the list */

#endif
