/* The real kernel: every operation that a rule can record, done by a login user, is proven by audit_find. */
#include "host.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

/* Each runs in the watched directory. "old" is there before, "sub" a directory with "in" in it. */
static int open_close(const char *name, int flags)
{
    int fd = open(name, flags, 0644);
    return fd < 0 ? -1 : close(fd);
}

static int op_create(void *x) { (void)x; return open_close("new", O_WRONLY | O_CREAT); }
static int op_creat(void *x) { (void)x; int fd = creat("new", 0600); return fd < 0 ? -1 : close(fd); }
static int op_create_read(void *x) { (void)x; return open_close("new", O_RDONLY | O_CREAT); }
static int op_openat2(void *x)
{
    (void)x;
    struct { uint64_t flags, mode, resolve; } how = {O_WRONLY | O_CREAT, 0600, 0};
    return syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof(how)) < 0 ? -1 : 0;
}
static int op_open_syscall(void *x) { (void)x; return syscall(SYS_open, "old", O_WRONLY) < 0 ? -1 : 0; }
static int op_write(void *x)
{
    (void)x;
    int fd = open("old", O_WRONLY | O_APPEND);
    return fd < 0 || write(fd, "x", 1) != 1 ? -1 : close(fd);
}
static int op_trunc(void *x) { (void)x; return open_close("old", O_WRONLY | O_TRUNC); }
static int op_trunc_read(void *x) { (void)x; return open_close("old", O_RDONLY | O_TRUNC); }
static int op_by_handle(void *x)
{
    (void)x;
    union { struct file_handle h; char room[256]; } u;
    int mount, dir = open(".", O_RDONLY | O_DIRECTORY);
    u.h.handle_bytes = 128;
    if (name_to_handle_at(AT_FDCWD, "old", &u.h, &mount, 0)) {
        return -1;
    }
    int fd = open_by_handle_at(dir, &u.h, O_WRONLY);
    return fd < 0 || write(fd, "x", 1) != 1 ? -1 : close(fd);
}
static int op_proc_fd(void *x)
{
    (void)x;
    char path[64];
    int fd = open("old", O_RDONLY);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open_close(path, O_WRONLY);
}
static int op_truncate(void *x) { (void)x; return truncate("old", 1); }
static int op_tmpfile(void *x)
{
    (void)x;
    char path[64];
    int fd = open(".", O_TMPFILE | O_WRONLY, 0600);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, AT_FDCWD, "new", AT_SYMLINK_FOLLOW);
}
static int op_link(void *x) { (void)x; return link("old", "new"); }
static int op_symlink(void *x) { (void)x; return symlink("nowhere", "new"); }
static int op_mknod(void *x) { (void)x; return mknod("new", S_IFIFO | 0600, 0); }
static int op_bind(void *x)
{
    (void)x;
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "new"};
    return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof(to));
}
static int op_mkdir(void *x) { (void)x; return mkdir("new", 0700); }
static int op_rmdir(void *x) { (void)x; return rmdir("empty"); }
static int op_unlink(void *x) { (void)x; return unlink("old"); }
static int op_unlinkat(void *x)
{
    (void)x;
    int dir = open(".", O_RDONLY | O_DIRECTORY);
    return chdir("/") || unlinkat(dir, "old", 0);
}
static int op_rename(void *x) { (void)x; return rename("old", "new"); }
static int op_rename_over(void *x) { (void)x; return rename("old", "other"); }
static int op_exchange(void *x)
{
    (void)x;
    return renameat2(AT_FDCWD, "old", AT_FDCWD, "other", RENAME_EXCHANGE);
}
static int op_rename_dir(void *x) { (void)x; return rename("sub", "new"); }
static int op_chmod(void *x) { (void)x; return chmod("old", 0600); }
static int op_fchmod(void *x) { (void)x; return fchmod(open("old", O_RDONLY), 0600); }
static int op_fchmodat2(void *x)
{
    (void)x;
    return (int)syscall(452, AT_FDCWD, "old", 0600, AT_SYMLINK_NOFOLLOW);
}
static int op_chown(void *x) { (void)x; return chown("old", 7, 7); }
static int op_lchown(void *x) { (void)x; return lchown("old", 7, 7); }
static int op_setxattr(void *x) { (void)x; return setxattr("old", "trusted.t", "v", 1, 0); }
static int op_fsetxattr(void *x) { (void)x; return fsetxattr(open("old", O_RDONLY), "trusted.t", "v", 1, 0); }
static int op_removexattr(void *x) { (void)x; return removexattr("other", "trusted.t"); }
static int op_utime(void *x) { (void)x; return syscall(SYS_utime, "old", NULL) ? -1 : 0; }
static int op_utimensat(void *x) { (void)x; return utimensat(AT_FDCWD, "old", NULL, 0); }
static int op_strange_name(void *x) { (void)x; return open_close("new \"\n\xff" "é", O_WRONLY | O_CREAT); }
static int op_deep(void *x) { (void)x; return open_close("sub/in", O_WRONLY); }
/* A 32-bit program's call, made by a 64-bit one: open(2) is 5 there. The name must lie below 4 GB. */
static int op_i386(void *x)
{
    (void)x;
    static char name[] = "old";
    long result = -1;
#ifdef __x86_64__
    char *low = (char *)syscall(SYS_mmap, 0x10000000, 4096, 3, 0x32 /* private, anonymous, fixed */, -1, 0);
    memcpy(low, name, sizeof(name));
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(5), "b"(low), "c"(O_WRONLY), "d"(0)
                     : "memory", "r8", "r9", "r10", "r11");
