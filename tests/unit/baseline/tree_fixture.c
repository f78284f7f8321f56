#include "tree_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tree_make(struct tree *t)
{
    strcpy(t->top, "/tmp/fimd-tree-XXXXXX");
    cr_assert_not_null(mkdtemp(t->top));
}

void tree_remove(struct tree *t)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", t->top);
    cr_expect_eq(system(command), 0);
}

void tree_path(const struct tree *t, const char *path, char *ret, size_t size)
{
    cr_assert_lt(snprintf(ret, size, "%s%s%s", t->top, *path ? "/" : "", path), (int)size);
}

void tree_add(const struct tree *t, const char *path, const char *text)
{
    char whole[512];

    tree_path(t, path, whole, sizeof(whole));
    for (char *slash = whole + strlen(t->top) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        cr_assert(!mkdir(whole, 0755) || errno == EEXIST);
        *slash = '/';
    }
    if (path[strlen(path) - 1] == '/')
        return;
    int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

void tree_deep(const struct tree *t, int levels, size_t name_len, struct buf *ret)
{
    char name[256];
    int fd = open(t->top, O_PATH | O_DIRECTORY);

    memset(name, 'd', name_len);
    name[name_len] = '\0';
    buf_reset(ret);
    buf_put_str(ret, t->top);
    for (int i = 0; i < levels; i++) {
        cr_assert_eq(mkdirat(fd, name, 0755), 0);
        int next = openat(fd, name, O_PATH | O_DIRECTORY);
        close(fd);
        fd = next;
        buf_printf(ret, "/%s", name);
    }
    int leaf = openat(fd, "leaf", O_WRONLY | O_CREAT, 0644);
    cr_assert_geq(leaf, 0);
    close(leaf);
    close(fd);
    buf_put_str(ret, "/leaf");
}
