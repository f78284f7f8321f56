/* One finding in a transaction: what stands in the journal and in the baseline afterwards. */
#include "fimd/flow/apply.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baseline/attr.h"
#include "fimd/watch/watch.h"

struct world {
    char dir[64];
    struct store *store;
    struct policy *policy;
    bool filling, patient, early; /* early: what the last change was */
    int64_t mono;
};

static void world_init(struct world *w)
{
    struct fault why = {0};
    char *paths[] = {(char *)"/w"};
    struct rule rule = {.id = (char *)"w", .policy = (char *)"test", .file = (char *)"test", .paths = paths,
                        .paths_count = 1, .depth = RULE_DEPTH_ALL, .attributes = ATTR_ALL, .severity = SEVERITY_HIGH};
    *w = (struct world){.dir = "/tmp/fimd-apply.XXXXXX"};
    cr_assert_not_null(mkdtemp(w->dir));
    const struct store_options options = {.dir = w->dir, .no_sync = true};
    cr_assert_eq(store_open(&options, &w->store, &why), 0, "%s", why.text);
    cr_assert_eq(policy_new(&rule, 1, &w->policy, &why), 0, "%s", why.text);
}

static void world_fini(struct world *w)
{
    char command[128];
    store_close(w->store);
    policy_unref(w->policy);
    snprintf(command, sizeof(command), "rm -r %s", w->dir);
    cr_assert_eq(system(command), 0);
}

static struct entry file(uint64_t inode, uint8_t content)
{
    struct entry e = {.type = ENTRY_FILE, .mode = 0644, .nlink = 1, .inode = inode, .size = content, .mtime = content,
                      .ctime = content};
    e.digests.count = 1;
    e.digests.list[0] = (struct digest){.id = digest_id("sha256", 6), .len = 32};
    memset(e.digests.list[0].value, content, 32);
    return e;
}

static const struct entry NONE = {.type = ENTRY_ABSENT};
static const struct entry DIRECTORY = {.type = ENTRY_DIR, .mode = 0755, .nlink = 2};

struct change {
    const struct world *world;
    struct finding finding;
    bool walk, early;
};

static int apply_change(struct store_txn *txn, void *ctx)
{
    struct change *c = ctx;
    struct buf scratch = {0};
    struct apply a = {.txn = txn, .policy = c->world->policy, .filling = c->world->filling, .now = 1000, .mono = c->world->mono,
                      .patient = c->world->patient, .scratch = &scratch};
    int r = apply_finding(&a, &c->finding, &c->walk);
    buf_fini(&scratch);
    c->early = r == APPLY_EARLY;
    return r < 0 ? r : 0;
}

/* Applies a change; returns whether the directory is to be walked. */
static bool change(struct world *w, const char *path, const char *old_path, uint32_t ops, struct entry after,
                   struct entry old_after)
{
    struct fault why = {0};
    struct change c = {.world = w};
    if (!w->mono)
        w->mono = 1000;
    c.finding = (struct finding){.path = path, .path_len = strlen(path), .old_path = old_path,
                                 .old_path_len = old_path ? strlen(old_path) : 0, .ops = ops, .source = SOURCE_FANOTIFY,
                                 .after = after, .old_after = old_after};
    cr_assert_eq(store_write(w->store, apply_change, &c, &why), 0, "%s", why.text);
    w->early = c.early;
    return c.walk;
}

struct told {
    char text[2048]; /* "action path[ < old][ > new]\n" for each */
    uint64_t after;
};

static int tell(void *ctx, const struct journal_record *record)
{
    struct told *t = ctx;
    struct event e;
    size_t len = strlen(t->text);
    if (record->sequence <= t->after)
        return 0;
    cr_assert_eq(event_from_record(record, &e), 0);
    for (uint32_t bit = 1; bit <= ACTION_INITIAL_SCAN; bit <<= 1) {
        if (e.actions & bit)
            len += (size_t)snprintf(t->text + len, sizeof(t->text) - len, "%s ", action_name(bit));
    }
    snprintf(t->text + len, sizeof(t->text) - len, "%s%s%s%s%s\n", e.path, e.path_old ? " < " : "",
             e.path_old ? e.path_old : "", e.path_new ? " > " : "", e.path_new ? e.path_new : "");
    event_fini(&e);
    return 0;
}

static int tell_all(struct store_txn *txn, void *ctx)
{
    int r = journal_each(txn, 1, tell, ctx);
    return r == -ENOENT ? 0 : r;
}

static int last_sequence(struct store_txn *txn, void *ctx)
{
    *(uint64_t *)ctx = journal_next(txn) - 1;
    return 0;
}

