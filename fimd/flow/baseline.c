/* What is walked at the start: a first baseline where there is none, what changed while fimd was down where there
 * is one. A policy that selects other paths than the last time first takes in silently what it did not have; so does
 * a start after a first baseline that was cut short. What either has already is compared then. */
#include "fimd/flow/private.h"

#include <errno.h>
#include <string.h>

#include "baseline/digest.h"

static const char POLICY_VALUE[] = "baseline/policy"; /* digest of the selection that the baseline was made for */

struct known {
    uint8_t digest[STORE_DIGEST_SIZE];
    bool same, any; /* made for this selection; it has entries, if only some */
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
    known->same = len == sizeof(stored) && memcmp(stored, known->digest, sizeof(stored)) == 0;
    int r = store_count(txn, &counts);
    known->any = r == 0 && counts.entries > 0;
    return r;
}

static int write_known(struct store_txn *txn, void *ctx)
{
    struct known *known = ctx;
    return store_set(txn, POLICY_VALUE, known->digest, sizeof(known->digest));
}

int flow_first_walk(struct flow *f)
{
    struct known known = {0};
    struct fault why = {0};
    int r = selection_digest(f->policy, known.digest);
    if (r == 0)
        r = store_read(f->store, read_known, &known, &why);
    if (r < 0)
        return r;
    judge_set_filling(f->judge, !known.same);
    if (!known.same)
        r = scans_fill(f->scans, NULL);
    if (r == 0 && (known.same || known.any) && f->settings->scan_at_start)
        r = scans_run(f->scans, NULL, f->settings->scan_at_start_depth, SOURCE_START, "start", NULL);
    return r;
}

int flow_baseline_made(struct flow *f)
{
    struct known known = {0};
    struct fault why = {0};
    int r = selection_digest(f->policy, known.digest);
    if (r == 0)
        r = store_write(f->store, write_known, &known, &why);
    judge_set_filling(f->judge, false);
    return r;
}
