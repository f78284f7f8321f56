/* See selection.h. */
#include "fimd/flow/selection.h"

#include <errno.h>
#include <string.h>

#include "baseline/digest.h"

static const char POLICY_VALUE[] = "baseline/policy"; /* digest of the selection that the baseline was made for */

struct known {
    uint8_t digest[STORE_DIGEST_SIZE];
    struct selection selection;
};

static void put_list(struct buf *to, char *const *list, size_t count)
{
    buf_put_varint(to, count);
    for (size_t i = 0; i < count; i++)
        buf_put_bytes(to, list[i], strlen(list[i]));
}

/* What decides which paths are watched; severities and tags may change freely. */
static int selection_digest(const struct policy *policy, uint8_t ret[STORE_DIGEST_SIZE])
{
    struct buf text = {0};
    for (size_t i = 0; i < policy_count(policy); i++) {
        const struct rule *rule = policy_rule(policy, i);
        put_list(&text, rule->paths, rule->paths_count);
        put_list(&text, rule->include, rule->include_count);
        put_list(&text, rule->exclude, rule->exclude_count);
        buf_put_u32(&text, (uint32_t)rule->depth);
        buf_put_u8(&text, rule->follow_symlinks);
    }
    const struct digest_part part = {text.data, text.len};
    int r = text.failed ? -ENOMEM : digest_sha256(&part, 1, ret);
    buf_fini(&text);
    return r;
}

static int read_known(struct store_txn *txn, void *ctx)
{
    struct known *known = ctx;
    uint8_t stored[STORE_DIGEST_SIZE];
    struct store_counts counts;
    long len = store_value(txn, POLICY_VALUE, stored, sizeof(stored));
    known->selection.same = len == sizeof(stored) && memcmp(stored, known->digest, sizeof(stored)) == 0;
    int r = store_count(txn, &counts);
    known->selection.any = r == 0 && counts.entries > 0;
    return r;
}

static int write_known(struct store_txn *txn, void *ctx)
{
    struct known *known = ctx;
    return store_set(txn, POLICY_VALUE, known->digest, sizeof(known->digest));
}

int selection_read(struct store *s, const struct policy *policy, struct selection *ret, struct fault *why)
{
    struct known known = {0};
    int r = selection_digest(policy, known.digest);
    if (r < 0)
        return fault_set(why, -r, "the policy's digest cannot be made: %s", strerror(-r));
    r = store_read(s, read_known, &known, why);
    if (r == 0)
        *ret = known.selection;
    return r;
}

int selection_remember(struct store *s, const struct policy *policy, struct fault *why)
{
    struct known known = {0};
    int r = selection_digest(policy, known.digest);
    if (r < 0)
        return fault_set(why, -r, "the policy's digest cannot be made: %s", strerror(-r));
    return store_write(s, write_known, &known, why);
}
