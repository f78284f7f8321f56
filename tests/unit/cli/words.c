/* The pure parts: options, times, sizes, paths, filters, reasons. */
#include "baseline/attr.h"

#include "fimd/cli/filter.h"
#include "fimd/cli/human.h"
#include "fimd/cli/options.h"
#include "fimd/cli/target.h"
#include "fimd/cli/why.h"
#include "fimd/rt/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct option_row rows[] = {
    {'a', "all", OPTION_FLAG, NULL, ""},
    {'f', "file", OPTION_VALUE, "FILE", ""},
    {0, "wait", OPTION_MAYBE, "TIME", ""},
};

static const struct {
    const char *words[3];
    int taken, row;
    const char *value;
} options[] = {
    {{"--all", "x"}, 1, 0, ""},
    {{"-a", "x"}, 1, 0, ""},
    {{"--file", "x"}, 2, 1, "x"},
    {{"--file=x"}, 1, 1, "x"},
    {{"--file="}, 1, 1, ""},
    {{"-f", "x"}, 2, 1, "x"},
    {{"-fx"}, 1, 1, "x"},
    {{"-f", "--all"}, 2, 1, "--all"},
    {{"--wait", "x"}, 1, 2, ""},
    {{"--wait=3s"}, 1, 2, "3s"},
    {{"word"}, 0, -1, NULL},
    {{"-"}, 0, -1, NULL},
    {{"--"}, 0, -1, NULL},
    {{"--al"}, -EINVAL, -1, NULL},
    {{"--all=yes"}, -EINVAL, -1, NULL},
    {{"-ax"}, -EINVAL, -1, NULL},
    {{"--file"}, -EINVAL, -1, NULL},
    {{"-z"}, -EINVAL, -1, NULL},
};

Test(options, each_form_is_read_as_getopt_reads_it)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct options o = {.rows = rows, .count = 3};
        struct options *tables[] = {&o, NULL};
        size_t count = 0;

        while (options[i].words[count])
            count++;
        cr_expect_eq(options_take(tables, 2, (char *const *)options[i].words, count, NULL), options[i].taken, "%s",
                     options[i].words[0]);
        for (int k = 0; k < 3; k++)
            cr_expect(k == options[i].row ? o.values[k] && strcmp(o.values[k], options[i].value) == 0 : !o.values[k],
                      "%s: row %d", options[i].words[0], k);
    }
}

Test(options, twice_is_an_error)
{
    struct options o = {.rows = rows, .count = 3};
    struct options *tables[] = {&o};
    const char *words[] = {"-a"};

    cr_expect_eq(options_take(tables, 1, (char *const *)words, 1, NULL), 1);
    cr_expect_eq(options_take(tables, 1, (char *const *)words, 1, NULL), -EINVAL);
}

static const struct {
    const char *text;
    int64_t ns; /* -1: refused */
} durations[] = {
    {"250ms", 250 * NS_PER_MS}, {"30s", 30 * NS_PER_S},      {"5m", 300 * NS_PER_S},   {"2h", 7200 * NS_PER_S},
    {"7d", 604800 * NS_PER_S},  {"1h30m", 5400 * NS_PER_S},  {"1w", 604800 * NS_PER_S}, {"0s", 0},
    {"", -1},                   {"5", -1},                   {"s", -1},                {"-1s", -1},
    {"1.5h", -1},               {"99999999999999d", -1},     {"1y", -1},               {"99999999999999999999s", -1},
};

Test(human, durations)
{
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        int64_t ns = -1;
        int r = human_parse_duration(durations[i].text, &ns);

        cr_expect_eq(r, durations[i].ns < 0 ? -EINVAL : 0, "%s", durations[i].text);
        cr_expect_eq(ns, durations[i].ns, "%s", durations[i].text);
    }
}

/* 2026-03-29 12:00 in Berlin; that night the clock went from 2 to 3. */
#define NOON (INT64_C(1774778400) * NS_PER_S)

static const struct {
    const char *text;
    int64_t seconds; /* since the epoch; -1: refused */
} moments[] = {
    {"2h", 1774778400 - 7200},
    {"today", 1774778400 - 11 * 3600},
    {"yesterday", 1774778400 - 35 * 3600},
    {"2026-03-29", 1774778400 - 11 * 3600},
    {"2026-03-29 12:00", 1774778400},
    {"2026-03-29T12:00:30", 1774778430},
    {"2026-03-29T10:00:00Z", 1774778400},
    {"@1774778400", 1774778400},
    {"@", -1},
    {"@-5", -1},
    {"2026-13-01", -1},
    {"2026-03-29 noon", -1},
    {"", -1},
};

