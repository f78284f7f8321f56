/* Rules as built, as the kernel lists them, and what they are after; targets reduced. */
#include "fimd/audit/rules.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/audit/netlink.h"
#include "fimd/audit/targets.h"

enum { X86_64 = 0xc000003e, I386 = 0x40000003 };

static int number_of(const char *name, uint32_t arch)
{
    static const struct {
        const char *name;
        int wide, narrow;
    } calls[] = {{"open", 2, 5},       {"openat", 257, 295}, {"openat2", 437, 437},
                 {"creat", 85, 8},     {"rename", 82, 38},   {"open_by_handle_at", 304, 342},
                 {"chown32", -1, 212}, {"truncate", 76, 92}};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (!strcmp(calls[i].name, name)) {
            return arch == X86_64 ? calls[i].wide : calls[i].narrow;
        }
    }
    return -1;
}

static const struct rule_machine both = {X86_64, I386, number_of}, wide_only = {X86_64, 0, number_of};

static size_t build(enum target_kind kind, const char *path, const struct rule_machine *m,
                    struct rule_wire *wires, bool *optional)
{
    struct rule_want want = {kind, path, "fimd"};
    size_t count = 0;
    cr_assert_eq(rules_build(&want, m, wires, optional, &count), 0);
    return count;
}

Test(rules, a_directory_has_five_and_a_file_one)
{
    struct rule_wire *w = calloc(RULE_SHAPES_MAX, sizeof(*w));
    bool optional[RULE_SHAPES_MAX];
    cr_expect_eq(build(TARGET_DIR, "/etc", &both, w, optional), 5);
    cr_expect_eq(w[0].fields[0], 107, "dir= stands first: it fails fastest");
    cr_expect_eq(w[0].text_len, 8);
    cr_expect_arr_eq(w[0].text, "/etcfimd", 8);
    cr_expect(w[0].calls[257 / 32] & 1u << (257 % 32));
    cr_expect_eq(w[0].fields[2], 202, "the third argument");
    cr_expect_eq(w[0].values[2], 0x243);
    cr_expect_eq(w[3].fields[2], 106, "perm=wa for 32-bit programs");
    cr_expect_eq(w[3].values[2], 10);
    cr_expect(optional[4] && !optional[0]);
    cr_expect_eq(w[4].list, RULE_LIST_URING);
    cr_expect_eq(build(TARGET_DIR, "/etc", &wide_only, w, optional), 4);
    cr_expect_eq(build(TARGET_FILE, "/etc/passwd", &both, w, optional), 1);
    cr_expect_eq(w[0].fields[0], 105);
    cr_expect_eq(w[0].fields[1], 106);
    cr_expect_eq(w[0].calls[0], UINT32_MAX, "every call");
    cr_expect_eq(w[0].calls[RULE_WORDS - 1], 0, "the kernel's bits for classes of calls");
    free(w);
}

Test(rules, what_does_not_fit_a_rule_is_refused)
{
    struct rule_wire *w = calloc(RULE_SHAPES_MAX, sizeof(*w));
    bool optional[RULE_SHAPES_MAX];
    size_t count;
    char *path = calloc(1, 5000);
    memset(path, 'a', 4999);
    path[0] = '/';
    struct rule_want want[] = {{TARGET_DIR, path, "fimd"},
                               {TARGET_DIR, "etc", "fimd"},
                               {TARGET_DIR, "/etc", ""},
                               {TARGET_DIR, "/etc", path}};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        cr_expect_lt(rules_build(&want[i], &both, w, optional, &count), 0, "case %zu", i);
    }
    free(path);
    free(w);
}

Test(rules, ours_are_known_by_their_key_alone)
{
    struct rule_wire *w = calloc(RULE_SHAPES_MAX, sizeof(*w));
    bool optional[RULE_SHAPES_MAX];
    build(TARGET_DIR, "/fimd", &both, w, optional);
    cr_expect(rule_is_ours(&w[0], "fimd"));
    cr_expect(rule_has_key(&w[0], "fimd"));
    cr_expect_not(rule_is_ours(&w[0], "fim"));
    cr_expect_not(rule_is_ours(&w[0], "fimd2"));
    build(TARGET_RINGS, NULL, &both, w, optional);
    struct rule_wire foreign = w[0];
    foreign.fields_count = 0;
    cr_expect_not(rule_is_ours(&foreign, "fimd"));
    foreign = w[0];
    foreign.values[foreign.fields_count ? foreign.fields_count - 1 : 0] = 100000; /* a lie about its length */
    cr_expect_not(rule_is_ours(&foreign, "fimd"));
    free(w);
}

