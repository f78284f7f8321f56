/* What lies around the events: mounts, names by several mounts, roots that come and go, floods, losses. */
#include "watch_rig.h"

#include <stdatomic.h>
#include <sys/wait.h>

#include "fimd/rt/loss.h"

static struct rig rig;

#define P(name) rig_path(&rig, name)

static void expect_account(const char *expected)
{
    char account[16384];
    cr_expect_str_eq(rig_account(&rig, account, sizeof(account)), expected);
}

static void begin(const char *fs, const char *dirs)
{
    rig_begin(&rig);
    rig_mount(&rig, fs);
    rig_run("cd %s && mkdir -p %s", rig.root, dirs);
}

/* The numbers only. */
static struct watch_status status(void)
{
    struct watch_status s;
    cr_assert_eq(watch_status(rig.watch, &s), 0);
    watch_status_fini(&(struct watch_status){ .marks = s.marks, .marks_count = s.marks_count });
    s.marks = NULL;
    s.marks_count = 0;
    return s;
}

/* --- mounts ---------------------------------------------------------------------------------------------------- */

static void mount_and_umount_below(uint32_t without)
{
    begin("tmpfs", "d/m out");
    rig_open(&rig, "d", without);
    cr_assert_eq(mount("t", P("d/m"), "tmpfs", 0, NULL), 0);
    expect_account("d/m S/");
    rig_write(P("d/m/f"), "x");
    expect_account("d/m S/; d/m/f CMW");
    rig_forget(&rig);
    cr_expect_eq(umount(P("d/m")), 0, "%s", strerror(errno));
    expect_account("d/m S/");
    rig_forget(&rig);
    cr_assert_eq(mount("t", P("out"), "tmpfs", 0, NULL), 0);
    rig_write(P("out/f"), "x");
    expect_account("-");
    cr_expect_eq(umount(P("out")), 0);
    rig_end(&rig);
}

Test(watch_ways, mount_below_is_watched_and_told)
{
    mount_and_umount_below(0);
}

Test(watch_ways, mount_below_is_told_by_mountinfo_alone)
{
    mount_and_umount_below(WATCH_FEATURE_MNT);
}

Test(watch_ways, umount_is_not_held_up_and_frees_the_device)
{
    char device[128];
    begin("ext4", "d");
    snprintf(device, sizeof(device), "%s/device", rig.base);
    rig_run("findmnt -no SOURCE %s > %s", rig.root, device);
    rig_open(&rig, "d", 0);
    for (int i = 0; i < 20; i++) {
        rig_write(P("d/f"), "x");
        cr_assert_eq(umount(rig.root), 0, "round %d: %s", i, strerror(errno));
        rig_sync(&rig);
        rig_run("D=$(cat %s); losetup -d $D 2>/dev/null; D=$(losetup --find --show %s/ext4.img) && echo $D > %s && "
                "mount $D %s && losetup -d $D",
                device, rig.base, device, rig.root);
        rig_sync(&rig);
    }
    rig_forget(&rig);
    rig_write(P("d/g"), "x");
    expect_account("d/g CMW");
    rig_end(&rig);
}

Test(watch_ways, remounted_within_a_moment_is_watched)
{
    begin("tmpfs", "d/m");
    cr_assert_eq(mount("t", P("d/m"), "tmpfs", 0, NULL), 0);
    rig_open(&rig, "d", 0);
    cr_assert_eq(umount(P("d/m")), 0);
    cr_assert_eq(mount("t", P("d/m"), "tmpfs", 0, NULL), 0);
    rig_sync(&rig);
    rig_write(P("d/m/f"), "x");
    expect_account("d/m S/; d/m/f CMW");
    rig_end(&rig);
}

Test(watch_ways, bind_alias_tells_the_watched_name)
{
    begin("ext4", "d alias");
    cr_assert_eq(mount(P("d"), P("alias"), NULL, MS_BIND, NULL), 0);
    rig_open(&rig, "d", 0);
    rig_write(P("alias/f"), "x");
    expect_account("d/f CMW");
    rig_end(&rig);
}

