/* What is measured of files that hold still, on every file system that is to be had: statx, generation,
 * xattrs, digests, paths. Those that do not hold still are in measure_race_test.c. */
#include "baseline/measure.h"

#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "baseline/attr.h"
#include "measure_help.h"

TestSuite(measure, .fini = place_drop);

static struct entry measured(struct measurer *m, const struct place *p, const char *name)
{
    struct entry e;
    int r = measure_at(m, p->fd, name, &e);
    cr_assert_eq(r, 0, "%s: %s", name, strerror(-r));
    return e;
}

static void bind_socket(const struct place *p, const char *name)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", p->path, name);
    cr_assert_eq(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    close(fd);
}

static void make_one_of_each(const struct place *p)
{
    PUT_TEXT(p->fd, "file", "abc");
    cr_assert_eq(mkdirat(p->fd, "dir", 0750), 0);
    cr_assert_eq(symlinkat("../to/no\xff where", p->fd, "symlink"), 0);
    cr_assert_eq(mkfifoat(p->fd, "fifo", 0600), 0);
    bind_socket(p, "socket");
    cr_assert_eq(mknodat(p->fd, "char_device", S_IFCHR | 0666, makedev(1, 3)), 0);
    cr_assert_eq(mknodat(p->fd, "block_device", S_IFBLK | 0660, makedev(7, 1234567 & 0xfffff)), 0);
}

