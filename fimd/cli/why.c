/* The matcher says yes or no. The reason is found by asking it again about the rule with one condition taken out:
 * the condition without which it says yes is the reason. So there is no second matcher that could disagree. */
#include "fimd/cli/why.h"

#include <string.h>

bool why_matches(const struct verdict *verdict, size_t rule_index)
{
    enum { BITS = 8 * sizeof(verdict->rules) };

    return rule_index < BITS && verdict->rules[rule_index / 64] >> (rule_index % 64) & 1;
}

/* Would this rule alone match? */
static bool would(const struct rule *rule, const char *path, size_t len)
{
    struct policy *policy = NULL;
    struct verdict verdict = {0};

    if (policy_new(rule, 1, &policy, NULL) < 0)
        return false;
    policy_match(policy, path, len, &verdict);
    policy_unref(policy);
    return verdict.rule != NULL;
}

/* Which of the excludes alone keeps it out. */
static void put_exclude(const struct rule *rule, struct rule *open, const char *path, size_t len, struct buf *ret)
{
    for (size_t i = 0; i < rule->exclude_count; i++) {
        open->exclude = &rule->exclude[i];
        open->exclude_count = 1;
        if (!would(open, path, len)) {
            buf_printf(ret, "excluded by '%s'", rule->exclude[i]);
            break;
        }
    }
    open->exclude = NULL;
    open->exclude_count = 0;
}

bool why_not(const struct rule *rule, const char *path, size_t len, struct buf *ret)
{
    struct rule open = *rule; /* shares its strings; policy_new copies */

    open.exclude_count = 0;
    if (would(&open, path, len)) {
        put_exclude(rule, &open, path, len, ret);
        return true;
    }
    open.include_count = 0;
    if (would(&open, path, len)) {
        buf_put_str(ret, "none of its includes matches");
        return true;
    }
    open.depth = RULE_DEPTH_ALL;
    if (!would(&open, path, len))
        return false;
    buf_printf(ret, "it lies deeper than the rule's %d level%s", rule->depth, rule->depth == 1 ? "" : "s");
    return true;
}
