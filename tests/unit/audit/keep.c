/* The real kernel: rules are kept loaded, audit is kept on, logins are told, and nothing is left behind. */
#include "host.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fimd/audit/netlink.h"

static void begin(struct host *h, const char *watched, enum rules_wanted rules)
{
    if (!host_init(h)) {
        cr_skip_test("needs root and audit");
    }
    char path[128];
    snprintf(path, sizeof(path), "%s%s", h->dir, watched);
    host_watch(h, path);
    host_open(h, rules);
}

static unsigned enabled_now(void)
{
    struct netlink_status status = {0};
    int fd = netlink_control(NULL);
    cr_assert_eq(netlink_status(fd, &status), 0);
    close(fd);
    return status.enabled;
}

static int write_file(void *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    return fd < 0 || write(fd, "x", 1) != 1 ? -1 : close(fd);
}

static int find_write(struct host *h, const char *path, pid_t pid, struct audit_proof *ret)
{
    struct stat st = {0};
    stat(path, &st);
    struct audit_query query = {.pid = pid,
                                .inode = st.st_ino,
                                .path = path,
                                .path_len = strlen(path),
                                .write = true,
                                .read_at = host_now()};
    return host_find(h, &query, ret);
}

static void expect_proven(struct host *h, const char *path)
{
    struct audit_proof proof;
    pid_t pid = host_act(write_file, (void *)path);
    int rc = find_write(h, path, pid, &proof);
    cr_expect_eq(rc, 0, "%s: %s", path, strerror(-rc));
    if (!rc) {
        cr_expect_eq(proof.login, PERSON);
        audit_proof_fini(&proof);
    }
}

TestSuite(keep, .fini = host_put_back);

Test(keep, rules_taken_out_by_somebody_come_back)
{
    static struct host h;
    char path[128];
    begin(&h, "", RULES_CRITICAL);
    unsigned loaded = host_rules(&h);
    cr_assert_geq(loaded, 6);
    host_remove_rules(&h);
    cr_expect(host_told(&h, "rules-restored", 2000), "%s", h.states);
    cr_expect(strstr(h.states, "rules-wiped"));
    for (int i = 0; i < 100 && host_rules(&h) != loaded;
         i++) { /* the keeper may have begun while they still went */
        usleep(20000);
    }
    cr_expect_eq(host_rules(&h), loaded);
    snprintf(path, sizeof(path), "%s/f", h.dir);
    expect_proven(&h, path);
    host_fini(&h);
}

Test(keep, audit_switched_off_is_switched_on_again)
{
    static struct host h;
    begin(&h, "", RULES_CRITICAL);
    usleep(50000); /* what the opening said has been said */
    h.states[0] = '\0';
    int fd = netlink_control(NULL);
    cr_assert_eq(netlink_set_enabled(fd, 0), 0);
    cr_expect(host_told(&h, "audit-off", 2000));
    cr_expect_eq(enabled_now(), 1);
    close(fd);
    host_fini(&h);
}

Test(keep, what_was_before_is_put_back_and_no_rule_stays)
{
    static struct host h;
    struct netlink_status before, during, after;
    if (!host_init(&h)) {
        cr_skip_test("needs root and audit");
    }
    int fd = netlink_control(NULL);
    cr_assert_eq(netlink_status(fd, &before), 0);
    host_watch(&h, h.dir);
    host_open(&h, RULES_CRITICAL);
    cr_assert_eq(netlink_status(fd, &during), 0);
    cr_expect_eq(during.enabled, 1);
    cr_expect_geq(during.backlog_limit, 8192);
    audit_close(h.audit);
    h.audit = NULL;
    cr_assert_eq(netlink_status(fd, &after), 0);
    cr_expect_eq(after.enabled, before.enabled);
    cr_expect_eq(after.backlog_limit, before.backlog_limit);
    cr_expect_eq(host_rules(&h), 0);
    close(fd);
    host_fini(&h);
}