static void expect_as_lstat(const struct place *p, const char *name, const struct entry *e)
{
    struct stat st;
    cr_assert_eq(fstatat(p->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    cr_expect_eq(e->mode, st.st_mode & 07777, "%s", name);
    cr_expect_eq(e->uid, st.st_uid, "%s", name);
    cr_expect_eq(e->gid, st.st_gid, "%s", name);
    cr_expect_eq(e->nlink, st.st_nlink, "%s", name);
    cr_expect_eq(e->inode, st.st_ino, "%s", name);
    cr_expect_eq(e->device, st.st_dev, "%s", name);
    cr_expect_eq(e->rdev, st.st_rdev, "%s", name);
    cr_expect_eq(e->size, (uint64_t)st.st_size, "%s", name);
    cr_expect_eq(e->mtime, st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, "%s", name);
    cr_expect_eq(e->ctime, st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec, "%s", name);
}

static void check_every_type(struct measurer *m, const struct place *p)
{
    for (int t = ENTRY_FILE; t <= ENTRY_BLOCK; t++) {
        const char *name = entry_type_name((enum entry_type)t);
        struct entry e = measured(m, p, name), quick;
        cr_expect_eq((int)e.type, t, "%s", name);
        cr_expect_eq(e.notes, 0, "%s: %x", name, e.notes);
        cr_expect_neq(e.generation, 0, "%s has a generation here", name);
        cr_expect_eq(e.digests.count, t == ENTRY_FILE ? 2 : 0, "%s", name);
        expect_as_lstat(p, name, &e);
        cr_assert_eq(measure_stat(p->fd, name, &quick), 0);
        cr_expect_eq(entry_diff(&e, &quick), 0, "%s: metadata alone shows no difference", name);
        if (t == ENTRY_SYMLINK)
            cr_expect_str_eq(e.target, "../to/no\xff where");
        entry_fini(&e);
    }
}

/* A file made again, perhaps with the same inode number, is another one. */
static void check_generation(struct measurer *m, const struct place *p, bool can_ask)
{
    struct entry first = measured(m, p, "file");
    int fd = openat(p->fd, "file", O_RDONLY | O_CLOEXEC);
    int version = 0;
    if (can_ask) {
        cr_assert_eq(ioctl(fd, FS_IOC_GETVERSION, &version), 0);
        cr_expect_eq((uint32_t)version, first.generation, "the handle's is the kernel's own");
    }
    close(fd);
    cr_assert_eq(unlinkat(p->fd, "file", 0), 0);
    PUT_TEXT(p->fd, "file", "abc");
    struct entry second = measured(m, p, "file");
    cr_expect(entry_diff(&first, &second) & ATTR_INODE);
    cr_expect_not(entry_diff(&first, &second) & ATTR_CONTENT);
}

static void check_digests(struct measurer *m, const struct place *p)
{
    struct entry e = measured(m, p, "file");
    cr_expect_str_eq(hex_of(&e, "sha256"), SHA256_ABC);
    cr_expect_str_eq(hex_of(&e, "md5"), "900150983cd24fb0d6963f7d28e17f72");
    PUT_TEXT(p->fd, "empty", "");
    e = measured(m, p, "empty");
    cr_expect_str_eq(hex_of(&e, "sha256"), SHA256_NOTHING);
    cr_expect_eq(e.notes, 0);
}

static void check_xattrs(struct measurer *m, const struct place *p)
{
    static const char caps[] = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0"; /* v2: cap_net_bind_service=p */
    size_t len;
    int fd = openat(p->fd, "file", O_RDONLY | O_CLOEXEC);
    struct entry before = measured(m, p, "file");
    cr_assert_eq(fsetxattr(fd, "security.capability", caps, 20, 0), 0);
    cr_assert_eq(fsetxattr(fd, "trusted.zz", "", 0, 0), 0);
    cr_assert_eq(fsetxattr(fd, "trusted.a", "\0x", 2, 0), 0);
    close(fd);
    struct entry after = measured(m, p, "file");
    cr_expect_eq(entry_diff(&before, &after), ATTR_CAPS | ATTR_XATTR | ATTR_CTIME);
    const uint8_t *value = entry_xattr(&after, "trusted.a", &len);
    cr_assert(value && len == 2);
    cr_expect_arr_eq(value, "\0x", 2);
    cr_expect(entry_xattr(&after, "trusted.zz", &len) && len == 0);
    struct buf bytes = {0};
    struct entry back;
    entry_encode(&after, &bytes);
    cr_expect_eq(entry_decode(bytes.data, bytes.len, &back), 0, "sorted, as the stored form wants it");
    entry_fini(&back);
    buf_fini(&bytes);
    entry_fini(&after);
}

/* What is only O_PATH: a symlink's own attributes, not its target's. */
static void check_xattrs_unopened(struct measurer *m, const struct place *p)
{
    char path[PATH_MAX];
    size_t len;
    cr_assert_eq(symlinkat("file", p->fd, "link"), 0);
    snprintf(path, sizeof(path), "%s/link", p->path);
    cr_assert_eq(lsetxattr(path, "trusted.of_link", "1", 1, 0), 0, "%s", strerror(errno));
    struct entry e = measured(m, p, "link");
    cr_expect_not_null(entry_xattr(&e, "trusted.of_link", &len));
    cr_expect_null(entry_xattr(&e, "trusted.a", &len), "that is the file's");
    cr_expect_str_eq(e.target, "file");
    entry_fini(&e);
    snprintf(path, sizeof(path), "%s/dir", p->path);
    cr_assert_eq(lsetxattr(path, "trusted.of_dir", "1", 1, 0), 0);
    e = measured(m, p, "dir");
    cr_expect_not_null(entry_xattr(&e, "trusted.of_dir", &len));
    entry_fini(&e);
}

static void check_flags(struct measurer *m, const struct place *p)
{
    int fd = openat(p->fd, "file", O_RDONLY | O_CLOEXEC), flags = 0;
    struct entry before = measured(m, p, "file");
    cr_assert_eq(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
    flags |= FS_IMMUTABLE_FL;
    cr_assert_eq(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
    struct entry after = measured(m, p, "file");
    flags &= ~FS_IMMUTABLE_FL;
    cr_assert_eq(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
    close(fd);
    cr_expect(after.flags & ENTRY_FLAG_IMMUTABLE);
    cr_expect_eq(entry_diff(&before, &after) & ~(uint32_t)ATTR_CTIME, ATTR_FLAGS);
    entry_fini(&before);
    entry_fini(&after);
}

static void check_file_system(const char *below, bool can_ask)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256 md5");
    place_open(&p, below);
    make_one_of_each(&p);
    check_every_type(m, &p);
    check_generation(m, &p, can_ask);
    check_digests(m, &p);
    check_xattrs(m, &p);
    check_xattrs_unopened(m, &p);
    check_flags(m, &p);
    measurer_free(m);
    place_close(&p);
}

/* Mounts a new file system on /mnt, for this process alone: a test is a process of its own, and with it its
 * mount namespace, the mount and the loop device go, however it ends. The image is open and has no name any
 * more. */
static int mount_image(const char *type, const char *size)
{
    char file[] = "/tmp/fimd-image.XXXXXX", command[512];
    int fd = mkostemp(file, O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    snprintf(command, sizeof(command),
             "truncate -s %s %s && mkfs.%s -q %s >/dev/null 2>&1 && mount -o loop %s /mnt", size, file, type,
             file, file);
    int r = system(command);
    unlink(file);
    if (r == 0)
        return fd;
    close(fd);
    return -1;
}

static void check_image(const char *type, const char *size, bool can_ask)
{
    if (geteuid() != 0)
        cr_skip_test("NOT TESTED on %s: mounting takes root", type);
    if (mount_image(type, size) < 0)
        cr_skip_test("NOT TESTED on %s: mkfs.%s or the kernel's part is not there", type, type);
    check_file_system("/mnt", can_ask);
}

Test(measure, everything_of_every_type_on_tmpfs)
{
    if (geteuid() != 0)
        cr_skip_test("NOT TESTED: device nodes and trusted xattrs take root");
    check_file_system("/dev/shm", false);
}

Test(measure, everything_of_every_type_on_ext4)
{
    check_image("ext4", "32M", true);
}

Test(measure, everything_of_every_type_on_xfs)
{
    check_image("xfs", "320M", true);
}

Test(measure, everything_of_every_type_on_btrfs)
{
    check_image("btrfs", "128M", true);
}

/* Flips a bit of the file's content in the image, as a write to the bare device does. */
static void alter_behind(int image)
{
    static char block[1024];
    off_t at = 0;
    while (pread(image, block, sizeof(block), at) == sizeof(block) && memcmp(block, "find me: ", 9) != 0)
        at += sizeof(block);
    cr_assert_eq(memcmp(block, "find me: ", 9), 0);
    block[100] ^= 1;
    cr_assert_eq(pwrite(image, block, sizeof(block), at), (ssize_t)sizeof(block));
}

Test(measure, drop_cache_reads_what_is_on_disk)
{
    struct entry first, cached, disk;
    static const char path[] = "/mnt/file", data[4096] = "find me: ";
    int image = geteuid() == 0 ? mount_image("ext4", "16M") : -1;
    if (image < 0)
        cr_skip_test("NOT TESTED: needs root and mkfs.ext4");
    struct measurer *usual = measurer_for((struct measure_options){0}, "sha256");
    struct measurer *dropping = measurer_for((struct measure_options){.drop_cache = true}, "sha256");
    put_file(AT_FDCWD, path, data, sizeof(data));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(syncfs(fd), 0);
    close(fd);
    cr_assert_eq(measure_path(usual, path, strlen(path), &first), 0);
    alter_behind(image);
    cr_assert_eq(measure_path(usual, path, strlen(path), &cached), 0);
    cr_assert_eq(measure_path(dropping, path, strlen(path), &disk), 0);
    cr_expect_eq(entry_diff(&first, &cached), 0);
    cr_expect_eq(entry_diff(&first, &disk), ATTR_CONTENT);
    measurer_free(usual);
    measurer_free(dropping);
}

Test(measure, long_values_of_the_owners_attributes_are_kept_as_digests)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "");
    static char value[60000];
    size_t len;
    place_open(&p, "/dev/shm");
    PUT_TEXT(p.fd, "file", "abc");
    int fd = openat(p.fd, "file", O_RDONLY | O_CLOEXEC);
    if (fsetxattr(fd, "trusted.long", value, sizeof(value), 0) < 0) {
        place_close(&p);
        cr_skip_test("NOT TESTED: no long xattrs on tmpfs here: %s", strerror(errno));
    }
    struct entry before = measured(m, &p, "file");
    cr_expect_lt(before.xattrs_len, 100);
    cr_expect_null(entry_xattr(&before, "trusted.long", &len));
    value[59999] = 1;
    cr_assert_eq(fsetxattr(fd, "trusted.long", value, sizeof(value), 0), 0);
    close(fd);
    struct entry after = measured(m, &p, "file");
    cr_expect_eq(entry_diff(&before, &after), ATTR_XATTR | ATTR_CTIME);
    entry_fini(&before);
    entry_fini(&after);
    measurer_free(m);
    place_close(&p);
}

Test(measure, long_lists_of_attributes_are_read_whole)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "");
    char name[64];
    size_t len;
    place_open(&p, "/dev/shm");
    PUT_TEXT(p.fd, "file", "abc");
    int fd = openat(p.fd, "file", O_RDONLY | O_CLOEXEC), count = 0;
    for (; count < 300; count++) {
        snprintf(name, sizeof(name), "trusted.attribute.number.%d", count);
        if (fsetxattr(fd, name, name, strlen(name), 0) < 0)
            break;
    }
    close(fd);
    cr_assert_eq(count, 300);
    struct entry e = measured(m, &p, "file");
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "trusted.attribute.number.%d", i);
        const uint8_t *value = entry_xattr(&e, name, &len);
        cr_expect(value && len == strlen(name) && memcmp(value, name, len) == 0, "%s", name);
    }
    entry_fini(&e);
    measurer_free(m);
    place_close(&p);
}

