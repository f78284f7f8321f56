/* Files that do not hold still, that are huge, or that somebody has prepared: measuring ends, and what it
 * says holds. */
#include "baseline/measure.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "measure_help.h"

TestSuite(measure_race, .fini = place_drop);

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A thread that does one thing to a place again and again until it is told to stop. */
struct pest {
    struct place place;
    atomic_bool stop;
    void (*step)(const struct place *);
    pthread_t thread;
};

static void *pest_run(void *arg)
{
    struct pest *p = arg;
    while (!atomic_load(&p->stop))
        p->step(&p->place);
    return NULL;
}

static void pest_start(struct pest *p, void (*step)(const struct place *))
{
    p->step = step;
    atomic_init(&p->stop, false);
    cr_assert_eq(pthread_create(&p->thread, NULL, pest_run, p), 0);
}

static void pest_end(struct pest *p)
{
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    place_close(&p->place);
}

static void swap_names(const struct place *p)
{
    renameat2(p->fd, "name", p->fd, "other", RENAME_EXCHANGE);
}

/* The name is now a regular file, now something that must not be read; whatever comes is one of the two. */
static void measure_against(const char *other, enum entry_type type)
{
    struct pest p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    int seen_file = 0, seen_other = 0;
    place_open(&p.place, "/tmp");
    PUT_TEXT(p.place.fd, "name", "abc");
    PUT_TEXT(p.place.fd, "secret", "what nobody is to read");
    if (type == ENTRY_FIFO)
        cr_assert_eq(mkfifoat(p.place.fd, "other", 0600), 0);
    else if (type == ENTRY_DIR)
        cr_assert_eq(mkdirat(p.place.fd, "other", 0700), 0);
    else
        cr_assert_eq(symlinkat(other, p.place.fd, "other"), 0);
    pest_start(&p, swap_names);
    for (double end = seconds() + 0.7; seconds() < end;) {
        struct entry e;
        cr_assert_eq(measure_at(m, p.place.fd, "name", &e), 0);
        cr_assert(e.type == ENTRY_FILE || e.type == type, "%d", (int)e.type);
        cr_assert(e.type == ENTRY_FILE || e.digests.count == 0);
        if (e.digests.count > 0)
            cr_assert_str_eq(hex_of(&e, "sha256"), SHA256_ABC);
        else if (e.type == ENTRY_FILE)
            cr_assert(e.notes & ENTRY_NOTE_UNSTABLE, "%x", e.notes);
        seen_file += e.type == ENTRY_FILE;
        seen_other += e.type == type;
        entry_fini(&e);
    }
    pest_end(&p);
    measurer_free(m);
    cr_expect(seen_file > 0 && seen_other > 0, "%d and %d", seen_file, seen_other);
}

Test(measure_race, a_symlink_swapped_in_is_never_followed)
{
    measure_against("secret", ENTRY_SYMLINK);
}

Test(measure_race, a_fifo_swapped_in_neither_blocks_nor_is_read)
{
    measure_against(NULL, ENTRY_FIFO);
}

Test(measure_race, a_directory_swapped_in_is_a_directory)
{
    measure_against(NULL, ENTRY_DIR);
}

