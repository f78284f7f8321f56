/* The whole module on this machine's own processes, with the connector and without. */
#include "fimd/process/process.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fimd/rt/clock.h"

static struct processes *open_all(bool connector)
{
    struct processes *p = NULL;
    struct fault why = {0};
    struct process_options options = {.connector = connector, .keep_exited = 1000};
    cr_assert_eq(processes_open(&options, &p, &why), 0, "%s", why.text);
    cr_assert_eq(processes_grade(p), connector ? GRADE_PROCESS : GRADE_PROCFS, "%s", why.text);
    return p;
}

static struct actor *actor_now(struct processes *p, struct process *n, int64_t at)
{
    struct actor *a = NULL;
    int64_t retry = 0;
    int r;
    while ((r = process_actor(p, n, at, clock_mono(), &a, &retry)) == -EAGAIN)
        usleep(2000);
    cr_assert_eq(r, 0);
    return a;
}

static void check_self(bool connector)
{
    struct processes *p = open_all(connector);
    usleep(100000); /* the thread reads the programs of those who were there before */
    int64_t now = clock_mono();
    struct process *n = process_take(p, getpid(), now);
    struct actor *a = actor_now(p, n, now), *b;
    cr_assert_eq(process_pid(n), getpid());
    cr_assert(a->login_known);
    cr_assert_eq(a->grade, connector ? GRADE_PROCESS : GRADE_PROCFS);
    cr_assert_eq(a->program.pid, getpid());
    cr_assert_str_eq(a->program.name, "unit_process");
    cr_assert_eq(a->ppid, getppid());
    cr_assert_eq(a->ancestors[0].pid, getppid());
    cr_assert_eq(a->euid, geteuid());
    cr_assert_not_null(a->cwd);
    cr_assert_lt(llabs(a->program.start - clock_real()), 600 * NS_PER_S);
    b = actor_now(p, n, now);
    cr_assert_eq(a, b, "one actor for all it does");
    cr_assert(process_descends(p, n, getppid()));
    cr_assert_not(process_descends(p, n, INT32_MAX));
    actor_unref(a);
    actor_unref(b);
    process_drop(p, n);
    process_drop(p, NULL);
    cr_assert_null(process_take(p, 0, now));
    processes_close(p);
}

Test(process, knows_itself_by_the_connector)
{
    check_self(true);
}

Test(process, knows_itself_by_proc_alone)
{
    check_self(false);
}

Test(process, a_child_that_is_gone_is_known_by_the_connector_only)
{
    for (int connector = 0; connector < 2; connector++) {
        struct processes *p = open_all(connector);
        process_logins_come(p, true);
        pid_t pid = fork();
        if (!pid)
            _exit(0);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        int64_t now = clock_mono();
        struct process *n = process_take(p, pid, now);
        struct actor *a = actor_now(p, n, now);
        cr_assert_eq(a->program.pid, pid);
        cr_assert_eq(a->login_known, connector);
        cr_assert_eq(a->grade, connector ? GRADE_PROCESS : GRADE_NONE);
        if (connector)
            cr_assert_str_eq(a->program.name, "unit_process");
        actor_unref(a);
        process_drop(p, n);
        processes_close(p);
    }
}

Test(process, a_login_record_reaches_the_children_of_the_dead)
{
    struct processes *p = open_all(true);
    int back[2];
    pid_t child;
    process_logins_come(p, true);
    cr_assert_eq(pipe(back), 0);
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t parent = fork();
    if (!parent) {
        child = fork();
        if (!child)
            _exit(0);
        _exit(write(back[1], &child, sizeof(child)) != sizeof(child));
    }
    cr_assert_eq(read(back[0], &child, sizeof(child)), (ssize_t)sizeof(child));
    cr_assert_eq(waitpid(parent, NULL, 0), parent);
    /* While it is there, /proc is believed more than any record. */
    cr_assert_eq(waitpid(child, NULL, 0), child);
    int64_t now = clock_mono();
    struct process *n = process_take(p, child, now);
    process_login(p, parent, 1234, 99, NULL);
    struct actor *a = actor_now(p, n, now);
    cr_assert(a->login_known);
    cr_assert_eq(a->login, 1234);
    cr_assert_eq(a->session, 99);
    cr_assert_eq(a->ppid, parent);
    actor_unref(a);
    process_drop(p, n);
    processes_close(p);
}

Test(process, a_reader_of_many_children_forgets_them)
{
    struct processes *p = open_all(true);
    struct process_status status;
    for (int i = 0; i < 300; i++) {
        pid_t pid = fork();
        if (!pid)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
    process_drop(p, process_take(p, getpid(), clock_mono()));
    processes_status(p, &status);
    cr_assert_geq(status.exited_kept, 300);
    cr_assert_geq(status.messages, 600);
    process_forget_before(p, clock_mono() + 10 * NS_PER_S);
    processes_status(p, &status);
    cr_assert_lt(status.exited_kept, 300);
    processes_close(p);
}
