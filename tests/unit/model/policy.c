/* What a policy says of a path: tables of rule, path and what is expected. */
#include "fimd/model/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "baseline/attr.h"
#include "baseline/walk.h"

enum { LIST_MAX = 8 };

struct case_rule { /* lists end with NULL */
    const char *paths[LIST_MAX], *include[LIST_MAX], *exclude[LIST_MAX], *transient[LIST_MAX];
    int depth;
    enum severity severity;
    uint32_t attributes;
};

static size_t length(const char *const *list)
{
    size_t n = 0;
    while (n < LIST_MAX && list[n])
        n++;
    return n;
}

static int build(const struct case_rule *cases, size_t count, struct policy **ret, struct fault *why)
{
    struct rule rules[16] = {0};
    char ids[16][8];
    for (size_t i = 0; i < count; i++) {
        const struct case_rule *c = &cases[i];
        snprintf(ids[i], sizeof(ids[i]), "r%zu", i);
        rules[i] = (struct rule){
            .id = ids[i],
            .policy = "test",
            .file = "test.yaml",
            .line = (int)i + 1,
            .paths = (char **)c->paths,
            .paths_count = length(c->paths),
            .include = (char **)c->include,
            .include_count = length(c->include),
            .exclude = (char **)c->exclude,
            .exclude_count = length(c->exclude),
            .transient = (char **)c->transient,
            .transient_count = length(c->transient),
            .depth = c->depth,
            .severity = c->severity ? c->severity : SEVERITY_MEDIUM,
            .attributes = c->attributes ? c->attributes : ATTR_ALL,
        };
    }
    return policy_new(rules, count, ret, why);
}

static struct policy *must_build(const struct case_rule *cases, size_t count)
{
    struct policy *p = NULL;
    struct fault why = {0};
    cr_assert_eq(build(cases, count, &p, &why), 0, "%s", why.text);
    return p;
}

static bool watched(const struct policy *p, const char *path)
{
    struct verdict v;
    policy_match(p, path, strlen(path), &v);
    return v.rule;
}

struct row {
    struct case_rule rule;
    const char *path;
    bool watched;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct policy *p = must_build(&rows[i].rule, 1);
        cr_expect_eq(watched(p, rows[i].path), rows[i].watched, "row %zu: %s", i, rows[i].path);
        /* What is watched is found by a walk: every directory on the way is entered. */
        char parent[512];
        for (const char *slash = rows[i].path; rows[i].watched && (slash = strchr(slash + 1, '/'));) {
            snprintf(parent, sizeof(parent), "%.*s", (int)(slash - rows[i].path), rows[i].path);
            unsigned choice = policy_choose(p, parent, strlen(parent), ENTRY_DIR);
            cr_expect(choice & WALK_ENTER, "row %zu: %s is not entered", i, parent);
            const char *next = strchr(slash + 1, '/');
            unsigned scope = policy_scope(p, parent, strlen(parent));
            cr_expect(scope & (next ? WALK_ENTER : WALK_TAKE), "row %zu: %s has no scope", i, parent);
        }
        policy_unref(p);
    }
}

#define ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(*(rows)))
#define ALL        .depth = RULE_DEPTH_ALL

Test(policy, a_directory_covers_itself_and_what_is_below_and_nothing_beside)
{
    struct row rows[] = {
        {{{"/etc"}, ALL}, "/etc", true},
        {{{"/etc"}, ALL}, "/etc/", true},
        {{{"/etc"}, ALL}, "/etc/passwd", true},
        {{{"/etc"}, ALL}, "/etc/a/b/c/d", true},
        {{{"/etc"}, ALL}, "/etcetera", false},
        {{{"/etc"}, ALL}, "/et", false},
        {{{"/etc"}, ALL}, "/", false},
        {{{"/etc"}, ALL}, "", false},
        {{{"/etc"}, ALL}, "etc", false},
        {{{"/etc/"}, ALL}, "/etc/passwd", true},
        {{{"//etc//ssh/."}, ALL}, "/etc/ssh/x", true},
        {{{"/"}, ALL}, "/", true},
        {{{"/"}, ALL}, "/anything/at/all", true},
        {{{"/a", "/b"}, ALL}, "/b/x", true},
    };
    ROWS(rows);
}