Test(measure_race, a_fifo_with_a_writer_keeps_its_bytes)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e;
    char got[8] = "";
    place_open(&p, "/tmp");
    cr_assert_eq(mkfifoat(p.fd, "fifo", 0600), 0);
    cr_assert_eq(openat(p.fd, "fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1, "nobody reads it");
    int fd = openat(p.fd, "fifo", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    cr_assert_eq(write(fd, "bytes", 5), 5);
    cr_assert_eq(measure_at(m, p.fd, "fifo", &e), 0);
    cr_expect_eq(e.type, ENTRY_FIFO);
    cr_expect_eq(read(fd, got, sizeof(got)), 5);
    close(fd);
    measurer_free(m);
    place_close(&p);
}

static void append_some(const struct place *p)
{
    static char data[65536];
    int fd = openat(p->fd, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
    for (int i = 0; i < 16; i++)
        if (write(fd, data, 4096) < 0)
            break;
    close(fd);
}

static void put_zeros(const struct place *p, const char *name, size_t len)
{
    int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char *data = calloc(1, len);
    cr_assert_eq(write(fd, data, len), (ssize_t)len);
    free(data);
    close(fd);
}

Test(measure_race, a_file_written_without_pause_comes_to_an_end_and_says_so)
{
    struct pest p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e;
    place_open(&p.place, "/dev/shm");
    put_zeros(&p.place, "log", 24 << 20);
    pest_start(&p, append_some);
    double begin = seconds();
    int r = measure_at(m, p.place.fd, "log", &e);
    double took = seconds() - begin;
    pest_end(&p);
    cr_assert_eq(r, 0);
    cr_expect_lt(took, 20);
    cr_expect_eq(e.notes, ENTRY_NOTE_UNSTABLE, "%x", e.notes);
    cr_expect_eq(e.digests.count, 1);
    entry_fini(&e);
    measurer_free(m);
}

static void truncate_and_fill(const struct place *p)
{
    int fd = openat(p->fd, "log", O_WRONLY | O_CLOEXEC);
    if (ftruncate(fd, 0) != 0 || ftruncate(fd, 8 << 20) != 0)
        abort();
    close(fd);
}

Test(measure_race, a_file_cut_short_under_the_read_is_survived)
{
    struct pest p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    place_open(&p.place, "/dev/shm");
    put_zeros(&p.place, "log", 8 << 20);
    pest_start(&p, truncate_and_fill);
    int unstable = 0;
    for (double end = seconds() + 0.7; seconds() < end;) {
        struct entry e;
        cr_assert_eq(measure_at(m, p.place.fd, "log", &e), 0);
        cr_assert_eq(e.notes & ~(uint32_t)ENTRY_NOTE_UNSTABLE, 0);
        unstable += (e.notes & ENTRY_NOTE_UNSTABLE) != 0;
        entry_fini(&e);
    }
    pest_end(&p);
    cr_expect_gt(unstable, 0);
    measurer_free(m);
}

static void rename_over(const struct place *p)
{
    PUT_TEXT(p->fd, "new", "abc");
    renameat(p->fd, "new", p->fd, "name");
}

/* The name is never missing, so it is never said to be. */
Test(measure_race, rename_over_is_always_one_of_the_two_files)
{
    struct pest p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    place_open(&p.place, "/dev/shm");
    PUT_TEXT(p.place.fd, "name", "abc");
    pest_start(&p, rename_over);
    for (double end = seconds() + 0.7; seconds() < end;) {
        struct entry e;
        cr_assert_eq(measure_at(m, p.place.fd, "name", &e), 0);
        cr_assert_str_eq(hex_of(&e, "sha256"), SHA256_ABC);
        entry_fini(&e);
    }
    pest_end(&p);
    measurer_free(m);
}

/* Holes, data, holes: as if every byte were read. */
Test(measure_race, holes_are_digested_as_the_zeros_they_are)
{
    static const struct {
        off_t size;
        off_t data[3]; /* offsets of 5 bytes */
    } cases[] = {
        {3 << 20, {1 << 20, (2 << 20) + 4000, (3 << 20) - 5}},
        {(3 << 20) + 1, {0, 4091, 1 << 20}},
        {40 << 20, {20 << 20, (20 << 20) + 70000, 39 << 20}},
        {4097, {4090, 0, 8}},
        {1 << 20, {0, 65536, 999999}},
    };
    static const char *const places[] = {"/tmp", "/dev/shm"};
    struct digest_plan plan = {.count = 1, .ids = {4}};
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        size_t c = i / 2, size = (size_t)cases[c].size;
        struct place p;
        struct digest_run *run;
        struct digests expected;
        struct entry e;
        char *whole = calloc(1, size);
        place_open(&p, places[i % 2]);
        int fd = openat(p.fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_eq(ftruncate(fd, cases[c].size), 0);
        for (size_t k = 0; k < 3; k++) {
            cr_assert_eq(pwrite(fd, "data!", 5, cases[c].data[k]), 5);
            memcpy(whole + cases[c].data[k], "data!", 5);
        }
        close(fd);
        cr_assert_eq(digest_run_new(&plan, &run), 0);
        cr_assert(digest_run_begin(run) == 0 && digest_run_update(run, whole, size) == 0 &&
                  digest_run_end(run, &expected) == 0);
        cr_assert_eq(measure_at(m, p.fd, "sparse", &e), 0);
        cr_expect_eq(e.notes, 0);
        cr_expect_arr_eq(e.digests.list[0].value, expected.list[0].value, 32, "case %zu on %s", c,
                         places[i % 2]);
        digest_run_free(run);
        entry_fini(&e);
        free(whole);
        place_close(&p);
    }
    measurer_free(m);
}

static int make_sparse(const struct place *p, off_t size)
{
    int fd = openat(p->fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int r = ftruncate(fd, size) < 0 ? -errno : 0;
    close(fd);
    return r;
}

/* sha256sum of 10 GiB of zeros, which takes that program a minute and a half. */
Test(measure_race, ten_gibibytes_of_nothing_have_the_right_digest, .timeout = 120)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e;
    place_open(&p, "/tmp");
    cr_assert_eq(make_sparse(&p, (off_t)10 << 30), 0);
    cr_assert_eq(measure_at(m, p.fd, "sparse", &e), 0);
    cr_expect_eq(e.notes, 0);
    cr_expect_str_eq(hex_of(&e, "sha256"),
                     "732377e7f4a2abdc13ddfa1eb4c9c497fd2a2b294674d056cf51581b47dd586d");
    entry_fini(&e);
    measurer_free(m);
    place_close(&p);
}

/* One ftruncate makes it; nobody could wait for its digest. */
Test(measure_race, an_exabyte_of_nothing_is_too_large)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e;
    place_open(&p, "/dev/shm");
    cr_assert_eq(make_sparse(&p, (off_t)1 << 60), 0);
    cr_assert_eq(measure_at(m, p.fd, "sparse", &e), 0);
    cr_expect_eq(e.notes, ENTRY_NOTE_TOO_LARGE);
    cr_expect_eq(e.digests.count, 0);
    cr_expect_eq(e.size, UINT64_C(1) << 60);
    entry_fini(&e);
    measurer_free(m);
    place_close(&p);
}

Test(measure_race, a_long_read_can_be_stopped)
{
    struct place p;
    atomic_bool stop;
    atomic_init(&stop, true);
    struct measurer *m = measurer_for((struct measure_options){.stop = &stop}, "sha256");
    struct entry e = {.inode = 4711};
    place_open(&p, "/tmp");
    cr_assert_eq(make_sparse(&p, (off_t)60 << 30), 0);
    double begin = seconds();
    cr_expect_eq(measure_at(m, p.fd, "sparse", &e), -ECANCELED);
    cr_expect_lt(seconds() - begin, 5);
    cr_expect_eq(e.inode, 4711);
    measurer_free(m);
    place_close(&p);
}

/* Holds a write lease and lets the kernel's request to give it up pass by. */
static void hold_lease(int dirfd, int ready)
{
    signal(SIGIO, SIG_IGN);
    int fd = openat(dirfd, "leased", O_RDWR | O_CLOEXEC);
    char said = fd >= 0 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0 ? 'y' : 'n';
    if (write(ready, &said, 1) != 1)
        _exit(1);
    pause();
    _exit(0);
}

Test(measure_race, a_lease_is_not_waited_for)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e;
    int ready[2];
    char said = 0;
    place_open(&p, "/tmp");
    PUT_TEXT(p.fd, "leased", "abc");
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0)
        hold_lease(p.fd, ready[1]);
    cr_assert_eq(read(ready[0], &said, 1), 1);
    double begin = seconds();
    int r = measure_at(m, p.fd, "leased", &e);
    double took = seconds() - begin;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    cr_assert_eq(said, 'y', "the lease was given");
    cr_assert_eq(r, 0);
    cr_expect_lt(took, 2);
    cr_expect_eq(e.notes, ENTRY_NOTE_UNREADABLE | ENTRY_NOTE_BUSY, "%x", e.notes);
    cr_expect_eq(e.size, 3);
    entry_fini(&e);
    cr_assert_eq(measure_at(m, p.fd, "leased", &e), 0);
    cr_expect_str_eq(hex_of(&e, "sha256"), SHA256_ABC);
    measurer_free(m);
    place_close(&p);
}

