#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample.h"

struct bench { /* a file sink in a directory of its own */
    char *directory;
    char path[256];
    struct output_settings settings;
    struct sink_context context;
    struct document_host *host;
    struct sink *sink;
};

static const struct sink_class *file_class(void)
{
    return sink_class_of(OUTPUT_FILE);
}

static void bench_open(struct bench *b)
{
    struct fault why = {0};

    b->context.host = b->host;
    b->settings.path = b->path;
    cr_assert_eq(file_class()->open(&b->settings, &b->context, &b->sink, &why), 0, "%s", why.text);
}

static void bench_init(struct bench *b)
{
    *b = (struct bench){.directory = sample_directory(), .host = sample_host()};
    snprintf(b->path, sizeof(b->path), "%s/log/fimd/events.ndjson", b->directory);
}

static void bench_close(struct bench *b)
{
    file_class()->close(b->sink);
    b->sink = NULL;
}

static void bench_fini(struct bench *b)
{
    if (b->sink)
        bench_close(b);
    document_host_free(b->host);
    sample_remove(b->directory);
}

/* Delivers events `from` to `to`; deliver's result. */
static int deliver(struct bench *b, uint64_t from, uint64_t to, struct sink_item *items)
{
    size_t count = to - from + 1;
    char *texts[1024];
    struct fault why = {0};
    int64_t after = 0;
    int r;

    cr_assert_leq(count, 1024);
    for (size_t i = 0; i < count; i++) {
        struct event e;

        sample_state(&e);
        e.sequence = from + i;
        texts[i] = sample_document(b->host, &e);
        items[i] = (struct sink_item){.json = texts[i], .json_len = strlen(texts[i])};
        event_fini(&e);
    }
    r = file_class()->deliver(b->sink, items, count, &after, &why);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    return r;
}

static void deliver_well(struct bench *b, uint64_t from, uint64_t to)
{
    struct sink_item *items = calloc(to - from + 1, sizeof(*items));

    cr_assert_eq(deliver(b, from, to, items), 0);
    for (size_t i = 0; i <= to - from; i++)
        cr_assert_eq(items[i].verdict, SINK_DELIVERED);
    free(items);
}

/* The sequences in a file are `from`, `from` + 1 … without a gap; how many. */
static size_t lines_in(const char *path, uint64_t from)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t size = 0, count = 0;
    ssize_t n;

    if (!f)
        return 0;
    while ((n = getline(&line, &size, f)) > 0) {
        char wanted[40];

        snprintf(wanted, sizeof(wanted), "\"sequence\":%llu,", (unsigned long long)(from + count));
        cr_expect_not_null(strstr(line, wanted), "%s: no %s", path, wanted);
        cr_expect_eq(line[n - 1], '\n');
        count++;
    }
    free(line);
    fclose(f);
    return count;
}

static void append(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);

    cr_assert_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
}

Test(file, makes_directory_and_file_for_itself_alone)
{
    struct bench b;
    struct stat st;

    bench_init(&b);
    bench_open(&b);
    deliver_well(&b, 1, 3);
    cr_assert_eq(stat(b.path, &st), 0);
    cr_expect_eq(st.st_mode & 07777, 0600);
    *strrchr(b.path, '/') = '\0';
    cr_assert_eq(stat(b.path, &st), 0);
    cr_expect_eq(st.st_mode & 0027, 0);
    bench_fini(&b);
}

Test(file, goes_on_after_its_last_line)
{
    struct bench b;

    bench_init(&b);
    bench_open(&b);
    cr_expect_eq(file_class()->last(b.sink), -1);
    deliver_well(&b, 1, 700);
    cr_expect_eq(file_class()->last(b.sink), 700);
    bench_close(&b);
    bench_open(&b);
    cr_expect_eq(file_class()->last(b.sink), 700);
    deliver_well(&b, 701, 702);
    cr_expect_eq(lines_in(b.path, 1), 702);
    bench_fini(&b);
}

static const struct {
    const char *name, *tail;
    size_t len;
} torn[] = {
    {"half a line", "{\"event\":{\"sequence\":4", 22},
    {"zeroes of a block never written", "\0\0\0\0", 4},
    {"a brace", "{", 1},
};

Test(file, torn_last_line_is_cut_off)
{
    for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
        struct bench b;

        bench_init(&b);
        bench_open(&b);
        deliver_well(&b, 1, 3);
        bench_close(&b);
        append(b.path, torn[i].tail, torn[i].len);
        bench_open(&b);
        cr_expect_eq(file_class()->last(b.sink), 3, "%s", torn[i].name);
        deliver_well(&b, 4, 4);
        cr_expect_eq(lines_in(b.path, 1), 4, "%s", torn[i].name);
        bench_fini(&b);
    }
}

Test(file, foreign_file_is_left_alone)
{
    struct bench b;
    struct fault why = {0};
    struct stat st;

    bench_init(&b);
    snprintf(b.path, sizeof(b.path), "%s/notes", b.directory);
    append(b.path, "dear diary", 10);
    b.settings.path = b.path;
    b.context.host = b.host;
    cr_expect_eq(file_class()->open(&b.settings, &b.context, &b.sink, &why), -EINVAL);
    cr_expect_not_null(strstr(why.text, "does not end in an event"));
    cr_assert_eq(stat(b.path, &st), 0);
    cr_expect_eq(st.st_size, 10);
    bench_fini(&b);
}

