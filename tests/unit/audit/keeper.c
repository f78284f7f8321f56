/* The keeper on a kernel of our own: locked, refusing, wiped, with foreign rules. (The real one can't be
 * locked in a test: only a boot unlocks it.) */
#include "fimd/audit/keeper.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct { /* the kernel's state; a test is a process of its own */
    struct netlink_status status;
    struct rule_wire *rules[64];
    size_t count;
    int refuse; /* every add fails with this */
    unsigned writes;
} kernel;

static char said[2048];

static int fake_status(int fd, struct netlink_status *ret)
{
    (void)fd;
    *ret = kernel.status;
    return 0;
}

static int fake_set_enabled(int fd, unsigned enabled)
{
    (void)fd;
    kernel.writes++;
    if (kernel.status.enabled == 2) {
        return -EPERM;
    }
    kernel.status.enabled = enabled;
    return 0;
}

static int fake_set_backlog_limit(int fd, uint32_t limit)
{
    (void)fd;
    kernel.writes++;
    kernel.status.backlog_limit = limit;
    return 0;
}

static int fake_rules(int fd, int (*each)(void *ctx, const struct rule_wire *rule), void *ctx)
{
    (void)fd;
    int rc = 0;
    for (size_t i = 0; !rc && i < kernel.count; i++) {
        rc = each(ctx, kernel.rules[i]);
    }
    return rc;
}

static int fake_add(int fd, const struct rule_wire *rule)
{
    (void)fd;
    kernel.writes++;
    if (kernel.refuse || kernel.status.enabled == 2) {
        return kernel.refuse ? kernel.refuse : -EPERM;
    }
    cr_assert_lt(kernel.count, 64);
    kernel.rules[kernel.count] = malloc(sizeof(*rule));
    memcpy(kernel.rules[kernel.count++], rule, rule_wire_size(rule));
    return 0;
}

static int fake_remove(int fd, const struct rule_wire *rule)
{
    (void)fd;
    kernel.writes++;
    for (size_t i = 0; i < kernel.count; i++) {
        if (rule_fingerprint(kernel.rules[i]) == rule_fingerprint(rule)) {
            free(kernel.rules[i]);
            kernel.rules[i] = kernel.rules[--kernel.count];
            return 0;
        }
    }
    return -ENOENT;
}

static void wipe(size_t left)
{
    while (kernel.count > left) {
        free(kernel.rules[--kernel.count]);
    }
}

static int fake_cover_mount(int fd, const char *mount, const char *tree)
{
    (void)fd, (void)mount, (void)tree;
    return 0;
}

static const struct keeper_kernel fake = {fake_status, fake_set_enabled, fake_set_backlog_limit, fake_rules,
                                          fake_add,    fake_remove,      fake_cover_mount};

static void hear(void *ctx, const char *action, const char *text)
{
    (void)ctx, (void)text;
    size_t len = strlen(said);
    snprintf(said + len, sizeof(said) - len, "%s ", action);
}

static struct policy *policy_of(const char *path)
{
    char *paths[] = {(char *)path};
    struct rule rule = {.id = (char *)"t",
                        .policy = (char *)"t",
                        .file = (char *)"t",
                        .paths = paths,
                        .paths_count = 1,
                        .depth = RULE_DEPTH_ALL,
                        .severity = SEVERITY_HIGH};
    struct policy *p;
    cr_assert_eq(policy_new(&rule, 1, &p, NULL), 0);
    return p;
}

static void open_keeper(struct keeper *k, unsigned enabled, const char *path)
{
    kernel.status.enabled = enabled;
    kernel.status.backlog_limit = 64;
    cr_assert_eq(keeper_open_on(k, &fake, open("/dev/null", O_RDONLY | O_CLOEXEC), "fimd", hear, NULL, NULL),
                 0);
    struct policy *p = policy_of(path);
    cr_assert_eq(keeper_set(k, p, RULES_CRITICAL, NULL), 0);
    policy_unref(p);
}

static void add_foreign(uint32_t list, uint32_t action)
{
    struct rule_wire rule = {.list = list, .action = action};
    cr_assert_eq(fake_add(0, &rule), 0);
}

Test(keeper, locked_rules_are_lived_with_and_said_once)
{
    struct keeper k;
    open_keeper(&k, 2, "/etc");
    cr_expect_str_eq(said, "rules-locked ");
    cr_expect_eq(kernel.writes, 0, "nothing is tried on a locked kernel");
    cr_expect_eq(k.rules_loaded, 0);
    cr_expect_not(targets_cover(&k.targets, "/etc/x", 6));
    cr_assert_eq(keeper_look(&k), 0);
    keeper_close(&k);
    cr_expect_str_eq(said, "rules-locked ");
    cr_expect_eq(kernel.writes, 0);
}

