/* The coalescer, fed line by line. */
#include "fimd/audit/coalesce.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct heard {
    struct coalescer *c;
    char said[4096]; /* "serial:complete:paths " an act */
};

static void hear(void *ctx, const struct act *act)
{
    struct heard *h = ctx;
    size_t len = strlen(h->said);
    snprintf(h->said + len, sizeof(h->said) - len, "%llu%s/%zu ", (unsigned long long)act->serial,
             act->complete ? "" : "?", act->paths_count);
}

static bool only_pid_7(void *ctx, const struct act *head)
{
    (void)ctx;
    return head->pid == 7;
}

static void start(struct heard *h, struct coalesce_options options)
{
    *h = (struct heard){0};
    options.ctx = h;
    options.act = hear;
    h->c = coalesce_new(&options);
}

static void say(struct heard *h, unsigned type, double seconds, unsigned serial, const char *body)
{
    char text[512];
    struct record r;
    int64_t ms = (int64_t)(seconds * 1000 + 0.5);
    int n = snprintf(text, sizeof(text), "audit(%lld.%03lld:%u): %s", (long long)(1000 + ms / 1000),
                     (long long)(ms % 1000), serial, body);
    cr_assert_eq(record_parse(type, text, (size_t)n, &r), 0);
    cr_assert_eq(coalesce_push(h->c, &r), 0);
}

static void expect(struct heard *h, const char *said)
{
    cr_expect_str_eq(h->said, said);
    coalesce_free(h->c);
}

#define CALL                                                                                                 \
    "arch=c000003e syscall=257 success=yes exit=3 a0=0 a1=0 a2=241 a3=1b6 items=1 ppid=1 pid=7 auid=1000"
#define OTHER                                                                                                \
    "arch=c000003e syscall=257 success=yes exit=3 a0=0 a1=0 a2=241 a3=1b6 items=1 ppid=1 pid=8 auid=1000"
#define ITEM "item=0 name=\"f\" inode=12 dev=08:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL"

Test(coalesce, interleaved_events_are_told_apart_and_in_the_order_of_their_ends)
{
    struct heard h;
    start(&h, (struct coalesce_options){0});
    say(&h, RECORD_SYSCALL, 0, 2, CALL);
    say(&h, RECORD_SYSCALL, 0, 1, CALL);
    say(&h, RECORD_PATH, 0, 2, ITEM);
    say(&h, RECORD_PATH, 0, 1, ITEM);
    say(&h, RECORD_PATH, 0, 1, ITEM);
    say(&h, RECORD_EOE, 0, 1, "");
    say(&h, RECORD_EOE, 0, 2, "");
    expect(&h, "1/2 2/1 ");
}

Test(coalesce, the_same_serial_at_another_time_is_another_event)
{
    struct heard h;
    start(&h, (struct coalesce_options){0});
    say(&h, RECORD_SYSCALL, 0, 1, CALL);
    say(&h, RECORD_SYSCALL, 0.004, 1, CALL);
    say(&h, RECORD_PATH, 0.004, 1, ITEM);
    say(&h, RECORD_EOE, 0.004, 1, "");
    say(&h, RECORD_EOE, 0, 1, "");
    expect(&h, "1/1 1/0 ");
}

Test(coalesce, an_event_without_its_end_comes_out_when_the_stream_has_gone_on)
{
    struct heard h;
    start(&h, (struct coalesce_options){0});
    say(&h, RECORD_SYSCALL, 0, 1, CALL);
    say(&h, RECORD_PATH, 0, 1, ITEM);
    say(&h, RECORD_SYSCALL, 1.9, 2, CALL);
    cr_expect_str_eq(h.said, "");
    say(&h, RECORD_EOE, 2.1, 3, "");
    cr_expect_str_eq(h.said, "1?/1 ");
    cr_expect_eq(coalesce_incomplete(h.c), 1);
    coalesce_expire(h.c, INT64_C(1005000000000));
    expect(&h, "1?/1 2?/0 ");
}

