/* The store's lock files: whoever closes a descriptor of them drops the process's own locks. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "baseline/measure.h"
#include "store_fixture.h"

static short lock_seen_by_another(const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET}; /* of anything in the file */
    int status;
    pid_t child = fork(); /* POSIX locks are not inherited: the child sees the parent's */
    if (child == 0) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        _exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 1 : 0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return (short)WEXITSTATUS(status);
}

Test(leave, measuring_the_stores_lock_file_keeps_its_locks)
{
    static struct fixture f;
    char path[300];
    struct measure_options options = {.digests = {.count = 1, .ids = {digest_id("sha256", 6)}}};
    struct measurer *m;
    struct entry e;
    fixture_open(&f);
    snprintf(path, sizeof(path), "%s/lock.mdb", f.dir);
    cr_assert_eq(lock_seen_by_another(path), 1, "LMDB holds a lock on it");
    store_leave(f.dir, &options.leave);
    cr_assert_eq(measurer_new(&options, &m), 0);
    cr_assert_eq(measure_path(m, path, strlen(path), &e), 0);
    cr_expect_eq(e.notes & ENTRY_NOTE_UNREADABLE, ENTRY_NOTE_UNREADABLE);
    cr_expect_eq(e.digests.count, 0);
    cr_expect_eq(lock_seen_by_another(path), 1, "and still does");
    entry_fini(&e);
    measurer_free(m);
    fixture_close(&f);
}
