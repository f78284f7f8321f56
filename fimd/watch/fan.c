/* fanotify_init and fanotify_mark.
 *
 * Groups are FAN_CLASS_NOTIF with directory handle, name and target: nothing in them can block a writer, and no
 * descriptor is made for an event. No FAN_REPORT_PIDFD: it costs 1.2 µs and a descriptor for each event, and the
 * pidfd is made at reading, when a short-lived process is gone anyway. The queue is never unlimited: the memory of
 * a flood (about 130 bytes an event) would be unbounded; an overflow is told and repaired instead. */
#include "fimd/watch/fan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fimd/watch/decode.h"
#include "fimd/watch/watch.h"

/* Newer than the oldest headers this builds with; the values are the kernel's (include/uapi/linux/fanotify.h). */
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200 /* 5.19 */
#endif
#ifndef FAN_MARK_IGNORE_SURV
#define FAN_MARK_IGNORE_SURV 0x00000440 /* 6.0 */
#endif
#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x00001000 /* 5.17 */
#endif
#ifndef FAN_REPORT_MNT
#define FAN_REPORT_MNT 0x00004000 /* 6.15 */
#endif
#ifndef FAN_MARK_MNTNS
#define FAN_MARK_MNTNS 0x00000110 /* 6.15 */
#endif

/* decode.h's numbers are these. */
_Static_assert(FANBIT_MODIFY == FAN_MODIFY && FANBIT_ATTRIB == FAN_ATTRIB, "fanotify's ABI");
_Static_assert(FANBIT_CLOSE_WRITE == FAN_CLOSE_WRITE && FANBIT_ONDIR == FAN_ONDIR, "fanotify's ABI");
_Static_assert(FANBIT_MOVED_FROM == FAN_MOVED_FROM && FANBIT_MOVED_TO == FAN_MOVED_TO, "fanotify's ABI");
_Static_assert(FANBIT_CREATE == FAN_CREATE && FANBIT_DELETE == FAN_DELETE, "fanotify's ABI");
_Static_assert(FANBIT_OVERFLOW == FAN_Q_OVERFLOW && FANBIT_ON_CHILD == FAN_EVENT_ON_CHILD, "fanotify's ABI");
_Static_assert(FANOTIFY_METADATA_VERSION == 3, "fanotify's ABI");

/* A deleted directory is told by its parent; DELETE_SELF would only add a handle that nothing can resolve, and on
 * some overlays resolving it makes the next one, without end. MODIFY is needed beside CLOSE_WRITE: truncate(2),
 * a time set alone and long-open files have no close. */
#define FILE_EVENTS (FANBIT_CREATE | FANBIT_DELETE | FANBIT_MODIFY | FANBIT_CLOSE_WRITE | FANBIT_ATTRIB)
#define EVENT_FLAGS (O_RDONLY | O_CLOEXEC | O_LARGEFILE)

static const char queue_limit[] = "/proc/sys/fs/fanotify/max_queued_events";

static uint64_t event_mask(uint32_t features)
{
    uint64_t moves = features & WATCH_FEATURE_RENAME ? FANBIT_RENAME : FANBIT_MOVED_FROM | FANBIT_MOVED_TO;
    return FILE_EVENTS | FANBIT_ONDIR | moves;
}

static int init(uint32_t features)
{
    unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS | FAN_REPORT_FID |
                     FAN_REPORT_DFID_NAME;
    if (features & WATCH_FEATURE_TARGET)
        flags |= FAN_REPORT_TARGET_FID;
    int fd = fanotify_init(flags, EVENT_FLAGS);
    return fd < 0 ? -errno : fd;
}

static int mark(int group, unsigned flags, uint64_t mask, int dir)
{
    /* by "." instead of the bare descriptor: that way an O_PATH one will do */
    return fanotify_mark(group, flags, mask, dir, ".") < 0 ? -errno : 0;
}

