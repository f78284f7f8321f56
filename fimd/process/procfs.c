/* Owns nothing. Parses what /proc/PID holds, and reads it. Knows nothing of the tree. */
#include "fimd/process/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "fimd/model/actor.h"
#include "fimd/rt/clock.h"

enum { ARGS_MAX = 2048, KERNEL_THREAD = 0x00200000 /* PF_KTHREAD */, LINK_MAX_BYTES = PATH_MAX };

void procfs_program_fini(struct procfs_program *p)
{
    free(p->name);
    free(p->exe);
    free(p->args);
    free(p->cwd);
    *p = (struct procfs_program){0};
}

/* A decimal number at *at, up to most; moves *at behind it. */
static bool number(const char **at, const char *end, uint64_t most, uint64_t *ret)
{
    const char *p = *at;
    uint64_t v = 0;
    while (p < end && *p >= '0' && *p <= '9') {
        unsigned digit = (unsigned)(*p - '0');
        if (v > (most - digit) / 10)
            return false;
        v = v * 10 + digit;
        p++;
    }
    if (p == *at)
        return false;
    *at = p;
    *ret = v;
    return true;
}

void procfs_format_tty(uint32_t device, char ret[PROCFS_TTY_SIZE])
{
    /* The numbers of Documentation/admin-guide/devices.txt; stat has the kernel's 32-bit new_encode_dev. */
    unsigned high = (device >> 8) & 0xfff, low = (device & 0xff) | ((device >> 12) & 0xfff00);
    ret[0] = 0;
    if (high >= 136 && high <= 143)
        snprintf(ret, PROCFS_TTY_SIZE, "pts/%u", (high - 136) * 256 + low);
    else if (high == 4 && low < 64)
        snprintf(ret, PROCFS_TTY_SIZE, "tty%u", low);
    else if (high == 4)
        snprintf(ret, PROCFS_TTY_SIZE, "ttyS%u", low - 64);
    else if (high == 204 && low >= 64)
        snprintf(ret, PROCFS_TTY_SIZE, "ttyAMA%u", low - 64);
    else if (high == 188)
        snprintf(ret, PROCFS_TTY_SIZE, "ttyUSB%u", low);
    else if (high == 229)
        snprintf(ret, PROCFS_TTY_SIZE, "hvc%u", low);
    else if (high)
        snprintf(ret, PROCFS_TTY_SIZE, "%u:%u", high, low);
}

/* "PID (COMM) S PPID …": comm may hold spaces and brackets, so its end is the last bracket. */
static const char *stat_name(const char *text, const char *end, struct procfs_facts *f)
{
    const char *open = memchr(text, '(', (size_t)(end - text));
    const char *close = memrchr(text, ')', (size_t)(end - text));
    if (!open || !close || close < open)
        return NULL;
    size_t len = (size_t)(close - open) - 1;
    if (len >= sizeof(f->name))
        len = sizeof(f->name) - 1;
    memcpy(f->name, open + 1, len);
    f->name[len] = 0;
    if (strlen(f->name) != len)
        return NULL;
    return close + 1;
}

enum { STAT_PPID = 4, STAT_TTY = 7, STAT_FLAGS = 9, STAT_THREADS = 20, STAT_START = 22 };

static bool stat_numbers(const char *at, const char *end, uint64_t field[STAT_START + 1])
{
    if (end - at < 4 || at[0] != ' ' || at[2] != ' ') /* " S " */
        return false;
    at += 3;
    for (int i = STAT_PPID; i <= STAT_START; i++) {
        bool minus = at < end && *at == '-';
        at += minus;
        if (!number(&at, end, UINT64_MAX / 2, &field[i]) || at >= end || (*at != ' ' && *at != '\n'))
            return false;
        if (minus)
            field[i] = 0;
        at++;
    }
    return true;
}

