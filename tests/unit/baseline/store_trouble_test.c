/* The store under adverse conditions: a map too small, a full disk, damage, other versions, other processes,
 * kill -9. */
#include "baseline/store.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "baseline/journal.h"
#include "baseline/store_internal.h"
#include "store_fixture.h"

struct many {
    unsigned from, count;
    unsigned runs;
};

/* One record and one node each, as the daemon does it. */
static int put_many(struct store_txn *t, void *ctx)
{
    struct many *m = ctx;
    struct journal_record r;
    char path[64], text[400];

    m->runs++;
    memset(text, 'r', sizeof(text));
    for (unsigned i = 0; i < m->count; i++) {
        struct entry e = make_entry(ENTRY_FILE, m->from + i);
        int len = snprintf(path, sizeof(path), "/many/%u/file-%u", (m->from + i) / 100, m->from + i);
        int rc = journal_append(t, text, sizeof(text), &r);
        if (!rc)
            rc = store_put(t, path, (size_t)len, &e, r.sequence);
        if (rc)
            return rc;
    }
    return 0;
}

static void open_with(struct fixture *f, struct store_options options)
{
    options.dir = f->dir;
    cr_assert_eq(store_open(&options, &f->store, &f->why), 0, "%s", f->why.text);
}

static int try_open(const char *dir, struct store_options options, struct fault *why)
{
    struct store *s;

    options.dir = dir;
    int rc = store_open(&options, &s, why);
    if (!rc)
        store_close(s);
    return rc;
}

/* The rest of a test in a child, which tells by its exit status; a store is not for use on both sides of a
 * fork. */
static int in_child(int (*fn)(const char *dir), const char *dir)
{
    int status;
    pid_t pid = fork();

    if (!pid)
        _exit(fn(dir));
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* --- the map --- */

Test(store_trouble, the_map_grows_by_itself)
{
    struct fixture f;
    struct many m = {.from = 1, .count = 5000};

    fixture_open(&f);
    store_close(f.store);
    open_with(&f, (struct store_options){.map_size = 1 << 20, .no_sync = true});
    cr_assert_eq(store_write(f.store, put_many, &m, &f.why), 0, "%s", f.why.text);
    cr_expect_gt(m.runs, 1);
    cr_expect_eq(counts(&f).entries, 5000);
    cr_expect_eq(counts(&f).journal_last, 5000);
    cr_expect_eq(inode_of(&f, "/many/50/file-5000"), 5000);
    fixture_close(&f);
}

static atomic_bool stop_reading;

static void *read_on(void *arg)
{
    struct fixture *f = arg;
    struct fixture mine = {.store = f->store};
    size_t reads = 0;

    for (; !atomic_load(&stop_reading); reads++) {
        uint64_t last = counts(&mine).journal_last;
        char path[64];
        if (!last)
            continue;
        snprintf(path, sizeof(path), "/many/%u/file-%u", (unsigned)last / 100, (unsigned)last);
        cr_expect_eq(inode_of(&mine, path) != 0, true, "%s", path);
    }
    return (void *)reads;
}

Test(store_trouble, the_map_grows_under_readers_without_a_pause)
{
    struct fixture f;
    pthread_t readers[2];
    void *reads;

    fixture_open(&f);
    store_close(f.store);
    open_with(&f, (struct store_options){.map_size = 1 << 20, .no_sync = true});
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, read_on, &f);
    for (unsigned i = 0; i < 20; i++) {
        struct many m = {.from = 1 + 500 * i, .count = 500};
        cr_assert_eq(store_write(f.store, put_many, &m, &f.why), 0, "%s", f.why.text);
    }
    atomic_store(&stop_reading, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(readers[i], &reads);
        cr_expect_gt((size_t)reads, 0);
    }
    fixture_close(&f);
}

static int write_large(const char *dir)
{
    struct fixture f = {0};
    struct many m = {.from = 1, .count = 8000};
    struct store_options options = {.dir = dir, .no_sync = true, .map_size = 1 << 20};

    if (store_open(&options, &f.store, &f.why))
        return 2;
    int rc = store_write(f.store, put_many, &m, &f.why);
    store_close(f.store);
    return rc ? 3 : 0;
}

Test(store_trouble, a_map_grown_by_another_process_is_adopted)
{
    struct fixture f;
    struct many m = {.from = 8001, .count = 10};

    fixture_open(&f);
    store_close(f.store);
    open_with(&f, (struct store_options){.map_size = 1 << 20, .no_sync = true});
    cr_expect_eq(inode_of(&f, "/none"), 0);
    cr_assert_eq(in_child(write_large, f.dir), 0);
    cr_expect_eq(inode_of(&f, "/many/80/file-8000"), 8000);
    cr_expect_eq(store_write(f.store, put_many, &m, &f.why), 0, "%s", f.why.text);
    cr_expect_eq(inode_of(&f, "/many/80/file-8010"), 8010);
    fixture_close(&f);
}

