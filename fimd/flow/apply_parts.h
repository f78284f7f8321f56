/* What apply.c and apply_rename.c share: a path in a transaction, and the ways to record it. */
#ifndef FIMD_FLOW_APPLY_PARTS_H
#define FIMD_FLOW_APPLY_PARTS_H

#include "fimd/flow/apply.h"
#include "fimd/flow/decide.h"

struct place { /* one path in one transaction */
    const char *path;
    size_t len;
    struct verdict verdict;
    struct node node; /* what the baseline knows; entry ENTRY_ABSENT when nothing */
};
int apply_place_open(struct apply *a, const char *path, size_t len, struct place *ret);
void apply_place_close(struct place *p);

extern const struct entry apply_absent;

/* One record about one place. */
int apply_record(struct apply *a, const struct finding *f, const struct place *p,
                 const struct decision *decision, const struct entry *before, const struct entry *after,
                 const char *old_path, const char *new_path);
/* Is it in a directory that is watched and not known yet? */
bool apply_is_early(const struct apply *a, const struct finding *f, const struct place *p);
/* One path by itself against what is there now. */
int apply_place(struct apply *a, const struct finding *f, struct place *p, const struct entry *after);
int apply_path(struct apply *a, const struct finding *f, const char *path, size_t len,
               const struct entry *after);
/* It is gone, with all that is below; new_path: to there, NULL unknown. */
int apply_gone(struct apply *a, const struct finding *f, struct place *p, const struct decision *decision,
               const char *new_path);
int apply_below(struct apply *a, const struct finding *f, const char *path, size_t len, const char *new_path);

struct listing {
    struct buf paths; /* each ended by NUL, parents first */
    size_t count;
};
/* All that is known below a directory. */
int apply_list_below(struct apply *a, const char *path, size_t len, struct listing *ret);

/* A finding with an old path. */
int apply_rename(struct apply *a, const struct finding *f, bool *ret_walk);

#endif