Test(watch_ways, both_watched_names_are_told)
{
    begin("ext4", "d alias");
    cr_assert_eq(mount(P("d"), P("alias"), NULL, MS_BIND, NULL), 0);
    const char *paths[] = { P("d"), P("alias") };
    rig_open_with(&rig, paths, 2, RULE_DEPTH_ALL, 0, 0);
    rig_write(P("alias/f"), "x");
    cr_expect_eq(rename(P("d/f"), P("d/g")), 0);
    expect_account("alias/f CMW; alias/f>alias/g R; d/f CMW; d/f>d/g R");
    rig_end(&rig);
}

/* Only a part of the file system is mounted anywhere, as in a container. */
Test(watch_ways, part_of_a_file_system)
{
    char part[160];
    begin("ext4", "a/part/d a/other");
    snprintf(part, sizeof(part), "%s/part", rig.base);
    cr_assert_eq(mkdir(part, 0755), 0);
    cr_assert_eq(mount(P("a/part"), part, NULL, MS_BIND, NULL), 0);
    int other = open(P("a/other"), O_PATH | O_CLOEXEC);
    int whole = open(P("a"), O_PATH | O_CLOEXEC);
    cr_assert_eq(umount2(rig.root, MNT_DETACH), 0);
    snprintf(rig.root, sizeof(rig.root), "%s", part);
    rig_open(&rig, "d", 0);
    rig_write(P("d/f"), "x");
    int fd = openat(other, "unseen", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    expect_account("d/f CMW");
    rig_forget(&rig);
    cr_expect_eq(mkdirat(other, "t", 0755), 0);
    cr_expect_eq(mkdirat(other, "t/u", 0755), 0);
    rig_sync(&rig);
    cr_expect_eq(renameat(whole, "other/t", whole, "part/d/t"), 0);
    rig_write(P("d/t/u/f"), "x");
    expect_account(">d/t R/; d/t/u/f CMW");
    close(other);
    close(whole);
    rig_end(&rig);
}

Test(watch_ways, file_bound_over_a_watched_file)
{
    begin("ext4", "d out");
    rig_write(P("d/f"), "x");
    rig_write(P("out/source"), "y");
    rig_open(&rig, "d", 0);
    cr_assert_eq(mount(P("out/source"), P("d/f"), NULL, MS_BIND, NULL), 0);
    expect_account("d/f S/");
    rig_forget(&rig);
    rig_write(P("out/source"), "z");
    expect_account("d/f MW");
    cr_expect_eq(umount(P("d/f")), 0);
    rig_end(&rig);
}

Test(watch_ways, what_a_mount_hides_is_not_told_as_seen)
{
    begin("ext4", "d/m");
    rig_open(&rig, "d", 0);
    int hidden = open(P("d/m"), O_PATH | O_CLOEXEC);
    cr_assert_eq(mount("t", P("d/m"), "tmpfs", 0, NULL), 0);
    rig_forget(&rig);
    close(openat(hidden, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    close(hidden);
    expect_account("-");
    rig_end(&rig);
}

Test(watch_ways, renamed_source_of_a_bind_mount)
{
    begin("ext4", "source/x d");
    cr_assert_eq(mount(P("source"), P("d"), NULL, MS_BIND, NULL), 0);
    rig_open(&rig, "d", 0);
    rig_write(P("d/x/f"), "1");
    rig_sync(&rig);
    cr_assert_eq(rename(P("source"), P("moved")), 0);
    rig_sync(&rig);
    rig_forget(&rig);
    rig_write(P("d/x/g"), "2");
    expect_account("d/x/g CMW");
    rig_end(&rig);
}

Test(watch_ways, chroot_and_other_namespace)
{
    begin("ext4", "d");
    rig_open(&rig, "d", 0);
    rig_run("unshare -m sh -c 'mount --bind %s /mnt && echo x > /mnt/n'", P("d"));
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = chroot(P("d")) == 0 && open("/c", O_CREAT | O_WRONLY, 0600) >= 0;
        _exit(ok ? 0 : 1);
    }
    int code;
    waitpid(pid, &code, 0);
    cr_expect_eq(code, 0);
    expect_account("d/c CW; d/n CMW");
    rig_end(&rig);
}

Test(watch_ways, two_file_systems_with_one_fsid)
{
    char copy[160];
    begin("ext4", "d");
    snprintf(copy, sizeof(copy), "%s/copy", rig.base);
    rig_run("umount %s && cp --sparse=always %s/ext4.img %s/copy.img && mkdir %s && mount -o loop %s/ext4.img %s && "
            "mount -o loop %s/copy.img %s", rig.root, rig.base, rig.base, copy, rig.base, rig.root, rig.base, copy);
    const char *paths[] = { rig.root, copy };
    rig_open_with(&rig, paths, 2, RULE_DEPTH_ALL, 0, 0);
    rig_write(P("d/one"), "x");
    char in_copy[200];
    snprintf(in_copy, sizeof(in_copy), "%s/d/two", copy);
    rig_write(in_copy, "x");
    cr_expect_eq(rig_ops(&rig, P("d/one")), WATCH_CREATE | WATCH_MODIFY | WATCH_CLOSE_WRITE);
    cr_expect_eq(rig_ops(&rig, in_copy), WATCH_CREATE | WATCH_MODIFY | WATCH_CLOSE_WRITE);
    cr_expect_eq(rig.seen_count, 2);
    rig_end(&rig);
}

static void nested_subvolume(const char *fs)
{
    begin(fs, "d");
    rig_open(&rig, "d", 0);
    rig_run("btrfs -q subvolume create %s >/dev/null", P("d/sub"));
    rig_write(P("d/sub/f"), "x");
    expect_account("d/sub C/; d/sub/f CMW");
    rig_forget(&rig);
    rig_run("btrfs -q subvolume snapshot %s %s >/dev/null", P("d/sub"), P("d/snap"));
    rig_write(P("d/snap/g"), "x");
    expect_account("d/snap C/; d/snap/g CMW");
    rig_forget(&rig);
    rig_run("btrfs -q subvolume delete %s >/dev/null", P("d/sub"));
    cr_expect(rig_ops(&rig, P("d/sub")) & WATCH_DELETE);
    rig_end(&rig);
}

Test(watch_ways, btrfs_subvolumes_made_below)
{
    nested_subvolume("btrfs");
}

Test(watch_ways, btrfs_subvolumes_made_below_a_subvolume)
{
    nested_subvolume("btrfs-subvolume");
}

Test(watch_ways, btrfs_with_inode_marks_only)
{
    begin("btrfs-subvolume", "d out");
    rig_open(&rig, "d", WATCH_FEATURE_FILESYSTEM);
    rig_write(P("d/f"), "x");
    rig_write(P("out/f"), "x");
    expect_account("d/f CMW");
    rig_end(&rig);
}

/* A file system with no fsid refuses filesystem marks and every other file system in its group. */
Test(watch_ways, fuse_beside_others)
{
    begin("tmpfs", "d/fuse d/overlay");
    if (system("command -v fuse2fs >/dev/null") != 0) {
        rig_end(&rig);
        cr_skip_test("fuse2fs is not installed");
    }
    rig_run("cd %s && truncate -s 20M fuse.img && mkfs.ext4 -q fuse.img && fuse2fs fuse.img %s -o rw,fakeroot >/dev/null "
            "2>&1 && mkdir %s %s", rig.base, P("d/fuse"), P("d/fuse/in"), P("d/fuse/in/deeper"));
    rig_run("cd %s && mkdir lower upper work && mount -t overlay t -o lowerdir=lower,upperdir=upper,workdir=work %s",
            rig.base, P("d/overlay"));
    rig_open(&rig, "d", 0);
    rig_write(P("d/fuse/in/deeper/f"), "x");
    rig_write(P("d/overlay/g"), "x");
    rig_write(P("d/h"), "x");
    cr_expect_eq(rename(P("d/fuse/in/deeper"), P("d/fuse/moved")), 0);
    rig_sync(&rig);
    rig_write(P("d/fuse/moved/f"), "y");
    expect_account("d/fuse/in/deeper/f CMW; d/fuse/in/deeper>d/fuse/moved R/; d/fuse/moved/f MW; d/h CMW; "
                   "d/overlay/g CMW");
    rig_forget(&rig);
    cr_expect_eq(umount(P("d/fuse")), 0, "%s", strerror(errno));
    expect_account("d/fuse S/");
    rig_end(&rig);
    cr_expect_str_eq(rig.notices, "");
}

/* --- roots ------------------------------------------------------------------------------------------------------ */

static void root_comes_and_goes(const char *fs, uint32_t without)
{
    begin(fs, "x");
    rig_open(&rig, "a/b/c", without);
    for (int i = 0; i < 3; i++) {
        rig_run("mkdir -p %s", P("a/b/c"));
        rig_sync(&rig);
        rig_forget(&rig);
        rig_write(P("a/b/c/f"), "x");
        rig_write(P("a/b/other"), "x");
        expect_account("a/b/c/f CMW");
        rig_run("rm -r %s", P("a"));
        cr_expect(rig_ops(&rig, P("a/b/c")) & WATCH_DELETE);
    }
    rig_end(&rig);
}

Test(watch_ways, root_removed_and_made_again)
{
    root_comes_and_goes("ext4", 0);
}

Test(watch_ways, root_removed_and_made_again_on_overlay)
{
    root_comes_and_goes("overlay", 0);
}

Test(watch_ways, root_removed_and_made_again_with_inode_marks)
{
    root_comes_and_goes("tmpfs", WATCH_FEATURE_FILESYSTEM);
}

Test(watch_ways, root_moved_away_and_back)
{
    begin("ext4", "d/t out");
    rig_open(&rig, "d", 0);
    cr_assert_eq(rename(P("d"), P("out/d")), 0);
    rig_write(P("out/d/t/unseen"), "x");
    expect_account("d>out/d R/");
    cr_assert_eq(rename(P("out/d"), P("d")), 0);
    rig_forget(&rig);
    rig_write(P("d/t/f"), "x");
    expect_account("d/t/f CMW");
    rig_end(&rig);
}

Test(watch_ways, another_policy)
{
    struct fault why = { 0 };
    begin("ext4", "one/t two/t");
    rig_open(&rig, "one", 0);
    rig_write(P("two/t/f"), "x");
    expect_account("-");
    const char *path = P("two");
    struct policy *policy = rig_policy(&path, 1, RULE_DEPTH_ALL);
    cr_assert_eq(watch_set_policy(rig.watch, policy, &why), 0);
    policy_unref(policy);
    rig_write(P("two/t/g"), "x");
    rig_write(P("one/t/g"), "x");
    expect_account("two/t/g CMW");
    rig_end(&rig);
}

Test(watch_ways, another_policy_on_overlay)
{
    struct fault why = { 0 };
    begin("overlay", "one/t two/t");
    rig_open(&rig, "one", 0);
    const char *path = P("two");
    struct policy *policy = rig_policy(&path, 1, RULE_DEPTH_ALL);
    cr_assert_eq(watch_set_policy(rig.watch, policy, &why), 0);
    policy_unref(policy);
    rig_write(P("two/t/g"), "x");
    rig_write(P("one/t/g"), "x");
    expect_account("two/t/g CMW");
    rig_end(&rig);
}

Test(watch_ways, single_file_replaced)
{
    begin("ext4", "d");
    rig_write(P("d/f"), "x");
    rig_open_with(&rig, (const char *[]){ P("d/f") }, 1, 0, 0, 0);
    rig_write(P("d/tmp"), "y");
    cr_expect_eq(rename(P("d/tmp"), P("d/f")), 0);
    rig_write(P("d/f"), "z");
    expect_account("d/f MW; d/tmp>d/f R");
    rig_end(&rig);
}

/* --- names ------------------------------------------------------------------------------------------------------ */

/* 300 levels of 40 bytes: no call takes such a path whole. */
static int deep_dir(int from, bool make)
{
    char name[41];
    memset(name, 'n', 40);
    name[40] = '\0';
    int fd = dup(from);
    for (int i = 0; i < 300; i++) {
        if (make)
            cr_assert_eq(mkdirat(fd, name, 0755), 0);
        int next = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(next, 0);
        close(fd);
        fd = next;
    }
    return fd;
}

static size_t longest;

static void keep_longest(void *ctx, const struct watch_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(events[i].path, "/deep-file") && events[i].path_len > longest)
            longest = events[i].path_len;
    rig_batch(ctx, events, count);
}

static void deep_path(const char *fs, bool make_before)
{
    struct fault why = { 0 };
    begin(fs, "d");
    int root = open(P("d"), O_PATH | O_CLOEXEC);
    if (make_before)
        close(deep_dir(root, true));
    const char *path = P("d");
    struct policy *policy = rig_policy(&path, 1, RULE_DEPTH_ALL);
    struct watch_options o = {
        .policy = policy,
        .callbacks = { .ctx = &rig, .take = rig_take, .drop = rig_drop, .batch = keep_longest, .notice = rig_notice },
    };
    cr_assert_eq(watch_open(&o, &rig.watch, &why), 0);
    policy_unref(policy);
    int deep = deep_dir(root, !make_before);
    rig_sync(&rig);
    close(openat(deep, "deep-file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    rig_sync(&rig);
    cr_expect_eq(longest, strlen(P("d")) + 300 * 41 + strlen("/deep-file"));
    close(deep);
    close(root);
    rig_end(&rig);
}

Test(watch_ways, paths_beyond_4096_bytes_found_by_handle)
{
    deep_path("ext4", true);
}

Test(watch_ways, paths_beyond_4096_bytes_made_under_watch)
{
    deep_path("ext4", false);
}

Test(watch_ways, paths_beyond_4096_bytes_by_inode_marks)
{
    deep_path("overlay", true);
}

/* --- floods and losses -------------------------------------------------------------------------------------------- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void gated_batch(void *ctx, const struct watch_event *events, size_t count)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    rig_batch(ctx, events, count);
}

static void open_gated(const char *path, unsigned queue)
{
    struct fault why = { 0 };
    struct policy *policy = rig_policy(&path, 1, RULE_DEPTH_ALL);
    struct watch_options o = {
        .policy = policy, .queue_events = queue,
        .callbacks = { .ctx = &rig, .take = rig_take, .drop = rig_drop, .batch = gated_batch, .notice = rig_notice },
    };
    cr_assert_eq(watch_open(&o, &rig.watch, &why), 0);
    policy_unref(policy);
}

static long queue_limit(void)
{
    long value = -1;
    FILE *f = fopen("/proc/sys/fs/fanotify/max_queued_events", "re");
    cr_assert_eq(fscanf(f, "%ld", &value), 1);
    fclose(f);
    return value;
}

static void make_files(const char *dir, int count)
{
    char path[256];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%d", dir, i);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        close(fd);
    }
}

/* Reader stopped in batch(); the queue takes `files` events, or overflows. */
static void fill_queue(unsigned queue, int files, bool overflows)
{
    begin("tmpfs", "d");
    long before = queue_limit();
    open_gated(P("d"), queue);
    cr_expect_eq(queue_limit(), before, "the system's number is put back");
    pthread_mutex_lock(&gate);
    rig_write(P("d/first"), "x");
    usleep(20000);
    make_files(P("d"), files);
    pthread_mutex_unlock(&gate);
    rig_sync(&rig);
    cr_expect_eq(rig.overflows > 0, overflows);
    cr_expect_eq(status().overflows > 0, overflows);
    rig_forget(&rig);
    rig_write(P("d/after"), "x");
    expect_account("d/after CMW");
    rig_end(&rig);
}

Test(watch_ways, overflow_is_told_and_events_go_on)
{
    fill_queue(64, 500, true);
}

Test(watch_ways, longer_queue_than_the_systems_holds)
{
    fill_queue(40000, 20000, false);
}

static atomic_ulong created; /* counted by the reading thread */

static void count_created(void *ctx, const struct watch_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        created += (events[i].ops & (WATCH_CREATE | WATCH_DIR)) == WATCH_CREATE;
    rig_batch(ctx, events, count);
}

static void open_counting(const char *path, unsigned queue)
{
    struct fault why = { 0 };
    struct policy *policy = rig_policy(&path, 1, RULE_DEPTH_ALL);
    struct watch_options o = {
        .policy = policy, .queue_events = queue,
        .callbacks = { .ctx = &rig, .take = rig_take, .drop = rig_drop, .batch = count_created, .notice = rig_notice },
    };
    cr_assert_eq(watch_open(&o, &rig.watch, &why), 0);
    policy_unref(policy);
}

Test(watch_ways, sync_is_exact_in_a_flood)
{
    begin("tmpfs", "d");
    open_counting(P("d"), 1000000);
    for (int round = 0; round < 10; round++) {
        char dir[256];
        snprintf(dir, sizeof(dir), "%s/%d", P("d"), round);
        cr_assert_eq(mkdir(dir, 0755), 0);
        make_files(dir, 2000);
        rig_sync(&rig);
        cr_assert_eq(created, (round + 1) * 2000ul);
    }
    rig_end(&rig);
}

Test(watch_ways, sync_ends_although_writing_does_not)
{
    begin("tmpfs", "d");
    rig_open(&rig, "d", 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            make_files(P("d"), 100);
    }
    usleep(100000);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(watch_sync(rig.watch, 2 * NS_PER_S), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    rig_end(&rig);
}

Test(watch_ways, removing_a_large_tree_tells_no_rescan)
{
    begin("ext4", "d");
    rig_run("cd %s && for i in $(seq 200); do mkdir -p t/$i/a/b && touch t/$i/a/b/f t/$i/f; done", P("d"));
    uint64_t lost = loss_read(LOSS_PATH_UNRESOLVED);
    rig_open(&rig, "d", 0);
    rig_run("rm -r %s", P("d/t"));
    rig_sync(&rig);
    unsigned deleted = 0, rescans = 0;
    for (unsigned i = 0; i < rig.seen_count; i++) {
        deleted += (rig.seen[i].ops & WATCH_DELETE) != 0;
        rescans += (rig.seen[i].ops & WATCH_RESCAN) != 0;
    }
    cr_expect_eq(rescans, 0);
    cr_expect_eq(loss_read(LOSS_PATH_UNRESOLVED), lost);
    cr_expect(rig_ops(&rig, P("d/t")) & WATCH_DELETE);
    /* directories that were never seen before may be gone when their files' events are read; the rest is named */
    cr_expect_geq(deleted, 500, "%u told, %lu unresolved", deleted, (unsigned long)status().unresolved);
    rig_end(&rig);
}

Test(watch_ways, tree_extracted_fast_loses_nothing)
{
    begin("ext4", "d");
    open_counting(P("d"), 1000000);
    rig_run("cd %s && for i in $(seq 100); do mkdir -p t/$i/a/b; for k in 1 2 3 4 5; do : > t/$i/a/b/$k; done; done",
            P("d"));
    rig_sync(&rig);
    cr_expect_eq(created, 500);
    rig_end(&rig);
}

/* With inode marks a directory's first content may come before its mark; then a rescan above it must say so. */
Test(watch_ways, tree_extracted_fast_on_overlay_is_told_or_rescanned)
{
    begin("overlay", "d");
    rig_open(&rig, "d", 0);
    rig_run("cd %s && for i in $(seq 50); do mkdir -p t/$i/a; for k in 1 2 3; do : > t/$i/a/$k; done; done", P("d"));
    rig_sync(&rig);
    unsigned missing = 0;
    for (int i = 1; i <= 50; i++) {
        char file[64], dirs[3][64];
        snprintf(file, sizeof(file), "d/t/%d/a/3", i);
        snprintf(dirs[0], sizeof(dirs[0]), "d/t/%d/a", i);
        snprintf(dirs[1], sizeof(dirs[1]), "d/t/%d", i);
        snprintf(dirs[2], sizeof(dirs[2]), "d/t");
        bool told = rig_ops(&rig, P(file)) & WATCH_CREATE;
        for (int k = 0; k < 3; k++)
            told |= rig_ops(&rig, P(dirs[k])) & WATCH_RESCAN;
        missing += !told;
    }
    cr_expect_eq(missing, 0);
    rig_end(&rig);
}

Test(watch_ways, noise_nobody_watches_is_muted_and_heard_again)
{
    begin("ext4", "d out/noisy/below");
    rig_open(&rig, "d", 0);
    for (int i = 0; i < 300; i++) {
        rig_write(P("out/noisy/f"), "x");
        rig_sync(&rig);
    }
    struct watch_status s = status();
    cr_expect_eq(s.ignore_marks, 1);
    cr_expect_lt(s.events_read, 200, "%lu events read", (unsigned long)s.events_read);
    rig_write(P("out/noisy/below/f"), "x");
    cr_assert_eq(rename(P("out/noisy"), P("d/noisy")), 0);
    rig_sync(&rig);
    rig_forget(&rig);
    rig_write(P("d/noisy/f"), "heard");
    expect_account("d/noisy/f MW");
    cr_expect_eq(status().ignore_marks, 0);
    rig_end(&rig);
}

Test(watch_ways, file_moved_out_of_a_muted_directory)
{
    begin("ext4", "d out");
    rig_open(&rig, "d", 0);
    for (int i = 0; i < 100; i++) {
        rig_write(P("out/f"), "x");
        rig_sync(&rig);
    }
    cr_expect_eq(status().ignore_marks, 1);
    cr_expect_eq(rename(P("out/f"), P("d/f")), 0);
    expect_account("out/f>d/f R");
    rig_end(&rig);
}

Test(watch_ways, own_processes_are_ignored)
{
    begin("tmpfs", "d");
    rig_open(&rig, "d", 0);
    watch_ignore(rig.watch, 0, getpid());
    rig_write(P("d/own"), "x");
    rig_run("echo x > %s", P("d/other"));
    expect_account("d/other CMW");
    watch_ignore(rig.watch, getpid(), 0);
    rig_forget(&rig);
    rig_write(P("d/own"), "x");
    expect_account("d/own MW");
    rig_end(&rig);
}

Test(watch_ways, status_says_how)
{
    begin("overlay", "d");
    const char *paths[] = { P("d"), "/etc" };
    rig_open_with(&rig, paths, 2, RULE_DEPTH_ALL, 0, 0);
    struct watch_status s;
    cr_assert_eq(watch_status(rig.watch, &s), 0);
    bool overlay = false, etc = false;
    for (size_t i = 0; i < s.marks_count; i++) {
        overlay |= strcmp(s.marks[i].fs_type, "overlay") == 0 && strcmp(s.marks[i].how, "inode") == 0 &&
                   s.marks[i].limits && strcmp(s.marks[i].path, rig.root) == 0;
        etc |= strcmp(s.marks[i].path, "/") == 0 && strcmp(s.marks[i].how, "filesystem") == 0;
    }
    cr_expect(overlay);
    cr_expect(etc);
    watch_status_fini(&s);
    rig_end(&rig);
}

/* Many renames of one directory by one process merge while the reader is away: the end must still be right. */
Test(watch_ways, merged_renames_of_a_directory_end_right)
{
    begin("ext4", "d/a/x");
    open_gated(P("d"), 0);
    rig_write(P("d/a/x/f"), "x");
    rig_sync(&rig);
    pthread_mutex_lock(&gate);
    rig_write(P("d/busy"), "x");
    usleep(20000);
    cr_assert_eq(rename(P("d/a"), P("d/b")), 0);
    cr_assert_eq(rename(P("d/b"), P("d/a")), 0);
    cr_assert_eq(rename(P("d/a"), P("d/b")), 0);
    pthread_mutex_unlock(&gate);
    rig_sync(&rig);
    cr_expect(rig_ops(&rig, P("d/b")) & WATCH_RESCAN, "told that the directory is not where the events say");
    rig_forget(&rig);
    rig_write(P("d/b/x/g"), "x");
    expect_account("d/b/x/g CMW");
    rig_end(&rig);
}