/* --- the place --- */

static int second_daemon(const char *dir)
{
    struct fault why;
    char pid[32];

    if (try_open(dir, (struct store_options){.lock = true}, &why) != -EBUSY || why.error != EBUSY)
        return 1;
    snprintf(pid, sizeof(pid), "pid %d", (int)getppid());
    return strstr(why.text, pid) && strstr(why.text, "fimd.lock") ? 0 : 2;
}

static int reader_beside(const char *dir)
{
    struct fixture f = {0};
    struct store_options options = {.dir = dir, .read_only = true};

    if (store_open(&options, &f.store, &f.why))
        return 1;
    if (inode_of(&f, "/a") != 1)
        return 2;
    return put(&f, "/b", ENTRY_FILE, 1, 1) == -EROFS && f.why.error == EROFS ? 0 : 3;
}

Test(store_trouble, one_daemon_and_any_reader)
{
    struct fixture f;

    fixture_open(&f);
    store_close(f.store);
    open_with(&f, (struct store_options){.lock = true});
    put(&f, "/a", ENTRY_FILE, 1, 1);
    cr_expect_eq(in_child(second_daemon, f.dir), 0);
    cr_expect_eq(in_child(reader_beside, f.dir), 0);
    cr_expect_eq(inode_of(&f, "/a"), 1);
    fixture_close(&f);
}

Test(store_trouble, bad_places_are_told_with_a_remedy)
{
    static const struct {
        const char *dir;
        bool read_only;
        int error;
        const char *text;
    } cases[] = {
        {"/tmp/fimd-no-such-parent/x", false, ENOENT, "parent directory"},
        {"/tmp/fimd-no-such-store", true, ENOENT, "fimctl init"},
        {"/etc/passwd", false, ENOTDIR, "is no directory"},
        {"/tmp", false, EPERM, "chmod 0700"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fault why;
        cr_expect_eq(try_open(cases[i].dir, (struct store_options){.read_only = cases[i].read_only}, &why),
                     -cases[i].error, "%s", cases[i].dir);
        cr_expect_eq(why.error, cases[i].error);
        cr_expect(strstr(why.text, cases[i].dir) == why.text && strstr(why.text, cases[i].text), "%s",
                  why.text);
    }
}

/* --- damage and versions --- */

static void data_path(const struct fixture *f, char *ret, size_t size)
{
    snprintf(ret, size, "%s/data.mdb", f->dir);
}

Test(store_trouble, a_file_that_is_cut_off_is_refused)
{
    struct fixture f;
    struct many m = {.from = 1, .count = 1000};
    struct fault why;
    char path[128];

    fixture_open(&f);
    store_write(f.store, put_many, &m, &f.why);
    store_close(f.store);
    data_path(&f, path, sizeof(path));
    cr_assert_eq(truncate(path, 16384), 0);
    cr_expect_eq(try_open(f.dir, (struct store_options){0}, &why), -EBADMSG);
    cr_expect(strstr(why.text, "damaged"), "%s", why.text);
    cr_expect_eq(try_open(f.dir, (struct store_options){.read_only = true}, &why), -EBADMSG);
    cr_assert_eq(truncate(path, 0), 0);
    fixture_reopen(&f);
    fixture_close(&f);
}

Test(store_trouble, a_file_of_something_else_is_refused)
{
    struct fixture f;
    struct fault why;
    char path[128], noise[8192];

    fixture_open(&f);
    store_close(f.store);
    data_path(&f, path, sizeof(path));
    memset(noise, 'x', sizeof(noise));
    int fd = open(path, O_WRONLY | O_TRUNC);
    cr_assert_eq(write(fd, noise, sizeof(noise)), (ssize_t)sizeof(noise));
    close(fd);
    cr_expect_eq(try_open(f.dir, (struct store_options){0}, &why), -EBADMSG);
    cr_expect(strstr(why.text, "damaged"), "%s", why.text);
    cr_assert_eq(truncate(path, 0), 0);
    fixture_reopen(&f);
    fixture_close(&f);
}

static int bad_node(struct store_txn *t, void *ctx)
{
    struct store_key key;

    (void)ctx;
    store_key_make(&key, STORE_ROOT_ID, "bad", 3);
    return lmdb_put(&t->store->lmdb, t->lmdb, LMDB_TREE, (struct lmdb_bytes){key.bytes, key.len},
                    (struct lmdb_bytes){"\xff\xff\xff", 3});
}

Test(store_trouble, a_damaged_node_is_told_and_harms_no_other)
{
    struct fixture f;
    struct node n;

    fixture_open(&f);
    put(&f, "/good", ENTRY_FILE, 5, 1);
    cr_assert_eq(store_write(f.store, bad_node, NULL, &f.why), 0);
    cr_expect_eq(get(&f, "/bad", &n), -EBADMSG);
    cr_expect(strstr(f.why.text, "node of the tree"), "%s", f.why.text);
    cr_expect_eq(put(&f, "/bad", ENTRY_FILE, 5, 1), -EBADMSG);
    cr_expect_eq(inode_of(&f, "/good"), 5);
    fixture_close(&f);
}

static int set_format(struct store_txn *t, void *ctx)
{
    return lmdb_put(&t->store->lmdb, t->lmdb, LMDB_META, (struct lmdb_bytes){"store.format", 12},
                    (struct lmdb_bytes){ctx, 4});
}

Test(store_trouble, a_newer_format_is_refused)
{
    struct fixture f;
    struct fault why;
    uint8_t version[4] = {2};

    fixture_open(&f);
    cr_assert_eq(store_write(f.store, set_format, version, &f.why), 0);
    store_close(f.store);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(try_open(f.dir, (struct store_options){.read_only = i}, &why), -EPROTO);
        cr_expect(strstr(why.text, "newer fimd (format 2, this one knows 1)"), "%s", why.text);
    }
    f.store = NULL;
    fixture_close(&f);
}

