/* The walk: every entry once, in order, whatever the tree looks like. */
#include "baseline/walk.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree_fixture.h"

struct seen {
    pthread_mutex_t lock;
    char **lines;
    size_t count, cap;
    const char *skip, *only; /* names */
    size_t items, parts;
    struct buf last; /* of the directory's part before */
    struct buf troubles;
    int result;
    atomic_bool stop;
    bool stop_at_first;
};

static void add_line(struct seen *s, const char *dir, size_t dir_len, const struct walk_item *item)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->lines = realloc(s->lines, s->cap * sizeof(*s->lines));
    }
    cr_assert_geq(asprintf(&s->lines[s->count++], "%.*s%s%.*s %c", dir_len == 1 ? 0 : (int)dir_len, dir,
                           item->name_len ? "/" : "", (int)item->name_len, item->name,
                           "?fdlpscb"[item->entry.type]),
                  0);
}

static unsigned choose(void *ctx, const char *path, size_t len, enum entry_type type)
{
    const struct seen *s = ctx;
    const char *slash = memrchr(path, '/', len);
    size_t n = len - (size_t)(slash + 1 - path);

    (void)type;
    if (s->skip && n == strlen(s->skip) && !memcmp(slash + 1, s->skip, n))
        return WALK_SKIP;
    return WALK_TAKE | WALK_ENTER;
}

static int directory(void *ctx, struct walk_dir *d)
{
    struct seen *s = ctx;
    struct stat st;

    pthread_mutex_lock(&s->lock);
    cr_expect(!fstat(d->fd, &st) && S_ISDIR(st.st_mode));
    for (size_t i = 0; i < d->count; i++) {
        cr_expect(!i || strcmp(d->items[i - 1].name, d->items[i].name) < 0, "unsorted");
        cr_expect_eq(d->items[i].name[d->items[i].name_len], '\0');
        add_line(s, d->path, d->path_len, &d->items[i]);
    }
    s->items += d->count;
    s->parts++;
    if (s->stop_at_first)
        atomic_store(&s->stop, true);
    pthread_mutex_unlock(&s->lock);
    return s->result;
}

static void trouble(void *ctx, const char *path, size_t len, int error)
{
    struct seen *s = ctx;
    const char *slash = memrchr(path, '/', len);

    pthread_mutex_lock(&s->lock);
    buf_printf(&s->troubles, "%.*s:%d ", (int)(len - (size_t)(slash + 1 - path)), slash + 1, error);
    pthread_mutex_unlock(&s->lock);
}

static int walk_roots(struct seen *s, const char *const *roots, size_t count, unsigned threads)
{
    const struct walk_options options = {.threads = threads,
                                         .choose = choose,
                                         .directory = directory,
                                         .trouble = trouble,
                                         .ctx = s,
                                         .stop = &s->stop};

    pthread_mutex_init(&s->lock, NULL);
    return walk(roots, count, &options);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All lines sorted, the top's path as "^". */
static const char *text(struct seen *s, const struct tree *t, struct buf *ret)
{
    qsort(s->lines, s->count, sizeof(*s->lines), by_text);
    buf_reset(ret);
    for (size_t i = 0; i < s->count; i++)
        buf_printf(ret, "%s%s\n", strncmp(s->lines[i], t->top, strlen(t->top)) ? "" : "^",
                   strncmp(s->lines[i], t->top, strlen(t->top)) ? s->lines[i] : s->lines[i] + strlen(t->top));
    return buf_cstr(ret);
}

static void seen_fini(struct seen *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->lines[i]);
    free(s->lines);
    buf_fini(&s->last);
    buf_fini(&s->troubles);
}

