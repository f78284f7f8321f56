/* Histories of processes, told as messages: who is behind what, and when it may be said. */
#include "fimd/process/tree.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/process/who.h"
#include "fimd/rt/clock.h"

#define MS    INT64_C(1000000)
#define START (100 * NS_PER_S)

static struct tree tree_with_init(void)
{
    struct tree t;
    cr_assert_eq(tree_init(&t, 1000), 0);
    t.connector = t.logins_come = true;
    t.read_until = START;
    struct procfs_facts init = {
        .pid = 1, .start = NS_PER_S, .login = ACTOR_UNSET, .session = ACTOR_UNSET, .name = "init"};
    cr_assert_eq(tree_found(&t, &init, START, NULL), 0);
    struct procfs_program program = {.name = strdup("init")};
    image_fill(tree_newest(&t, 1)->state->image, &program);
    return t;
}

static void tell(struct tree *t, enum connector_kind kind, int64_t ms, pid_t parent, pid_t pid)
{
    struct connector_message m = {
        .kind = kind, .time = START + ms * MS, .parent = parent, .pid = pid, .tgid = pid};
    cr_assert_eq(tree_apply(t, &m), 0);
}

static void born(struct tree *t, int64_t ms, pid_t parent, pid_t pid)
{
    tell(t, CONNECTOR_FORK, ms, parent, pid);
}

static void ids(struct tree *t, int64_t ms, pid_t pid, uint32_t real, uint32_t effective)
{
    struct connector_message m = {.kind = CONNECTOR_UID,
                                  .time = START + ms * MS,
                                  .pid = pid,
                                  .tgid = pid,
                                  .real = real,
                                  .effective = effective};
    cr_assert_eq(tree_apply(t, &m), 0);
}

static void execs(struct tree *t, int64_t ms, pid_t pid, const char *name)
{
    tell(t, CONNECTOR_EXEC, ms, 0, pid);
    struct procfs_program program = {.name = strdup(name)};
    image_fill(tree_newest(t, pid)->state->image, &program);
}

static void login(struct tree *t, int64_t from, int64_t now, pid_t pid, uint32_t user, uint32_t session)
{
    cr_assert_eq(tree_login(t, pid, START + from * MS, START + now * MS, user, session), 0);
}

static struct who ask(struct tree *t, pid_t pid, int64_t at, int64_t now)
{
    struct who who;
    bool lost = false;
    struct process *n = tree_meant(t, pid, START + at * MS, &lost);
    cr_assert_not_null(n);
    cr_assert_not(lost);
    who_ask(t, n, START + at * MS, START + now * MS, &who);
    return who;
}

#define assert_user(t, pid, at, who_user)                                                                    \
    do {                                                                                                     \
        struct who w_ = ask(t, pid, at, 10000);                                                              \
        cr_assert(w_.known, "pid %d at %d", pid, at);                                                        \
        cr_assert_eq(w_.user, (uint32_t)(who_user), "pid %d at %d: %u", pid, at, w_.user);                   \
    } while (0)

Test(tree, a_child_has_the_login_its_parent_had_at_the_fork)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    born(&t, 10, 10, 11); /* before */
    born(&t, 30, 10, 12); /* after */
    born(&t, 31, 12, 13);
    tell(&t, CONNECTOR_EXIT, 32, 0, 10);
    tell(&t, CONNECTOR_EXIT, 33, 0, 12);
    login(&t, 20, 40, 10, 1001, 5); /* told when all is over */
    assert_user(&t, 11, 50, ACTOR_UNSET);
    assert_user(&t, 12, 32, 1001);
    assert_user(&t, 13, 50, 1001);
    assert_user(&t, 10, 15, ACTOR_UNSET);
    assert_user(&t, 10, 31, 1001);
    tree_fini(&t);
}

Test(tree, a_session_process_carries_its_own_login)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    login(&t, 1, 2, 10, 1001, 5);
    born(&t, 10, 10, 11);
    login(&t, 11, 12, 11, 1002, 6);
    born(&t, 20, 11, 12);
    assert_user(&t, 12, 30, 1002);
    assert_user(&t, 10, 30, 1001);
    tree_fini(&t);
}

