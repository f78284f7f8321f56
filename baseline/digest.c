/* Digests by libcrypto's EVP interface; the only file that includes it.
 *
 * Owns the table of stored ids and the running computation. It knows bytes, not files.
 *
 *   plan ──► digest_run_new: one EVP_MD_fetch and one context an algorithm
 *              └─► begin ─► update… ─► end ─► begin ─► …      the contexts stay, from file to file
 *
 * A fetch costs about a microsecond and takes locks inside libcrypto, a context some allocations: for a file
 * of 1 KiB that would be as much as its hashing. So both live as long as the run, which is one thread's. */
#include "baseline/digest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* The id is the row's first column and is stored: rows are only ever added. Names are libcrypto's own, in
 * small letters. `strength` orders by resistance to collisions (half the length at most), then by age: 0 is
 * broken. Of two that are equally strong the earlier row is the stronger. Those of the legacy provider (md4,
 * whirlpool, mdc2) have an id, so that a baseline made with it can be read everywhere. Shake and kmac have no
 * fixed length. */
struct digest_row {
    uint8_t id;
    uint8_t len;
    uint16_t strength;
    const char *name;
};

static const struct digest_row rows[] = {
    {1, 16, 1, "md5"},
    {2, 20, 4, "sha1"},
    {3, 28, 112, "sha224"},
    {4, 32, 128, "sha256"},
    {5, 48, 192, "sha384"},
    {6, 64, 256, "sha512"},
    {7, 28, 112, "sha512-224"},
    {8, 32, 128, "sha512-256"},
    {9, 28, 112, "sha3-224"},
    {10, 32, 128, "sha3-256"},
    {11, 48, 192, "sha3-384"},
    {12, 64, 256, "sha3-512"},
    {13, 64, 256, "blake2b512"},
    {14, 32, 128, "blake2s256"},
    {15, 20, 80, "ripemd160"},
    {16, 32, 127, "sm3"},
    {17, 36, 5, "md5-sha1"},
    {18, 16, 0, "md4"},
    {19, 64, 255, "whirlpool"},
    {20, 16, 2, "mdc2"},
};

enum {
    ROWS = sizeof(rows) / sizeof(rows[0]),
    NAME_MAX_LEN = 63, /* longer than any name or alias libcrypto has */
};

static const struct digest_row *row_of(uint8_t id)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].id == id)
            return &rows[i];
    return NULL;
}

static const struct digest_row *row_of_md(const EVP_MD *md)
{
    for (size_t i = 0; i < ROWS; i++)
        if (EVP_MD_is_a(md, rows[i].name) && EVP_MD_get_size(md) == rows[i].len)
            return &rows[i];
    return NULL;
}

/* libcrypto itself says what a name means: so all its aliases ("SHA2-256", "sha512/256") and any case are
 * taken, and an algorithm that its configuration has switched off (md5 under FIPS) is unknown. */
uint8_t digest_id(const char *name, size_t len)
{
    char text[NAME_MAX_LEN + 1];
    if (len == 0 || len > NAME_MAX_LEN || memchr(name, '\0', len))
        return 0;
    memcpy(text, name, len);
    text[len] = '\0';
    EVP_MD *md = EVP_MD_fetch(NULL, text, NULL);
    if (!md)
        return 0;
    const struct digest_row *row = row_of_md(md);
    EVP_MD_free(md);
    return row ? row->id : 0;
}

const char *digest_name(uint8_t id)
{
    const struct digest_row *row = row_of(id);
    return row ? row->name : NULL;
}

static bool is_stronger(const struct digest_row *a, const struct digest_row *b)
{
    return a->strength > b->strength || (a->strength == b->strength && a < b);
}

uint8_t digest_strongest(const struct digest_plan *plan)
{
    const struct digest_row *best = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        const struct digest_row *row = row_of(plan->ids[i]);
        if (row && (!best || is_stronger(row, best)))
            best = row;
    }
    return best ? best->id : 0;
}

const struct digest *digests_find(const struct digests *set, uint8_t id)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->list[i].id == id)
            return &set->list[i];
    return NULL;
}

struct digest_run {
    uint8_t count;
    struct {
        uint8_t id;
        uint8_t len;
        EVP_MD *md;
        EVP_MD_CTX *context;
    } list[DIGESTS_MAX];
};

static int run_add(struct digest_run *run, uint8_t id)
{
    const struct digest_row *row = row_of(id);
    if (!row)
        return -ENOTSUP;
    EVP_MD *md = EVP_MD_fetch(NULL, row->name, NULL);
    if (!md)
        return -ENOTSUP;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context) {
        EVP_MD_free(md);
        return -ENOMEM;
    }
    run->list[run->count].id = id;
    run->list[run->count].len = row->len;
    run->list[run->count].md = md;
    run->list[run->count].context = context;
    run->count++;
    return 0;
}

int digest_run_new(const struct digest_plan *plan, struct digest_run **ret)
{
    if (plan->count > DIGESTS_MAX)
        return -ENOTSUP;
    struct digest_run *run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    for (size_t i = 0; i < plan->count; i++) {
        int r = run_add(run, plan->ids[i]);
        if (r < 0) {
            digest_run_free(run);
            return r;
        }
    }
    *ret = run;
    return 0;
}

void digest_run_free(struct digest_run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < run->count; i++) {
        EVP_MD_CTX_free(run->list[i].context);
        EVP_MD_free(run->list[i].md);
    }
    free(run);
}

/* EVP fails here only when it cannot allocate, or by a provider that broke down: the fetch has proved the
 * rest. */
int digest_run_begin(struct digest_run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (EVP_DigestInit_ex2(run->list[i].context, run->list[i].md, NULL) != 1)
            return -ENOMEM;
    return 0;
}

int digest_run_update(struct digest_run *run, const void *data, size_t len)
{
    for (size_t i = 0; i < run->count; i++)
        if (EVP_DigestUpdate(run->list[i].context, data, len) != 1)
            return -ENOMEM;
    return 0;
}

int digest_run_end(struct digest_run *run, struct digests *ret)
{
    struct digests set = {.count = run->count};
    for (size_t i = 0; i < run->count; i++) {
        unsigned int len = 0;
        if (EVP_DigestFinal_ex(run->list[i].context, set.list[i].value, &len) != 1 || len != run->list[i].len)
            return -ENOMEM;
        set.list[i].id = run->list[i].id;
        set.list[i].len = run->list[i].len;
    }
    *ret = set;
    return 0;
}

static bool sha256_parts(EVP_MD_CTX *context, const struct digest_part *parts, size_t count, uint8_t *value)
{
    if (EVP_DigestInit_ex2(context, EVP_sha256(), NULL) != 1)
        return false;
    for (size_t i = 0; i < count; i++)
        if (EVP_DigestUpdate(context, parts[i].data, parts[i].len) != 1)
            return false;
    return EVP_DigestFinal_ex(context, value, NULL) == 1;
}

int digest_sha256(const struct digest_part *parts, size_t count, uint8_t ret[32])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return -ENOMEM;
    uint8_t value[EVP_MAX_MD_SIZE];
    bool ok = sha256_parts(context, parts, count, value);
    EVP_MD_CTX_free(context);
    if (!ok)
        return -ENOMEM;
    memcpy(ret, value, 32);
    return 0;
}