static int first_step(struct store_txn *t, void *ctx)
{
    (void)ctx;
    return store_set(t, "step-1", "x", 1);
}

static int second_step(struct store_txn *t, void *ctx)
{
    char text[4];

    (void)ctx;
    return store_value(t, "step-1", text, 4) == 1 ? store_set(t, "step-2", "x", 1) : -EIO;
}

static int failing_step(struct store_txn *t, void *ctx)
{
    (void)ctx;
    store_set(t, "step-3", "x", 1);
    return -EIO;
}

static int count_steps(struct store_txn *t, void *ctx)
{
    char text[4];

    *(int *)ctx = (store_value(t, "step-1", text, 4) == 1) + (store_value(t, "step-2", text, 4) == 1) +
                  (store_value(t, "step-3", text, 4) == 1);
    return 0;
}

Test(store_trouble, migrations_run_in_order_and_go_on_where_they_failed)
{
    const struct store_migration broken[] = {{2, second_step}, {1, first_step}, {3, failing_step}};
    const struct store_migration mended[] = {{3, first_step}};
    struct fixture f;
    int steps;

    fixture_open(&f);
    cr_expect_eq(store_format_migrate(f.store, broken, 3, 4, &f.why), -EIO);
    store_read(f.store, count_steps, &steps, &f.why);
    cr_expect_eq(steps, 2);
    cr_expect_eq(store_format_migrate(f.store, mended, 1, 4, &f.why), 0);
    cr_expect_eq(store_format_migrate(f.store, mended, 1, 5, &f.why), -EPROTO);
    cr_expect(strstr(f.why.text, "format 4 is too old"), "%s", f.why.text);
    fixture_close(&f);
}

/* --- a full disk --- */

static void fill_disk(const char *path)
{
    static char block[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    while (write(fd, block, sizeof(block)) > 0)
        ;
    close(fd);
}

Test(store_trouble, a_full_disk_leaves_all_as_it_was)
{
    struct fixture f;
    struct many first = {.from = 1, .count = 100}, more = {.from = 101, .count = 400};
    struct journal_proof proof;
    char ballast[128];

    strcpy(f.dir, "/tmp/fimd-full-XXXXXX");
    cr_assert_not_null(mkdtemp(f.dir));
    if (mount("fimd-test", f.dir, "tmpfs", 0, "size=2m,mode=0700")) {
        rmdir(f.dir);
        cr_skip_test("cannot mount a tmpfs");
    }
    fixture_reopen(&f);
    cr_expect_eq(store_write(f.store, put_many, &first, &f.why), 0);
    snprintf(ballast, sizeof(ballast), "%s/ballast", f.dir);
    fill_disk(ballast);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(store_write(f.store, put_many, &more, &f.why), -ENOSPC);
        cr_expect(strstr(f.why.text, f.dir) == f.why.text && strstr(f.why.text, "no space left"), "%s",
                  f.why.text);
        cr_expect_eq(counts(&f).entries, 100);
        cr_expect_eq(counts(&f).journal_last, 100);
        cr_expect_eq(inode_of(&f, "/many/1/file-100"), 100);
    }
    unlink(ballast);
    cr_expect_eq(store_write(f.store, put_many, &more, &f.why), 0, "%s", f.why.text);
    cr_expect(!journal_verify(f.store, &proof, &f.why) && !proof.broken && proof.records == 500);
    store_close(f.store);
    umount2(f.dir, MNT_DETACH);
    rmdir(f.dir);
}

