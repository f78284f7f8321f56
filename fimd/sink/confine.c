/* Owns: every use of libseccomp, and the order in which rights are given up: limits first, then the user and
 * the capabilities, then the filter, after which there is no way back.
 *
 * What is not on the list fails with EPERM: resolvers and TLS libraries try one thing or another that they
 * can do without, and do so differently with every release. What only an intruder would ask for (another
 * program, another process's memory, another namespace, the kernel's doors) kills the process, and its parent
 * says so. */
#include "fimd/sink/confine.h"

#include "fimd/sink/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const allowed[] = {
    /* bytes */
    "read", "write", "readv", "writev", "pread64", "close", "lseek", "fcntl", "dup", "ioctl",
    /* reading files: certificates, resolver's configuration, libraries of it */
    "fstat", "newfstatat", "stat", "lstat", "statx", "access", "faccessat", "faccessat2", "readlink",
    "readlinkat", "getdents64", "statfs", "fstatfs", "getcwd",
    /* memory */
    "mmap", "mprotect", "munmap", "mremap", "madvise", "brk",
    /* threads: libcurl resolves names in one */
    "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "getcpu", "membarrier",
    "exit", "exit_group", "restart_syscall",
    /* signals, of our own */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    /* time, waiting, chance */
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom",
    "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "pipe2",
    "eventfd2",
    /* sockets */
    "connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "recvfrom",
    "sendmsg", "sendmmsg", "recvmsg", "recvmmsg", "shutdown", "socketpair",
    /* who and where am I */
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo",
};

static const char *const deadly[] = {
    "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp",
    "pidfd_getfd", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "mount", "umount2",
    "move_mount", "open_tree", "fsopen", "pivot_root", "chroot", "setns", "unshare", "init_module",
    "finit_module", "delete_module", "kexec_load", "kexec_file_load", "keyctl", "add_key", "request_key",
    "open_by_handle_at", "setuid", "setreuid", "setresuid", "setgid", "setregid", "setresgid",
    "setgroups", "capset", "reboot", "swapon", "swapoff", "settimeofday", "clock_settime", "iopl",
    "ioperm",
};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

enum { OPEN_WRITES = O_ACCMODE | O_CREAT | O_TRUNC };

/* A call that this architecture does not have needs no rule. */
static int add(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count,
               const struct scmp_arg_cmp *arguments)
{
    int number = seccomp_syscall_resolve_name(name);
    int error =
        number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add_array(filter, action, number, count, arguments);

    return error == -EDOM ? 0 : error;
}

static int add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count && !error; i++)
        error = add(filter, action, names[i], 0, NULL);
    return error;
}

/* Calls of which only some uses are allowed. */
static int add_conditional(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp reads_at = SCMP_A2(SCMP_CMP_MASKED_EQ, OPEN_WRITES, O_RDONLY);
    const struct scmp_arg_cmp reads = SCMP_A1(SCMP_CMP_MASKED_EQ, OPEN_WRITES, O_RDONLY);
    const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
    const struct scmp_arg_cmp only_asks = SCMP_A2(SCMP_CMP_EQ, 0, 0);
    const struct scmp_arg_cmp own = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
    const struct scmp_arg_cmp name = SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0);
    int error = add(filter, SCMP_ACT_ALLOW, "openat", 1, &reads_at);

    if (!error)
        error = add(filter, SCMP_ACT_ALLOW, "open", 1, &reads);
    if (!error)
        error = add(filter, SCMP_ACT_ALLOW, "clone", 1, &thread);
    if (!error) /* its flags are behind a pointer, which no filter can read; the C library then takes clone */
        error = add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
    if (!error)
        error = add(filter, SCMP_ACT_ALLOW, "prlimit64", 1, &only_asks);
    if (!error) /* abort() */
        error = add(filter, SCMP_ACT_ALLOW, "tgkill", 1, &own);
    if (!error)
        error = add(filter, SCMP_ACT_ALLOW, "prctl", 1, &name);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && !error; i++) {
        const struct scmp_arg_cmp family = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0);

        error = add(filter, SCMP_ACT_ALLOW, "socket", 1, &family);
    }
    return error;
}

static int filter_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int error;

    if (!filter)
        return -ENOMEM;
    error = add_all(filter, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));
    if (!error)
        error = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, sizeof(deadly) / sizeof(deadly[0]));
    if (!error)
        error = add_conditional(filter);
    if (!error)
        error = seccomp_load(filter);
    seccomp_release(filter);
    return error;
}

static int limit(int resource, rlim_t to)
{
    const struct rlimit limit = {to, to};

    return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int confine(uid_t uid, gid_t gid, pid_t parent)
{
    int error = limit(RLIMIT_CORE, 0);

    if (!error)
        error = limit(RLIMIT_FSIZE, 0);
    if (!error)
        error = caps_become(uid, gid);
    if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        error = -errno;
    /* After the change of user, which clears both. */
    if (!error && (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0))
        error = -errno;
    if (!error && getppid() != parent) /* it died before we asked to die with it */
        error = -ESRCH;
    return error ? error : filter_calls();
}
