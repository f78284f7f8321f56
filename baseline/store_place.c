/* Where the store lies: the directory, whether it can be trusted, and the lock of the one daemon on it.
 *
 * The lock is a POSIX record lock on DIR/fimd.lock, not flock(2): it is not inherited, so that a child which
 * outlives a killed daemon does not keep the next one out; and the kernel itself tells who holds it. Its
 * price: it goes when any descriptor of that file is closed in this process, so nothing else opens it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline/measure.h"
#include "baseline/store_internal.h"

static int check_trust(const char *dir, struct fault *why)
{
    struct stat st;

    if (stat(dir, &st))
        return store_fault(dir, why, errno);
    if (!S_ISDIR(st.st_mode))
        return store_fault(dir, why, ENOTDIR);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return fault_set(why, EPERM,
                         "%s: belongs to uid %u, who could change what fimd knows; chown it to root", dir,
                         (unsigned)st.st_uid);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return fault_set(why, EPERM, "%s: others may write there; chmod 0700 it", dir);
    return 0;
}

static int make_dir(const char *dir, struct fault *why)
{
    if (!mkdir(dir, 0700) || errno == EEXIST)
        return 0;
    if (errno == ENOENT)
        return fault_set(why, ENOENT, "%s: its parent directory does not exist; make it, or mend state_dir",
                         dir);
    return store_fault(dir, why, errno);
}

static int say_holder(const char *path, int fd, struct fault *why)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[32] = "";

    if (!fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK && lock.l_pid > 0)
        return fault_set(why, EBUSY, "%s: another fimd is running on this directory, pid %d; stop it first",
                         path, (int)lock.l_pid);
    /* In another pid namespace the kernel has no number for it; the holder wrote its own. */
    if (pread(fd, text, sizeof(text) - 1, 0) < 0)
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return fault_set(why, EBUSY, "%s: another fimd is running on this directory, pid %s there; stop it first",
                     path, text[0] ? text : "unknown");
}

static int take_lock(const char *dir, int *ret, struct fault *why)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/fimd.lock", dir) >= (int)sizeof(path))
        return store_fault(dir, why, ENAMETOOLONG);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return store_fault(path, why, errno);
    if (fcntl(fd, F_SETLK, &lock)) {
        int rc =
            errno == EAGAIN || errno == EACCES ? say_holder(path, fd, why) : store_fault(path, why, errno);
        close(fd);
        return rc;
    }
    /* Only for people and other pid namespaces: that it may not fit on a full disk does no harm. */
    if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0)
        errno = 0;
    *ret = fd;
    return 0;
}

int store_place_open(const struct store_options *options, int *ret_lock_fd, struct fault *why)
{
    if (options->read_only)
        return 0;
    int rc = make_dir(options->dir, why);
    if (!rc)
        rc = check_trust(options->dir, why);
    if (!rc && options->lock)
        rc = take_lock(options->dir, ret_lock_fd, why);
    return rc;
}

void store_leave(const char *dir, struct measure_leave *ret)
{
    static const char *const names[] = {"lock.mdb", "fimd.lock"};
    char path[PATH_MAX];
    struct stat st;

    *ret = (struct measure_leave){0};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (snprintf(path, sizeof(path), "%s/%s", dir, names[i]) >= (int)sizeof(path) || stat(path, &st) < 0)
            continue;
        ret->device = st.st_dev;
        ret->inodes[i] = st.st_ino;
    }
}
