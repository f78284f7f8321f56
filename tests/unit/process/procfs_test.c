/* What /proc/PID says, also when a process names itself to deceive. */
#include "fimd/process/procfs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fimd/model/actor.h"
#include "fimd/rt/clock.h"

#define STAT_TAIL " 40 40 34816 40 4194560 1 2 3 4 5 6 7 8 20 0 3 0 1234 99 9 9\n"

Test(procfs, stat_is_parsed_whatever_the_name_is)
{
    static const struct {
        const char *text, *name;
        pid_t pid, parent;
    } cases[] = {
        {"41 (bash) S 7" STAT_TAIL, "bash", 41, 7},
        {"41 (a) R 1 (b) S 7" STAT_TAIL, "a) R 1 (b", 41, 7},
        {"41 ()) S 7" STAT_TAIL, ")", 41, 7},
        {"41 () S 7" STAT_TAIL, "", 41, 7},
        {"41 (kworker/0:1-events) I 2" STAT_TAIL, "kworker/0:1-events", 41, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct procfs_facts f = {0};
        cr_assert_eq(procfs_parse_stat(cases[i].text, strlen(cases[i].text), 100, &f), 0, "%s",
                     cases[i].text);
        cr_assert_str_eq(f.name, cases[i].name);
        cr_assert_eq(f.pid, cases[i].pid);
        cr_assert_eq(f.parent, cases[i].parent);
        cr_assert_eq(f.threads, 2);
        cr_assert_eq(f.start, INT64_C(12340000000));
        cr_assert_str_eq(f.tty, "pts/0");
        cr_assert_not(f.kernel);
    }
}

Test(procfs, broken_stat_is_refused)
{
    static const char *const cases[] = {
        "",
        "41",
        "41 (bash",
        "41 bash) S 7 4",
        "x (bash) S 7" STAT_TAIL,
        "41 (bash) S 7 40 40\n",
        "41 (bash)",
        "99999999999 (bash) S 7" STAT_TAIL,
        "41 (bash) S 99999999999" STAT_TAIL,
        "41 (bash) SS 7" STAT_TAIL,
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct procfs_facts f = {0};
        cr_assert_eq(procfs_parse_stat(cases[i], strlen(cases[i]), 100, &f), -EBADMSG, "%s", cases[i]);
    }
}

Test(procfs, status_and_ids)
{
    static const char text[] =
        "Name:\tx\\nUid:\t0\t0\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t100\t33\t33\t33\n";
    struct procfs_facts f = {0};
    uint32_t id;
    cr_assert_eq(procfs_parse_status(text, sizeof(text) - 1, &f), 0);
    cr_assert(f.uid == 1000 && f.euid == 0 && f.gid == 100 && f.egid == 33);
    cr_assert_eq(procfs_parse_status(text, 20, &f), -EBADMSG);
    cr_assert_eq(procfs_parse_id("4294967295", 10, &id), 0);
    cr_assert_eq(id, ACTOR_UNSET);
    cr_assert_eq(procfs_parse_id("0\n", 2, &id), 0);
    cr_assert_eq(id, 0);
    static const char *const bad[] = {"", "x", "-1", "4294967296", "12x"};
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(procfs_parse_id(bad[i], strlen(bad[i]), &id), -EBADMSG, "%s", bad[i]);
}

Test(procfs, terminals_and_names)
{
    static const struct {
        uint32_t device;
        const char *name;
    } ttys[] = {{0, ""},          {0x8800, "pts/0"},     {0x8903, "pts/259"},
                {0x0401, "tty1"}, {0x0440, "ttyS0"},     {0xcc40, "ttyAMA0"},
                {0xe500, "hvc0"}, {0x108812, "pts/274"}, {0x0500, "5:0"}};
    for (size_t i = 0; i < sizeof(ttys) / sizeof(ttys[0]); i++) {
        char name[PROCFS_TTY_SIZE];
        procfs_format_tty(ttys[i].device, name);
        cr_assert_str_eq(name, ttys[i].name, "%x: %s", ttys[i].device, name);
    }
    static const struct {
        const char *comm, *exe, *name;
    } names[] = {
        {"vim", "/usr/bin/vim.basic", "vim"},
        {"unattended-upgr", "/usr/bin/unattended-upgrade", "unattended-upgrade"},
        {"unattended-upgr", "/usr/bin/python3", "unattended-upgr"},
        {"", "/bin/sh", "sh"},
        {NULL, "/bin/sh", "sh"},
        {"x", NULL, "x"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *name = procfs_pick_name(names[i].comm, names[i].exe);
        cr_assert_str_eq(name, names[i].name);
        free(name);
    }
}

Test(procfs, this_very_process_reads_itself)
{
    struct procfs_facts f;
    struct procfs_program program;
    int dir = procfs_open(getpid());
    cr_assert_geq(dir, 0);
    cr_assert_eq(procfs_read_facts(dir, &f), 0);
    cr_assert_eq(f.pid, getpid());
    cr_assert_eq(f.parent, getppid());
    cr_assert_eq(f.euid, geteuid());
    cr_assert_lt(f.start, clock_mono());
    cr_assert_gt(f.start, clock_mono() - 600 * NS_PER_S);
    cr_assert_eq(procfs_read_program(dir, &program), 0);
    cr_assert_str_eq(program.name, "unit_process");
    cr_assert_eq(program.args[program.args_len - 1], 0);
    cr_assert_not_null(program.cwd);
    procfs_program_fini(&program);
    close(dir);
    cr_assert_lt(procfs_open(INT32_MAX), 0);
}