Test(walk, every_kind_of_entry_once)
{
    struct tree t;
    struct buf b = {0};
    char path[128];

    tree_make(&t);
    tree_add(&t, "b/2", "x"), tree_add(&t, "b/1", "x"), tree_add(&t, "a", "x"), tree_add(&t, "b.x/", "");
    tree_path(&t, "link", path, sizeof(path));
    cr_assert_eq(symlink("b", path), 0);
    tree_path(&t, "pipe", path, sizeof(path));
    cr_assert_eq(mkfifo(path, 0600), 0);
    for (unsigned threads = 1; threads <= 8; threads *= 2) {
        struct seen s = {0};
        const char *roots[] = {t.top};
        cr_expect_eq(walk_roots(&s, roots, 1, threads), 0);
        cr_expect_str_eq(text(&s, &t, &b),
                         "^ d\n^/a f\n^/b d\n^/b.x d\n^/b/1 f\n^/b/2 f\n^/link l\n^/pipe p\n");
        cr_expect_eq(s.troubles.len, 0);
        seen_fini(&s);
    }
    buf_fini(&b);
    tree_remove(&t);
}

Test(walk, what_is_skipped_is_not_entered)
{
    struct tree t;
    struct buf b = {0};
    struct seen s = {.skip = "skip"};

    tree_make(&t);
    tree_add(&t, "skip/deep/file", "x"), tree_add(&t, "keep/skip", "x"), tree_add(&t, "keep/file", "x");
    const char *roots[] = {t.top};
    cr_expect_eq(walk_roots(&s, roots, 1, 2), 0);
    cr_expect_str_eq(text(&s, &t, &b), "^ d\n^/keep d\n^/keep/file f\n");
    buf_fini(&b);
    seen_fini(&s);
    tree_remove(&t);
}

Test(walk, roots_of_every_kind)
{
    struct tree t;
    struct buf b = {0};
    struct seen s = {0};
    char dir[128], same[128], file[128], missing[128], link[128], through[128], inside[128];

    tree_make(&t);
    tree_add(&t, "dir/in/file", "x"), tree_add(&t, "file", "x");
    tree_path(&t, "dir", dir, sizeof(dir));
    tree_path(&t, "dir/", same, sizeof(same));
    tree_path(&t, "file", file, sizeof(file));
    tree_path(&t, "missing", missing, sizeof(missing));
    tree_path(&t, "link", link, sizeof(link));
    tree_path(&t, "link/in", through, sizeof(through));
    tree_path(&t, "dir/in/file", inside, sizeof(inside));
    cr_assert_eq(symlink("dir", link), 0);
    const char *roots[] = {inside, dir, same, file, missing, link, through};
    cr_expect_eq(walk_roots(&s, roots, 7, 2), 0);
    cr_expect_str_eq(text(&s, &t, &b), "^/dir d\n^/dir/in d\n^/dir/in/file f\n^/file f\n^/link l\n");
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "missing:%d in:%d ", ENOENT, ELOOP);
    cr_expect_str_eq(buf_cstr(&s.troubles), wanted);
    buf_fini(&b);
    seen_fini(&s);
    tree_remove(&t);
}

static unsigned choose_top(void *ctx, const char *path, size_t len, enum entry_type type)
{
    (void)ctx, (void)type;
    return len == 1 || (len == 4 && !memcmp(path, "/dev", 4)) ? WALK_TAKE | (len == 1 ? WALK_ENTER : 0)
                                                              : WALK_SKIP;
}

Test(walk, the_root_of_all)
{
    struct seen s = {0};
    const char *roots[] = {"/", "/dev"};
    const struct walk_options options = {.choose = choose_top, .directory = directory, .ctx = &s};
    struct tree none = {"none"};
    struct buf b = {0};

    pthread_mutex_init(&s.lock, NULL);
    cr_expect_eq(walk(roots, 2, &options), 0);
    cr_expect_str_eq(text(&s, &none, &b), " d\n/dev d\n");
    buf_fini(&b);
    seen_fini(&s);
}

Test(walk, a_tree_deeper_than_any_path)
{
    struct tree t;
    struct buf leaf = {0};
    struct seen s = {0};

    tree_make(&t);
    tree_deep(&t, 500, 200, &leaf);
    cr_assert_gt(leaf.len, 100000);
    const char *roots[] = {t.top};
    cr_expect_eq(walk_roots(&s, roots, 1, 2), 0);
    cr_expect_eq(s.items, 502);
    cr_expect_eq(s.troubles.len, 0);
    /* The leaf itself as the root: its path does not fit into one system call. */
    struct seen one = {0};
    roots[0] = buf_cstr(&leaf);
    cr_expect_eq(walk_roots(&one, roots, 1, 1), 0);
    cr_expect_eq(one.items, 1);
    seen_fini(&s), seen_fini(&one);
    buf_fini(&leaf);
    tree_remove(&t);
}

