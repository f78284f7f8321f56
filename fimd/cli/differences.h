/* The differences that a check finds: measured again, kept until they can be told in order. Thread-safe to add. */
#ifndef FIMD_CLI_DIFFERENCES_H
#define FIMD_CLI_DIFFERENCES_H

#include "baseline/check.h"
#include "fimd/model/policy.h"

struct difference {
    enum check_difference what;
    char *path;
    size_t len;
    uint32_t changes; /* enum attr */
    struct entry before, after;
};

struct differences;

int differences_new(const struct policy *policy, const struct measure_options *measure, struct differences **ret);
void differences_free(struct differences *d);
/* A candidate of check_options.differs: measured again, and kept when it still differs in what the rules ask for. */
int differences_add(struct differences *d, enum check_difference what, const char *path, size_t len,
                    const struct entry *before, const struct entry *after);
/* All, sorted by path; belongs to d. */
const struct difference *differences_sorted(struct differences *d, size_t *ret_count);

#endif