Test(measure, nothing_there_is_enoent_and_leaves_the_result_alone)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e = {.inode = 4711};
    char path[512], too_long[300];
    memset(too_long, 'n', sizeof(too_long));
    too_long[299] = '\0';
    place_open(&p, "/tmp");
    PUT_TEXT(p.fd, "file", "abc");
    cr_assert_eq(mkdirat(p.fd, "dir", 0755), 0);
    PUT_TEXT(p.fd, "dir/inside", "abc");
    cr_assert_eq(symlinkat("dir", p.fd, "link"), 0);
    const char *const below[] = {"none", "none/none", "file/none", "link/inside", "dir/inside/x", too_long};
    for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
        int len = snprintf(path, sizeof(path), "%s/%s", p.path, below[i]);
        cr_expect_eq(measure_path(m, path, (size_t)len, &e), -ENOENT, "%s", below[i]);
    }
    cr_expect_eq(measure_at(m, p.fd, "none", &e), -ENOENT);
    cr_expect_eq(measure_at(m, p.fd, too_long, &e), -ENOENT);
    cr_expect_eq(measure_stat(p.fd, "none", &e), -ENOENT);
    cr_expect_eq(e.inode, 4711);
    measurer_free(m);
    place_close(&p);
}

Test(measure, what_is_no_path_or_no_name_is_einval)
{
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e;
    static const struct {
        const char *path;
        size_t len;
    } paths[] = {{"", 0}, {"etc/passwd", 10}, {"/etc\0/x", 7}, {"/etc/..", 7}, {".", 1}};
    static const char *const names[] = {"", "..", "a/b", "/etc"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        cr_expect_eq(measure_path(m, paths[i].path, paths[i].len, &e), -EINVAL, "%s", paths[i].path);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_eq(measure_at(m, AT_FDCWD, names[i], &e), -EINVAL, "%s", names[i]);
    measurer_free(m);
}

Test(measure, the_root_and_slashes_too_many_are_understood)
{
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    static const char *const paths[] = {"/", "//", "/etc/", "//etc///", "/etc", "//etc//passwd"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct entry e;
        struct stat st;
        cr_assert_eq(lstat(paths[i], &st), 0);
        cr_assert_eq(measure_path(m, paths[i], strlen(paths[i]), &e), 0, "%s", paths[i]);
        cr_expect_eq(e.inode, st.st_ino, "%s", paths[i]);
        entry_fini(&e);
    }
    struct entry e;
    cr_assert_eq(measure_path(m, "/etc/passwd-and more", 11, &e), 0, "only len bytes are the path");
    entry_fini(&e);
    measurer_free(m);
}

Test(measure, names_of_any_bytes_are_measured)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    char longest[256], path[512];
    memset(longest, 0xe9, 255);
    longest[255] = '\0';
    const char *const names[] = {
        "new\nline", "quo\"te'\\", "\xff\xfe invalid", " ", "-rf", "...", "\x01\x1b[31m", longest,
    };
    place_open(&p, "/tmp");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct entry e;
        PUT_TEXT(p.fd, names[i], "abc");
        int len = snprintf(path, sizeof(path), "%s/%s", p.path, names[i]);
        cr_assert_eq(measure_path(m, path, (size_t)len, &e), 0, "%s", names[i]);
        cr_expect_str_eq(hex_of(&e, "sha256"), SHA256_ABC);
        entry_fini(&e);
    }
    measurer_free(m);
    place_close(&p);
}