Test(policy, a_file_does_not_watch_its_siblings)
{
    struct row rows[] = {
        {{{"/etc/passwd"}, ALL}, "/etc/passwd", true},
        {{{"/etc/passwd"}, ALL}, "/etc/passwd-", false},
        {{{"/etc/passwd"}, ALL}, "/etc/shadow", false},
        {{{"/etc/passwd"}, ALL}, "/etc", false},
    };
    ROWS(rows);
}

Test(policy, depth_counts_levels_below_the_path)
{
    struct row rows[] = {
        {{{"/etc"}, .depth = 0}, "/etc", true},
        {{{"/etc"}, .depth = 0}, "/etc/passwd", true},
        {{{"/etc"}, .depth = 0}, "/etc/ssh/sshd_config", false},
        {{{"/etc"}, .depth = 1}, "/etc/ssh/sshd_config", true},
        {{{"/etc"}, .depth = 1}, "/etc/ssh/d/x", false},
        {{{"/"}, .depth = 0}, "/etc", true},
        {{{"/"}, .depth = 0}, "/etc/x", false},
        {{{"/home/*/.ssh"}, .depth = 0}, "/home/a/.ssh/config", true},
        {{{"/home/*/.ssh"}, .depth = 0}, "/home/a/.ssh/d/config", false},
        {{{"/etc/**"}, .depth = 0}, "/etc/a/b/c", true},
    };
    ROWS(rows);
}

Test(policy, globs_hold_for_what_appears_later)
{
    struct row rows[] = {
        {{{"/home/*/.ssh/authorized_keys"}, ALL}, "/home/alice/.ssh/authorized_keys", true},
        {{{"/home/*/.ssh/authorized_keys"}, ALL}, "/home/alice/.ssh/known_hosts", false},
        {{{"/home/*/.ssh/authorized_keys"}, ALL}, "/home/alice/x/.ssh/authorized_keys", false},
        {{{"/home/*/.ssh/authorized_keys"}, ALL}, "/home/alice", false},
        {{{"/etc/ssh/ssh_host_*"}, ALL}, "/etc/ssh/ssh_host_rsa_key", true},
        {{{"/etc/rc?.d"}, ALL}, "/etc/rc3.d/S01x", true},
        {{{"/etc/rc[0-5].d"}, ALL}, "/etc/rc6.d/S01x", false},
        {{{"/srv/**/web.xml"}, ALL}, "/srv/web.xml", true},
        {{{"/srv/**/web.xml"}, ALL}, "/srv/a/b/web.xml", true},
        {{{"/srv/**/web.xml"}, ALL}, "/srv/a/b/web.xmlx", false},
        {{{"/srv/**/a/**/b"}, ALL}, "/srv/x/a/y/z/b/below", true},
        {{{"/srv/**/a/**/b"}, ALL}, "/srv/x/y/z/b", false},
        {{{"/**/.git"}, ALL}, "/home/x/.git/config", true},
        {{{"/srv/a\\*b"}, ALL}, "/srv/a*b", true},
        {{{"/srv/a\\*b"}, ALL}, "/srv/axb", false},
        {{{"/srv/*/x", "/srv/y*/z"}, ALL}, "/srv/yes/z", true},
    };
    ROWS(rows);
}