Test(tree, waits_only_while_a_login_may_be_under_way)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    login(&t, 1, 2, 10, 1001, 5);
    born(&t, 1000, 10, 11);
    tell(&t, CONNECTOR_EXIT, 1001, 0, 11);
    /* ids unknown: it might be root. */
    cr_assert_eq(ask(&t, 11, 1001, 1002).wait, START + 1001 * MS + TREE_LOGIN_DELAY);
    cr_assert_eq(ask(&t, 11, 1001, 1102).wait, 0);
    t.logins_passed = START + 1001 * MS;
    cr_assert_eq(ask(&t, 11, 1001, 1002).wait, 0, "all records of that time are here");
    t.logins_passed = 0;
    /* Who is not root cannot change a login that is set. */
    born(&t, 2000, 10, 12);
    ids(&t, 2000, 12, 33, 33);
    tell(&t, CONNECTOR_EXIT, 2005, 0, 12);
    struct who who = ask(&t, 12, 2005, 2006);
    cr_assert(who.known && who.user == 1001 && who.wait == 0);
    /* A reading of /proc needs no record. */
    born(&t, 3000, 1, 13);
    cr_assert_neq(ask(&t, 13, 3001, 3001).wait, 0);
    cr_assert_eq(logins_confirm(&tree_newest(&t, 13)->logins, START + 3001 * MS, ACTOR_UNSET, ACTOR_UNSET),
                 0);
    who = ask(&t, 13, 3001, 3001);
    cr_assert(who.known && who.user == ACTOR_UNSET && who.wait == 0);
    /* Where none come nothing is waited for, and "nobody" is not believed of the unread. */
    t.logins_come = false;
    born(&t, 4000, 1, 14);
    who = ask(&t, 14, 4001, 4001);
    cr_assert(!who.known && who.wait == 0);
    tree_fini(&t);
}

Test(tree, late_records_are_waited_for_longer_and_never_too_long)
{
    struct tree t = tree_with_init();
    tree_login_delay(&t, 5 * MS);
    cr_assert_eq(t.login_delay, 100 * MS);
    tree_login_delay(&t, 369 * MS);
    cr_assert_eq(t.login_delay, 738 * MS);
    tree_login_delay(&t, 99999 * MS);
    cr_assert_eq(t.login_delay, 1000 * MS);
    for (int i = 0; i < 1000; i++)
        tree_login_delay(&t, MS);
    cr_assert_eq(t.login_delay, 100 * MS);
    tree_fini(&t);
}

Test(tree, where_records_were_lost_only_the_settled_are_known)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    login(&t, 1, 2, 10, 1001, 5);
    ids(&t, 3, 10, 1001, 1001);
    born(&t, 1000, 1, 20); /* began and ended while records were lost */
    born(&t, 1000, 10, 21);
    born(&t, 3000, 1, 22); /* after it */
    t.lost_from = START + 900 * MS;
    t.lost_until = START + 2000 * MS;
    cr_assert_not(ask(&t, 20, 1001, 10000).known);
    assert_user(&t, 21, 1001, 1001); /* who is not root keeps the login it has */
    cr_assert_eq(logins_confirm(&tree_newest(&t, 1)->logins, START + 3500 * MS, ACTOR_UNSET, ACTOR_UNSET), 0);
    assert_user(&t, 22, 3001, ACTOR_UNSET);
    tree_fini(&t);
}

Test(tree, a_reused_pid_that_could_be_either_is_nobodys)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    login(&t, 1, 2, 10, 1001, 5);
    born(&t, 0, 1, 20);
    login(&t, 1, 2, 20, 1002, 6);
    born(&t, 10, 10, 99);
    tell(&t, CONNECTOR_EXIT, 20, 0, 99);
    born(&t, 30, 20, 99);
    struct who who = ask(&t, 99, 40, 10000);
    cr_assert(!who.known && who.mixed && who.user == ACTOR_UNSET);
    assert_user(&t, 99, 25, 1001); /* read before the second began */
    tree_forget(&t, START + 25 * MS, 100);
    assert_user(&t, 99, 40, 1002); /* all of the first is read */
    tree_fini(&t);
}

Test(tree, a_reused_pid_of_the_same_person_keeps_the_person)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    login(&t, 1, 2, 10, 1001, 5);
    born(&t, 10, 10, 99);
    tell(&t, CONNECTOR_EXIT, 20, 0, 99);
    born(&t, 30, 10, 99);
    struct who who = ask(&t, 99, 40, 10000);
    cr_assert(who.known && who.mixed && who.user == 1001);
    tree_fini(&t);
}