/* openat2 answers ENOSYS, as it does on kernels before 5.6. */
static bool forbid_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int measure_without_openat2(const struct place *p)
{
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e;
    char path[128];
    if (!forbid_openat2() || syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0) != -1 || errno != ENOSYS)
        return 1;
    int len = snprintf(path, sizeof(path), "%s/dir/file", p->path);
    if (measure_path(m, path, (size_t)len, &e) != 0 || strcmp(hex_of(&e, "sha256"), SHA256_ABC) != 0)
        return 2;
    len = snprintf(path, sizeof(path), "%s/link/file", p->path);
    if (measure_path(m, path, (size_t)len, &e) != -ENOENT)
        return 3;
    return measure_path(m, "/", 1, &e) == 0 && e.type == ENTRY_DIR ? 0 : 4;
}

Test(measure_race, without_openat2_symlinks_are_not_followed_either)
{
    struct place p;
    int status;
    place_open(&p, "/tmp");
    cr_assert_eq(mkdirat(p.fd, "dir", 0755), 0);
    PUT_TEXT(p.fd, "dir/file", "abc");
    cr_assert_eq(symlinkat("dir", p.fd, "link"), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(measure_without_openat2(&p));
    waitpid(child, &status, 0);
    cr_expect_eq(WEXITSTATUS(status), 0, "%d", WEXITSTATUS(status));
    place_close(&p);
}