Test(rules, fingerprints_tell_rules_apart)
{
    struct rule_wire *w = calloc(RULE_SHAPES_MAX, sizeof(*w)), *v = calloc(RULE_SHAPES_MAX, sizeof(*v));
    bool optional[RULE_SHAPES_MAX];
    build(TARGET_DIR, "/etc", &both, w, optional);
    build(TARGET_DIR, "/etc", &both, v, optional);
    cr_expect_eq(rule_fingerprint(&w[0]), rule_fingerprint(&v[0]));
    cr_expect_neq(rule_fingerprint(&w[0]), rule_fingerprint(&w[3]));
    build(TARGET_DIR, "/etd", &both, v, optional);
    cr_expect_neq(rule_fingerprint(&w[0]), rule_fingerprint(&v[0]));
    free(w);
    free(v);
}

Test(rules, calls_are_wanted_by_width_number_and_flags)
{
    struct rule_calls *c = rule_calls_new(&both);
    static const struct {
        uint32_t arch, call;
        uint64_t second, third;
        bool wanted, opening;
    } cases[] = {
        {X86_64, 257, 0, 0x241, true, true},     {X86_64, 257, 0, 0x80000, false, true},
        {X86_64, 2, 0x1, 0, true, true},         {X86_64, 2, 0x0, 0x1, false, true},
        {X86_64, 82, 0, 0, true, false},         {X86_64, 85, 0, 0, true, true},
        {I386, 5, 0x1, 0, true, true},           {I386, 38, 0, 0, true, false},
        {X86_64, 452, 0, 0, true, false},        {X86_64, 469, 0, 0, true, false},
        {X86_64, 0, 0, 0, false, true},          {0, 257, 0, 0x241, false, true},
        {X86_64, 0x40000101, 0, 1, false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool opening = true;
        const uint64_t args[4] = {0, cases[i].second, cases[i].third, 0};
        cr_expect_eq(rule_calls_want(c, cases[i].arch, cases[i].call, args, &opening), cases[i].wanted,
                     "case %zu", i);
        cr_expect_eq(opening, cases[i].opening, "case %zu", i);
    }
    rule_calls_free(c);
}

Test(rules, this_machine_s_names_are_known)
{
    struct rule_machine m;
    netlink_machine(&m);
    cr_assert_neq(m.wide, 0);
    int number = m.number("openat", m.wide);
    cr_assert_gt(number, 0);
    cr_expect_str_eq(netlink_call_name(m.wide, (uint32_t)number), "openat");
    cr_expect_str_eq(netlink_call_name(m.wide, 469), "file_setattr");
    cr_expect_null(netlink_call_name(m.wide, 99999));
    cr_expect_null(netlink_call_name(1, 1));
}

Test(rules, targets_below_a_directory_and_doubles_are_left_out)
{
    struct targets t = {0};
    targets_add(&t, TARGET_DIR, "/etc/ssh");
    targets_add(&t, TARGET_FILE, "/etc/passwd");
    targets_add(&t, TARGET_DIR, "/etc/ssh/keys");
    targets_add(&t, TARGET_FILE, "/etc/ssh/sshd_config");
    targets_add(&t, TARGET_FILE, "/etc/ssh_config");
    targets_add(&t, TARGET_FILE, "/etc/passwd");
    targets_add(&t, TARGET_RINGS, NULL);
    targets_reduce(&t);
    cr_expect_eq(t.count, 4);
    for (size_t i = 0; i < t.count; i++) {
        t.list[i].loaded = true;
    }
    static const struct {
        const char *path;
        bool covered;
    } cases[] = {{"/etc/passwd", true}, {"/etc/passwd-", false}, {"/etc/ssh/keys/a/b", true},
                 {"/etc/ssh", true},    {"/etc/sshx", false},    {"/etc", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(targets_cover(&t, cases[i].path, strlen(cases[i].path)), cases[i].covered, "%s",
                     cases[i].path);
    }
    targets_fini(&t);
}

Test(rules, too_many_directories_are_left_out_and_counted)
{
    struct targets t = {0};
    char path[32];
    for (int i = 0; i < 130; i++) {
        snprintf(path, sizeof(path), "/d%d", i);
        targets_add(&t, TARGET_DIR, path);
    }
    targets_reduce(&t);
    cr_expect_eq(t.count, 100);
    cr_expect_eq(t.left_out, 30);
    targets_fini(&t);
}