#endif
    return result < 0 ? -1 : 0;
}

/* One operation through a ring of the bare system calls. */
static int op_uring(void *x)
{
    (void)x;
    struct io_uring_params p = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
    if (ring < 0) {
        return -1;
    }
    size_t size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
    size_t completions = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    char *queue = mmap(NULL, size > completions ? size : completions, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, p.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
    entries[0] = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .flags = IOSQE_ASYNC, .fd = AT_FDCWD,
                                       .addr = (uint64_t)(uintptr_t)"new", .len = 0600,
                                       .open_flags = O_WRONLY | O_CREAT};
    *(unsigned *)(queue + p.sq_off.array) = 0;
    *(volatile unsigned *)(queue + p.sq_off.tail) = 1;
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1) {
        return -1;
    }
    struct io_uring_cqe *done = (struct io_uring_cqe *)(queue + p.cq_off.cqes);
    return done[0].res < 0 ? -1 : 0;
}

static const struct operation {
    const char *name;
    int (*run)(void *);
    const char *subject; /* the path asked for */
    const char *call;    /* that the proof names */
    bool write, gone;    /* gone: its inode is taken before */
    unsigned did;
} operations[] = {
    {"open(O_CREAT)", op_create, "new", "openat", false, false, AUDIT_DID_CREATE},
    {"creat", op_creat, "new", "creat", false, false, AUDIT_DID_CREATE},
    {"open(O_RDONLY|O_CREAT)", op_create_read, "new", "openat", false, false, AUDIT_DID_CREATE},
    {"openat2 new", op_openat2, "new", "openat2", false, false, AUDIT_DID_CREATE},
    {"open(2)", op_open_syscall, "old", "open", true, false, 0},
    {"open, write", op_write, "old", "openat", true, false, 0},
    {"O_TRUNC", op_trunc, "old", "openat", true, false, 0},
    {"O_RDONLY|O_TRUNC", op_trunc_read, "old", "openat", true, false, 0},
    {"open_by_handle_at", op_by_handle, "old", "open_by_handle_at", true, false, 0},
    {"through /proc/self/fd", op_proc_fd, "old", "openat", true, false, 0},
    {"truncate", op_truncate, "old", "truncate", true, false, 0},
    {"O_TMPFILE, linkat", op_tmpfile, "new", "linkat", false, false, AUDIT_DID_CREATE},
    {"link", op_link, "new", "link", false, false, AUDIT_DID_CREATE},
    {"symlink", op_symlink, "new", "symlink", false, false, AUDIT_DID_CREATE},
    {"mknod", op_mknod, "new", "mknodat", false, false, AUDIT_DID_CREATE},
    {"bind", op_bind, "new", "bind", false, false, AUDIT_DID_CREATE},
    {"mkdir", op_mkdir, "new", "mkdir", false, false, AUDIT_DID_CREATE},
    {"rmdir", op_rmdir, "empty", "rmdir", false, true, AUDIT_DID_DELETE},
    {"unlink", op_unlink, "old", "unlink", false, true, AUDIT_DID_DELETE},
    {"unlinkat by descriptor", op_unlinkat, "old", "unlinkat", false, true, AUDIT_DID_DELETE},
    {"rename, the old name", op_rename, "old", "rename", false, true, AUDIT_DID_DELETE},
    {"rename, the new name", op_rename, "new", "rename", false, false, AUDIT_DID_CREATE},
    {"rename over", op_rename_over, "other", "rename", false, false, AUDIT_DID_CREATE},
    {"RENAME_EXCHANGE", op_exchange, "other", "renameat2", false, false, AUDIT_DID_CREATE},
    {"directory rename", op_rename_dir, "new", "rename", false, false, AUDIT_DID_CREATE},
    {"chmod", op_chmod, "old", "chmod", false, false, 0},
    {"fchmod", op_fchmod, "old", "fchmod", false, false, 0},
    {"fchmodat2", op_fchmodat2, "old", "fchmodat2", false, false, 0},
    {"chown", op_chown, "old", "chown", false, false, 0},
    {"lchown", op_lchown, "old", "lchown", false, false, 0},
    {"setxattr", op_setxattr, "old", "setxattr", false, false, 0},
    {"fsetxattr", op_fsetxattr, "old", "fsetxattr", false, false, 0},
    {"removexattr", op_removexattr, "other", "removexattr", false, false, 0},
    {"utime", op_utime, "old", "utime", false, false, 0},
    {"utimensat", op_utimensat, "old", "utimensat", false, false, 0},
    {"a name of all bytes", op_strange_name, "new \"\n\xff" "é", "openat", false, false, AUDIT_DID_CREATE},
    {"below a directory", op_deep, "sub/in", "openat", true, false, 0},
    {"io_uring, by a worker", op_uring, "new", "io_uring", false, false, AUDIT_DID_CREATE},
    {"int 0x80", op_i386, "old", "open", true, false, 0},
};