Test(policy, exclude_wins_over_include)
{
    struct row rows[] = {
        {{{"/srv"}, .exclude = {"*.swp"}, ALL}, "/srv/a/b.swp", false},
        {{{"/srv"}, .exclude = {"*.swp"}, ALL}, "/srv/a/b.txt", true},
        {{{"/srv"}, .exclude = {".git"}, ALL}, "/srv/a/.git/hooks/x", false},
        {{{"/srv"}, .exclude = {"cache/"}, ALL}, "/srv/a/cache/x", false},
        {{{"/srv"}, .exclude = {"a/cache"}, ALL}, "/srv/a/cache/x", false},
        {{{"/srv"}, .exclude = {"a/cache"}, ALL}, "/srv/b/a/cache/x", true},
        {{{"/srv"}, .exclude = {"**/cache/*.o"}, ALL}, "/srv/b/cache/x.o", false},
        {{{"/srv"}, .exclude = {"/\\.git\\//"}, ALL}, "/srv/b/.git/x", false},
        {{{"/srv"}, .exclude = {"/\\.git\\//"}, ALL}, "/srv/b/xgit/x", true},
        {{{"/srv"}, .exclude = {"/^tmp[0-9]+$/"}, ALL}, "/srv/tmp12/x", false},
        {{{"/srv"}, .include = {"*.conf"}, ALL}, "/srv/a/x.conf", true},
        {{{"/srv"}, .include = {"*.conf"}, ALL}, "/srv/a/x.txt", false},
        {{{"/srv"}, .include = {"*.conf"}, ALL}, "/srv", true},
        {{{"/srv"}, .include = {"conf.d"}, ALL}, "/srv/a/conf.d/x", true},
        {{{"/srv"}, .include = {"conf/*.xml"}, ALL}, "/srv/conf/a.xml", true},
        {{{"/srv"}, .include = {"conf/*.xml"}, ALL}, "/srv/x/conf/a.xml", false},
        {{{"/srv"}, .include = {"/\\.so(\\.[0-9]+)*$/"}, ALL}, "/srv/lib/x.so.1.2", true},
        {{{"/srv"}, .include = {"*.conf"}, .exclude = {"x*"}, ALL}, "/srv/a/x.conf", false},
        {{{"/srv"}, .exclude = {"srv"}, ALL}, "/srv/x", true},
        {{{"/home/*/.ssh/*"}, .exclude = {"known_hosts*"}, ALL}, "/home/a/.ssh/known_hosts.old", false},
        {{{"/home/*/.ssh/*"}, .exclude = {"known_hosts*"}, ALL}, "/home/a/.ssh/id_rsa", true},
        {{{"/opt/*"}, .include = {"*.jar"}, ALL}, "/opt/readme", false},
        {{{"/opt/*"}, .include = {"*.jar"}, ALL}, "/opt/x/y.jar", true},
    };
    ROWS(rows);
}

Test(policy, a_newline_in_a_name_does_not_slip_past_an_expression)
{
    struct row rows[] = {
        {{{"/srv"}, .exclude = {"/^a.*z$/"}, ALL}, "/srv/a\nz", false},
        {{{"/srv"}, .exclude = {"/^a$/"}, ALL}, "/srv/a\n", true},
        {{{"/srv"}, .exclude = {"/\xff/"}, ALL}, "/srv/\xff\xfe", false},
    };
    ROWS(rows);
}

Test(policy, an_expression_that_gives_up_excludes_nothing)
{
    struct case_rule rule = {{"/srv"}, .exclude = {"/^(a+)+(b+)+$/"}, ALL};
    struct policy *p = must_build(&rule, 1);
    cr_expect(watched(p, "/srv/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"));
    cr_expect(!watched(p, "/srv/aaab"));
    policy_unref(p);
}

Test(policy, excluded_directories_are_not_entered)
{
    struct case_rule rules[] = {{{"/srv"}, .exclude = {".git"}, ALL}, {{"/srv/x/.git/hooks"}, ALL}};
    struct policy *p = must_build(rules, 2);
    cr_expect_eq(policy_choose(p, "/srv/y/.git", 11, ENTRY_DIR), WALK_SKIP);
    cr_expect_eq(policy_choose(p, "/srv/x/.git", 11, ENTRY_DIR), WALK_ENTER);
    cr_expect_eq(policy_choose(p, "/srv/x/.git/hooks", 17, ENTRY_DIR), WALK_TAKE | WALK_ENTER);
    cr_expect_eq(policy_choose(p, "/srv/x/f", 8, ENTRY_FILE), WALK_TAKE);
    cr_expect_eq(policy_choose(p, "/srv/x/f", 8, ENTRY_ABSENT), WALK_TAKE | WALK_ENTER);
    policy_unref(p);
}