/* 40 directories with names of 250 bytes: more than twice what the kernel takes at once. */
Test(measure, paths_longer_than_the_kernel_takes_are_measured)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct buf path = {0};
    struct entry e;
    char name[251];
    memset(name, 'd', 250);
    name[250] = '\0';
    place_open(&p, "/tmp");
    buf_put_str(&path, p.path);
    int dir = dup(p.fd);
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(mkdirat(dir, name, 0755), 0);
        int next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(dir);
        dir = next;
        buf_printf(&path, "/%s", name);
    }
    PUT_TEXT(dir, "file", "abc");
    cr_assert_eq(symlinkat("..", dir, "link"), 0);
    close(dir);
    size_t len = path.len;
    buf_put_str(&path, "/file");
    cr_assert_gt(path.len, 10000);
    cr_assert_eq(measure_path(m, (char *)path.data, path.len, &e), 0);
    cr_expect_str_eq(hex_of(&e, "sha256"), SHA256_ABC);
    path.len = len;
    buf_put_str(&path, "/link/file");
    cr_expect_eq(measure_path(m, (char *)path.data, path.len, &e), -ENOENT);
    buf_fini(&path);
    measurer_free(m);
    place_close(&p);
}

Test(measure, without_digests_or_above_the_limit_content_is_not_read)
{
    static const struct {
        const char *digests;
        uint64_t max;
        uint32_t notes;
    } cases[] = {
        {"", 0, ENTRY_NOTE_NO_CONTENT},
        {"sha256", 2, ENTRY_NOTE_TOO_LARGE},
        {"sha256", 3, 0},
        {"sha256", 0, 0},
    };
    struct place p;
    place_open(&p, "/tmp");
    PUT_TEXT(p.fd, "file", "abc");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct measure_options options = {.max_file_size = cases[i].max};
        struct measurer *m = measurer_for(options, cases[i].digests);
        struct entry e = measured(m, &p, "file");
        cr_expect_eq(e.notes, cases[i].notes, "case %zu: %x", i, e.notes);
        cr_expect_eq(e.digests.count, cases[i].notes ? 0 : 1, "case %zu", i);
        cr_expect_neq(e.generation, 0);
        entry_fini(&e);
        measurer_free(m);
    }
    place_close(&p);
}