static void prepare(const char *dir)
{
    char command[1024];
    snprintf(command, sizeof(command),
             "cd %s && rm -rf ./* && echo a > old && echo b > other && mkdir -p sub empty && "
             "echo c > sub/in",
             dir);
    cr_assert_eq(system(command), 0);
    snprintf(command, sizeof(command), "%s/other", dir);
    cr_assert_eq(setxattr(command, "trusted.t", "v", 1, 0), 0);
}

static uint64_t inode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) ? 0 : st.st_ino;
}

struct in_dir {
    const char *dir;
    int (*run)(void *);
};

static int run_in_dir(void *arg)
{
    struct in_dir *in = arg;
    return chdir(in->dir) || in->run(NULL);
}

static void prove(struct host *h, const char *dir, const struct operation *op)
{
    char path[256], parent[256];
    struct audit_proof proof;
    struct in_dir in = {dir, op->run};
    prepare(dir);
    snprintf(path, sizeof(path), "%s/%s", dir, op->subject);
    snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
    uint64_t before = inode_of(path);
    pid_t pid = host_act(run_in_dir, &in);
    struct audit_query query = {.pid = pid,
                                .inode = op->gone ? before : inode_of(path),
                                .dir_inode = inode_of(parent),
                                .path = path,
                                .path_len = strlen(path),
                                .write = op->write,
                                .read_at = host_now(),
                                .did = op->did};
    int rc = host_find(h, &query, &proof);
    cr_expect_eq(rc, 0, "%s on %s: %s", op->name, dir, strerror(-rc));
    if (rc) {
        return;
    }
    cr_expect_eq(proof.login, PERSON, "%s: login %u", op->name, proof.login);
    cr_expect_eq(proof.pid, pid);
    cr_expect_eq(proof.ppid, getpid());
    cr_expect_str_eq(proof.syscall, op->call, "%s: by %s", op->name, proof.syscall);
    cr_expect(strstr(proof.exe, "unit_audit"), "%s", proof.exe);
    audit_proof_fini(&proof);
}

static void prove_all(struct host *h, const char *dir)
{
    host_watch(h, dir);
    host_open(h, RULES_CRITICAL);
    cr_expect(audit_covers(h->audit, dir, strlen(dir)));
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        prove(h, dir, &operations[i]);
    }
    struct audit_status status;
    cr_assert_eq(audit_status_get(h->audit, &status), 0);
    cr_expect(status.enabled && status.listening);
    cr_expect_eq(status.rules_loaded, status.rules_wanted);
    cr_expect_eq(status.incomplete, 0);
    cr_expect_eq(status.lost_socket, 0);
}

TestSuite(proof, .fini = host_put_back);

Test(proof, every_operation_on_tmpfs_is_proven)
{
    static struct host h;
    if (!host_init(&h)) {
        cr_skip_test("needs root and audit");
    }
    cr_assert_eq(mount("none", h.dir, "tmpfs", 0, "size=4m"), 0);
    prove_all(&h, h.dir);
    umount2(h.dir, MNT_DETACH);
    host_fini(&h);
}

Test(proof, every_operation_on_ext4_is_proven)
{
    static struct host h;
    char command[512];
    if (!host_init(&h)) {
        cr_skip_test("needs root and audit");
    }
    snprintf(command, sizeof(command),
             "truncate -s 16M %s/disk && mkfs.ext4 -q %s/disk && mkdir %s/mnt && "
             "mount -o loop %s/disk %s/mnt && mkdir %s/mnt/w",
             h.dir, h.dir, h.dir, h.dir, h.dir, h.dir);
    cr_assert_eq(system(command), 0);
    snprintf(command, sizeof(command), "%s/mnt/w", h.dir);
    prove_all(&h, command);
    snprintf(command, sizeof(command), "umount -l %s/mnt", h.dir);
    cr_expect_eq(system(command), 0);
    host_fini(&h);
}
