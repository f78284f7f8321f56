/* The tree of nodes: what was put is there, by any path, after moves, removals and a restart. */
#include "baseline/store.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/buf.h"
#include "store_fixture.h"

Test(store, what_was_put_is_there_after_reopening)
{
    struct fixture f;
    struct node n;

    fixture_open(&f);
    cr_assert_eq(put(&f, "/etc/passwd", ENTRY_FILE, 7, 42), 0);
    store_close(f.store);
    fixture_reopen(&f);
    cr_assert_eq(get(&f, "/etc/passwd", &n), 0);
    cr_assert_eq(n.entry.type, ENTRY_FILE);
    cr_assert_eq(n.entry.size, 1007);
    cr_assert_eq(n.last, 42);
    cr_assert_eq(n.id, 0);
    node_fini(&n);
    cr_assert_eq(get(&f, "/etc", &n), 0);
    cr_assert_eq(n.entry.type, ENTRY_ABSENT);
    cr_assert_eq(n.marks, STORE_MARK_WAYPOINT);
    cr_assert_neq(n.id, 0);
    cr_assert_eq(counts(&f).entries, 1);
    fixture_close(&f);
}

Test(store, unknown_paths_are_enoent)
{
    static const char *const paths[] = {"/x", "/etc/passwd/x", "/etc/shadow", "/no/such/dir/file"};
    struct fixture f;
    struct node n;

    fixture_open(&f);
    put(&f, "/etc/passwd", ENTRY_FILE, 1, 0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        cr_expect_eq(get(&f, paths[i], &n), -ENOENT, "%s", paths[i]);
    cr_expect_eq(take(&f, "/etc/shadow", 5), -ENOENT);
    cr_expect_eq(f.why.error, 0);
    fixture_close(&f);
}

Test(store, paths_that_are_none_are_refused)
{
    char long_name[600] = "/";
    struct fixture f;

    fixture_open(&f);
    memset(long_name + 1, 'n', 504);
    cr_expect_eq(put(&f, long_name, ENTRY_FILE, 1, 0), -ENAMETOOLONG);
    long_name[504] = '\0';
    cr_expect_eq(put(&f, long_name, ENTRY_FILE, 1, 0), 0);
    cr_expect_eq(inode_of(&f, long_name), 1);
    cr_expect_eq(put(&f, "relative", ENTRY_FILE, 1, 0), -EINVAL);
    cr_expect_eq(put(&f, "", ENTRY_FILE, 1, 0), -EINVAL);
    cr_expect_eq(put(&f, "/a/../b", ENTRY_FILE, 1, 0), -EINVAL);
    cr_expect_eq(put(&f, "/a/.", ENTRY_FILE, 1, 0), -EINVAL);
    cr_expect_eq(counts(&f).entries, 1);
    fixture_close(&f);
}

Test(store, names_of_any_bytes_and_paths_of_any_length)
{
    struct buf path = {0};
    struct fixture f;

    fixture_open(&f);
    cr_expect_eq(put(&f, "/\n\"\\\xff\x01", ENTRY_FILE, 3, 0), 0);
    cr_expect_eq(inode_of(&f, "/\n\"\\\xff\x01"), 3);
    for (int i = 0; i < 1000; i++)
        buf_printf(&path, "/level-%03d-with-a-name", i);
    cr_assert_gt(path.len, 20000);
    cr_expect_eq(put(&f, buf_cstr(&path), ENTRY_FILE, 9, 0), 0);
    cr_expect_eq(inode_of(&f, buf_cstr(&path)), 9);
    buf_fini(&path);
    fixture_close(&f);
}

Test(store, the_root_is_a_node_like_others)
{
    struct fixture f;

    fixture_open(&f);
    cr_assert_eq(put(&f, "/", ENTRY_DIR, 2, 1), 0);
    cr_assert_eq(put(&f, "/file", ENTRY_FILE, 3, 1), 0);
    cr_expect_eq(inode_of(&f, "/"), 2);
    cr_expect_eq(inode_of(&f, "/file"), 3);
    cr_expect_eq(take(&f, "/", 0), 0);
    cr_expect_eq(inode_of(&f, "/"), 0);
    cr_expect_eq(inode_of(&f, "/file"), 3);
    fixture_close(&f);
}

Test(store, a_deleted_path_stays_with_its_last_record)
{
    struct fixture f;
    struct node n;

    fixture_open(&f);
    put(&f, "/d/a", ENTRY_FILE, 1, 10);
    cr_assert_eq(take(&f, "/d/a", 11), 0);
    cr_assert_eq(get(&f, "/d/a", &n), 0);
    cr_expect(n.entry.type == ENTRY_ABSENT && n.last == 11 && n.marks == 0);
    cr_expect_eq(counts(&f).entries, 0);
    put(&f, "/d/a", ENTRY_FILE, 2, 12);
    cr_expect_eq(inode_of(&f, "/d/a"), 2);
    cr_expect_eq(counts(&f).entries, 1);
    fixture_close(&f);
}

Test(store, a_forgotten_path_takes_idle_waypoints_with_it)
{
    struct fixture f;
    struct node n;

    fixture_open(&f);
    put(&f, "/a/b/c", ENTRY_FILE, 1, 1);
    put(&f, "/a/x", ENTRY_FILE, 2, 1);
    cr_assert_eq(take(&f, "/a/b/c", 0), 0);
    cr_expect_eq(get(&f, "/a/b/c", &n), -ENOENT);
    cr_expect_eq(get(&f, "/a/b", &n), -ENOENT);
    cr_expect_eq(inode_of(&f, "/a/x"), 2);
    /* What was made anew is not mistaken for what was remembered. */
    cr_assert_eq(put(&f, "/a/b/c", ENTRY_FILE, 3, 1), 0);
    cr_expect_eq(inode_of(&f, "/a/b/c"), 3);
    fixture_close(&f);
}

Test(store, a_forgotten_directory_with_children_becomes_a_waypoint)
{
    struct fixture f;
    struct node n;

    fixture_open(&f);
    put(&f, "/d", ENTRY_DIR, 1, 5);
    put(&f, "/d/child", ENTRY_FILE, 2, 5);
    cr_assert_eq(take(&f, "/d", 0), 0);
    cr_assert_eq(get(&f, "/d", &n), 0);
    cr_expect(n.marks == STORE_MARK_WAYPOINT && n.last == 0);
    cr_expect_eq(inode_of(&f, "/d/child"), 2);
    fixture_close(&f);
}

Test(store, a_file_that_becomes_a_directory_keeps_its_node)
{
    struct fixture f;

    fixture_open(&f);
    put(&f, "/x", ENTRY_FILE, 1, 5);
    cr_assert_eq(put(&f, "/x/y", ENTRY_FILE, 2, 6), 0);
    cr_expect_eq(inode_of(&f, "/x"), 1);
    cr_expect_eq(inode_of(&f, "/x/y"), 2);
    cr_assert_eq(put(&f, "/x", ENTRY_DIR, 3, 7), 0);
    cr_expect_eq(inode_of(&f, "/x/y"), 2);
    cr_expect_eq(counts(&f).entries, 2);
    fixture_close(&f);
}

Test(store, a_moved_directory_takes_all_with_it)
{
    struct fixture f;
    struct node n;

    fixture_open(&f);
    put(&f, "/a", ENTRY_DIR, 1, 1);
    put(&f, "/a/b/c/file", ENTRY_FILE, 2, 1);
    cr_expect_eq(inode_of(&f, "/a/b/c/file"), 2);
    cr_assert_eq(move(&f, "/a", "/new/place", 9), 0);
    cr_expect_eq(inode_of(&f, "/new/place/b/c/file"), 2);
    cr_expect_eq(inode_of(&f, "/new/place"), 1);
    cr_expect_eq(inode_of(&f, "/a/b/c/file"), 0);
    cr_assert_eq(get(&f, "/a", &n), 0);
    cr_expect(n.entry.type == ENTRY_ABSENT && n.last == 9 && n.id == 0);
    cr_expect_eq(counts(&f).entries, 2);
    cr_assert_eq(put(&f, "/a/b/c/file", ENTRY_FILE, 3, 10), 0);
    cr_expect_eq(inode_of(&f, "/new/place/b/c/file"), 2);
    fixture_close(&f);
}

Test(store, moves_that_make_no_sense_are_refused)
{
    struct fixture f;

    fixture_open(&f);
    put(&f, "/a/x", ENTRY_FILE, 1, 1);
    put(&f, "/b", ENTRY_FILE, 2, 1);
    cr_expect_eq(move(&f, "/a", "/a/x/y", 2), -EINVAL);
    cr_expect_eq(move(&f, "/a", "/a", 2), -EINVAL);
    cr_expect_eq(move(&f, "/a/x", "/b", 2), -EEXIST);
    cr_expect_eq(move(&f, "/none", "/c", 2), -ENOENT);
    cr_expect_eq(inode_of(&f, "/a/x"), 1);
    fixture_close(&f);
}

Test(store, what_was_deleted_at_the_destination_stays_known)
{
    struct fixture f;
    struct node n;

    fixture_open(&f);
    put(&f, "/d", ENTRY_DIR, 1, 1);
    put(&f, "/d/old", ENTRY_FILE, 2, 2);
    put(&f, "/d/both", ENTRY_FILE, 3, 3);
    put(&f, "/d/sub/deep", ENTRY_FILE, 4, 4);
    take(&f, "/d/old", 5), take(&f, "/d/both", 6), take(&f, "/d/sub/deep", 7), take(&f, "/d", 8);
    put(&f, "/new", ENTRY_DIR, 10, 9);
    put(&f, "/new/both", ENTRY_FILE, 11, 9);
    put(&f, "/new/sub/other", ENTRY_FILE, 12, 9);
    cr_assert_eq(move(&f, "/new", "/d", 20), 0);
    cr_expect_eq(inode_of(&f, "/d"), 10);
    cr_expect_eq(inode_of(&f, "/d/both"), 11);
    cr_expect_eq(inode_of(&f, "/d/sub/other"), 12);
    cr_assert_eq(get(&f, "/d/old", &n), 0);
    cr_expect_eq(n.last, 5);
    cr_assert_eq(get(&f, "/d/sub/deep", &n), 0);
    cr_expect_eq(n.last, 7);
    cr_expect_eq(counts(&f).entries, 3);
    fixture_close(&f);
}

struct listing {
    struct buf text;
    size_t stop_after;
};

static int list_child(void *ctx, const char *name, size_t len, const struct node *node)
{
    struct listing *l = ctx;

    buf_put(&l->text, name, len);
    buf_printf(&l->text, ":%u ", (unsigned)node->entry.type);
    return l->stop_after && !--l->stop_after ? 77 : 0;
}

static int list_path(void *ctx, const char *path, size_t len, const struct node *node)
{
    return list_child(ctx, path, len, node);
}

struct list_call {
    const char *path, *after;
    struct listing listing;
};

static int children_fn(struct store_txn *t, void *ctx)
{
    struct list_call *c = ctx;
    const char *after = c->after ? c->after : "";

    return store_children_after(t, c->path, strlen(c->path), after, strlen(after), list_child, &c->listing);
}

static int subtree_fn(struct store_txn *t, void *ctx)
{
    struct list_call *c = ctx;

    return store_subtree(t, c->path, strlen(c->path), list_path, &c->listing);
}

static void fill_tree(struct fixture *f)
{
    static const char *const paths[] = {"/t/b/2",       "/t/a", "/t/b/1", "/t/b.x",
                                        "/t/b/1x/deep", "/tz",  "/t/\xff"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        put(f, paths[i], ENTRY_FILE, i + 1, 1);
}

Test(store, children_are_sorted_by_bytes)
{
    struct fixture f;
    struct list_call c = {.path = "/t"};

    fixture_open(&f);
    fill_tree(&f);
    cr_assert_eq(store_read(f.store, children_fn, &c, &f.why), 0);
    cr_expect_str_eq(buf_cstr(&c.listing.text), "a:1 b:0 b.x:1 \xff:1 ");
    buf_reset(&c.listing.text);
    c.after = "b";
    cr_assert_eq(store_read(f.store, children_fn, &c, &f.why), 0);
    cr_expect_str_eq(buf_cstr(&c.listing.text), "b.x:1 \xff:1 ");
    buf_reset(&c.listing.text);
    c.after = "aa"; /* a name that is not there */
    c.listing.stop_after = 1;
    cr_assert_eq(store_write(f.store, children_fn, &c, &f.why), 77);
    cr_expect_str_eq(buf_cstr(&c.listing.text), "b:0 ");
    c.path = "/none";
    cr_assert_eq(store_read(f.store, children_fn, &c, &f.why), -ENOENT);
    buf_fini(&c.listing.text);
    fixture_close(&f);
}

Test(store, a_subtree_comes_parents_first)
{
    static const struct {
        const char *path, *wanted;
    } cases[] = {
        {"/t", "/t/a:1 /t/b:0 /t/b/1:1 /t/b/1x:0 /t/b/1x/deep:1 /t/b/2:1 /t/b.x:1 /t/\xff:1 "},
        {"/t/b/", "/t/b/1:1 /t/b/1x:0 /t/b/1x/deep:1 /t/b/2:1 "},
        {"/", "/t:0 /t/a:1 /t/b:0 /t/b/1:1 /t/b/1x:0 /t/b/1x/deep:1 /t/b/2:1 /t/b.x:1 /t/\xff:1 /tz:1 "},
    };
    struct fixture f;

    fixture_open(&f);
    fill_tree(&f);
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct list_call c = {.path = cases[i / 2].path};
        int (*run)(struct store *, int (*)(struct store_txn *, void *), void *, struct fault *) =
            i % 2 ? store_write : store_read;
        cr_assert_eq(run(f.store, subtree_fn, &c, &f.why), 0);
        cr_expect_str_eq(buf_cstr(&c.listing.text), cases[i / 2].wanted);
        buf_fini(&c.listing.text);
    }
    fixture_close(&f);
}

struct eater {
    struct store_txn *t;
    size_t eaten;
};

static int eat(void *ctx, const char *path, size_t len, const struct node *node)
{
    struct eater *e = ctx;

    if (node->entry.type == ENTRY_ABSENT)
        return 0;
    e->eaten++;
    return store_remove(e->t, path, len, e->eaten % 2 ? 99 : 0);
}

static int eat_fn(struct store_txn *t, void *ctx)
{
    struct eater *e = ctx;

    e->t = t;
    return store_subtree(t, "/t", 2, eat, e);
}

Test(store, a_subtree_may_be_removed_while_it_is_walked)
{
    struct fixture f;
    struct eater e = {0};

    fixture_open(&f);
    fill_tree(&f);
    cr_assert_eq(store_write(f.store, eat_fn, &e, &f.why), 0);
    cr_expect_eq(e.eaten, 6);
    cr_expect_eq(counts(&f).entries, 1);
    fixture_close(&f);
}

static int values_fn(struct store_txn *t, void *ctx)
{
    char text[8] = "";

    (void)ctx;
    cr_assert_eq(store_value(t, "cursor", text, sizeof(text)), -ENOENT);
    cr_assert_eq(store_set(t, "cursor", "0123456789", 10), 0);
    cr_assert_eq(store_value(t, "cursor", text, 4), 10);
    cr_assert_arr_eq(text, "0123\0", 5);
    cr_assert_eq(store_set(t, "store.state", "x", 1), -EINVAL);
    cr_assert_eq(store_set(t, "", "x", 1), -EINVAL);
    return 0;
}

Test(store, named_values_are_kept_and_the_stores_own_are_not_touched)
{
    struct fixture f;

    fixture_open(&f);
    cr_assert_eq(store_write(f.store, values_fn, NULL, &f.why), 0);
    fixture_close(&f);
}

static int give_up(struct store_txn *t, void *ctx)
{
    struct entry e = make_entry(ENTRY_DIR, 5);

    (void)ctx;
    cr_assert_eq(store_put(t, "/dir", 4, &e, 1), 0);
    cr_assert_eq(store_put(t, "/dir/sub", 8, &e, 1), 0);
    return -ECANCELED;
}

Test(store, a_transaction_given_up_leaves_nothing)
{
    struct fixture f;
    struct node n;

    fixture_open(&f);
    cr_assert_eq(store_write(f.store, give_up, NULL, &f.why), -ECANCELED);
    cr_expect_eq(get(&f, "/dir", &n), -ENOENT);
    /* The ids that the lost directories had are dealt out again: they must not be remembered. */
    put(&f, "/other/file", ENTRY_FILE, 1, 1);
    put(&f, "/dir/file", ENTRY_FILE, 2, 1);
    cr_expect_eq(inode_of(&f, "/dir/file"), 2);
    cr_expect_eq(get(&f, "/dir/sub", &n), -ENOENT);
    cr_expect_eq(counts(&f).entries, 2);
    fixture_close(&f);
}