Test(keep, a_directory_made_again_is_covered_again)
{
    static struct host h;
    char dir[128], path[160];
    begin(&h, "/d", RULES_CRITICAL);
    snprintf(dir, sizeof(dir), "%s/d", h.dir);
    snprintf(path, sizeof(path), "%s/f", dir);
    for (int round = 0; round < 2; round++) { /* not there at first; then removed and made again */
        cr_assert_eq(mkdir(dir, 0700), 0);
        audit_path_appeared(h.audit, dir, strlen(dir));
        for (int i = 0; i < 400 && !audit_covers(h.audit, path, strlen(path)); i++) {
            usleep(5000);
        }
        cr_expect(audit_covers(h.audit, path, strlen(path)));
        expect_proven(&h, path);
        unlink(path);
        cr_assert_eq(rmdir(dir), 0);
        usleep(300000);
    }
    cr_expect_not(strstr(h.states, "rules-wiped"), "%s", h.states);
    host_fini(&h);
}

Test(keep, a_directory_renamed_and_made_again_is_covered_again)
{
    static struct host h;
    char dir[128], away[128], path[160];
    if (!host_init(&h)) {
        cr_skip_test("needs root and audit");
    }
    snprintf(dir, sizeof(dir), "%s/d", h.dir);
    snprintf(away, sizeof(away), "%s/away", h.dir);
    snprintf(path, sizeof(path), "%s/f", dir);
    mkdir(dir, 0700);
    host_watch(&h, dir);
    host_open(&h, RULES_CRITICAL);
    cr_assert_eq(rename(dir, away), 0);
    cr_assert_eq(mkdir(dir, 0700), 0);
    audit_path_appeared(h.audit, dir, strlen(dir));
    usleep(300000);
    expect_proven(&h, path);
    host_fini(&h);
}

Test(keep, a_single_file_is_covered_while_it_is_replaced_and_by_its_hard_links)
{
    static struct host h;
    char path[128], other[128];
    if (!host_init(&h)) {
        cr_skip_test("needs root and audit");
    }
    snprintf(path, sizeof(path), "%s/passwd", h.dir);
    snprintf(other, sizeof(other), "%s/passwd+", h.dir);
    write_file(path);
    host_watch(&h, path);
    host_open(&h, RULES_CRITICAL);
    cr_expect_not(audit_covers(h.audit, other, strlen(other)));
    expect_proven(&h, path);
    write_file(other);
    cr_assert_eq(rename(other, path), 0);
    expect_proven(&h, path);
    cr_assert_eq(link(path, other), 0);
    struct audit_proof proof;
    pid_t pid = host_act(write_file, other);
    usleep(100000); /* the link's own path is in no rule, so nothing is waited for */
    cr_assert_eq(find_write(&h, other, pid, &proof), 0);
    audit_proof_fini(&proof);
    host_fini(&h);
}

Test(keep, logins_are_told_without_any_rule)
{
    static struct host h;
    char path[128];
    begin(&h, "", RULES_NONE);
    cr_expect_eq(host_rules(&h), 0);
    snprintf(path, sizeof(path), "%s/f", h.dir);
    pid_t pid = host_act(write_file, path);
    for (int i = 0; i < 200 && !h.logins; i++) {
        usleep(5000);
    }
    cr_expect_eq(h.logins, 1);
    cr_expect_eq(h.last_login, PERSON);
    cr_expect_eq(h.last_pid, pid);
    cr_expect_neq(h.last_session, UINT32_MAX);
    struct audit_proof proof;
    cr_expect_eq(find_write(&h, path, pid, &proof), -ENOENT);
    host_fini(&h);
}

Test(keep, rules_for_logins_cover_every_path_of_theirs)
{
    static struct host h;
    char path[128];
    begin(&h, "/elsewhere", RULES_LOGINS);
    snprintf(path, sizeof(path), "%s/f", h.dir);
    cr_expect(audit_covers(h.audit, path, strlen(path)));
    expect_proven(&h, path);
    host_fini(&h);
}

