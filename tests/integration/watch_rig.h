/* A watch on a file system of one's own, for the kernel tests: a private mount namespace, loop devices in a
 * temporary directory, a recorder that unites what the kernel may merge or not. Each test is a process of its own,
 * and the namespace goes with it, so nothing is left mounted however it ends. */
#ifndef WATCH_RIG_H
#define WATCH_RIG_H

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fimd/rt/clock.h"
#include "fimd/watch/watch.h"

enum { RIG_SEEN_MOST = 4096, RIG_TEXT = 512 };

struct rig_seen { /* all events of one (path, old path), united */
    char path[RIG_TEXT], old_path[RIG_TEXT];
    uint32_t ops;
    uint64_t inode;
    unsigned count;
    pid_t pid;
    unsigned next; /* of the same hash, as in first */
};

struct rig {
    char base[64];  /* the temporary directory */
    char root[256]; /* the file system under test */
    struct watch *watch;
    pthread_mutex_t lock;
    struct rig_seen seen[RIG_SEEN_MOST];
    unsigned seen_count;
    unsigned first[RIG_SEEN_MOST]; /* by hash of the path: one more than the place in seen, 0 none */
    unsigned long events, batches, taken, dropped, received;
    unsigned overflows;
    char notices[4096];
};

static __attribute__((unused)) void rig_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static __attribute__((unused)) void rig_run(const char *format, ...)
{
    char command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    cr_assert_eq(system(command), 0, "%s", command);
}

static __attribute__((unused)) const char *rig_path(const struct rig *r, const char *name)
{
    static char text[8][1024];
    static unsigned next;
    char *to = text[next++ % 8];
    snprintf(to, sizeof(text[0]), "%s%s%s", r->root, name[0] ? "/" : "", name);
    return to;
}

static void *rig_take(void *ctx, pid_t pid)
{
    struct rig *r = ctx;
    (void)pid;
    __atomic_add_fetch(&r->taken, 1, __ATOMIC_SEQ_CST);
    return r;
}

static void rig_drop(void *ctx, void *process)
{
    struct rig *r = ctx;
    cr_assert_eq(process, r);
    __atomic_add_fetch(&r->dropped, 1, __ATOMIC_SEQ_CST);
}

static void rig_see(struct rig *r, const struct watch_event *e)
{
    r->events++;
    r->received += e->process != NULL;
    if (e->ops & WATCH_OVERFLOW) {
        r->overflows++;
        return;
    }
    unsigned hash = 5381;
    for (const char *p = e->path; *p; p++)
        hash = hash * 33 + (unsigned char)*p;
    unsigned *first = &r->first[hash % RIG_SEEN_MOST];
    for (unsigned i = *first; i; i = r->seen[i - 1].next) {
        struct rig_seen *s = &r->seen[i - 1];
        if (strcmp(s->path, e->path) == 0 && strcmp(s->old_path, e->old_path) == 0 &&
            ((s->ops ^ e->ops) & WATCH_RENAME) == 0) {
            s->ops |= e->ops;
            s->inode = e->inode ? e->inode : s->inode;
            s->count++;
            return;
        }
    }
    if (r->seen_count == RIG_SEEN_MOST)
        return;
    struct rig_seen *s = &r->seen[r->seen_count++];
    snprintf(s->path, sizeof(s->path), "%s", e->path);
    snprintf(s->old_path, sizeof(s->old_path), "%s", e->old_path);
    s->ops = e->ops;
    s->inode = e->inode;
    s->pid = e->pid;
    s->count = 1;
    s->next = *first;
    *first = r->seen_count;
}

static void rig_batch(void *ctx, const struct watch_event *events, size_t count)
{
    struct rig *r = ctx;
    pthread_mutex_lock(&r->lock);
    r->batches++;
    for (size_t i = 0; i < count; i++)
        rig_see(r, &events[i]);
    pthread_mutex_unlock(&r->lock);
}

static void rig_notice(void *ctx, int level, const char *text)
{
    struct rig *r = ctx;
    size_t len = strlen(r->notices);
    snprintf(r->notices + len, sizeof(r->notices) - len, "<%d>%s\n", level, text);
}

/* A namespace of one's own and an empty temporary directory on tmpfs. */
static __attribute__((unused)) void rig_begin(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    pthread_mutex_init(&r->lock, NULL);
    cr_assert_eq(unshare(CLONE_NEWNS), 0, "needs root");
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    snprintf(r->base, sizeof(r->base), "/tmp/fimd-watch-XXXXXX");
    cr_assert_not_null(mkdtemp(r->base));
    cr_assert_eq(mount("fimd-test", r->base, "tmpfs", 0, "size=1g"), 0);
    snprintf(r->root, sizeof(r->root), "%s/fs", r->base);
    cr_assert_eq(mkdir(r->root, 0755), 0);
}

static __attribute__((unused)) void rig_end(struct rig *r)
{
    watch_close(r->watch);
    r->watch = NULL;
    cr_expect_eq(r->taken, r->dropped + r->received, "%lu processes taken, %lu dropped, %lu received", r->taken,
                 r->dropped, r->received);
    cr_expect_eq(umount2(r->base, MNT_DETACH), 0);
    cr_expect_eq(rmdir(r->base), 0);
}

static __attribute__((unused)) void rig_loop_fs(struct rig *r, const char *type, const char *point, const char *options)
{
    rig_run("truncate -s 400M %s/%s.img && mkfs.%s -q %s/%s.img >/dev/null 2>&1 && mount -o loop%s%s %s/%s.img %s",
            r->base, type, type, r->base, type, options[0] ? "," : "", options, r->base, type, point);
}