Test(file, another_agents_last_line_says_nothing)
{
    static const char line[] = "{\"event\":{\"sequence\":99},\"agent\":{\"id\":\"other\"}}\n";
    struct bench b;

    bench_init(&b);
    snprintf(b.path, sizeof(b.path), "%s/f", b.directory);
    append(b.path, line, sizeof(line) - 1);
    bench_open(&b);
    cr_expect_eq(file_class()->last(b.sink), -1);
    bench_fini(&b);
}

static void make_symlink(const char *path)
{
    cr_assert_eq(symlink("/etc/hostname", path), 0);
}

static void make_fifo(const char *path)
{
    cr_assert_eq(mkfifo(path, 0600), 0);
}

static void make_second_name(const char *path)
{
    char other[300];

    snprintf(other, sizeof(other), "%s.other", path);
    append(other, "", 0);
    cr_assert_eq(link(other, path), 0);
}

static const struct {
    void (*make)(const char *path);
    int error;
} traps[] = {{make_symlink, -ELOOP}, {make_fifo, -EINVAL}, {make_second_name, -EINVAL}};

Test(file, is_not_lured_elsewhere)
{
    for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
        struct bench b;
        struct fault why = {0};

        bench_init(&b);
        snprintf(b.path, sizeof(b.path), "%s/f", b.directory);
        traps[i].make(b.path);
        b.settings.path = b.path;
        b.context.host = b.host;
        cr_expect_eq(file_class()->open(&b.settings, &b.context, &b.sink, &why), traps[i].error, "%s",
                     why.text);
        cr_expect_neq(why.text[0], '\0');
        bench_fini(&b);
    }
}

Test(file, rotates_by_size_and_keeps_some)
{
    struct bench b;
    char older[300];

    bench_init(&b);
    b.settings.rotate_size = 8000;
    b.settings.rotate_keep = 2;
    bench_open(&b);
    deliver_well(&b, 1, 40);
    for (unsigned i = 1; i <= 2; i++) {
        struct stat st;

        snprintf(older, sizeof(older), "%s.%u", b.path, i);
        cr_assert_eq(stat(older, &st), 0);
        cr_expect_leq(st.st_size, 8000);
        cr_expect_gt(st.st_size, 5000);
    }
    snprintf(older, sizeof(older), "%s.3", b.path);
    cr_expect_neq(access(older, F_OK), 0);
    cr_expect_eq(file_class()->last(b.sink), 40);
    bench_fini(&b);
}

Test(file, empty_after_rotation_remembers_from_the_newest_rotated)
{
    struct bench b;
    char older[300];

    bench_init(&b);
    bench_open(&b);
    deliver_well(&b, 1, 5);
    bench_close(&b);
    snprintf(older, sizeof(older), "%s.1", b.path);
    cr_assert_eq(rename(b.path, older), 0);
    bench_open(&b);
    cr_expect_eq(file_class()->last(b.sink), 5);
    bench_fini(&b);
}

Test(file, follows_logrotate)
{
    struct bench b;
    char older[300];

    bench_init(&b);
    bench_open(&b);
    deliver_well(&b, 1, 5);
    snprintf(older, sizeof(older), "%s.1", b.path);
    cr_assert_eq(rename(b.path, older), 0);
    deliver_well(&b, 6, 7);
    cr_expect_eq(lines_in(older, 1), 5);
    cr_expect_eq(lines_in(b.path, 6), 2);
    cr_assert_eq(truncate(b.path, 0), 0); /* copytruncate */
    deliver_well(&b, 8, 8);
    cr_expect_eq(lines_in(b.path, 8), 1);
    bench_fini(&b);
}

/* Every line is in the file once and whole, however often the disk was full. */
Test(file, full_disk_leaves_no_half_line_and_loses_nothing)
{
    struct bench b;
    struct sink_item items[64];
    uint64_t next = 1;
    bool was_full = false;
    char filler[300];

    if (geteuid() != 0)
        cr_skip("mounting needs root");
    bench_init(&b);
    if (mount("tmpfs", b.directory, "tmpfs", 0, "size=64k") < 0) {
        bench_fini(&b);
        cr_skip("no tmpfs here");
    }
    snprintf(filler, sizeof(filler), "%s/filler", b.directory);
    bench_open(&b);
    while (next <= 64) {
        int r = deliver(&b, next, 64, items);

        if (r == -ENOSPC) {
            was_full = true;
            cr_assert_eq(mount("tmpfs", b.directory, "tmpfs", MS_REMOUNT, "size=1m"), 0);
            continue;
        }
        cr_assert_eq(r, 0);
        for (size_t i = 0; next <= 64 && items[i].verdict == SINK_DELIVERED; i++)
            next++;
    }
    cr_expect(was_full);
    cr_expect_eq(lines_in(b.path, 1), 64);
    bench_close(&b);
    cr_expect_eq(umount(b.directory), 0);
    bench_fini(&b);
}
