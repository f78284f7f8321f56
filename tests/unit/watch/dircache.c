/* The cache of directories: paths by climbing, renames as one update, bounded, and never in a circle. */
#include "fimd/watch/dircache.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct handle_view handle(uint64_t *number)
{
    return (struct handle_view){ .type = 1, .len = 8, .bytes = (const uint8_t *)number };
}

static uint32_t put(struct dircache *c, uint64_t number, uint32_t parent, const char *name)
{
    uint32_t node = DIR_NONE;
    cr_assert_eq(dircache_put(c, 0, handle(&number), parent, name, strlen(name), &node), 0);
    return node;
}

static uint32_t anchor(struct dircache *c, uint64_t number, const char *root)
{
    uint32_t node = DIR_NONE;
    cr_assert_eq(dircache_anchor(c, 0, handle(&number), root, strlen(root), &node), 0);
    return node;
}

static void pin(struct dircache *c, uint32_t node)
{
    c->nodes[node].flags |= DIR_PINNED;
}

static uint32_t find(struct dircache *c, uint64_t number)
{
    return dircache_find(c, 0, handle(&number));
}

static void expect_path(const struct dircache *c, uint32_t node, const char *path)
{
    struct buf b = { 0 };
    cr_assert(dircache_path(c, node, &b));
    cr_expect_str_eq(buf_cstr(&b), path);
    buf_fini(&b);
}

static struct dircache cache;

static void set_up(void)
{
    cr_assert_eq(dircache_init(&cache, 64), 0);
}

static void tear_down(void)
{
    dircache_fini(&cache);
}

TestSuite(dircache, .init = set_up, .fini = tear_down);

Test(dircache, path_is_climbed)
{
    uint32_t root = anchor(&cache, 1, "");
    uint32_t a = put(&cache, 2, root, "a");
    uint32_t b = put(&cache, 3, a, "b");
    expect_path(&cache, root, "");
    expect_path(&cache, a, "/a");
    expect_path(&cache, b, "/a/b");
    cr_expect_eq(find(&cache, 3), b);
    cr_expect_eq(find(&cache, 4), DIR_NONE);
}

Test(dircache, anchor_of_a_part_begins_at_its_root)
{
    uint32_t part = anchor(&cache, 1, "/srv/www");
    expect_path(&cache, put(&cache, 2, part, "x"), "/srv/www/x");
}

Test(dircache, volumes_do_not_mix)
{
    uint64_t number = 5;
    uint32_t node;
    uint32_t root = anchor(&cache, 1, "");
    cr_assert_eq(dircache_put(&cache, 1, handle(&number), root, "other", 5, &node), 0);
    cr_expect_eq(find(&cache, 5), DIR_NONE);
}

Test(dircache, rename_of_a_directory_moves_all_below)
{
    uint32_t root = anchor(&cache, 1, "");
    uint32_t a = put(&cache, 2, root, "a");
    uint32_t deep = put(&cache, 4, put(&cache, 3, a, "b"), "c");
    uint32_t before = cache.generation;
    put(&cache, 2, put(&cache, 5, root, "z"), "new");
    expect_path(&cache, deep, "/z/new/b/c");
    cr_expect_neq(cache.generation, before, "findings below are stale");
    cr_expect_eq(cache.count, 5);
}

Test(dircache, putting_the_same_again_changes_nothing)
{
    uint32_t root = anchor(&cache, 1, "");
    uint32_t a = put(&cache, 2, root, "a");
    put(&cache, 3, a, "b");
    uint32_t before = cache.generation;
    cr_expect_eq(put(&cache, 2, root, "a"), a);
    cr_expect_eq(cache.generation, before);
    cr_expect_eq(cache.nodes[root].children, 1);
}

Test(dircache, directory_cannot_lie_in_itself)
{
    uint32_t node, root = anchor(&cache, 1, "");
    uint32_t a = put(&cache, 2, root, "a");
    uint32_t b = put(&cache, 3, a, "b");
    uint64_t number = 2;
    cr_expect_eq(dircache_put(&cache, 0, handle(&number), b, "x", 1, &node), -ELOOP);
    cr_expect_eq(dircache_put(&cache, 0, handle(&number), a, "x", 1, &node), -ELOOP);
    expect_path(&cache, b, "/a/b");
}