Test(keeper, locked_rules_of_ours_count_as_loaded_and_stay)
{
    struct keeper before, k;
    open_keeper(&before, 1, "/etc"); /* as /etc/audit/rules.d would have loaded them */
    size_t count = kernel.count;
    open_keeper(&k, 2, "/etc");
    cr_expect_gt(k.rules_loaded, 0);
    cr_expect(targets_cover(&k.targets, "/etc/x", 6));
    keeper_close(&k);
    cr_expect_eq(kernel.count, count);
    kernel.status.enabled = 1;
    keeper_close(&before);
}

Test(keeper, foreign_rules_are_counted_and_never_touched)
{
    struct keeper k;
    add_foreign(RULE_LIST_EXIT, RULE_ALWAYS);
    add_foreign(RULE_LIST_TASK, RULE_NEVER);
    open_keeper(&k, 1, "/etc");
    cr_expect_eq(k.rules_foreign, 2);
    cr_expect(k.never_task);
    cr_expect_str_eq(said, "audit-degraded ");
    cr_expect_gt(kernel.count, 2);
    keeper_close(&k);
    cr_expect_eq(kernel.count, 2);
}

Test(keeper, what_was_wiped_is_said_and_restored)
{
    struct keeper k;
    open_keeper(&k, 1, "/etc");
    size_t count = kernel.count;
    wipe(1);
    cr_assert_eq(keeper_look(&k), 0);
    cr_expect_eq(kernel.count, count);
    cr_expect_str_eq(said, "rules-wiped rules-restored ");
    cr_assert_eq(keeper_look(&k), 0);
    cr_expect_str_eq(said, "rules-wiped rules-restored ");
    keeper_close(&k);
}

Test(keeper, what_is_wiped_and_refused_is_not_said_to_be_restored)
{
    struct keeper k;
    open_keeper(&k, 1, "/etc");
    wipe(0);
    kernel.refuse = -ENOMEM;
    cr_assert_eq(keeper_look(&k), 0);
    cr_expect_str_eq(said, "rules-wiped audit-degraded ");
    cr_expect_not(targets_cover(&k.targets, "/etc/x", 6));
    keeper_close(&k);
}

Test(keeper, a_path_that_is_not_there_is_waited_for_in_silence)
{
    struct keeper k;
    kernel.refuse = -ENOENT;
    open_keeper(&k, 1, "/nowhere/at/all");
    cr_expect_str_eq(said, "");
    cr_expect_eq(k.rules_loaded, 0);
    kernel.refuse = 0;
    cr_assert_eq(keeper_look(&k), 0);
    cr_expect_gt(k.rules_loaded, 0);
    cr_expect_str_eq(said, "");
    keeper_close(&k);
}

Test(keeper, rules_of_a_killed_fimd_are_replaced)
{
    struct keeper killed, k;
    open_keeper(&killed, 1, "/etc/ssh");
    kernel.writes = 0;
    open_keeper(&k, 1, "/etc");
    size_t count = kernel.count;
    keeper_close(&k);
    cr_expect_eq(kernel.count, 0);
    cr_expect_gt(count, 0);
    cr_expect_str_eq(said, "");
    keeper_close(&killed);
}

Test(keeper, two_fimds_do_not_take_out_each_others_rules_for_ever)
{
    struct keeper first, second;
    open_keeper(&first, 1, "/etc/ssh");
    open_keeper(&second, 1, "/etc"); /* takes the first one's for what a killed fimd left */
    cr_assert_eq(keeper_look(&first), 0);
    cr_expect_str_eq(said, "rules-wiped rules-restored ");
    size_t count = kernel.count;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(keeper_look(&second), 0);
        cr_assert_eq(keeper_look(&first), 0);
    }
    cr_expect_eq(kernel.count, count);
    cr_expect_str_eq(said, "rules-wiped rules-restored ");
    keeper_close(&second);
    keeper_close(&first);
    cr_expect_eq(kernel.count, 0);
}

Test(keeper, audit_that_was_off_is_on_meanwhile)
{
    struct keeper k;
    open_keeper(&k, 0, "/etc");
    cr_expect_eq(kernel.status.enabled, 1);
    cr_expect_eq(kernel.status.backlog_limit, 8192);
    cr_expect_str_eq(said, "audit-off ");
    keeper_close(&k);
    cr_expect_eq(kernel.status.enabled, 0);
    cr_expect_eq(kernel.status.backlog_limit, 64);
}

Test(keeper, globs_are_what_matches_now)
{
    struct targets t;
    char dir[] = "/tmp/fimd-globs-XXXXXX", path[128];
    cr_assert(mkdtemp(dir));
    for (const char *const *name = (const char *const[]){"a.conf", "b.conf", "c.txt", NULL}; *name; name++) {
        snprintf(path, sizeof(path), "%s/%s", dir, *name);
        close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    snprintf(path, sizeof(path), "%s/*.conf", dir);
    struct policy *p = policy_of(path);
    cr_assert_eq(targets_resolve(p, RULES_CRITICAL, &t), 0);
    cr_expect_eq(t.count, 3, "two files, and the rings: %zu", t.count);
    targets_fini(&t);
    policy_unref(p);
    snprintf(path, sizeof(path), "rm -r %s", dir);
    cr_expect_eq(system(path), 0);
}
