/* Dead letters over kills and restarts, in a store of their own. */
#include "fimd/flow/dead.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asked {
    const char *output;
    uint64_t count;
};

static int ask(struct store_txn *txn, void *ctx)
{
    struct asked *a = ctx;
    return dead_count(txn, a->output, &a->count);
}

static uint64_t count_of(struct store *store, const char *output)
{
    struct asked a = {.output = output, .count = 99};
    struct fault why = {0};
    cr_assert_eq(store_read(store, ask, &a, &why), 0, "%s", why.text);
    return a.count;
}

static int keep(struct store *store, const char *output, uint64_t sequence)
{
    const struct event event = {.sequence = sequence};
    const struct sink_item item = {.event = &event, .json = "{}", .json_len = 2, .reason = "mapper_parsing_exception"};
    struct fault why = {0};
    return dead_keep(store, output, &item, &why);
}

Test(dead, a_letter_is_counted_once_and_over_restarts)
{
    char dir[] = "/tmp/fimd-dead.XXXXXX", command[64];
    struct store *store;
    struct fault why = {0};
    cr_assert_not_null(mkdtemp(dir));
    const struct store_options options = {.dir = dir, .no_sync = true};
    cr_assert_eq(store_open(&options, &store, &why), 0, "%s", why.text);
    cr_expect_eq(count_of(store, "es"), 0);
    cr_expect_eq(keep(store, "es", 7), 1);
    cr_expect_eq(keep(store, "es", 7), 0, "refused again after a kill");
    cr_expect_eq(keep(store, "es", 8), 1);
    cr_expect_eq(keep(store, "other", 7), 1);
    store_close(store);
    cr_assert_eq(store_open(&options, &store, &why), 0, "%s", why.text);
    cr_expect_eq(count_of(store, "es"), 2);
    cr_expect_eq(count_of(store, "other"), 1);
    cr_expect_eq(count_of(store, "none"), 0);
    store_close(store);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    cr_expect_eq(system(command), 0);
}