Test(policy, scope_tells_children_from_what_is_deeper)
{
    struct {
        struct case_rule rule;
        const char *dir;
        unsigned scope;
    } rows[] = {
        {{{"/etc"}, .depth = 0}, "/etc", WALK_TAKE},
        {{{"/etc"}, .depth = 0}, "/etc/ssh", 0},
        {{{"/etc"}, .depth = 1}, "/etc/ssh", WALK_TAKE},
        {{{"/etc"}, .depth = 1}, "/etc", WALK_TAKE | WALK_ENTER},
        {{{"/etc"}, ALL}, "/etc/x/y", WALK_TAKE | WALK_ENTER},
        {{{"/etc"}, ALL}, "/", WALK_TAKE | WALK_ENTER},
        {{{"/etc/ssh/x"}, ALL}, "/", WALK_ENTER},
        {{{"/etc/ssh/x"}, ALL}, "/etc", WALK_ENTER},
        {{{"/etc/ssh/x"}, ALL}, "/usr", 0},
        {{{"/srv/**/a/b"}, ALL}, "/srv/x", WALK_ENTER},
        {{{"/srv/**/a/b"}, ALL}, "/srv/x/a", WALK_TAKE | WALK_ENTER},
        {{{"/srv"}, .include = {"a/b"}, ALL}, "/srv/c", 0},
        {{{"/srv"}, .exclude = {"c"}, ALL}, "/srv/c", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct policy *p = must_build(&rows[i].rule, 1);
        cr_expect_eq(policy_scope(p, rows[i].dir, strlen(rows[i].dir)), rows[i].scope, "row %zu", i);
        policy_unref(p);
    }
}

Test(policy, all_matching_rules_count_and_the_severest_gives_the_name)
{
    struct case_rule rules[] = {
        {{"/etc"}, .severity = SEVERITY_LOW, .attributes = ATTR_MODE, ALL},
        {{"/etc/ssh"}, .severity = SEVERITY_HIGH, .attributes = ATTR_CONTENT, ALL},
        {{"/etc/ssh/sshd_config"}, .severity = SEVERITY_HIGH, .attributes = ATTR_OWNER, ALL},
        {{"/etc/ssh/*"}, .severity = SEVERITY_MEDIUM, .attributes = ATTR_GROUP, ALL},
        {{"/etc/ssh/sshd_config"}, .severity = SEVERITY_HIGH, .attributes = ATTR_OWNER, ALL},
    };
    struct policy *p = must_build(rules, 5);
    struct verdict v;
    policy_match(p, "/etc/ssh/sshd_config", 20, &v);
    cr_assert(v.rule);
    cr_expect_str_eq(v.rule->id, "r2");
    cr_expect_eq(v.severity, SEVERITY_HIGH);
    cr_expect_eq(v.attributes, ATTR_MODE | ATTR_CONTENT | ATTR_OWNER | ATTR_GROUP);
    cr_expect_eq(v.rules[0], 0x1f);
    policy_match(p, "/etc/x", 6, &v);
    cr_expect_str_eq(v.rule->id, "r0");
    cr_expect_eq(v.rules[0], 0x1);
    policy_unref(p);
}

Test(policy, a_name_is_transient_when_every_rule_that_wants_it_says_so)
{
    struct case_rule rules[] = {
        {{"/etc"}, .transient = {"*~", "sed??????", "*.dpkg-new", ".*.sw?"}, ALL},
        {{"/etc/keep"}, .transient = {NULL}, ALL},
        {{"/etc/odd~"}, .transient = {"*~"}, ALL},
    };
    struct {
        const char *path;
        bool transient;
    } rows[] = {
        {"/etc/a~", true},        {"/etc/a", false},           {"/etc/sedAbc123", true},
        {"/etc/sedAbc12", false}, {"/etc/x/y.dpkg-new", true}, {"/etc/.f.swp", true},
        {"/etc/f.swp", false},    {"/etc/keep/a~", false},
    };
    struct policy *p = must_build(rules, 3);
    struct verdict v;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        policy_match(p, rows[i].path, strlen(rows[i].path), &v);
        cr_expect_eq(v.transient, rows[i].transient, "%s", rows[i].path);
    }
    policy_match(p, "/etc/odd~", 9, &v);
    cr_expect(!v.transient, "a path that a rule names outright is meant");
    policy_unref(p);
}

