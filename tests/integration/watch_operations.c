/* Every operation that fanotify shows, on every file system: operation → exactly these events, merged or not.
 * Letters: C create, D delete, M modify, W close after writing, A attributes, R rename (old>new), S rescan,
 * "/" a directory. W/d is watched, out is beside it on the same file system and is not. */
#include "watch_rig.h"

#include <linux/aio_abi.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <utime.h>

static struct rig rig;

#define P(name) rig_path(&rig, name)
#define OK(call) cr_expect((call) >= 0, "%s: %s", #call, strerror(errno))

static int opened(const char *name, int flags)
{
    int fd = open(P(name), flags | O_CLOEXEC, 0644);
    cr_expect_geq(fd, 0, "%s: %s", name, strerror(errno));
    return fd;
}

static void write_close(int fd)
{
    OK(write(fd, "text", 4));
    close(fd);
}

static void none(void)
{
}
static void have_f(void)
{
    rig_write(P("d/f"), "before");
}
static void have_two(void)
{
    have_f();
    rig_write(P("d/g"), "other");
}
static void have_out(void)
{
    rig_write(P("out/o"), "outside");
}
static void have_out_and_f(void)
{
    have_out();
    have_f();
}
static void have_link(void)
{
    have_f();
    OK(link(P("d/f"), P("d/g")));
}
static void have_alias(void)
{
    have_f();
    OK(link(P("d/f"), P("out/alias")));
}
static void have_tree(void)
{
    OK(mkdir(P("d/t"), 0755));
    OK(mkdir(P("d/t/u"), 0755));
    rig_write(P("d/t/u/f"), "deep");
}
static void have_out_tree(void)
{
    OK(mkdir(P("out/t"), 0755));
    rig_write(P("out/t/f"), "deep");
}

