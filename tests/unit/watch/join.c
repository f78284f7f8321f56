/* Halves of renames find each other. */
#include "fimd/watch/join.h"

#include <criterion/criterion.h>

#include <string.h>

static struct half half(bool from, const char *name, const char *target, pid_t pid, int64_t at)
{
    struct half h = { .from = from, .pid = pid, .at = at, .name_len = (uint16_t)strlen(name) };
    strcpy(h.name, name);
    handle_copy(&h.dir, (struct handle_view){ .type = 1, .len = 3, .bytes = (const uint8_t *)"dir" });
    handle_copy(&h.target, (struct handle_view){ .type = 1, .len = (uint32_t)strlen(target),
                                                 .bytes = (const uint8_t *)target });
    return h;
}

static bool offer(struct join *j, struct half h, const char *mate_name)
{
    struct half mate, oldest;
    bool found = join_match(j, &h, &mate);
    if (found)
        cr_expect_str_eq(mate.name, mate_name);
    else
        join_keep(j, &h, &oldest);
    return found;
}

Test(join, both_orders_match)
{
    struct join j = { .count = 0 };
    cr_expect_not(offer(&j, half(true, "a", "T", 1, 0), NULL));
    cr_expect(offer(&j, half(false, "b", "T", 1, 0), "a"));
    cr_expect_not(offer(&j, half(false, "d", "U", 1, 0), NULL));
    cr_expect(offer(&j, half(true, "c", "U", 1, 0), "d"));
    cr_expect_eq(j.count, 0);
}

Test(join, other_objects_and_processes_do_not_match)
{
    struct join j = { .count = 0 };
    offer(&j, half(true, "a", "T", 1, 0), NULL);
    cr_expect_not(offer(&j, half(false, "b", "U", 1, 0), NULL));
    cr_expect_not(offer(&j, half(false, "b", "T", 2, 0), NULL));
    cr_expect_not(offer(&j, half(true, "b", "T", 1, 0), NULL));
    cr_expect_eq(j.count, 4);
}

Test(join, without_targets_by_process_and_order)
{
    struct join j = { .count = 0 };
    offer(&j, half(true, "a", "", 1, 0), NULL);
    offer(&j, half(true, "x", "", 2, 0), NULL);
    cr_expect(offer(&j, half(false, "b", "", 1, 0), "a"));
    cr_expect(offer(&j, half(false, "y", "", 2, 0), "x"));
}

/* a→b, b→a merges into two events that carry both bits each. */
Test(join, there_and_back_makes_two_renames)
{
    struct join j = { .count = 0 };
    cr_expect_not(offer(&j, half(false, "a", "T", 1, 0), NULL));
    cr_expect_not(offer(&j, half(true, "a", "T", 1, 0), NULL));
    cr_expect(offer(&j, half(false, "b", "T", 1, 0), "a"));
    cr_expect(offer(&j, half(true, "b", "T", 1, 0), "a"));
    cr_expect_eq(j.count, 0);
}

Test(join, full_table_gives_up_the_oldest)
{
    struct join j = { .count = 0 };
    struct half oldest;
    for (int i = 0; i < JOIN_HALVES; i++) {
        struct half h = half(true, "n", "", i + 1, i);
        cr_expect_not(join_keep(&j, &h, &oldest));
    }
    struct half h = half(true, "n", "", 1000, 1000);
    cr_expect(join_keep(&j, &h, &oldest));
    cr_expect_eq(oldest.pid, 1);
}

Test(join, expiry_takes_the_old_only)
{
    struct join j = { .count = 0 };
    struct half h;
    offer(&j, half(true, "a", "T", 1, 10), NULL);
    offer(&j, half(true, "b", "U", 1, 30), NULL);
    cr_expect_not(join_expire(&j, 10, &h));
    cr_expect(join_expire(&j, 20, &h));
    cr_expect_str_eq(h.name, "a");
    cr_expect_not(join_expire(&j, 20, &h));
}
