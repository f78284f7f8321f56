/* Paths as bytes. */
#include "baseline/path.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(path, next_yields_each_component)
{
    static const struct {
        const char *path, *joined;
    } cases[] = {
        {"/etc/ssh/sshd_config", "etc|ssh|sshd_config|"},
        {"/", ""},
        {"", ""},
        {"//a///b//", "a|b|"},
        {"a/b", "a|b|"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *rest = cases[i].path, *name;
        size_t left = strlen(rest), n;
        struct buf b = {0};
        while ((name = path_next(&rest, &left, &n))) {
            buf_put(&b, name, n);
            buf_put_u8(&b, '|');
        }
        cr_assert_str_eq(buf_cstr(&b), cases[i].joined);
        buf_fini(&b);
    }
}

Test(path, below_is_by_component)
{
    static const struct {
        const char *path, *dir;
        bool below;
    } cases[] = {
        {"/etc", "/etc", true},    {"/etc/passwd", "/etc", true}, {"/etcetera", "/etc", false},
        {"/et", "/etc", false},    {"/etc/passwd", "/", true},    {"/", "/", true},
        {"/etc/a", "/etc/", true}, {"/", "/etc", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_assert_eq(path_below(cases[i].path, strlen(cases[i].path), cases[i].dir, strlen(cases[i].dir)),
                     cases[i].below, "%s below %s", cases[i].path, cases[i].dir);
}

Test(path, parent_and_name)
{
    static const struct {
        const char *path;
        size_t parent;
        const char *name;
    } cases[] = {{"/x", 1, "x"},    {"/a/b", 2, "b"}, {"/a/b/", 2, "b"},
                 {"/a//b", 2, "b"}, {"/", 0, ""},     {"x", 0, "x"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *name;
        size_t n;
        cr_assert_eq(path_parent(cases[i].path, strlen(cases[i].path), &name, &n), cases[i].parent, "%s",
                     cases[i].path);
        cr_assert(n == strlen(cases[i].name) && !memcmp(name, cases[i].name, n), "%s", cases[i].path);
    }
}

Test(path, escape_leaves_nothing_that_a_terminal_acts_on)
{
    static const struct {
        const char *path, *shown;
    } cases[] = {
        {"/etc/passwd", "/etc/passwd"},
        {"a\nb\tc\\d", "a\\nb\\tc\\\\d"},
        {"\x1b[31m", "\\x1B[31m"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"caf\xe9", "caf\\xE9"},
        {"\xc2\x9b"
         "31m",
         "\\xC2\\x9B31m"},                   /* the one-character CSI */
        {"\xed\xa0\x80", "\\xED\\xA0\\x80"}, /* a surrogate */
        {"\xc0\xaf", "\\xC0\\xAF"},          /* overlong */
        {"\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\x7f", "\\x7F"},
        {"\xe2\x82", "\\xE2\\x82"}, /* cut off */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        path_escape(&b, cases[i].path, strlen(cases[i].path));
        cr_assert_str_eq(buf_cstr(&b), cases[i].shown);
        buf_fini(&b);
    }
}

Test(path, utf8_is_recognised)
{
    cr_assert(path_is_utf8("", 0));
    cr_assert(path_is_utf8("/\xe2\x82\xac", 4));
    cr_assert(!path_is_utf8("/\xe2\x82", 3));
    cr_assert(!path_is_utf8("\xff", 1));
}

/* One directory a level, each by mkdirat in the one before: no path here is ever too long for the kernel. */
static void make_deep(struct buf *path, int levels)
{
    char name[101];
    int fd = open(buf_cstr(path), O_PATH | O_DIRECTORY | O_CLOEXEC);

    memset(name, 'd', 100);
    name[100] = '\0';
    for (int i = 0; i < levels; i++) {
        cr_assert_eq(mkdirat(fd, name, 0700), 0);
        int next = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(next, 0);
        close(fd);
        fd = next;
        buf_printf(path, "/%s", name);
    }
    close(fd);
}

Test(path, a_directory_deeper_than_path_max_is_opened)
{
    char top[] = "/tmp/fimd-path-XXXXXX", command[64];
    struct buf path = {0};
    struct stat st;

    cr_assert_not_null(mkdtemp(top));
    buf_put_str(&path, top);
    make_deep(&path, 100);
    cr_assert_gt(path.len, 10000);
    int fd = path_open_dir((const char *)path.data, path.len);
    cr_expect_geq(fd, 0);
    cr_expect(!fstat(fd, &st) && st.st_nlink == 2);
    close(fd);
    snprintf(command, sizeof(command), "rm -rf %s", top);
    cr_expect_eq(system(command), 0);
    buf_fini(&path);
}

Test(path, open_dir_follows_no_symlink)
{
    char top[] = "/tmp/fimd-path-XXXXXX", link[64], below[64];

    cr_assert_not_null(mkdtemp(top));
    snprintf(link, sizeof(link), "%s/l", top);
    snprintf(below, sizeof(below), "%s/l/etc", top);
    cr_assert_eq(symlink("/", link), 0);
    cr_expect_eq(path_open_dir(link, strlen(link)), -ELOOP);
    cr_expect_eq(path_open_dir(below, strlen(below)), -ELOOP);
    cr_expect_eq(path_open_dir("relative", 8), -EINVAL);
    cr_expect_eq(path_open_dir("/a\0b", 4), -EINVAL);
    cr_expect_eq(path_open_dir("/etc/passwd", 11), -ENOTDIR);
    cr_expect_eq(path_open_dir("/no/such", 8), -ENOENT);
    int fd = path_open_dir("/", 1);
    cr_expect_geq(fd, 0);
    close(fd);
    unlink(link);
    rmdir(top);
}