Test(tree, an_exit_told_after_the_pid_was_given_away_ends_the_former)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 99);
    born(&t, 30, 1, 99);
    tell(&t, CONNECTOR_EXIT, 29, 0, 99);
    cr_assert_eq(tree_newest(&t, 99)->ended, 0);
    tree_fini(&t);
}

Test(tree, threads_are_no_processes)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    struct connector_message thread = {
        .kind = CONNECTOR_FORK, .time = START + MS, .parent = 10, .pid = 11, .tgid = 10};
    cr_assert_eq(tree_apply(&t, &thread), 0);
    cr_assert_null(tree_newest(&t, 11));
    tell(&t, CONNECTOR_EXIT, 2, 0, 10); /* the first thread ends, the process runs on */
    cr_assert_eq(tree_newest(&t, 10)->ended, 0);
    thread.kind = CONNECTOR_EXIT;
    thread.time = START + 3 * MS;
    cr_assert_eq(tree_apply(&t, &thread), 0);
    cr_assert_neq(tree_newest(&t, 10)->ended, 0);
    tree_fini(&t);
}

static char *chain_at(struct tree *t, pid_t pid, int64_t at, struct actor **ret)
{
    struct who who = ask(t, pid, at, 10000);
    struct buf text = {0};
    cr_assert_eq(who_actor(t, tree_newest(t, pid), START + at * MS, &who, 0, ret), 0);
    actor_chain(*ret, 9, &text);
    return (char *)(uintptr_t)buf_cstr(&text);
}

Test(tree, the_chain_ends_at_the_process_that_logged_in)
{
    struct tree t = tree_with_init();
    struct actor *a = NULL;
    born(&t, 0, 1, 10);
    execs(&t, 1, 10, "sshd");
    born(&t, 10, 10, 11); /* the session's monitor, which logs in … */
    login(&t, 11, 12, 11, 1001, 5);
    born(&t, 20, 11, 12); /* … and forks the user's half: the same program */
    ids(&t, 21, 12, 1001, 1001);
    born(&t, 30, 12, 13);
    execs(&t, 31, 13, "bash");
    born(&t, 40, 13, 14);
    execs(&t, 41, 14, "sudo");
    ids(&t, 42, 14, 0, 0);
    born(&t, 50, 14, 15);
    execs(&t, 51, 15, "vim");
    execs(&t, 60, 14, "sleep"); /* what forked vim was sudo */
    char *chain = chain_at(&t, 15, 70, &a);
    cr_assert_str_eq(chain, "vim ← sudo ← bash ← sshd");
    cr_assert(a->login == 1001 && a->euid == 0 && a->session == 5 && a->ppid == 14 &&
              a->grade == GRADE_PROCESS);
    free(chain);
    struct actor *again = NULL;
    struct who who = ask(&t, 15, 71, 10000);
    cr_assert_eq(who_actor(&t, tree_newest(&t, 15), START + 71 * MS, &who, 0, &again), 0);
    cr_assert_eq(a, again, "one actor for all that it does");
    actor_unref(a);
    actor_unref(again);
    tree_fini(&t);
}

Test(tree, ids_and_programs_are_those_of_the_time)
{
    static const struct {
        int64_t at;
        uint32_t euid;
        const char *chain;
    } cases[] = {
        {5, ACTOR_UNSET, "su ← init"}, {15, 33, "su ← init"}, {25, 33, "sh ← init"}, {35, 0, "sh ← init"}};
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    execs(&t, 1, 10, "su");
    ids(&t, 2, 10, 33, ACTOR_UNSET);
    ids(&t, 10, 10, 33, 33);
    execs(&t, 20, 10, "sh");
    ids(&t, 30, 10, 0, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct actor *a = NULL;
        char *chain = chain_at(&t, 10, cases[i].at, &a);
        cr_assert_str_eq(chain, cases[i].chain);
        cr_assert_eq(a->euid, cases[i].euid, "at %ld: %u", (long)cases[i].at, a->euid);
        free(chain);
        actor_unref(a);
    }
    tree_fini(&t);
}