static void creat_write(void)
{
    write_close(opened("d/n", O_WRONLY | O_CREAT));
}
static void creat_read_only(void)
{
    close(opened("d/n", O_RDONLY | O_CREAT));
}
static void open_no_write(void)
{
    close(opened("d/f", O_WRONLY));
}
static void overwrite(void)
{
    write_close(opened("d/f", O_WRONLY));
}
static void append(void)
{
    write_close(opened("d/f", O_WRONLY | O_APPEND));
}
static void open_truncate(void)
{
    close(opened("d/f", O_WRONLY | O_TRUNC));
}
static void open_truncate_read_only(void)
{
    close(opened("d/f", O_RDONLY | O_TRUNC));
}
static void truncate_path(void)
{
    OK(truncate(P("d/f"), 2));
}
static void truncate_fd(void)
{
    int fd = opened("d/f", O_WRONLY);
    OK(ftruncate(fd, 1));
    close(fd);
}
static void allocate_fd(void)
{
    int fd = opened("d/f", O_WRONLY);
    OK(fallocate(fd, 0, 0, 8192));
    close(fd);
}
static void by_proc_fd(void)
{
    char link[64];
    int fd = opened("d/f", O_PATH);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    int again = open(link, O_WRONLY | O_CLOEXEC);
    write_close(again);
    close(fd);
}
static void by_symlink_outside(void)
{
    OK(symlink(P("d/f"), P("out/link")));
    write_close(opened("out/link", O_WRONLY));
}
static void by_handle(void)
{
    struct {
        struct file_handle h;
        char room[128];
    } u = { .h.handle_bytes = 128 };
    int id, at = opened("d", O_RDONLY | O_DIRECTORY);
    OK(name_to_handle_at(AT_FDCWD, P("d/f"), &u.h, &id, 0));
    int fd = open_by_handle_at(at, &u.h, O_WRONLY | O_CLOEXEC);
    close(at);
    cr_expect_geq(fd, 0);
    write_close(fd);
}
static void map_shared(void)
{
    int fd = opened("d/f", O_RDWR);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_expect_neq(p, MAP_FAILED);
    p[0] = 'X';
    msync(p, 4096, MS_SYNC);
    munmap(p, 4096);
    close(fd);
}
static void aio_write(void)
{
    int fd = opened("d/f", O_WRONLY);
    aio_context_t context = 0;
    static char text[] = "aio";
    struct iocb one = { .aio_fildes = (unsigned)fd, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_buf = (uintptr_t)text,
                        .aio_nbytes = 3 }, *list = &one;
    struct io_event done;
    OK(syscall(SYS_io_setup, 1, &context));
    OK(syscall(SYS_io_submit, context, 1, &list));
    OK(syscall(SYS_io_getevents, context, 1, 1, &done, NULL));
    syscall(SYS_io_destroy, context);
    close(fd);
}
static void send_file(void)
{
    int from = opened("d/g", O_RDONLY), to = opened("d/f", O_WRONLY);
    OK(sendfile(to, from, NULL, 5));
    close(from);
    close(to);
}
static void copy_range(void)
{
    int from = opened("d/g", O_RDONLY), to = opened("d/f", O_WRONLY);
    OK(copy_file_range(from, NULL, to, NULL, 5, 0));
    close(from);
    close(to);
}
static void splice_in(void)
{
    int pipes[2], to = opened("d/f", O_WRONLY);
    OK(pipe(pipes));
    OK(write(pipes[1], "pipe", 4));
    OK(splice(pipes[0], NULL, to, NULL, 4, 0));
    close(pipes[0]);
    close(pipes[1]);
    close(to);
}
static void link_inside(void)
{
    OK(link(P("d/f"), P("d/l")));
}
static void link_from_outside(void)
{
    OK(link(P("out/o"), P("d/l")));
}
static void write_by_alias(void)
{
    write_close(opened("out/alias", O_WRONLY));
}
static void make_symlink(void)
{
    OK(symlink("nowhere", P("d/s")));
}
static void make_fifo(void)
{
    OK(mkfifo(P("d/p"), 0644));
}
static void make_node(void)
{
    OK(mknod(P("d/c"), S_IFCHR | 0600, 0x103));
}
static void bind_socket(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", P("d/sock"));
    OK(bind(s, (struct sockaddr *)&a, sizeof(a)));
    close(s);
}
static void make_dir(void)
{
    OK(mkdir(P("d/n"), 0755));
}
static void remove_dir(void)
{
    OK(rmdir(P("d/n")));
}
static void have_dir(void)
{
    make_dir();
}
static void remove_file(void)
{
    OK(unlink(P("d/f")));
}
static void remove_open_file(void)
{
    int fd = opened("d/f", O_WRONLY);
    OK(unlink(P("d/f")));
    write_close(fd);
}
static void rename_inside(void)
{
    OK(rename(P("d/f"), P("d/n")));
}
static void rename_in(void)
{
    OK(rename(P("out/o"), P("d/n")));
}
static void rename_out(void)
{
    OK(rename(P("d/f"), P("out/n")));
}
static void rename_over(void)
{
    OK(rename(P("d/g"), P("d/f")));
}
static void rename_over_from_outside(void)
{
    OK(rename(P("out/o"), P("d/f")));
}
static void exchange(void)
{
    OK(renameat2(AT_FDCWD, P("d/f"), AT_FDCWD, P("d/g"), RENAME_EXCHANGE));
}
static void whiteout(void)
{
    OK(renameat2(AT_FDCWD, P("d/f"), AT_FDCWD, P("d/n"), RENAME_WHITEOUT));
}
static void rename_dir(void)
{
    OK(rename(P("d/t"), P("d/v")));
}
static void rename_dir_then_write(void)
{
    OK(rename(P("d/t"), P("d/v")));
    rig_write(P("d/v/u/f"), "after");
}
static void rename_dir_in(void)
{
    OK(rename(P("out/t"), P("d/t")));
}
static void rename_dir_in_then_write(void)
{
    OK(rename(P("out/t"), P("d/t")));
    rig_sync(&rig);
    rig_write(P("d/t/f"), "after");
}
static void rename_dir_out(void)
{
    OK(rename(P("d/t"), P("out/v")));
}
static void rename_dir_out_then_write(void)
{
    OK(rename(P("d/t"), P("out/v")));
    rig_sync(&rig);
    rig_write(P("out/v/u/f"), "after");
}
static void change_mode(void)
{
    OK(chmod(P("d/f"), 0600));
}
static void change_mode_of_dir(void)
{
    OK(chmod(P("d/n"), 0700));
}
static void change_mode_of_root(void)
{
    OK(chmod(P("d"), 0700));
}
static void change_mode_to_same(void)
{
    OK(chmod(P("d/f"), 0644));
}
static void change_mode_fd(void)
{
    int fd = opened("d/f", O_RDONLY);
    OK(fchmod(fd, 0600));
    close(fd);
}
static void change_owner(void)
{
    OK(lchown(P("d/f"), 1, 1));
}
static void set_xattr(void)
{
    OK(setxattr(P("d/f"), "trusted.fimd", "x", 1, 0));
}
static void remove_xattr(void)
{
    OK(setxattr(P("d/f"), "trusted.fimd", "x", 1, 0));
    rig_forget(&rig);
    OK(removexattr(P("d/f"), "trusted.fimd"));
}
static void set_times(void)
{
    OK(utimes(P("d/f"), NULL));
}
static void set_mtime_only(void)
{
    struct timespec t[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };
    OK(utimensat(AT_FDCWD, P("d/f"), t, 0));
}
static void tmpfile_link(void)
{
    char link[64];
    int fd = opened("d", O_TMPFILE | O_WRONLY);
    OK(write(fd, "text", 4));
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    OK(linkat(AT_FDCWD, link, AT_FDCWD, P("d/n"), AT_SYMLINK_FOLLOW));
    close(fd);
}
static void make_tree_fast(void)
{
    OK(mkdir(P("d/a"), 0755));
    OK(mkdir(P("d/a/b"), 0755));
    rig_write(P("d/a/b/f"), "x");
}
static void remove_tree(void)
{
    rig_run("rm -r %s", P("d/t"));
}
static void bytes_of_any_kind(void)
{
    rig_write(P("d/\xff\n\"\\ (deleted)"), "x");
}
static void dir_named_deleted(void)
{
    OK(mkdir(P("d/x (deleted)"), 0755));
    rig_write(P("d/x (deleted)/f"), "x");
}
static void outside_only(void)
{
    rig_write(P("out/n"), "x");
    OK(unlink(P("out/n")));
}

