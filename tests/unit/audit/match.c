/* The memory of acts. */
#include "fimd/audit/match.h"

#include <criterion/criterion.h>
#include <string.h>

static struct text text(const char *s)
{
    return (struct text){{s, s ? strlen(s) : 0}, false};
}

static struct act act_of(uint32_t pid, uint64_t serial)
{
    struct act a = {.type = RECORD_SYSCALL,
                    .complete = true,
                    .success = true,
                    .pid = pid,
                    .ppid = 1,
                    .auid = 1000,
                    .auid_told = true,
                    .ses = 3,
                    .uid = 0,
                    .gid = 0,
                    .euid = 0,
                    .egid = 0,
                    .serial = serial,
                    .comm = text("vi"),
                    .exe = text("/usr/bin/vi"),
                    .cwd = text("/root")};
    return a;
}

static void add_path(struct act *a, enum act_item item, const char *name, uint64_t inode)
{
    a->paths[a->paths_count++] = (struct act_path){.item = item, .name = text(name), .inode = inode};
}

static struct match *new_table(unsigned acts, unsigned opens)
{
    struct match_limits limits = {.acts = acts, .opens = opens, .act_age = 100, .open_age = 1000};
    return match_new(&limits);
}

static void open_of(struct match *m, uint32_t pid, uint64_t serial, const char *name, uint64_t inode,
                    int64_t at)
{
    struct act a = act_of(pid, serial);
    add_path(&a, ITEM_NORMAL, name, inode);
    cr_assert_eq(match_add(m, &a, true, at), 0);
}

static void create_of(struct match *m, uint32_t pid, uint64_t serial, const char *name, uint64_t inode,
                      int64_t at)
{
    struct act a = act_of(pid, serial);
    add_path(&a, ITEM_PARENT, "/wrong/for/descriptors", 2);
    add_path(&a, ITEM_CREATE, name, inode);
    cr_assert_eq(match_add(m, &a, false, at), 0);
}

static struct match_hit find(struct match *m, pid_t pid, uint64_t inode, uint64_t dir, const char *name,
                             bool write, int64_t before)
{
    struct match_hit hit;
    struct match_query q = {.pid = pid, .inode = inode, .dir_inode = dir, .name = name,
                            .name_len = name ? strlen(name) : 0, .write = write, .before = before};
    match_find(m, &q, &hit);
    return hit;
}