int procfs_parse_stat(const char *text, size_t len, long hz, struct procfs_facts *ret)
{
    const char *end = text + len, *at = text;
    struct procfs_facts f = *ret;
    uint64_t pid, field[STAT_START + 1] = {0};
    if (hz <= 0 || !number(&at, end, INT_MAX, &pid))
        return -EBADMSG;
    at = stat_name(at, end, &f);
    if (!at || !stat_numbers(at, end, field))
        return -EBADMSG;
    if (field[STAT_PPID] > INT_MAX || field[STAT_THREADS] > INT_MAX ||
        field[STAT_START] > (uint64_t)(INT64_MAX / NS_PER_S))
        return -EBADMSG;
    f.pid = (pid_t)pid;
    f.parent = (pid_t)field[STAT_PPID];
    f.threads = field[STAT_THREADS] ? (int)field[STAT_THREADS] - 1 : 0;
    f.kernel = field[STAT_FLAGS] & KERNEL_THREAD;
    f.start = (int64_t)(field[STAT_START] / (uint64_t)hz * NS_PER_S +
                        field[STAT_START] % (uint64_t)hz * (uint64_t)(NS_PER_S / hz));
    procfs_format_tty((uint32_t)field[STAT_TTY], f.tty);
    *ret = f;
    return 0;
}

/* "Uid:\treal\teffective\t…" */
static bool status_ids(const char *text, size_t len, const char *key, uint32_t *real, uint32_t *effective)
{
    const char *at = memmem(text, len, key, strlen(key)), *end = text + len;
    uint64_t a, b;
    if (!at)
        return false;
    at += strlen(key);
    if (!number(&at, end, UINT32_MAX, &a) || at >= end || *at++ != '\t' || !number(&at, end, UINT32_MAX, &b))
        return false;
    *real = (uint32_t)a;
    *effective = (uint32_t)b;
    return true;
}

int procfs_parse_status(const char *text, size_t len, struct procfs_facts *ret)
{
    struct procfs_facts f = *ret;
    /* Names are escaped by the kernel, so that a newline before a key is a real one. */
    if (!status_ids(text, len, "\nUid:\t", &f.uid, &f.euid) ||
        !status_ids(text, len, "\nGid:\t", &f.gid, &f.egid))
        return -EBADMSG;
    *ret = f;
    return 0;
}

int procfs_parse_id(const char *text, size_t len, uint32_t *ret)
{
    const char *at = text;
    uint64_t v;
    if (!number(&at, text + len, UINT32_MAX, &v) || (at < text + len && *at != '\n'))
        return -EBADMSG;
    *ret = (uint32_t)v;
    return 0;
}

char *procfs_pick_name(const char *comm, const char *exe)
{
    const char *slash = exe ? strrchr(exe, '/') : NULL;
    if (!comm || !*comm)
        return slash && slash[1] ? strdup(slash + 1) : NULL;
    bool cut = strlen(comm) == 15 && slash && !strncmp(slash + 1, comm, 15);
    return strdup(cut ? slash + 1 : comm);
}

int procfs_open(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/* Up to size bytes in one read: these files are made anew for each. */
static ssize_t file_read(int dir, const char *name, char *to, size_t size)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    ssize_t len = read(fd, to, size);
    if (len < 0)
        len = -errno;
    close(fd);
    return len;
}

static int id_read(int dir, const char *name, uint32_t *ret)
{
    char text[16];
    ssize_t len = file_read(dir, name, text, sizeof(text));
    if (len < 0)
        return (int)len;
    return len ? procfs_parse_id(text, (size_t)len, ret) : -ESRCH;
}

int procfs_read_login(int dir, uint32_t *ret_login, uint32_t *ret_session)
{
    uint32_t login = ACTOR_UNSET, session = ACTOR_UNSET;
    int r = id_read(dir, "loginuid", &login);
    if (!r && login != ACTOR_UNSET) /* without a login there is no session: one file less to read */
        r = id_read(dir, "sessionid", &session);
    if (r)
        return r;
    *ret_login = login;
    *ret_session = session;
    return 0;
}