Test(store_trouble, a_disk_that_is_full_from_the_start_is_told)
{
    char dir[] = "/tmp/fimd-full-XXXXXX", state[64];
    struct fault why;

    cr_assert_not_null(mkdtemp(dir));
    if (mount("fimd-test", dir, "tmpfs", 0, "size=4k,mode=0700")) {
        rmdir(dir);
        cr_skip_test("cannot mount a tmpfs");
    }
    snprintf(state, sizeof(state), "%s/state", dir);
    cr_expect_eq(try_open(state, (struct store_options){0}, &why), -ENOSPC);
    cr_expect(strstr(why.text, "no space left"), "%s", why.text);
    umount2(dir, MNT_DETACH);
    rmdir(dir);
}

/* --- other processes that die --- */

static int begin_and_die(struct store_txn *t, void *ctx)
{
    (void)t, (void)ctx;
    raise(SIGKILL);
    return 0;
}

static int die_reading(const char *dir)
{
    struct store_options options = {.dir = dir, .read_only = true};
    struct store *s;
    struct fault why;

    if (!store_open(&options, &s, &why))
        store_read(s, begin_and_die, NULL, &why);
    return 1;
}

static int die_writing(const char *dir)
{
    struct store_options options = {.dir = dir};
    struct store *s;
    struct fault why;

    if (!store_open(&options, &s, &why))
        store_write(s, begin_and_die, NULL, &why);
    return 1;
}

Test(store_trouble, slots_of_dead_readers_are_used_again)
{
    struct fixture f;

    fixture_open(&f);
    /* More than LMDB has slots for (126). */
    for (int i = 0; i < 140; i++)
        cr_assert_eq(in_child(die_reading, f.dir), -SIGKILL, "round %d", i);
    cr_expect_eq(inode_of(&f, "/none"), 0);
    cr_expect_eq(f.why.error, 0);
    cr_expect_eq(put(&f, "/x", ENTRY_FILE, 1, 1), 0);
    fixture_close(&f);
}

Test(store_trouble, a_writer_that_dies_blocks_nobody)
{
    struct fixture f;

    fixture_open(&f);
    cr_assert_eq(in_child(die_writing, f.dir), -SIGKILL);
    cr_expect_eq(put(&f, "/x", ENTRY_FILE, 1, 1), 0, "%s", f.why.text);
    fixture_close(&f);
}

/* Writes until killed; each commit is told through the pipe. */
static void write_until_killed(const char *dir, int told)
{
    struct fixture f = {0};
    struct store_options options = {.dir = dir, .no_sync = true, .map_size = 1 << 20, .lock = true};

    if (store_open(&options, &f.store, &f.why))
        _exit(1);
    for (unsigned from = (unsigned)counts(&f).journal_last + 1;; from += 37) {
        struct many m = {.from = from, .count = 37};
        uint64_t last = from + 36;
        if (store_write(f.store, put_many, &m, &f.why) || write(told, &last, sizeof(last)) != sizeof(last))
            _exit(2);
    }
}

static int agree(struct store_txn *t, void *ctx)
{
    struct store_counts c;
    struct node n;
    char path[64];

    store_count(t, &c);
    *(uint64_t *)ctx = c.journal_last;
    if (!c.journal_last)
        return 0;
    cr_expect_eq(c.entries, c.journal_last);
    cr_expect_eq(c.journal_last % 37, 0);
    snprintf(path, sizeof(path), "/many/%u/file-%u", (unsigned)c.journal_last / 100,
             (unsigned)c.journal_last);
    cr_expect_eq(store_get(t, path, strlen(path), &n), 0);
    cr_expect_eq(n.last, c.journal_last);
    node_fini(&n);
    return 0;
}

/* Node and record are there both or neither, and nothing that was told is gone. */
Test(store_trouble, kill_9_leaves_whole_transactions)
{
    struct fixture f;
    struct journal_proof proof;
    uint64_t told, last = 0, there;

    fixture_open(&f);
    store_close(f.store);
    for (int round = 0; round < 20; round++) {
        int ends[2];
        cr_assert_eq(pipe(ends), 0);
        pid_t pid = fork();
        if (!pid)
            write_until_killed(f.dir, ends[1]);
        close(ends[1]);
        usleep(3000 + 2500 * (unsigned)round);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(ends[0], &told, sizeof(told)) == sizeof(told))
            last = told;
        close(ends[0]);
        fixture_reopen(&f);
        cr_expect_eq(store_read(f.store, agree, &there, &f.why), 0);
        cr_expect_geq(there, last);
        cr_expect(!journal_verify(f.store, &proof, &f.why) && !proof.broken, "%s", proof.reason);
        store_close(f.store);
    }
    cr_expect_gt(last, 0);
    f.store = NULL;
    fixture_close(&f);
}