Test(match, by_inode_by_name_and_not_by_another_process)
{
    struct match *m = new_table(0, 0);
    create_of(m, 7, 1, "d/f", 50, 10);
    static const struct {
        pid_t pid;
        uint64_t inode, dir;
        const char *name;
        enum match_strength strength;
    } cases[] = {
        {7, 50, 2, "f", MATCH_EXACT},  {7, 50, 0, NULL, MATCH_EXACT}, {7, 0, 2, "f", MATCH_EXACT},
        {7, 50, 9, "g", MATCH_WEAK},   {7, 51, 2, "f", MATCH_WEAK},   {7, 51, 2, "g", MATCH_NONE},
        {7, 51, 3, "f", MATCH_NONE},   {8, 50, 2, "f", MATCH_NONE},   {7, 0, 0, "f", MATCH_NONE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct match_hit hit = find(m, cases[i].pid, cases[i].inode, cases[i].dir, cases[i].name, true, 99);
        cr_expect_eq(hit.strength, cases[i].strength, "case %zu: %d", i, hit.strength);
    }
    match_free(m);
}

Test(match, the_latest_open_that_is_not_later_than_the_event)
{
    struct match *m = new_table(0, 0);
    open_of(m, 7, 1, "f", 50, 10);
    open_of(m, 7, 2, "f", 50, 20);
    open_of(m, 7, 3, "f", 50, 30);
    cr_expect_eq(find(m, 7, 50, 0, "f", true, 25).serial, 2);
    cr_expect_eq(find(m, 7, 50, 0, "f", true, 30).serial, 3);
    cr_expect_eq(find(m, 7, 50, 0, "f", true, 9).strength, MATCH_NONE);
    match_free(m);
}

Test(match, an_inode_number_used_again_is_the_weaker_hit)
{
    struct match *m = new_table(0, 0);
    create_of(m, 7, 1, "old", 50, 10);
    cr_expect_eq(find(m, 7, 50, 2, "new", false, 99).strength, MATCH_WEAK);
    create_of(m, 7, 2, "new", 50, 20);
    create_of(m, 7, 3, "third", 50, 30);
    struct match_hit hit = find(m, 7, 50, 2, "new", false, 99);
    cr_expect_eq(hit.strength, MATCH_EXACT);
    cr_expect_eq(hit.serial, 2);
    match_free(m);
}

Test(match, a_rename_proves_both_its_paths)
{
    struct match *m = new_table(0, 0);
    struct act a = act_of(7, 1);
    add_path(&a, ITEM_PARENT, "/to", 3);
    add_path(&a, ITEM_PARENT, "/from", 2);
    add_path(&a, ITEM_DELETE, "/from/old", 50);
    add_path(&a, ITEM_DELETE, "/to/new", 51); /* the victim */
    add_path(&a, ITEM_CREATE, "/to/new", 50);
    cr_assert_eq(match_add(m, &a, false, 10), 0);
    cr_expect_eq(find(m, 7, 50, 2, "old", false, 99).strength, MATCH_EXACT);
    cr_expect_eq(find(m, 7, 50, 3, "new", false, 99).strength, MATCH_EXACT);
    cr_expect_eq(find(m, 7, 50, 3, "new", false, 99).strength, MATCH_EXACT, "a hit is not used up");
    match_free(m);
}

Test(match, what_happened_to_the_object_can_be_asked_for)
{
    struct match *m = new_table(0, 0);
    struct match_hit hit;
    create_of(m, 7, 1, "f", 50, 10);
    struct match_query q = {.pid = 7, .inode = 50, .before = 99, .items = ITEM_DELETE};
    match_find(m, &q, &hit);
    cr_expect_eq(hit.strength, MATCH_NONE);
    q.items = ITEM_CREATE;
    match_find(m, &q, &hit);
    cr_expect_eq(hit.strength, MATCH_EXACT);
    match_free(m);
}

static bool is_9(void *ctx, pid_t pid)
{
    (void)ctx;
    return pid == 9;
}

Test(match, another_process_only_as_the_opener_of_a_write_and_if_it_may_be)
{
    struct match *m = new_table(0, 0);
    struct match_hit hit;
    open_of(m, 9, 1, "f", 50, 10);
    open_of(m, 8, 2, "f", 50, 20);
    struct match_query q = {.pid = 7, .inode = 50, .before = 99, .write = true};
    match_find(m, &q, &hit);
    cr_expect_eq(hit.strength, MATCH_NONE);
    q.opener = is_9;
    match_find(m, &q, &hit);
    cr_expect_eq(hit.strength, MATCH_OPENER);
    cr_expect_eq(hit.who->pid, 9);
    q.write = false;
    match_find(m, &q, &hit);
    cr_expect_eq(hit.strength, MATCH_NONE);
    match_free(m);
}

Test(match, old_acts_go_and_opens_stay_longer)
{
    struct match *m = new_table(0, 0);
    create_of(m, 7, 1, "f", 50, 10);
    open_of(m, 7, 2, "g", 51, 10);
    match_expire(m, 111);
    cr_expect_eq(find(m, 7, 50, 0, NULL, false, 999).strength, MATCH_NONE);
    cr_expect_eq(find(m, 7, 51, 0, NULL, true, 999).strength, MATCH_EXACT);
    match_expire(m, 1011);
    cr_expect_eq(match_count(m), 0);
    create_of(m, 7, 3, "f", 50, 1020);
    cr_expect_eq(find(m, 7, 50, 0, NULL, false, 9999).serial, 3);
    match_free(m);
}

Test(match, the_table_is_bounded_and_keeps_the_newest)
{
    struct match *m = new_table(1024, 1024);
    for (uint64_t i = 1; i <= 100000; i++) {
        create_of(m, 7 + (uint32_t)i % 300, i, "f", 1000 + i, (int64_t)i);
    }
    cr_expect_leq(match_count(m), 1024);
    cr_expect_geq(match_count(m), 1000);
    for (uint64_t i = 99100; i <= 100000; i++) {
        cr_assert_eq(find(m, (pid_t)(7 + i % 300), 1000 + i, 2, "f", false, 1 << 30).serial, i);
    }
    cr_expect_eq(find(m, 7 + 500 % 300, 1500, 0, NULL, false, 1 << 30).strength, MATCH_NONE);
    match_free(m);
}

Test(match, io_uring_takes_the_person_from_the_process_s_other_records)
{
    struct match *m = new_table(0, 0);
    struct act setup = act_of(7, 1), op = act_of(7, 2), stranger = act_of(8, 3);
    cr_assert_eq(match_add(m, &setup, false, 10), 0);
    op.type = stranger.type = RECORD_URINGOP;
    op.auid_told = stranger.auid_told = false;
    op.auid = op.ses = stranger.auid = stranger.ses = UINT32_MAX;
    op.comm = op.exe = stranger.comm = stranger.exe = text(NULL);
    add_path(&op, ITEM_CREATE, "f", 50);
    add_path(&stranger, ITEM_CREATE, "g", 51);
    cr_assert_eq(match_add(m, &op, false, 20), 0);
    cr_assert_eq(match_add(m, &stranger, false, 20), 0);
    struct match_hit hit = find(m, 7, 50, 0, NULL, false, 99);
    cr_expect(hit.who->auid_told && hit.who->auid == 1000);
    cr_expect_str_eq(hit.who->exe, "/usr/bin/vi");
    hit = find(m, 8, 51, 0, NULL, false, 99);
    cr_expect_not(hit.who->auid_told);
    match_free(m);
}
