/* Disk against baseline: every difference is told, nothing else is, and a fill never undoes a live change. */
#include "baseline/check.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "baseline/journal.h"
#include "store_fixture.h"
#include "tree_fixture.h"

struct scene {
    struct fixture store;
    struct tree tree;
    struct measure_options measure;
    struct check_progress progress;
    pthread_mutex_t lock;
    char *told[4096];
    size_t count;
    const char *skip; /* a part of paths that are skipped */
    int result;
    bool write_back; /* the callback writes to the store, as the judge does */
    unsigned threads;
    struct fault why;
};

static unsigned choose(void *ctx, const char *path, size_t len, enum entry_type type)
{
    const struct scene *s = ctx;

    (void)type;
    return s->skip && memmem(path, len, s->skip, strlen(s->skip)) ? WALK_SKIP : WALK_TAKE | WALK_ENTER;
}

static int differs(void *ctx, enum check_difference what, const char *path, size_t len,
                   const struct entry *before, const struct entry *after)
{
    struct scene *s = ctx;
    size_t top = strlen(s->tree.top);

    cr_expect_eq(before == NULL, what == CHECK_ADDED);
    cr_expect_eq(after == NULL, what == CHECK_REMOVED);
    pthread_mutex_lock(&s->lock);
    cr_assert_lt(s->count, sizeof(s->told) / sizeof(s->told[0]));
    cr_assert_geq(asprintf(&s->told[s->count++], "%c%.*s", "+-~"[what], (int)(len - top), path + top), 0);
    if (s->write_back) /* under the lock for the fixture's fault, which the writers share */
        cr_expect_eq(put(&s->store, "/elsewhere/file", ENTRY_FILE, 1, 1), 0);
    pthread_mutex_unlock(&s->lock);
    return s->result;
}

static void scene_open(struct scene *s)
{
    *s = (struct scene){.threads = 2};
    pthread_mutex_init(&s->lock, NULL);
    fixture_open(&s->store);
    tree_make(&s->tree);
    s->measure.digests.count = 2;
    s->measure.digests.ids[0] = digest_id("md5", 3);
    s->measure.digests.ids[1] = digest_id("sha256", 6);
}

static void forget_told(struct scene *s)
{
    while (s->count)
        free(s->told[--s->count]);
}

static void scene_close(struct scene *s)
{
    forget_told(s);
    fixture_close(&s->store);
    tree_remove(&s->tree);
}

static struct check_options options_of(struct scene *s, enum check_depth depth)
{
    return (struct check_options){.store = s->store.store,
                                  .depth = depth,
                                  .measure = &s->measure,
                                  .threads = s->threads,
                                  .choose = choose,
                                  .differs = differs,
                                  .ctx = s};
}

static int fill_again(struct scene *s, bool replace)
{
    struct check_options o = options_of(s, CHECK_CONTENT);
    const char *roots[] = {s->tree.top};

    memset(&s->progress, 0, sizeof(s->progress));
    return check_fill(&o, replace, roots, 1, &s->progress, &s->why);
}