Test(keep, a_record_that_is_not_due_is_not_waited_for)
{
    static struct host h;
    char path[128];
    struct audit_proof proof;
    begin(&h, "", RULES_CRITICAL);
    int64_t from = host_now();
    cr_expect_eq(find_write(&h, "/nowhere/f", 1, &proof), -ENOENT);
    cr_expect_lt(host_now() - from, 5000000, "an uncovered path took %ld us",
                 (long)(host_now() - from) / 1000);
    snprintf(path, sizeof(path), "%s/f", h.dir);
    from = host_now();
    cr_expect_eq(find_write(&h, path, 1, &proof), -ENOENT); /* covered, but nothing was done */
    int64_t took = host_now() - from;
    cr_expect(took > 10000000 && took < 150000000, "took %ld us", (long)took / 1000);
    cr_expect_gt(h.progress, 0);
    host_fini(&h);
}

static pid_t the_opener;

static bool is_the_opener(void *ctx, pid_t pid)
{
    (void)ctx;
    return pid == the_opener;
}

Test(keep, a_write_by_an_inherited_descriptor_is_proven_by_its_opener)
{
    static struct host h;
    char path[128];
    struct audit_proof proof;
    struct stat st;
    begin(&h, "", RULES_CRITICAL);
    snprintf(path, sizeof(path), "%s/f", h.dir);
    the_opener = host_act(write_file, path);
    stat(path, &st);
    struct audit_query query = {.pid = 1,
                                .inode = st.st_ino,
                                .path = path,
                                .path_len = strlen(path),
                                .write = true,
                                .read_at = host_now()};
    cr_expect_eq(host_find(&h, &query, &proof), -ENOENT);
    query.opener = is_the_opener;
    cr_assert_eq(host_find(&h, &query, &proof), 0);
    cr_expect_eq(proof.pid, the_opener);
    audit_proof_fini(&proof);
    host_fini(&h);
}

Test(keep, another_policy_changes_only_what_differs)
{
    static struct host h;
    char one[128], two[128];
    struct fault why;
    begin(&h, "", RULES_CRITICAL);
    unsigned before = host_rules(&h);
    snprintf(one, sizeof(one), "%s/a", h.dir);
    snprintf(two, sizeof(two), "%s/b", h.dir);
    mkdir(one, 0700);
    mkdir(two, 0700);
    host_watch(&h, two);
    cr_assert_eq(audit_set_policy(h.audit, h.policy, RULES_DIRECTORIES, &why), 0);
    cr_expect_eq(host_rules(&h), before);
    cr_expect_not(audit_covers(h.audit, one, strlen(one)));
    cr_expect(audit_covers(h.audit, two, strlen(two)));
    cr_assert_eq(audit_set_policy(h.audit, h.policy, RULES_NONE, &why), 0);
    cr_expect_eq(host_rules(&h), 0);
    cr_expect_not(strstr(h.states, "rules-wiped"), "%s", h.states);
    host_fini(&h);
}

Test(keep, what_is_mounted_below_later_is_covered)
{
    static struct host h;
    char dir[128], path[160];
    begin(&h, "", RULES_CRITICAL);
    snprintf(dir, sizeof(dir), "%s/m", h.dir);
    snprintf(path, sizeof(path), "%s/m/f", h.dir);
    mkdir(dir, 0700);
    cr_assert_eq(mount("none", dir, "tmpfs", 0, "size=1m"), 0);
    audit_path_appeared(h.audit, dir, strlen(dir));
    expect_proven(&h, path);
    cr_expect_eq(umount2(dir, MNT_DETACH), 0);
    host_fini(&h);
}

/* From the end of the call to the proof in hand, the machine idle or not: what an event waits for its
 * person. */
Test(keep, a_proof_is_there_within_milliseconds)
{
    static struct host h;
    char path[128];
    int64_t took[50];
    begin(&h, "", RULES_CRITICAL);
    for (int i = 0; i < 50; i++) {
        struct audit_proof proof;
        snprintf(path, sizeof(path), "%s/f%d", h.dir, i);
        int64_t from = host_now();
        cr_assert_eq(write_file(path), 0);
        (void)find_write(&h, path, getpid(),
                         &proof); /* our own pid is ignored: how long until that is known */
        took[i] = host_now() - from;
        expect_proven(&h, path);
    }
    int64_t worst = 0;
    for (int i = 0; i < 50; i++) {
        worst = took[i] > worst ? took[i] : worst;
    }
    cr_log_info("a record that never comes: waited %ld us at most", (long)worst / 1000);
    cr_expect_lt(worst, 200000000);
    host_fini(&h);
}
