/* The real kernel, as fast as it goes: nothing is lost, everything is proven, and the thread keeps up. */
#include "host.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 12000 }; /* within what the memory of opens holds */

static int make_files(void *dir)
{
    char path[128];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof(path), "%s/%d", (const char *)dir, i);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        if (fd < 0) {
            return -1;
        }
        close(fd);
    }
    return 0;
}

static double cpu_now(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static unsigned count_proven(struct host *h, pid_t pid)
{
    unsigned proven = 0;
    char path[128];
    for (int i = 0; i < FILES; i++) {
        struct audit_proof proof;
        struct stat st;
        snprintf(path, sizeof(path), "%s/%d", h->dir, i);
        cr_assert_eq(stat(path, &st), 0);
        struct audit_query query = {.pid = pid, .inode = st.st_ino, .path = path, .path_len = strlen(path),
                                    .read_at = host_now(), .did = AUDIT_DID_CREATE};
        if (!host_find(h, &query, &proof)) {
            proven += proof.login == PERSON;
            audit_proof_fini(&proof);
        }
    }
    return proven;
}

TestSuite(storm, .fini = host_put_back);

Test(storm, every_file_of_a_storm_is_proven)
{
    static struct host h;
    struct audit_status status;
#ifdef __SANITIZE_THREAD__
    cr_skip_test("ThreadSanitizer makes the reader too slow for a storm: the kernel drops records");
#endif
    if (!host_init(&h)) {
        cr_skip_test("needs root and audit");
    }
    cr_assert_eq(mount("none", h.dir, "tmpfs", 0, "size=8m"), 0);
    host_watch(&h, h.dir);
    host_open(&h, RULES_CRITICAL);
    double cpu = cpu_now();
    int64_t from = host_now();
    pid_t pid = host_act(make_files, h.dir);
    double took = (double)(host_now() - from) / 1e9;
    usleep(300000);
    cpu = cpu_now() - cpu;
    cr_assert_eq(audit_status_get(h.audit, &status), 0);
    cr_log_info(
        "%d files in %.2f s (%.0f/s), %llu records, cpu %.3f s: %.2f of a core, %.1f us a file, %u progress",
        FILES, took, FILES / took, (unsigned long long)status.records, cpu, cpu / took, cpu / FILES * 1e6,
        h.progress);
    cr_expect_eq(count_proven(&h, pid), FILES);
    cr_expect_eq(status.lost_socket, 0);
    cr_expect_eq(status.incomplete, 0);
    cr_expect_geq(status.acts, FILES);
    umount2(h.dir, MNT_DETACH);
    host_fini(&h);
}