static int run(struct scene *s, enum check_depth depth, const char *below)
{
    struct check_options o = options_of(s, depth);
    char root[128];
    const char *roots[] = {root};

    tree_path(&s->tree, below, root, sizeof(root));
    memset(&s->progress, 0, sizeof(s->progress));
    return check_run(&o, roots, 1, &s->progress, &s->why);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What was told, sorted; candidates that are directories only (whose ctime their children moved) left out. */
static const char *told(struct scene *s, struct buf *ret)
{
    struct stat st;
    char path[256];

    buf_reset(ret);
    qsort(s->told, s->count, sizeof(s->told[0]), by_text);
    for (size_t i = 0; i < s->count; i++) {
        snprintf(path, sizeof(path), "%s%s", s->tree.top, s->told[i] + 1);
        if (s->told[i][0] != '~' || lstat(path, &st) || !S_ISDIR(st.st_mode))
            buf_printf(ret, "%s ", s->told[i]);
    }
    forget_told(s);
    return buf_cstr(ret);
}

static void make_some(struct scene *s)
{
    char path[64];

    tree_add(&s->tree, "a", "first"), tree_add(&s->tree, "dir/b", "second"),
        tree_add(&s->tree, "dir/sub/c", "third");
    tree_add(&s->tree, "empty/", "");
    for (int i = 0; i < 700; i++) {
        snprintf(path, sizeof(path), "large/file-%03d", i);
        tree_add(&s->tree, path, "many");
    }
    tree_path(&s->tree, "link", path, sizeof(path));
    cr_assert_eq(symlink("dir/b", path), 0);
}

static const size_t SOME = 9 + 700; /* with the top itself */

Test(check, nothing_differs_after_a_fill)
{
    struct scene s;
    struct buf b = {0};
    struct node n;
    char path[128];

    scene_open(&s);
    make_some(&s);
    for (s.threads = 1; s.threads <= 4; s.threads++) {
        cr_assert_eq(fill_again(&s, s.threads == 3), 0, "%s", s.why.text);
        cr_expect_eq(counts(&s.store).entries, SOME, "%zu", (size_t)counts(&s.store).entries);
        for (int depth = CHECK_METADATA; depth <= CHECK_CONTENT; depth++) {
            cr_assert_eq(run(&s, (enum check_depth)depth, ""), 0, "%s", s.why.text);
            cr_expect_eq(s.count, 0, "%s", told(&s, &b));
            cr_expect_eq(atomic_load(&s.progress.entries), SOME);
            cr_expect_eq(atomic_load(&s.progress.directories), 5);
            cr_expect_eq(atomic_load(&s.progress.bytes), depth == CHECK_CONTENT ? 5 + 6 + 5 + 700 * 4 : 0);
        }
    }
    tree_path(&s.tree, "dir/b", path, sizeof(path));
    cr_assert_eq(get(&s.store, path, &n), 0);
    cr_expect_eq(n.entry.digests.count, 2);
    node_fini(&n);
    tree_path(&s.tree, "link", path, sizeof(path));
    cr_assert_eq(get(&s.store, path, &n), 0);
    cr_expect_str_eq(n.entry.target, "dir/b");
    node_fini(&n);
    buf_fini(&b);
    scene_close(&s);
}

static void change_all_ways(struct scene *s)
{
    char path[128], to[128];

    tree_add(&s->tree, "a", "other");
    tree_add(&s->tree, "new/deep/file", "new");
    tree_add(&s->tree, "large/file-350x", "between");
    tree_path(&s->tree, "large/file-000", path, sizeof(path));
    unlink(path);
    tree_path(&s->tree, "large/file-255", path, sizeof(path));
    unlink(path);
    tree_path(&s->tree, "large/file-256", path, sizeof(path));
    unlink(path);
    tree_path(&s->tree, "large/file-699", path, sizeof(path));
    unlink(path);
    tree_path(&s->tree, "large/file-100", path, sizeof(path));
    chmod(path, 04755);
    tree_path(&s->tree, "link", path, sizeof(path));
    unlink(path);
    cr_assert_eq(symlink("a", path), 0);
    tree_path(&s->tree, "empty", path, sizeof(path));
    rmdir(path);
    tree_add(&s->tree, "empty", "a file now");
    tree_path(&s->tree, "dir/sub", path, sizeof(path));
    tree_path(&s->tree, "moved", to, sizeof(to));
    cr_assert_eq(rename(path, to), 0);
}

static const char CHANGES[] =
    "+/large/file-350x +/moved +/moved/c +/new +/new/deep +/new/deep/file -/dir/sub -/dir/sub/c "
    "-/large/file-000 -/large/file-255 -/large/file-256 -/large/file-699 ~/a ~/empty "
    "~/large/file-100 ~/link ";

Test(check, every_difference_is_told)
{
    struct scene s;
    struct buf b = {0};

    scene_open(&s);
    make_some(&s);
    cr_assert_eq(fill_again(&s, false), 0);
    change_all_ways(&s);
    s.write_back = true;
    for (s.threads = 1; s.threads <= 4; s.threads++)
        for (int depth = CHECK_METADATA; depth <= CHECK_CONTENT; depth++) {
            cr_assert_eq(run(&s, (enum check_depth)depth, ""), 0, "%s", s.why.text);
            cr_expect_eq(atomic_load(&s.progress.differences), s.count);
            cr_expect_str_eq(told(&s, &b), CHANGES);
        }
    buf_fini(&b);
    scene_close(&s);
}

Test(check, a_directory_that_became_a_file_loses_its_children)
{
    struct scene s;
    struct buf b = {0};
    char path[128], away[160];

    scene_open(&s);
    tree_add(&s.tree, "d/x/y", "1");
    cr_assert_eq(fill_again(&s, false), 0);
    tree_path(&s.tree, "d", path, sizeof(path));
    snprintf(away, sizeof(away), "%s-away", s.tree.top);
    cr_assert_eq(rename(path, away), 0);
    tree_add(&s.tree, "d", "a file");
    cr_assert_eq(run(&s, CHECK_METADATA, ""), 0);
    cr_expect_str_eq(told(&s, &b), "-/d/x -/d/x/y ~/d ");
    cr_assert_eq(rename(away, "/tmp/fimd-check-away"), 0);
    cr_expect_eq(system("rm -r /tmp/fimd-check-away"), 0);
    buf_fini(&b);
    scene_close(&s);
}

Test(check, a_root_that_is_gone_takes_all_below_with_it)
{
    struct scene s;
    struct buf b = {0};
    char path[128], command[160];

    scene_open(&s);
    make_some(&s);
    cr_assert_eq(fill_again(&s, false), 0);
    tree_path(&s.tree, "dir", path, sizeof(path));
    snprintf(command, sizeof(command), "rm -r %s", path);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(run(&s, CHECK_METADATA, "dir"), 0);
    cr_expect_str_eq(told(&s, &b), "-/dir -/dir/b -/dir/sub -/dir/sub/c ");
    buf_fini(&b);
    scene_close(&s);
}

Test(check, what_the_policy_skips_is_not_gone)
{
    struct scene s;
    struct buf b = {0};

    scene_open(&s);
    make_some(&s);
    cr_assert_eq(fill_again(&s, false), 0);
    s.skip = "/dir";
    cr_assert_eq(run(&s, CHECK_METADATA, ""), 0);
    cr_expect_str_eq(told(&s, &b), "");
    buf_fini(&b);
    scene_close(&s);
}

Test(check, only_the_root_that_was_asked_for)
{
    struct scene s;
    struct buf b = {0};

    scene_open(&s);
    make_some(&s);
    cr_assert_eq(fill_again(&s, false), 0);
    change_all_ways(&s);
    cr_assert_eq(run(&s, CHECK_METADATA, "a"), 0);
    cr_expect_str_eq(told(&s, &b), "~/a ");
    cr_assert_eq(run(&s, CHECK_METADATA, "dir"), 0);
    cr_expect_str_eq(told(&s, &b), "-/dir/sub -/dir/sub/c ");
    buf_fini(&b);
    scene_close(&s);
}

/* As raw writes to the disk do it: other bytes, and an inode that shows nothing of it. */
static int alter_digest(struct store_txn *t, void *ctx)
{
    const char *path = ctx;
    struct node n;

    int rc = store_get(t, path, strlen(path), &n);
    if (rc)
        return rc;
    n.entry.digests.list[1].value[0] ^= 1;
    rc = store_put(t, path, strlen(path), &n.entry, 0);
    node_fini(&n);
    return rc;
}

Test(check, content_that_changed_without_a_trace_is_found_by_content)
{
    struct scene s;
    struct buf b = {0};
    char path[128], large[128], *text = malloc(600001);

    scene_open(&s);
    memset(text, 'z', 600000);
    text[600000] = '\0';
    make_some(&s);
    tree_add(&s.tree, "dir/huge", text);
    cr_assert_eq(fill_again(&s, false), 0);
    tree_path(&s.tree, "dir/sub/c", path, sizeof(path));
    cr_assert_eq(store_write(s.store.store, alter_digest, path, &s.why), 0);
    tree_path(&s.tree, "dir/huge", large, sizeof(large));
    cr_assert_eq(store_write(s.store.store, alter_digest, large, &s.why), 0);
    cr_assert_eq(run(&s, CHECK_METADATA, ""), 0);
    cr_expect_str_eq(told(&s, &b), "");
    for (s.threads = 1; s.threads <= 3; s.threads++) {
        cr_assert_eq(run(&s, CHECK_CONTENT, ""), 0);
        cr_expect_str_eq(told(&s, &b), "~/dir/huge ~/dir/sub/c ");
    }
    free(text);
    buf_fini(&b);
    scene_close(&s);
}

Test(check, an_attribute_alone_is_a_candidate)
{
    struct scene s;
    struct buf b = {0};
    char path[128];

    scene_open(&s);
    make_some(&s);
    cr_assert_eq(fill_again(&s, false), 0);
    tree_path(&s.tree, "a", path, sizeof(path));
    cr_assert_eq(setxattr(path, "user.x", "1", 1, 0), 0);
    cr_assert_eq(run(&s, CHECK_METADATA, ""), 0);
    cr_expect_str_eq(told(&s, &b), "~/a ");
    buf_fini(&b);
    scene_close(&s);
}

Test(check, a_result_ends_it)
{
    struct scene s;

    scene_open(&s);
    make_some(&s);
    s.result = 44;
    cr_expect_eq(run(&s, CHECK_METADATA, ""), 44);
    cr_expect_lt(s.count, 10);
    forget_told(&s);
    cr_expect_eq(run(&s, CHECK_CONTENT, ""), 44);
    scene_close(&s);
}

Test(check, stop_ends_it)
{
    struct scene s;
    atomic_bool stop = true;

    scene_open(&s);
    make_some(&s);
    struct check_options o = options_of(&s, CHECK_CONTENT);
    const char *roots[] = {s.tree.top};
    o.stop = &stop;
    cr_expect_eq(check_run(&o, roots, 1, &s.progress, &s.why), -ECANCELED);
    cr_expect_eq(check_fill(&o, false, roots, 1, &s.progress, &s.why), -ECANCELED);
    cr_expect_eq(s.count, 0);
    scene_close(&s);
}

/* --- fill --- */

Test(check, a_fill_keeps_what_is_there)
{
    struct scene s;
    char path[128];

    scene_open(&s);
    make_some(&s);
    tree_path(&s.tree, "a", path, sizeof(path));
    cr_assert_eq(put(&s.store, path, ENTRY_FILE, 77, 5), 0);
    cr_assert_eq(fill_again(&s, false), 0);
    cr_expect_eq(inode_of(&s.store, path), 77);
    cr_assert_eq(fill_again(&s, true), 0);
    cr_expect_neq(inode_of(&s.store, path), 77);
    struct node n;
    cr_assert_eq(get(&s.store, path, &n), 0);
    cr_expect_eq(n.last, 5);
    node_fini(&n);
    scene_close(&s);
}

static int one_record(struct store_txn *t, void *ctx)
{
    struct journal_record r;

    (void)ctx;
    return journal_append(t, "x", 1, &r);
}

Test(check, a_fill_does_not_bring_back_what_was_deleted_meanwhile)
{
    struct scene s;
    char before[128], meanwhile[128];

    scene_open(&s);
    make_some(&s);
    cr_assert_eq(store_write(s.store.store, one_record, NULL, &s.why), 0);
    tree_path(&s.tree, "a", before, sizeof(before));
    tree_path(&s.tree, "dir/b", meanwhile, sizeof(meanwhile));
    put(&s.store, before, ENTRY_ABSENT, 0, 1);
    put(&s.store, meanwhile, ENTRY_ABSENT, 0,
        2); /* the sequence that comes next: a deletion after the fill began */
    cr_assert_eq(fill_again(&s, false), 0);
    cr_expect_neq(inode_of(&s.store, before), 0);
    cr_expect_eq(inode_of(&s.store, meanwhile), 0);
    scene_close(&s);
}

Test(check, the_rate_is_kept)
{
    struct scene s;
    struct timespec start, end;
    char text[1001], path[32];

    scene_open(&s);
    memset(text, 'r', 1000);
    text[1000] = '\0';
    for (int i = 0; i < 50; i++) {
        snprintf(path, sizeof(path), "%d", i);
        tree_add(&s.tree, path, text);
    }
    struct check_options o = options_of(&s, CHECK_CONTENT);
    const char *roots[] = {s.tree.top};
    o.read_rate = 100000;
    clock_gettime(CLOCK_MONOTONIC, &start);
    cr_assert_eq(check_fill(&o, false, roots, 1, &s.progress, &s.why), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double took = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    cr_expect(took > 0.45 && took < 5, "50,000 bytes at 100,000 a second took %.3f s", took);
    scene_close(&s);
}