static bool has_target(void)
{
    int fd = init(WATCH_FEATURE_TARGET);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool has_mark(unsigned flags, uint64_t mask)
{
    int fd = init(0);
    if (fd < 0)
        return false;
    bool ok = fanotify_mark(fd, FAN_MARK_ADD | flags, mask, AT_FDCWD, "/") == 0;
    close(fd);
    return ok;
}

static bool has_mounts(void)
{
    int fd = fan_open_mounts();
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

uint32_t fan_probe(uint32_t without)
{
    uint32_t features = WATCH_FEATURE_FILESYSTEM;
    if (has_target())
        features |= WATCH_FEATURE_TARGET;
    if (has_mark(0, FANBIT_RENAME | FANBIT_ONDIR))
        features |= WATCH_FEATURE_RENAME;
    if (has_mark(FAN_MARK_IGNORE_SURV | FAN_MARK_EVICTABLE, FANBIT_MODIFY | FANBIT_ON_CHILD))
        features |= WATCH_FEATURE_EVICTABLE;
    if (has_mounts())
        features |= WATCH_FEATURE_MNT;
    return features & ~without;
}

static int read_limit(int fd, unsigned long *ret)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    *ret = strtoul(text, NULL, 10);
    return 0;
}

static int write_limit(int fd, unsigned long value)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%lu\n", value);
    return pwrite(fd, text, (size_t)n, 0) == n ? 0 : -EIO;
}

/* The kernel has no call for a group's queue length: the sysctl is read once, at fanotify_init. So it is set for
 * that one moment and put back; what others open meanwhile only gets a longer or shorter bound. */
int fan_open(uint32_t features, unsigned queue, bool *ret_short)
{
    *ret_short = false;
    unsigned long before = 0;
    int limit = queue ? open(queue_limit, O_RDWR | O_CLOEXEC) : -1;
    bool set = limit >= 0 && read_limit(limit, &before) == 0 && before != queue && write_limit(limit, queue) == 0;
    int fd = init(features);
    if (set)
        write_limit(limit, before);
    *ret_short = queue && !set && before < queue;
    if (limit >= 0)
        close(limit);
    return fd;
}

int fan_open_mounts(void)
{
    int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_MNT, EVENT_FLAGS);
    if (fd < 0)
        return -errno;
    if (fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_MNTNS, FANBIT_MNT_ATTACH | FANBIT_MNT_DETACH, AT_FDCWD,
                      "/proc/self/ns/mnt") < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

int fan_mark_filesystem(int group, uint32_t features, int dir)
{
    return mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, event_mask(features), dir);
}

int fan_unmark_filesystem(int group, uint32_t features, int dir)
{
    return mark(group, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, event_mask(features), dir);
}

int fan_mark_dir(int group, uint32_t features, int dir)
{
    return mark(group, FAN_MARK_ADD | FAN_MARK_ONLYDIR, event_mask(features) | FANBIT_ON_CHILD, dir);
}

int fan_unmark_dir(int group, uint32_t features, int dir)
{
    return mark(group, FAN_MARK_REMOVE | FAN_MARK_ONLYDIR, event_mask(features) | FANBIT_ON_CHILD, dir);
}

/* Evictable: the mark does not hold the inode in memory. Neither RENAME (a file may come from a watched place)
 * nor ONDIR (the directories below must stay known). SURV: else a first write would take the mark away. */
int fan_ignore_dir(int group, int dir)
{
    return mark(group, FAN_MARK_ADD | FAN_MARK_IGNORE_SURV | FAN_MARK_EVICTABLE, FILE_EVENTS | FANBIT_ON_CHILD,
                dir);
}

void fan_forget_dirs(int group)
{
    (void)fanotify_mark(group, FAN_MARK_FLUSH, 0, AT_FDCWD, "/");
}

size_t fan_waiting(int group)
{
    int bytes = 0;
    if (ioctl(group, FIONREAD, &bytes) < 0 || bytes < 0)
        return 0;
    return (size_t)bytes / sizeof(struct fanotify_event_metadata); /* the kernel counts only the heads */
}