Test(human, moments_are_local_and_know_summer_time)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1); /* Berlin, without its file */
    tzset();
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        int64_t ns = -NS_PER_S;
        int r = human_parse_moment(moments[i].text, NOON, &ns);

        cr_expect_eq(r, moments[i].seconds < 0 ? -EINVAL : 0, "%s", moments[i].text);
        cr_expect_eq(ns / NS_PER_S, moments[i].seconds, "%s: %lld", moments[i].text, (long long)(ns / NS_PER_S));
    }
}

static void expect_text(struct buf *b, const char *want)
{
    cr_expect_str_eq(buf_cstr(b), want);
    buf_reset(b);
}

Test(human, numbers_read_as_people_write_them)
{
    struct buf b = {0};

    human_count(&b, 0), expect_text(&b, "0");
    human_count(&b, 999), expect_text(&b, "999");
    human_count(&b, 4812), expect_text(&b, "4,812");
    human_count(&b, 1234567), expect_text(&b, "1,234,567");
    human_size(&b, 0), expect_text(&b, "0 bytes");
    human_size(&b, 1023), expect_text(&b, "1023 bytes");
    human_size(&b, 1024), expect_text(&b, "1.0 KiB");
    human_size(&b, 32715571), expect_text(&b, "31.2 MiB");
    human_size(&b, UINT64_MAX), expect_text(&b, "16.0 EiB");
    human_duration(&b, 310 * NS_PER_MS), expect_text(&b, "310 ms");
    human_duration(&b, 5 * NS_PER_S / 2), expect_text(&b, "2.50 s");
    human_duration(&b, 5400 * NS_PER_S), expect_text(&b, "90 minutes");
    human_duration(&b, 3 * 86400 * NS_PER_S), expect_text(&b, "3 days");
    human_ago(&b, NOON - 120 * NS_PER_S, NOON), expect_text(&b, "2 minutes ago");
    human_ago(&b, NOON, NOON + NS_PER_S), expect_text(&b, "just now");
    human_ago(&b, NOON + 7200 * NS_PER_S, NOON), expect_text(&b, "in 2 hours");
    buf_fini(&b);
}

static const struct {
    const char *path, *clean;
} cleaned[] = {
    {"/", "/"},         {"//etc///passwd/", "/etc/passwd"}, {"/etc/./x", "/etc/x"},   {"/etc/../x", "/x"},
    {"/../..", "/"},    {"/a/b/../../c", "/c"},             {"/a/..b", "/a/..b"},     {"/...", "/..."},
};

Test(target, text_is_cleaned_without_a_look_at_the_disk)
{
    struct buf b = {0};

    for (size_t i = 0; i < sizeof(cleaned) / sizeof(cleaned[0]); i++) {
        cr_expect_eq(target_clean(cleaned[i].path, &b), 0);
        expect_text(&b, cleaned[i].clean);
    }
    cr_expect_eq(target_clean("etc", &b), -EINVAL);
    buf_fini(&b);
}

static void expect_target(const char *dir, const char *typed, const char *want)
{
    struct buf b = {0}, whole = {0};

    buf_printf(&whole, "%s%s", dir, want);
    cr_assert_eq(target_resolve(typed, &b), 0, "%s", typed);
    cr_expect_str_eq(buf_cstr(&b), buf_cstr(&whole), "%s", typed);
    buf_fini(&b);
    buf_fini(&whole);
}

Test(target, links_above_the_last_name_are_followed_and_what_is_gone_keeps_its_name)
{
    char dir[] = "/tmp/fimd-target-XXXXXX";

    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chdir(dir), 0);
    cr_assert_eq(mkdir("usr", 0755) | mkdir("usr/bin", 0755) | symlink("usr/bin", "bin") | symlink("ls", "usr/bin/link"), 0);
    expect_target(dir, "bin/ls", "/usr/bin/ls");
    expect_target(dir, "./bin/link", "/usr/bin/link");
    expect_target(dir, "bin", "/bin");
    expect_target(dir, "bin/", "/usr/bin");
    expect_target(dir, "bin/..", "/usr");
    expect_target(dir, "bin/gone/deeper/../x", "/usr/bin/gone/x");
    expect_target(dir, "nowhere/a//b", "/nowhere/a/b");
    cr_expect_eq(target_resolve("", &(struct buf){0}), -EINVAL);
    unlink("usr/bin/link");
    unlink("bin");
    rmdir("usr/bin");
    rmdir("usr");
    rmdir(dir);
}