static uint64_t now(struct world *w)
{
    uint64_t last = 0;
    cr_assert_eq(store_read(w->store, last_sequence, &last, NULL), 0);
    return last;
}

static void expect(struct world *w, uint64_t after, const char *text)
{
    struct told t = {.after = after};
    cr_assert_eq(store_read(w->store, tell_all, &t, NULL), 0);
    cr_expect_str_eq(t.text, text, "told:\n%snot:\n%s", t.text, text);
}

struct lookup {
    const char *path;
    enum entry_type type;
    uint64_t inode;
};

static int look(struct store_txn *txn, void *ctx)
{
    struct lookup *l = ctx;
    struct node node;
    l->type = ENTRY_ABSENT;
    if (store_get(txn, l->path, strlen(l->path), &node) == 0) {
        l->type = node.entry.type;
        l->inode = node.entry.inode;
        node_fini(&node);
    }
    return 0;
}

static void expect_known(struct world *w, const char *path, enum entry_type type, uint64_t inode)
{
    struct lookup l = {.path = path};
    cr_assert_eq(store_read(w->store, look, &l, NULL), 0);
    cr_expect_eq(l.type, type, "%s: type %d", path, l.type);
    cr_expect(type == ENTRY_ABSENT || l.inode == inode, "%s: inode %lu", path, (unsigned long)l.inode);
}

Test(apply, a_file_is_created_updated_and_deleted)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/f", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    change(&w, "/w/f", NULL, WATCH_CLOSE_WRITE, file(1, 2), NONE);
    change(&w, "/w/f", NULL, WATCH_CLOSE_WRITE, file(1, 2), NONE);
    change(&w, "/w/f", NULL, WATCH_DELETE, NONE, NONE);
    expect(&w, 0, "created /w/f\nupdated /w/f\ndeleted /w/f\n");
    expect_known(&w, "/w/f", ENTRY_ABSENT, 0);
    world_fini(&w);
}

Test(apply, what_nobody_watches_is_not_told)
{
    struct world w;
    world_init(&w);
    change(&w, "/other/f", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    expect(&w, 0, "");
    world_fini(&w);
}

Test(apply, rename_over_is_one_update)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/f", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    uint64_t before = now(&w);
    change(&w, "/w/f", "/w/sedAbCdEf", WATCH_RENAME, file(2, 2), NONE);
    expect(&w, before, "updated /w/f\n");
    expect_known(&w, "/w/f", ENTRY_FILE, 2);
    expect_known(&w, "/w/sedAbCdEf", ENTRY_ABSENT, 0);
    world_fini(&w);
}

Test(apply, a_known_file_moves)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/a", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    uint64_t before = now(&w);
    change(&w, "/w/b", "/w/a", WATCH_RENAME, file(1, 1), NONE);
    expect(&w, before, "moved /w/b < /w/a\n");
    expect_known(&w, "/w/a", ENTRY_ABSENT, 0);
    expect_known(&w, "/w/b", ENTRY_FILE, 1);
    world_fini(&w);
}

Test(apply, an_exchange_tells_of_both)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/a", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    change(&w, "/w/b", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(2, 2), NONE);
    uint64_t before = now(&w);
    change(&w, "/w/b", "/w/a", WATCH_RENAME, file(1, 1), file(2, 2));
    change(&w, "/w/a", "/w/b", WATCH_RENAME, file(2, 2), file(1, 1));
    expect_known(&w, "/w/a", ENTRY_FILE, 2);
    expect_known(&w, "/w/b", ENTRY_FILE, 1);
    expect(&w, before, "updated moved /w/b < /w/a\nupdated moved /w/a < /w/b\n");
    world_fini(&w);
}

Test(apply, a_file_that_moved_on_is_told_at_each_of_its_names)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/a", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    uint64_t before = now(&w);
    change(&w, "/w/b", "/w/a", WATCH_RENAME, NONE, NONE);
    change(&w, "/w/c", "/w/b", WATCH_RENAME, file(1, 1), NONE);
    expect(&w, before, "moved /w/b < /w/a\nmoved /w/c < /w/b\n");
    expect_known(&w, "/w/a", ENTRY_ABSENT, 0);
    expect_known(&w, "/w/b", ENTRY_ABSENT, 0);
    expect_known(&w, "/w/c", ENTRY_FILE, 1);
    before = now(&w);
    change(&w, "/w/d", "/w/c", WATCH_RENAME, NONE, NONE);
    change(&w, "/w/d", NULL, WATCH_DELETE, NONE, NONE);
    expect(&w, before, "moved /w/d < /w/c\ndeleted /w/d\n");
    change(&w, "/w/e", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(2, 2), NONE);
    before = now(&w);
    change(&w, "/w/f", "/w/e", WATCH_RENAME | WATCH_DELETE, NONE, NONE); /* the deletion joined the rename */
    expect(&w, before, "moved /w/f < /w/e\ndeleted /w/f\n");
    world_fini(&w);
}