Test(policy, roots_are_the_literal_parts_none_below_another)
{
    struct case_rule rules[] = {
        {{"/etc/passwd", "/etc/ssh/ssh_host_*", "/home/*/.ssh"}, ALL},
        {{"/etc/ssh", "/home/alice", "/srv/**/x", "/srv2", "/et\\*c", "/opt/./x/"}, ALL},
    };
    const char *expected[] = {"/et*c", "/etc/passwd", "/etc/ssh", "/home", "/opt/x", "/srv", "/srv2"};
    struct policy *p = must_build(rules, 2);
    size_t count;
    const char *const *roots = policy_roots(p, &count);
    cr_assert_eq(count, 7);
    for (size_t i = 0; i < count; i++)
        cr_expect_str_eq(roots[i], expected[i]);
    cr_expect_eq(policy_paths(p), 9);
    policy_unref(p);
}

Test(policy, a_root_slash_swallows_every_other)
{
    struct case_rule rules[] = {{{"/etc", "/*/x"}, ALL}};
    struct policy *p = must_build(rules, 1);
    size_t count;
    const char *const *roots = policy_roots(p, &count);
    cr_assert_eq(count, 1);
    cr_expect_str_eq(roots[0], "/");
    policy_unref(p);
}

Test(policy, bad_patterns_are_refused_with_the_rule_named)
{
    struct {
        struct case_rule rule;
        const char *says;
    } rows[] = {
        {{{"etc"}, ALL}, "test.yaml:1: rule r0: the path etc is wrong"},
        {{{"/etc/../x"}, ALL}, "'..'"},
        {{{"/etc/[a"}, ALL}, "a '[' has no ']'"},
        {{{"/etc"}, .exclude = {"/(/"}, ALL},
         "the regular expression /(/ is wrong: missing closing parenthesis"},
        {{{"/etc"}, .include = {"a["}, ALL}, "pattern 'a['"},
        {{{"/etc"}, .include = {""}, ALL}, "it is empty"},
        {{{"/etc"}, .transient = {"a/b"}, ALL}, "without a slash"},
        {{{"/etc"}, .transient = {"a\\"}, ALL}, "backslash"},
        {{{"/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/"
           "9/0/1/2/"
           "3/4/5/6/7/8/9/0/1/2/3"},
          ALL},
         "more than 62 components"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct policy *p = NULL;
        struct fault why = {0};
        cr_expect_eq(build(&rows[i].rule, 1, &p, &why), -EINVAL, "row %zu", i);
        cr_expect(strstr(why.text, rows[i].says), "row %zu: %s", i, why.text);
        cr_expect_null(p);
    }
}

Test(policy, an_empty_policy_watches_nothing)
{
    struct policy *p = must_build(NULL, 0);
    size_t count;
    policy_roots(p, &count);
    cr_expect_eq(count, 0);
    cr_expect(!watched(p, "/etc/passwd"));
    cr_expect_eq(policy_choose(p, "/", 1, ENTRY_DIR), WALK_SKIP);
    cr_expect_null(policy_rule(p, 0));
    policy_unref(p);
    policy_unref(NULL);
}