static bool passes(const struct filter *f, const struct event *e)
{
    return filter_match(f, e);
}

Test(filter, every_condition_must_hold)
{
    char *tags[] = {"t1", "t2"};
    struct actor alice = {.login = 1000, .euid = 0}, service = {.login = ACTOR_UNSET, .euid = 33};
    struct event e = {.kind = EVENT_CHANGE, .time = 1000, .severity = SEVERITY_HIGH, .path = "/etc/ssh/sshd_config",
                      .actions = ACTION_MOVED | ACTION_UPDATED, .rule = "ssh", .tags = tags, .tags_count = 2,
                      .actors = {&alice, &service}, .actors_count = 2};
    struct event state = {.kind = EVENT_STATE, .time = 1000, .severity = SEVERITY_INFO, .action = "started"};
    struct filter f = {0};

    cr_expect(passes(&f, &e) && passes(&f, &state));
    f = (struct filter){.path = "/etc", .path_len = 4};
    cr_expect(passes(&f, &e) && !passes(&f, &state));
    f = (struct filter){.path = "/etc/ss", .path_len = 7};
    cr_expect_not(passes(&f, &e));
    f = (struct filter){.since = 1001};
    cr_expect_not(passes(&f, &e));
    f = (struct filter){.since = 1000, .until = 1000, .least = SEVERITY_HIGH};
    cr_expect(passes(&f, &e) && !passes(&f, &state));
    f = (struct filter){.user_set = true, .user = 1000};
    cr_expect(passes(&f, &e) && !passes(&f, &state));
    f.user = 0; /* alice was root for a moment: still alice */
    cr_expect_not(passes(&f, &e));
    f.user = 33; /* a service's rights are nobody's login */
    cr_expect_not(passes(&f, &e));
}

static const struct {
    const char *actions, *rules, *tags;
    bool change, state;
} lists[] = {
    {"updated", NULL, NULL, true, false},       {"created,moved", NULL, NULL, true, false},
    {"started", NULL, NULL, false, true},       {"created", NULL, NULL, false, false},
    {NULL, "x,ssh", NULL, true, false},         {NULL, "ss", NULL, false, false},
    {NULL, NULL, "t2", true, false},            {"updated", "ssh", "t3", false, false},
};

Test(filter, a_list_holds_when_one_of_its_names_does)
{
    char *tags[] = {"t1", "t2"};
    struct event e = {.kind = EVENT_CHANGE, .actions = ACTION_MOVED | ACTION_UPDATED, .rule = "ssh", .tags = tags,
                      .tags_count = 2, .path = "/x"};
    struct event state = {.kind = EVENT_STATE, .action = "started"};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct filter f = {0};

        cr_assert(!lists[i].actions || filter_list(&f.actions, lists[i].actions) == 0);
        cr_assert(!lists[i].rules || filter_list(&f.rules, lists[i].rules) == 0);
        cr_assert(!lists[i].tags || filter_list(&f.tags, lists[i].tags) == 0);
        cr_expect_eq(passes(&f, &e), lists[i].change, "row %zu", i);
        cr_expect_eq(passes(&f, &state), lists[i].state, "row %zu", i);
        filter_fini(&f);
    }
    cr_expect_eq(filter_list(&(struct strings){0}, ""), -EINVAL);
}

static const struct {
    const char *path, *reason; /* NULL: not its business */
} reasons[] = {
    {"/srv/app/x.swp", "excluded by '*.swp'"},
    {"/srv/app/sub/.git/config", "it lies deeper than the rule's 1 level"},
    {"/srv/app/x.txt", "none of its includes matches"},
    {"/srv/other/x.conf", NULL},
};

Test(why, the_condition_without_which_it_would_match_is_the_reason)
{
    char *paths[] = {"/srv/app"}, *include[] = {"*.conf", "*.swp", "config"}, *exclude[] = {"*.bak", "*.swp"};
    struct rule rule = {.id = "app", .policy = "p", .file = "f", .paths = paths, .paths_count = 1, .depth = 1,
                        .include = include, .include_count = 3, .exclude = exclude, .exclude_count = 2,
                        .attributes = ATTR_ALL, .severity = SEVERITY_LOW};

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct buf b = {0};
        bool its = why_not(&rule, reasons[i].path, strlen(reasons[i].path), &b);

        cr_expect_eq(its, reasons[i].reason != NULL, "%s", reasons[i].path);
        if (reasons[i].reason)
            cr_expect_str_eq(buf_cstr(&b), reasons[i].reason, "%s", reasons[i].path);
        buf_fini(&b);
    }
}
