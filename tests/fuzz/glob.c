/* Any pattern against any path, alone and inside a rule: "pattern\npath". The walk must agree with the match.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/walk.h"
#include "fimd/model/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is watched can be walked to: every directory above it, from the rule's root on, is entered. */
static void check_way(const struct policy *p, const char *path, size_t len)
{
    while (len && path[len - 1] == '/')
        len--;
    for (size_t i = 1; i < len; i++) {
        if (path[i] == '/' && !(policy_choose(p, path, i, ENTRY_DIR) & WALK_ENTER))
            abort();
    }
}

static void check_rule(const struct rule *rule, const char *path, size_t len)
{
    struct policy *p;
    struct verdict v;
    struct fault why;
    if (policy_new(rule, 1, &p, &why))
        return;
    policy_match(p, path, len, &v);
    unsigned choice = policy_choose(p, path, len, ENTRY_ABSENT);
    if (!v.rule != !(choice & WALK_TAKE))
        abort();
    if (v.rule)
        check_way(p, path, len);
    (void)policy_scope(p, path, len);
    policy_unref(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = memchr(data, '\n', size);
    if (!line || memchr(data, '\0', size))
        return 0;
    char *pattern = strndup((const char *)data, (size_t)(line - data));
    char *path = strndup((const char *)line + 1, size - (size_t)(line - data) - 1);
    char *root = strdup("/a");
    if (pattern && path && root) {
        size_t len = strlen(path);
        struct rule by_path = {.paths = &pattern, .paths_count = 1, .depth = (int)(size % 4) - 1};
        struct rule excluding = {.paths = &root,
                                 .paths_count = 1,
                                 .depth = RULE_DEPTH_ALL,
                                 .exclude = &pattern,
                                 .exclude_count = 1};
        struct rule including = {.paths = &root,
                                 .paths_count = 1,
                                 .depth = RULE_DEPTH_ALL,
                                 .include = &pattern,
                                 .include_count = 1};
        (void)glob_match(pattern, path, len);
        check_rule(&by_path, path, len);
        check_rule(&excluding, path, len);
        check_rule(&including, path, len);
    }
    free(pattern);
    free(path);
    free(root);
    return 0;
}