Test(walk, few_descriptors_are_enough)
{
    struct tree t;
    struct buf leaf = {0};
    struct rlimit before, few;
    char path[64];

    tree_make(&t);
    tree_deep(&t, 120, 3, &leaf);
    for (int i = 0; i < 50; i++) {
        snprintf(path, sizeof(path), "ddd/side-%02d/ddd/file", i);
        tree_add(&t, path, "x");
        snprintf(path, sizeof(path), "ddd/ddd/ddd/side-%02d/file", i);
        tree_add(&t, path, "x");
    }
    getrlimit(RLIMIT_NOFILE, &before);
    few = (struct rlimit){24, before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        struct seen s = {0};
        const char *roots[] = {t.top};
        cr_expect_eq(walk_roots(&s, roots, 1, threads), 0);
        cr_expect_eq(s.items, 1 + 120 + 1 + 150 + 100, "%zu", s.items);
        cr_expect_eq(s.troubles.len, 0, "%s", buf_cstr(&s.troubles));
        seen_fini(&s);
    }
    setrlimit(RLIMIT_NOFILE, &before);
    buf_fini(&leaf);
    tree_remove(&t);
}

Test(walk, a_large_directory_comes_in_parts)
{
    struct tree t;
    struct seen s = {0};
    char path[64];

    tree_make(&t);
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof(path), "large/%d%s", i, i % 100 ? "" : "/inner");
        tree_add(&t, path, "x");
    }
    const char *roots[] = {t.top};
    cr_expect_eq(walk_roots(&s, roots, 1, 2), 0);
    cr_expect_eq(s.items, 1 + 1 + 1000 + 10);
    cr_expect_eq(s.parts, 1 + 1 + 4 + 10);
    seen_fini(&s);
    tree_remove(&t);
}

Test(walk, a_result_ends_it)
{
    struct tree t;
    char path[64];

    tree_make(&t);
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "%d/%d/file", i / 10, i);
        tree_add(&t, path, "x");
    }
    const char *roots[] = {t.top};
    struct seen s = {.result = 33};
    cr_expect_eq(walk_roots(&s, roots, 1, 4), 33);
    cr_expect_lt(s.items, 100);
    struct seen stopped = {.stop_at_first = true};
    cr_expect_eq(walk_roots(&stopped, roots, 1, 4), -ECANCELED);
    cr_expect_lt(stopped.items, 100);
    seen_fini(&s), seen_fini(&stopped);
    tree_remove(&t);
}

static atomic_bool churning;

static void *churn(void *arg)
{
    const struct tree *t = arg;
    char path[128], other[128];

    for (unsigned i = 0; atomic_load(&churning); i++) {
        char name[32];
        snprintf(name, sizeof(name), "churn-%u", i % 7);
        tree_path(t, name, path, sizeof(path));
        snprintf(name, sizeof(name), "churn-%u", (i + 3) % 7);
        tree_path(t, name, other, sizeof(other));
        if (i % 3)
            rename(path, other);
        else if (mkdir(path, 0755))
            rmdir(path);
    }
    return NULL;
}

Test(walk, directories_that_vanish_do_no_harm)
{
    struct tree t;
    pthread_t thread;
    char path[64];

    tree_make(&t);
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof(path), "stays/%d/file", i);
        tree_add(&t, path, "x");
    }
    atomic_store(&churning, true);
    pthread_create(&thread, NULL, churn, &t);
    const char *roots[] = {t.top};
    for (int round = 0; round < 20; round++) {
        struct seen s = {0};
        cr_expect_eq(walk_roots(&s, roots, 1, 4), 0);
        cr_expect_geq(s.items, 602);
        seen_fini(&s);
    }
    atomic_store(&churning, false);
    pthread_join(thread, NULL);
    tree_remove(&t);
}