Test(apply, a_rename_that_was_told_already_is_not_told_again)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/a", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    uint64_t before = now(&w);
    change(&w, "/w/b", "/w/a", WATCH_RENAME, NONE, file(1, 1)); /* it is back already */
    change(&w, "/w/a", "/w/b", WATCH_RENAME, file(1, 1), NONE);
    expect(&w, before, "");
    expect_known(&w, "/w/a", ENTRY_FILE, 1);
    world_fini(&w);
}

Test(apply, a_file_seen_under_both_names_moves_back)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/a", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    uint64_t before = now(&w);
    change(&w, "/w/b", "/w/a", WATCH_RENAME, file(1, 1), file(1, 1)); /* it went back between the two looks */
    change(&w, "/w/a", "/w/b", WATCH_RENAME, file(1, 1), NONE);
    expect(&w, before, "moved /w/b < /w/a\nmoved /w/a < /w/b\n");
    expect_known(&w, "/w/a", ENTRY_FILE, 1);
    expect_known(&w, "/w/b", ENTRY_ABSENT, 0);
    world_fini(&w);
}

Test(apply, a_temporary_name_is_not_told)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/f", "/w/.f.AbCdEf", WATCH_RENAME, file(1, 1), NONE);
    expect(&w, 0, "created /w/f\n");
    world_fini(&w);
}

Test(apply, in_and_out_of_what_is_watched)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/f", "/other/f", WATCH_RENAME, file(1, 1), NONE);
    change(&w, "/other/g", "/w/f", WATCH_RENAME, file(1, 1), NONE);
    expect(&w, 0, "created /w/f < /other/f\ndeleted /w/f > /other/g\n");
    world_fini(&w);
}

