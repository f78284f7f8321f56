/* The batch keeps what it is given; handles tell inodes; names of features. */
#include "fimd/watch/batch.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fimd/watch/handle.h"

Test(batch, paths_stay_where_events_point)
{
    struct batch b = { 0 };
    char path[4096];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            int len = snprintf(path, sizeof(path), "/%0*d", 1 + i * 3, i);
            struct watch_event e = { .ops = WATCH_CREATE, .path = path, .path_len = (size_t)len };
            cr_assert(batch_add(&b, &e));
        }
        for (int i = 0; i < 1000; i++) {
            int len = snprintf(path, sizeof(path), "/%0*d", 1 + i * 3, i);
            cr_expect_str_eq(b.events[i].path, path);
            cr_expect_eq(b.events[i].path_len, (size_t)len);
            cr_expect_str_eq(b.events[i].old_path, "");
        }
        batch_reset(&b);
        cr_expect_eq(b.count, 0);
    }
    batch_fini(&b);
}

Test(handle, inode_is_what_stat_says)
{
    static const char *const places[] = { "/", "/tmp", "/dev", "/dev/shm", "/etc", "/proc" };
    static const struct {
        long magic;
        const char *type;
    } types[] = { { 0xef53, "ext4" }, { 0x01021994, "tmpfs" }, { 0x58465342, "xfs" }, { 0x9123683e, "btrfs" } };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct handle h;
        struct stat st;
        struct statfs fs;
        int fd = open(places[i], O_PATH | O_CLOEXEC);
        cr_assert_eq(fstat(fd, &st), 0);
        cr_assert_eq(fstatfs(fd, &fs), 0);
        cr_assert_eq(handle_of(fd, "", &h), 0);
        close(fd);
        for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++)
            if (types[k].magic == fs.f_type)
                cr_expect_eq(handle_inode(types[k].type, handle_view(&h)), st.st_ino, "%s", places[i]);
        cr_expect_eq(handle_inode("nofs", handle_view(&h)), 0);
    }
}

Test(handle, too_long_becomes_none)
{
    static const uint8_t bytes[HANDLE_MAX + 1];
    struct handle h;
    handle_copy(&h, (struct handle_view){ .type = 1, .len = sizeof(bytes), .bytes = bytes });
    cr_expect_null(handle_view(&h).bytes);
    cr_expect_not(handle_equal(handle_view(&h), handle_view(&h)));
    cr_expect_eq(handle_open(-1, handle_view(&h), 0), -116);
}

Test(features, names_are_parsed)
{
    cr_expect_eq(watch_features_parse(NULL), 0);
    cr_expect_eq(watch_features_parse(""), 0);
    cr_expect_eq(watch_features_parse("rename"), WATCH_FEATURE_RENAME);
    cr_expect_eq(watch_features_parse("mnt,evictable, filesystem"),
                 WATCH_FEATURE_MNT | WATCH_FEATURE_EVICTABLE | WATCH_FEATURE_FILESYSTEM);
    cr_expect_eq(watch_features_parse("target"), WATCH_FEATURE_TARGET | WATCH_FEATURE_RENAME);
    cr_expect_eq(watch_features_parse("pidfd,renam,unknown"), 0);
}