static char *link_read(int dir, const char *name)
{
    char text[LINK_MAX_BYTES + 1];
    ssize_t len = readlinkat(dir, name, text, LINK_MAX_BYTES);
    if (len <= 0)
        return NULL;
    text[len] = 0;
    return strdup(text);
}

static int id_peek(pid_t pid, const char *name, uint32_t *ret)
{
    char path[48];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return id_read(AT_FDCWD, path, ret);
}

int procfs_peek_login(pid_t pid, uint32_t *ret_login)
{
    return id_peek(pid, "loginuid", ret_login);
}

int procfs_peek_session(pid_t pid, uint32_t *ret_session)
{
    return id_peek(pid, "sessionid", ret_session);
}

char *procfs_peek_cwd(pid_t pid)
{
    char path[48];
    snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
    return link_read(AT_FDCWD, path);
}

/* The kernel gives a start since boot, sleep included; the connector's stamps leave sleep out. */
static int64_t boot_to_mono(int64_t boot)
{
    struct timespec t;
    if (clock_gettime(CLOCK_BOOTTIME, &t) < 0)
        return boot;
    int64_t slept = (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec - clock_mono();
    return boot - (slept > NS_PER_MS ? slept : 0);
}

static int stat_read(int dir, struct procfs_facts *f)
{
    char text[1024];
    ssize_t len = file_read(dir, "stat", text, sizeof(text));
    if (len < 0)
        return (int)len;
    int r = procfs_parse_stat(text, (size_t)len, sysconf(_SC_CLK_TCK), f);
    if (!r)
        f->start = boot_to_mono(f->start);
    return r;
}

int procfs_read_start(int dir, int64_t *ret_start, char ret_tty[PROCFS_TTY_SIZE])
{
    struct procfs_facts f = {0};
    int r = stat_read(dir, &f);
    if (r)
        return r;
    *ret_start = f.start;
    memcpy(ret_tty, f.tty, PROCFS_TTY_SIZE);
    return 0;
}

int procfs_read_facts(int dir, struct procfs_facts *ret)
{
    struct procfs_facts f = {.login = ACTOR_UNSET, .session = ACTOR_UNSET};
    char text[4096];
    int r = stat_read(dir, &f);
    if (r)
        return r;
    ssize_t len = file_read(dir, "status", text, sizeof(text));
    r = len < 0 ? (int)len : procfs_parse_status(text, (size_t)len, &f);
    if (!r)
        r = procfs_read_login(dir, &f.login, &f.session);
    if (!r)
        *ret = f;
    return r;
}

char *procfs_read_cwd(int dir)
{
    return link_read(dir, "cwd");
}

/* Arguments are up to 2 MiB and kept for every process: what is cut ends in "…". */
static char *args_read(int dir, size_t *ret_len)
{
    static const char more[] = "…";
    char text[ARGS_MAX];
    ssize_t len = file_read(dir, "cmdline", text, sizeof(text));
    if (len <= 0)
        return NULL;
    if (len == ARGS_MAX)
        memcpy(text + ARGS_MAX - sizeof(more), more, sizeof(more));
    size_t size =
        (size_t)len + (text[len - 1] != 0); /* a program may overwrite its arguments, the last NUL too */
    char *args = malloc(size);
    if (!args)
        return NULL;
    memcpy(args, text, (size_t)len);
    args[size - 1] = 0;
    *ret_len = size;
    return args;
}

int procfs_read_program(int dir, struct procfs_program *ret)
{
    char comm[PROCFS_NAME_SIZE];
    struct procfs_program p = {0};
    /* The most telling first: the process may go at any moment. */
    p.exe = link_read(dir, "exe");
    ssize_t len = file_read(dir, "comm", comm, sizeof(comm) - 1);
    if (len <= 0 && !p.exe)
        return -ESRCH;
    if (len > 0 && comm[len - 1] == '\n')
        len--;
    comm[len > 0 ? len : 0] = 0;
    p.args = args_read(dir, &p.args_len);
    p.cwd = procfs_read_cwd(dir);
    p.name = procfs_pick_name(comm, p.exe);
    *ret = p;
    return 0;
}