Test(tree, after_a_loss_only_what_proc_confirms_is_believed)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    login(&t, 1, 2, 10, 1001, 5);
    born(&t, 10, 10, 11);
    tree_doubt(&t, START + 20 * MS);
    assert_user(&t, 11, 15, 1001); /* before the loss */
    cr_assert_not(ask(&t, 11, 25, 10000).known);
    struct procfs_facts same = {.pid = 11, .start = START + 10 * MS, .login = 1001, .session = 5};
    cr_assert_eq(tree_found(&t, &same, START + 50 * MS, NULL), 0);
    assert_user(&t, 11, 60, 1001);
    struct procfs_facts other = {.pid = 10, .start = START + 30 * MS, .parent = 1, .login = 7, .session = 9};
    cr_assert_eq(tree_found(&t, &other, START + 50 * MS, NULL), 0);
    tree_swept(&t, START + 45 * MS, START + 55 * MS);
    tree_forget(&t, START + 40 * MS, 100);
    assert_user(&t, 10, 60, 7);
    tree_fini(&t);
}

Test(tree, a_process_without_its_fork_is_read_from_proc)
{
    struct tree t = tree_with_init();
    tell(&t, CONNECTOR_EXEC, 10, 0, 50);
    struct process *n = tree_queue_pop(&t);
    while (n && n->pid != 50) {
        process_unreference(n);
        n = tree_queue_pop(&t);
    }
    cr_assert(n && n->ghost);
    process_unreference(n);
    cr_assert_not(ask(&t, 50, 20, 10000).known);
    struct procfs_facts f = {.pid = 50, .parent = 1, .start = START + 8 * MS, .login = 1001, .session = 5};
    cr_assert_eq(tree_found(&t, &f, START + 11 * MS, NULL), 0);
    assert_user(&t, 50, 20, 1001);
    tree_fini(&t);
}

Test(tree, exited_processes_are_bounded_and_a_lost_one_is_told)
{
    struct tree t = tree_with_init();
    bool lost = false;
    t.keep_exited = 100;
    for (pid_t pid = 1000; pid < 3000; pid++) {
        born(&t, pid, 1, pid);
        tell(&t, CONNECTOR_EXIT, pid, 0, pid);
        tree_forget(&t, 0, 8);
    }
    cr_assert_eq(t.exited.count, 100);
    cr_assert_null(tree_meant(&t, 1000, START + NS_PER_S * 10, &lost));
    cr_assert(lost);
    tree_forget(&t, START + 10 * NS_PER_S, 1000);
    cr_assert_eq(t.exited.count, 0);
    lost = false;
    cr_assert_null(tree_meant(&t, 1000, START + NS_PER_S * 10, &lost));
    cr_assert_not(lost);
    cr_assert_eq(t.hashed_count, 1);
    tree_fini(&t);
}

/* A program that forks and ends for ever must not grow a chain of the dead, nor lose its login. */
Test(tree, an_endless_chain_of_the_dead_is_cut)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    login(&t, 1, 2, 10, 1001, 5);
    for (int i = 0; i < 100000; i++) {
        born(&t, 10 + i * 10, 10 + i, 11 + i);
        tell(&t, CONNECTOR_EXIT, 11 + i * 10, 0, 10 + i);
        tree_forget(&t, START + i * 10 * MS, 8);
    }
    unsigned depth = 0;
    for (struct process *n = tree_newest(&t, 100010); n; n = n->parent)
        depth++;
    cr_assert_leq(depth, 200, "%u", depth);
    struct who who;
    who_ask(&t, tree_newest(&t, 100010), START + 1000001 * MS, START + 2000000 * MS, &who);
    cr_assert(who.known && who.user == 1001);
    tree_fini(&t);
}

Test(tree, a_held_process_outlives_its_pid)
{
    struct tree t = tree_with_init();
    born(&t, 0, 1, 10);
    login(&t, 1, 2, 10, 1001, 5);
    struct process *held = process_hold(tree_newest(&t, 10));
    tell(&t, CONNECTOR_EXIT, 5, 0, 10);
    tree_forget(&t, START + 5 * NS_PER_S, 100);
    cr_assert_null(tree_newest(&t, 10));
    struct who who;
    who_ask(&t, held, START + 4 * MS, START + 6 * NS_PER_S, &who);
    cr_assert(who.known && who.user == 1001);
    process_release(&t, held);
    tree_fini(&t);
}