/* What differs: on overlayfs and without filesystem marks (inode marks), a new directory is told with a rescan,
 * and a rename to or from a directory that is not marked has no other side. */
static const struct operation {
    const char *name;
    void (*before)(void), (*run)(void);
    const char *events;
    const char *inodes;  /* when inode marks say it differently; NULL: the same */
    const char *not_on;  /* file systems that cannot do it, and why there is another account */
} operations[] = {
    { "create", none, creat_write, "d/n CMW", NULL, NULL },
    { "create_read_only", none, creat_read_only, "d/n C", NULL, NULL },
    { "open_no_write", have_f, open_no_write, "d/f W", NULL, NULL },
    { "overwrite", have_f, overwrite, "d/f MW", NULL, NULL },
    { "append", have_f, append, "d/f MW", NULL, NULL },
    { "open_truncate", have_f, open_truncate, "d/f MW", NULL, NULL },
    { "open_truncate_read_only", have_f, open_truncate_read_only, "d/f M", NULL, NULL },
    { "truncate", have_f, truncate_path, "d/f M", NULL, NULL },
    { "ftruncate", have_f, truncate_fd, "d/f MW", NULL, NULL },
    { "fallocate", have_f, allocate_fd, "d/f MW", NULL, NULL },
    { "by_proc_fd", have_f, by_proc_fd, "d/f MW", NULL, NULL },
    { "by_symlink_outside", have_f, by_symlink_outside, "d/f MW", NULL, NULL },
    { "by_handle", have_f, by_handle, "d/f MW", NULL, "overlay" },
    { "map_shared", have_f, map_shared, "d/f W", NULL, NULL },
    { "aio", have_f, aio_write, "d/f W", NULL, NULL },
    { "sendfile", have_two, send_file, "d/f MW", NULL, NULL },
    { "copy_file_range", have_two, copy_range, "d/f MW", NULL, NULL },
    { "splice", have_f, splice_in, "d/f MW", NULL, NULL },
    { "link_inside", have_f, link_inside, "d/l C", NULL, NULL },
    { "link_from_outside", have_out, link_from_outside, "d/l C", NULL, NULL },
    { "write_by_alias_outside", have_alias, write_by_alias, "-", NULL, NULL },
    { "nameless_then_linked", none, tmpfile_link, "d/# MW; d/n C", NULL, "overlay" },
    { "symlink", none, make_symlink, "d/s C", NULL, NULL },
    { "fifo", none, make_fifo, "d/p C", NULL, NULL },
    { "mknod", none, make_node, "d/c C", NULL, NULL },
    { "bind_socket", none, bind_socket, "d/sock C", NULL, NULL },
    { "mkdir", none, make_dir, "d/n C/", "d/n CS/", NULL },
    { "rmdir", have_dir, remove_dir, "d/n D/", NULL, NULL },
    { "unlink", have_f, remove_file, "d/f D", NULL, NULL },
    { "unlink_open", have_f, remove_open_file, "d/f DMW", NULL, NULL },
    { "unlink_one_of_two", have_link, remove_file, "d/f D", NULL, NULL },
    { "rename_inside", have_f, rename_inside, "d/f>d/n R", NULL, NULL },
    { "rename_in", have_out, rename_in, "out/o>d/n R", ">d/n R", NULL },
    { "rename_out", have_f, rename_out, "d/f>out/n R", "d/f> R", NULL },
    { "rename_over", have_two, rename_over, "d/g>d/f R", NULL, NULL },
    { "rename_over_from_outside", have_out_and_f, rename_over_from_outside, "out/o>d/f R", ">d/f R", NULL },
    { "exchange", have_two, exchange, "d/f>d/g R; d/g>d/f R", NULL, NULL },
    { "whiteout", have_f, whiteout, "d/f>d/n R", NULL, "overlay" },
    { "rename_dir", have_tree, rename_dir, "d/t>d/v R/", NULL, NULL },
    { "rename_dir_then_write", have_tree, rename_dir_then_write, "d/t>d/v R/; d/v/u/f MW", NULL, NULL },
    { "rename_dir_in", have_out_tree, rename_dir_in, "out/t>d/t R/", ">d/t R/; d/t S/", NULL },
    { "rename_dir_in_then_write", have_out_tree, rename_dir_in_then_write, "d/t/f MW; out/t>d/t R/",
      ">d/t R/; d/t S/; d/t/f MW", NULL },
    { "rename_dir_out", have_tree, rename_dir_out, "d/t>out/v R/", "d/t> R/", NULL },
    { "rename_dir_out_then_write", have_tree, rename_dir_out_then_write, "d/t>out/v R/", "d/t> R/", NULL },
    { "chmod", have_f, change_mode, "d/f A", NULL, NULL },
    { "chmod_dir", have_dir, change_mode_of_dir, "d/n A/", NULL, NULL },
    { "chmod_root", none, change_mode_of_root, "d A/", NULL, NULL },
    { "chmod_to_same", have_f, change_mode_to_same, "d/f A", NULL, NULL },
    { "fchmod", have_f, change_mode_fd, "d/f A", NULL, NULL },
    { "chown", have_f, change_owner, "d/f A", NULL, NULL },
    { "setxattr", have_f, set_xattr, "d/f A", NULL, NULL },
    { "removexattr", have_f, remove_xattr, "d/f A", NULL, NULL },
    { "utimes", have_f, set_times, "d/f A", NULL, NULL },
    { "utimensat_mtime_only", have_f, set_mtime_only, "d/f M", NULL, NULL },
    { "names_of_any_bytes", none, bytes_of_any_kind, "d/\xff\n\"\\ (deleted) CMW", NULL, NULL },
    { "dir_named_deleted", none, dir_named_deleted, "d/x (deleted) C/; d/x (deleted)/f CMW", NULL, "inodes" },
    { "make_tree_fast", none, make_tree_fast, "d/a C/; d/a/b C/; d/a/b/f CMW", NULL, "inodes" },
    { "remove_tree", have_tree, remove_tree, "d/t D/; d/t/u D/; d/t/u/f D", NULL, NULL },
    { "outside_only", none, outside_only, "-", NULL, NULL },
};