/* The file system of that name at r->root. */
static __attribute__((unused)) void rig_mount(struct rig *r, const char *fs)
{
    if (strcmp(fs, "tmpfs") == 0) {
        cr_assert_eq(mount("fimd-test", r->root, "tmpfs", 0, NULL), 0);
    } else if (strcmp(fs, "overlay") == 0) {
        rig_run("cd %s && mkdir lower upper work && mount -t overlay fimd-test "
                "-o lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work %s", r->base, r->base, r->base, r->base, r->root);
    } else if (strcmp(fs, "btrfs-subvolume") == 0) {
        char top[160];
        snprintf(top, sizeof(top), "%s/top", r->base);
        cr_assert_eq(mkdir(top, 0755), 0);
        rig_loop_fs(r, "btrfs", top, "");
        rig_run("btrfs -q subvolume create %s/@data >/dev/null && D=$(findmnt -no SOURCE %s) && "
                "mount -o subvol=@data $D %s && umount %s", top, top, r->root, top);
    } else {
        rig_loop_fs(r, fs, r->root, "");
    }
}

static __attribute__((unused)) struct policy *rig_policy(const char *const *paths, size_t count, int depth)
{
    struct policy *p = NULL;
    struct fault why = { 0 };
    struct rule rule = {
        .id = "r", .policy = "test", .file = "test", .line = 1, .paths = (char **)(uintptr_t)paths,
        .paths_count = count, .depth = depth, .severity = SEVERITY_MEDIUM, .attributes = 1,
    };
    cr_assert_eq(policy_new(&rule, 1, &p, &why), 0, "%s", why.text);
    return p;
}

static __attribute__((unused)) void rig_open_with(struct rig *r, const char *const *paths, size_t count, int depth,
                                                  uint32_t without, unsigned queue)
{
    struct fault why = { 0 };
    struct policy *policy = rig_policy(paths, count, depth);
    struct watch_options o = {
        .policy = policy, .without = without, .queue_events = queue,
        .callbacks = { .ctx = r, .take = rig_take, .drop = rig_drop, .batch = rig_batch, .notice = rig_notice },
    };
    cr_assert_eq(watch_open(&o, &r->watch, &why), 0, "%s", why.text);
    policy_unref(policy);
}

static __attribute__((unused)) void rig_open(struct rig *r, const char *name, uint32_t without)
{
    const char *path = rig_path(r, name);
    rig_open_with(r, &path, 1, RULE_DEPTH_ALL, without, 0);
}

static __attribute__((unused)) void rig_sync(struct rig *r)
{
    cr_assert_eq(watch_sync(r->watch, 5 * NS_PER_S), 0);
}

static __attribute__((unused)) void rig_forget(struct rig *r)
{
    rig_sync(r);
    pthread_mutex_lock(&r->lock);
    r->seen_count = 0;
    memset(r->first, 0, sizeof(r->first));
    r->overflows = 0;
    pthread_mutex_unlock(&r->lock);
}

static const struct {
    uint32_t op;
    const char *letters;
} rig_letters[] = {
    { WATCH_CREATE, "C" }, { WATCH_DELETE, "D" }, { WATCH_MODIFY, "M" }, { WATCH_CLOSE_WRITE, "W" },
    { WATCH_ATTRIB, "A" }, { WATCH_RENAME, "R" }, { WATCH_RESCAN, "S" }, { WATCH_DIR, "/" },
};

static int rig_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "CMW f; R/ a>b": what was seen below the root, sorted, names relative to it; "-" when nothing. */
static __attribute__((unused)) const char *rig_account(struct rig *r, char *to, size_t size)
{
    static char lines[256][2 * RIG_TEXT];
    unsigned count = 0;
    size_t root = strlen(r->root) + 1;
    rig_sync(r);
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->seen_count && count < 256; i++) {
        const struct rig_seen *s = &r->seen[i];
        char letters[16] = "";
        for (size_t k = 0; k < sizeof(rig_letters) / sizeof(rig_letters[0]); k++)
            if (s->ops & rig_letters[k].op)
                strcat(letters, rig_letters[k].letters);
        bool in = strncmp(s->path, r->root, root - 1) == 0, old_in = strncmp(s->old_path, r->root, root - 1) == 0;
        const char *path = in ? s->path + (s->path[root - 1] ? root : root - 1) : s->path;
        const char *old = old_in ? s->old_path + root : s->old_path;
        if (s->ops & WATCH_RENAME)
            snprintf(lines[count++], sizeof(lines[0]), "%s>%s %s", old, path, letters);
        else
            snprintf(lines[count++], sizeof(lines[0]), "%s %s", path, letters);
    }
    pthread_mutex_unlock(&r->lock);
    for (unsigned i = 0; i < count; i++) { /* a nameless file's inode number is no two times the same */
        char *hash = strstr(lines[i], "/#");
        if (hash)
            memmove(hash + 2, hash + 2 + strspn(hash + 2, "0123456789"), strlen(hash + 2 + strspn(hash + 2, "0123456789")) + 1);
    }
    qsort(lines, count, sizeof(lines[0]), rig_compare);
    to[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        size_t len = strlen(to);
        snprintf(to + len, size - len, "%s%s", i ? "; " : "", lines[i]);
    }
    if (!count)
        snprintf(to, size, "-");
    return to;
}

static __attribute__((unused)) uint32_t rig_ops(struct rig *r, const char *path)
{
    uint32_t ops = 0;
    rig_sync(r);
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->seen_count; i++)
        ops |= strcmp(r->seen[i].path, path) == 0 ? r->seen[i].ops : 0;
    pthread_mutex_unlock(&r->lock);
    return ops;
}

static __attribute__((unused)) void rig_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

#endif