static void make_tree(struct world *w)
{
    change(w, "/w/d", NULL, WATCH_CREATE | WATCH_DIR, DIRECTORY, NONE);
    change(w, "/w/d/a", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    change(w, "/w/d/s", NULL, WATCH_CREATE | WATCH_DIR, DIRECTORY, NONE);
    change(w, "/w/d/s/b", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(2, 2), NONE);
}

Test(apply, a_directory_moves_with_all_that_is_in_it)
{
    struct world w;
    world_init(&w);
    make_tree(&w);
    uint64_t before = now(&w);
    cr_expect(change(&w, "/w/e", "/w/d", WATCH_RENAME | WATCH_DIR, DIRECTORY, NONE), "and is walked");
    expect(&w, before, "moved /w/e < /w/d\nmoved /w/e/a < /w/d/a\nmoved /w/e/s < /w/d/s\nmoved /w/e/s/b < /w/d/s/b\n");
    expect_known(&w, "/w/e/s/b", ENTRY_FILE, 2);
    expect_known(&w, "/w/d/s/b", ENTRY_ABSENT, 0);
    world_fini(&w);
}

Test(apply, exchanged_directories_take_their_content_along)
{
    struct world w;
    world_init(&w);
    make_tree(&w);
    struct entry other = DIRECTORY;
    other.inode = 9;
    change(&w, "/w/e", NULL, WATCH_CREATE | WATCH_DIR, other, NONE);
    change(&w, "/w/e/a", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(3, 3), NONE);
    uint64_t before = now(&w);
    change(&w, "/w/e", "/w/d", WATCH_RENAME | WATCH_DIR, DIRECTORY, other);
    change(&w, "/w/d", "/w/e", WATCH_RENAME | WATCH_DIR, other, DIRECTORY);
    expect(&w, before,
           "updated moved /w/e < /w/d\nupdated moved /w/d < /w/e\nmoved /w/e/a < /w/d/a\nmoved /w/e/s < /w/d/s\n"
           "moved /w/e/s/b < /w/d/s/b\nmoved /w/d/a < /w/e/a\n");
    expect_known(&w, "/w/e", ENTRY_DIR, 0);
    expect_known(&w, "/w/d", ENTRY_DIR, 9);
    expect_known(&w, "/w/e/a", ENTRY_FILE, 1);
    expect_known(&w, "/w/d/a", ENTRY_FILE, 3);
    expect_known(&w, "/w/e/s/b", ENTRY_FILE, 2);
    expect_known(&w, "/w/d/s/b", ENTRY_ABSENT, 0);
    world_fini(&w);
}

Test(apply, what_comes_before_its_directory_waits_for_it)
{
    struct world w;
    world_init(&w);
    change(&w, "/w", NULL, WATCH_CREATE | WATCH_DIR, DIRECTORY, NONE);
    make_tree(&w);
    uint64_t before = now(&w);
    w.patient = true;
    change(&w, "/w/e/a", NULL, WATCH_CLOSE_WRITE, file(1, 2), NONE);
    cr_expect(w.early, "written in /w/d before that was moved to /w/e");
    change(&w, "/w/e/s/b", NULL, WATCH_DELETE, NONE, NONE);
    cr_expect(w.early, "likewise deleted");
    expect(&w, before, "");
    change(&w, "/w/e", "/w/d", WATCH_RENAME | WATCH_DIR, DIRECTORY, NONE);
    cr_expect_not(w.early);
    before = now(&w);
    change(&w, "/w/e/a", NULL, WATCH_CLOSE_WRITE, file(1, 2), NONE);
    change(&w, "/w/e/s/b", NULL, WATCH_DELETE, NONE, NONE);
    expect(&w, before, "updated /w/e/a\ndeleted /w/e/s/b\n");
    world_fini(&w);
}

Test(apply, no_directory_is_waited_for_long)
{
    struct world w;
    world_init(&w);
    w.patient = true;
    change(&w, "/w/d/f", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    cr_expect(w.early);
    change(&w, "/w/d/g", NULL, WATCH_CREATE | WATCH_DELETE, NONE, NONE);
    cr_expect_not(w.early, "it came and went");
    change(&w, "/w", NULL, WATCH_CREATE | WATCH_DIR, DIRECTORY, NONE);
    cr_expect_not(w.early, "nobody watches what is above");
    uint64_t before = now(&w);
    w.mono = 1000000000;
    change(&w, "/w/d/f", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    expect(&w, before, "created /w/d/f\n");
    world_fini(&w);
}

Test(apply, a_directory_moves_over_an_empty_one)
{
    struct world w;
    world_init(&w);
    make_tree(&w);
    struct entry other = DIRECTORY;
    other.inode = 9;
    change(&w, "/w/e", NULL, WATCH_CREATE | WATCH_DIR, other, NONE);
    uint64_t before = now(&w);
    change(&w, "/w/e", "/w/d", WATCH_RENAME | WATCH_DIR, DIRECTORY, NONE);
    expect(&w, before,
           "updated moved /w/e < /w/d\nmoved /w/e/a < /w/d/a\nmoved /w/e/s < /w/d/s\nmoved /w/e/s/b < /w/d/s/b\n");
    expect_known(&w, "/w/e", ENTRY_DIR, 0);
    expect_known(&w, "/w/e/s/b", ENTRY_FILE, 2);
    expect_known(&w, "/w/d/s/b", ENTRY_ABSENT, 0);
    world_fini(&w);
}

Test(apply, a_directory_moved_out_takes_its_content_along)
{
    struct world w;
    world_init(&w);
    make_tree(&w);
    uint64_t before = now(&w);
    change(&w, "/other/d", "/w/d", WATCH_RENAME | WATCH_DIR, DIRECTORY, NONE);
    expect(&w, before,
           "deleted /w/d/s/b > /other/d/s/b\ndeleted /w/d/s > /other/d/s\ndeleted /w/d/a > /other/d/a\ndeleted /w/d > /other/d\n");
    expect_known(&w, "/w/d/s/b", ENTRY_ABSENT, 0);
    world_fini(&w);
}

Test(apply, a_directory_that_is_gone_takes_what_was_known_below)
{
    struct world w;
    world_init(&w);
    make_tree(&w);
    uint64_t before = now(&w);
    w.patient = true;
    change(&w, "/w/d", NULL, WATCH_DELETE | WATCH_DIR, NONE, NONE);
    change(&w, "/w/d/a", NULL, WATCH_DELETE, NONE, NONE);
    cr_expect_not(w.early, "it was told with its directory");
    expect(&w, before, "deleted /w/d/s/b\ndeleted /w/d/s\ndeleted /w/d/a\ndeleted /w/d\n");
    world_fini(&w);
}

Test(apply, a_path_remembers_its_record_before)
{
    struct world w;
    world_init(&w);
    change(&w, "/w/f", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(1, 1), NONE);
    change(&w, "/w/g", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(2, 1), NONE);
    change(&w, "/w/f", NULL, WATCH_DELETE, NONE, NONE);
    change(&w, "/w/f", NULL, WATCH_CREATE | WATCH_CLOSE_WRITE, file(3, 1), NONE);
    expect(&w, 0, "created /w/f\ncreated /w/g\ndeleted /w/f\ncreated /w/f\n");
    world_fini(&w);
}