Test(measure, atime_is_not_touched)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1100000000}}; /* relatime would move it */
    struct stat st;
    place_open(&p, "/tmp");
    PUT_TEXT(p.fd, "file", "abc");
    cr_assert_eq(utimensat(p.fd, "file", old, 0), 0);
    struct entry e = measured(m, &p, "file");
    cr_expect_str_eq(hex_of(&e, "sha256"), SHA256_ABC);
    cr_assert_eq(fstatat(p.fd, "file", &st, 0), 0);
    cr_expect_eq(st.st_atim.tv_sec, 1000000000);
    measurer_free(m);
    place_close(&p);
}

/* As nobody: a file of somebody else's is read without O_NOATIME, an unreadable one is noted. */
static int measure_as_nobody(const struct place *p)
{
    struct entry theirs, secret;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    if (setresuid(65534, 65534, 65534) != 0 || measure_at(m, p->fd, "theirs", &theirs) != 0 ||
        measure_at(m, p->fd, "secret", &secret) != 0)
        return 1;
    if (theirs.notes != 0 || strcmp(hex_of(&theirs, "sha256"), SHA256_ABC) != 0)
        return 2;
    if (secret.notes != ENTRY_NOTE_UNREADABLE || secret.digests.count != 0 || secret.size != 3)
        return 3;
    return measure_path(m, "/root/x/y", 9, &theirs) == -EACCES ? 0 : 4;
}

