/* Digests of content by libcrypto. The ids are stored: never reuse or renumber one. */
#ifndef BASELINE_DIGEST_H
#define BASELINE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_SIZE_MAX = 64, DIGESTS_MAX = 8 };

struct digest {
    uint8_t id;  /* row of the table in digest.c, 1.. */
    uint8_t len; /* bytes used of value */
    uint8_t value[DIGEST_SIZE_MAX];
};

/* The digests of one content, in the order of the configuration. */
struct digests {
    uint8_t count;
    struct digest list[DIGESTS_MAX];
};

/* The set of algorithms to compute; made once from the configuration, then read-only and shared by
 * threads. */
struct digest_plan {
    uint8_t count;
    uint8_t ids[DIGESTS_MAX];
};

/* "sha256" → its id; 0 when libcrypto here does not have it (or it has no fixed length). */
uint8_t digest_id(const char *name, size_t len);
const char *digest_name(uint8_t id); /* NULL when unknown */
/* The id of the strongest in the plan (the table has the order); 0 for an empty plan. */
uint8_t digest_strongest(const struct digest_plan *plan);
const struct digest *digests_find(const struct digests *set, uint8_t id);

/* One read, all digests: a running computation. Not shared between threads. */
struct digest_run;
int digest_run_new(const struct digest_plan *plan, struct digest_run **ret); /* 0, -ENOMEM, -ENOTSUP */
void digest_run_free(struct digest_run *run);
int digest_run_begin(struct digest_run *run); /* may be begun again after end */
int digest_run_update(struct digest_run *run, const void *data, size_t len);
int digest_run_end(struct digest_run *run, struct digests *ret);

/* SHA-256 of the given parts one after another: the journal's chain. ret: 32 bytes. */
struct digest_part {
    const void *data;
    size_t len;
};
int digest_sha256(const struct digest_part *parts, size_t count, uint8_t ret[32]);

#endif