Test(coalesce, a_call_that_took_long_is_whole_all_the_same)
{
    struct heard h;
    start(&h, (struct coalesce_options){0});
    say(&h, RECORD_SYSCALL, 60, 1, CALL);
    say(&h, RECORD_SYSCALL, 10, 2, CALL); /* began 50 s ago, ended now */
    say(&h, RECORD_PATH, 10, 2, ITEM);
    say(&h, RECORD_EOE, 60, 1, "");
    say(&h, RECORD_EOE, 10, 2, "");
    cr_expect_eq(coalesce_incomplete(h.c), 0);
    expect(&h, "1/0 2/1 ");
}

Test(coalesce, a_clock_that_was_set_back_does_not_tear_events_apart)
{
    struct heard h;
    start(&h, (struct coalesce_options){0});
    say(&h, RECORD_SYSCALL, 90000, 1, CALL);
    say(&h, RECORD_EOE, 90000, 1, "");
    say(&h, RECORD_SYSCALL, 5, 2, CALL);
    say(&h, RECORD_PATH, 5, 2, ITEM);
    say(&h, RECORD_EOE, 5, 2, "");
    expect(&h, "1/0 2/1 ");
}

Test(coalesce, an_event_without_its_system_call_is_incomplete)
{
    struct heard h;
    start(&h, (struct coalesce_options){0});
    say(&h, RECORD_PATH, 0, 1, ITEM);
    say(&h, RECORD_EOE, 0, 1, "");
    cr_expect_eq(coalesce_incomplete(h.c), 1);
    expect(&h, "1?/1 ");
}

Test(coalesce, what_nobody_wants_is_neither_kept_nor_told_nor_missed)
{
    struct heard h;
    start(&h, (struct coalesce_options){.wants = only_pid_7});
    say(&h, RECORD_SYSCALL, 0, 1, OTHER);
    say(&h, RECORD_PATH, 0, 1, ITEM);
    say(&h, RECORD_SYSCALL, 0, 2, CALL);
    say(&h, RECORD_EOE, 0, 2, "");
    say(&h, RECORD_EOE, 9, 3, "");
    cr_expect_eq(coalesce_incomplete(h.c), 0);
    cr_expect_eq(coalesce_open(h.c), 0);
    expect(&h, "2/0 ");
}

Test(coalesce, messages_of_programs_and_logins_come_at_once)
{
    struct heard h;
    start(&h, (struct coalesce_options){.wants = only_pid_7});
    say(&h, RECORD_LOGIN, 0, 1,
        "pid=8 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=3 res=1");
    say(&h, RECORD_USER_LOGIN, 0, 2, "pid=8 uid=0 auid=1000 ses=3 msg='op=login res=success'");
    say(&h, RECORD_CONFIG_CHANGE, 0, 3, "op=remove_rule key=\"fimd\" list=4 res=1");
    say(&h, 1204, 0, 4, "op=start ver=3.0.9");
    cr_expect_eq(coalesce_open(h.c), 0);
    expect(&h, "1/0 2/0 3/0 4/0 ");
}

Test(coalesce, a_bound_of_open_events_pushes_the_oldest_out)
{
    struct heard h;
    start(&h, (struct coalesce_options){.most = 2});
    say(&h, RECORD_SYSCALL, 0, 1, CALL);
    say(&h, RECORD_SYSCALL, 0, 2, CALL);
    say(&h, RECORD_SYSCALL, 0, 3, CALL);
    cr_expect_eq(coalesce_open(h.c), 2);
    expect(&h, "1?/0 ");
}

Test(coalesce, an_event_of_too_many_records_is_bounded_and_says_so)
{
    struct heard h;
    start(&h, (struct coalesce_options){0});
    say(&h, RECORD_SYSCALL, 0, 1, CALL);
    for (int i = 0; i < 5000; i++) {
        say(&h, RECORD_PATH, 0, 1, ITEM);
    }
    say(&h, RECORD_EOE, 0, 1, "");
    expect(&h, "1?/32 ");
}

Test(coalesce, records_without_a_body_are_an_event_too)
{
    struct heard h;
    start(&h, (struct coalesce_options){0});
    say(&h, RECORD_PATH, 0, 1, "");
    say(&h, RECORD_EOE, 0, 1, "");
    expect(&h, "1?/1 ");
}