/* Both file systems and what the watch behaves as lacking. */
struct where {
    const char *fs;
    uint32_t without;
    bool inodes;
    bool halves;
};

static bool cannot(const struct operation *o, const struct where *where)
{
    return o->not_on && (strstr(o->not_on, where->fs) || (where->inodes && strstr(o->not_on, "inodes")));
}

static void one(const struct operation *o, const struct where *where)
{
    char account[8192];
    rig_run("rm -rf %s/* && mkdir %s && mkdir %s", rig.root, P("d"), P("out"));
    if (where->inodes)
        rig_sync(&rig);
    o->before();
    rig_forget(&rig);
    o->run();
    rig_account(&rig, account, sizeof(account));
    const char *expected = where->inodes && o->inodes ? o->inodes : o->events;
    cr_expect_str_eq(account, expected, "%s on %s: %s; expected %s", o->name, where->fs, account, expected);
}

static void all(const struct where *where)
{
    rig_begin(&rig);
    rig_mount(&rig, where->fs);
    rig_open(&rig, "d", where->without);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (!cannot(&operations[i], where))
            one(&operations[i], where);
    rig_end(&rig);
    cr_expect_str_eq(rig.notices, "");
}

Test(watch_operations, ext4)
{
    all(&(struct where){ .fs = "ext4" });
}
Test(watch_operations, xfs)
{
    all(&(struct where){ .fs = "xfs" });
}
Test(watch_operations, btrfs)
{
    all(&(struct where){ .fs = "btrfs" });
}
Test(watch_operations, btrfs_subvolume)
{
    all(&(struct where){ .fs = "btrfs-subvolume" });
}
Test(watch_operations, tmpfs)
{
    all(&(struct where){ .fs = "tmpfs" });
}
Test(watch_operations, overlay)
{
    all(&(struct where){ .fs = "overlay", .inodes = true });
}
Test(watch_operations, ext4_with_inode_marks_only)
{
    all(&(struct where){ .fs = "ext4", .without = WATCH_FEATURE_FILESYSTEM, .inodes = true });
}
Test(watch_operations, ext4_without_rename_events)
{
    all(&(struct where){ .fs = "ext4", .without = WATCH_FEATURE_RENAME, .halves = true });
}
Test(watch_operations, tmpfs_without_targets)
{
    all(&(struct where){ .fs = "tmpfs", .without = WATCH_FEATURE_RENAME | WATCH_FEATURE_TARGET, .halves = true });
}