Test(measure, others_files_are_measured_as_far_as_rights_go)
{
    struct place p;
    if (geteuid() != 0)
        cr_skip_test("NOT TESTED: becoming nobody takes root");
    place_open(&p, "/tmp");
    cr_assert_eq(fchmod(p.fd, 0755), 0);
    PUT_TEXT(p.fd, "theirs", "abc");
    PUT_TEXT(p.fd, "secret", "abc");
    cr_assert_eq(fchmodat(p.fd, "secret", 0600, 0), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(measure_as_nobody(&p));
    int status;
    waitpid(child, &status, 0);
    cr_expect_eq(WEXITSTATUS(status), 0, "%d", WEXITSTATUS(status));
    place_close(&p);
}

Test(measure, files_of_proc_are_read_though_they_say_their_size_is_zero)
{
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e;
    static const char path[] = "/proc/sys/kernel/ostype";
    cr_assert_eq(measure_path(m, path, strlen(path), &e), 0);
    cr_expect_eq(e.size, 0);
    /* printf 'Linux\n' | sha256sum */
    cr_expect_str_eq(hex_of(&e, "sha256"),
                     "533e1007b450ba293f5e2cb35b768cf963d0a74c6943558059086eda254939c2");
    entry_fini(&e);
    measurer_free(m);
}

Test(measure, a_read_error_is_a_note)
{
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256");
    struct entry e;
    char path[64];
    int len = snprintf(path, sizeof(path), "/proc/%d/mem", (int)getpid()); /* nothing is mapped at 0: EIO */
    cr_assert_eq(measure_path(m, path, (size_t)len, &e), 0);
    cr_expect_eq(e.notes & ~(uint32_t)ENTRY_NOTE_UNSTABLE, ENTRY_NOTE_UNREADABLE, "%x", e.notes);
    cr_expect_eq(e.digests.count, 0);
    entry_fini(&e);
    measurer_free(m);
}

Test(measure, no_more_descriptors_is_told_and_none_is_lost)
{
    struct place p;
    struct measurer *m = measurer_for((struct measure_options){0}, "sha256 md5");
    struct entry e;
    char path[128];
    place_open(&p, "/tmp");
    make_one_of_each(&p);
    int len = snprintf(path, sizeof(path), "%s/file", p.path);
    int next = dup(p.fd);
    close(next);
    struct rlimit was, none = {.rlim_cur = (rlim_t)next};
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
    none.rlim_max = was.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    int file = measure_at(m, p.fd, "file", &e), fifo = measure_at(m, p.fd, "fifo", &e);
    int whole = measure_path(m, path, (size_t)len, &e);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
    cr_expect_eq(file, -EMFILE);
    cr_expect_eq(fifo, -EMFILE);
    cr_expect_eq(whole, -EMFILE);
    check_every_type(m, &p);
    cr_assert_eq(measure_path(m, path, (size_t)len, &e), 0);
    cr_expect_eq(measure_path(m, "/etc/none/x", 11, &e), -ENOENT);
    int again = dup(p.fd);
    cr_expect_eq(again, next);
    close(again);
    measurer_free(m);
    place_close(&p);
}