Test(dircache, oversized_handles_and_names_are_refused)
{
    static const uint8_t bytes[256];
    static const char name[5000] = "x";
    uint32_t node, root = anchor(&cache, 1, "");
    uint64_t number = 9;
    struct handle_view big = { .type = 1, .len = 129, .bytes = bytes };
    cr_expect_eq(dircache_put(&cache, 0, big, root, "x", 1, &node), -ENAMETOOLONG);
    cr_expect_eq(dircache_put(&cache, 0, (struct handle_view){ 0 }, root, "x", 1, &node), -ENAMETOOLONG);
    cr_expect_eq(dircache_put(&cache, 0, handle(&number), root, name, sizeof(name), &node), -ENAMETOOLONG);
    cr_expect_eq(dircache_find(&cache, 0, big), DIR_NONE);
}

Test(dircache, is_bounded_and_keeps_what_is_used)
{
    uint32_t root = anchor(&cache, 1, "");
    put(&cache, 2, put(&cache, 3, root, "parent"), "hot");
    for (uint64_t i = 100; i < 1100; i++) {
        put(&cache, i, root, "cold");
        cr_expect_neq(find(&cache, 2), DIR_NONE);
    }
    cr_expect_leq(cache.count, 64);
    expect_path(&cache, find(&cache, 2), "/parent/hot");
    cr_expect_neq(find(&cache, 1), DIR_NONE);
}

Test(dircache, pinned_nodes_outgrow_the_bound)
{
    uint32_t root = anchor(&cache, 1, "");
    for (uint64_t i = 100; i < 400; i++)
        pin(&cache, put(&cache, i, root, "marked"));
    for (uint64_t i = 100; i < 400; i++)
        cr_expect_neq(find(&cache, i), DIR_NONE);
    cr_expect_eq(cache.count, 301);
}

Test(dircache, evicted_ignore_mark_is_told)
{
    uint32_t root = anchor(&cache, 1, "");
    dircache_set_ignored(&cache, put(&cache, 2, root, "ignored"));
    cr_expect_eq(cache.ignored, 1);
    for (uint64_t i = 100; i < 300; i++)
        put(&cache, i, root, "cold");
    cr_expect(cache.lost_ignored);
    cr_expect_eq(cache.ignored, 0);
    dircache_clear_ignored(&cache);
    cr_expect_not(cache.lost_ignored);
}

Test(dircache, forget_tree_takes_all_below_and_nothing_else)
{
    uint32_t root = anchor(&cache, 1, "");
    uint32_t a = put(&cache, 2, root, "a");
    put(&cache, 4, put(&cache, 3, a, "b"), "c");
    put(&cache, 5, root, "beside");
    pin(&cache, find(&cache, 4));
    dircache_forget_tree(&cache, a);
    cr_expect_eq(find(&cache, 2), DIR_NONE);
    cr_expect_eq(find(&cache, 4), DIR_NONE);
    cr_expect_neq(find(&cache, 5), DIR_NONE);
    cr_expect_eq(cache.count, 2);
}

Test(dircache, flush_keeps_anchors_pins_and_their_parents)
{
    uint32_t root = anchor(&cache, 1, "");
    uint32_t a = put(&cache, 2, root, "a");
    pin(&cache, put(&cache, 3, a, "pinned"));
    put(&cache, 4, put(&cache, 5, root, "x"), "y");
    dircache_flush(&cache);
    cr_expect_eq(cache.count, 3);
    expect_path(&cache, find(&cache, 3), "/a/pinned");
}

Test(dircache, gone_directory_is_remembered_until_it_is_known)
{
    uint32_t root = anchor(&cache, 1, "");
    uint64_t number = 7;
    cr_assert_eq(dircache_gone(&cache, 0, handle(&number)), 0);
    cr_expect(cache.nodes[find(&cache, 7)].flags & DIR_GONE);
    uint32_t node = put(&cache, 7, root, "was");
    cr_expect_not(cache.nodes[node].flags & DIR_GONE);
    expect_path(&cache, node, "/was");
}

Test(dircache, released_node_goes_first)
{
    uint32_t root = anchor(&cache, 1, "");
    uint32_t a = put(&cache, 2, root, "a");
    cache.nodes[a].flags |= DIR_PINNED;
    dircache_release(&cache, a);
    for (uint64_t i = 100; i < 300; i++)
        put(&cache, i, root, "cold");
    cr_expect_eq(find(&cache, 2), DIR_NONE);
}

Test(dircache, forgets_one_volume)
{
    uint64_t number = 8;
    uint32_t node;
    anchor(&cache, 1, "");
    cr_assert_eq(dircache_anchor(&cache, 1, handle(&number), "", 0, &node), 0);
    dircache_forget_volume(&cache, 0);
    cr_expect_eq(find(&cache, 1), DIR_NONE);
    cr_expect_neq(dircache_find(&cache, 1, handle(&number)), DIR_NONE);
}
