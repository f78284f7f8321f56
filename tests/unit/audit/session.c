/* Sessions from the records of login programs. */
#include "fimd/audit/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <utmpx.h>

#include "fimd/audit/before.h"
#include "fimd/audit/before_ssh.h"
#include "fimd/audit/coalesce.h"

static void push(void *ctx, const struct act *act)
{
    cr_assert_eq(sessions_push(ctx, act), 0);
}

static void say(struct sessions *s, unsigned type, const char *body)
{
    char text[1024];
    struct record r;
    struct coalesce_options options = {.ctx = s, .act = push};
    struct coalescer *c = coalesce_new(&options);
    int n = snprintf(text, sizeof(text), "audit(1.000:1): %s", body);
    cr_assert_eq(record_parse(type, text, (size_t)n, &r), 0);
    coalesce_push(c, &r);
    coalesce_free(c);
}

static void expect(struct sessions *s, uint32_t id, const char *address, const char *method, const char *tty)
{
    struct audit_session got;
    cr_assert(sessions_get(s, id, &got), "session %u", id);
    cr_expect_str_eq(got.address, address);
    cr_expect_str_eq(got.method, method);
    cr_expect_str_eq(got.tty, tty);
}

#define LOGIN(ses)                                                                                           \
    "pid=8 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=" #ses " res=1"
#define MESSAGE(ses, exe, host, addr, terminal, res)                                                                  \
    "pid=8 uid=0 auid=1000 ses=" #ses " msg='op=PAM:session_open grantors=pam_unix acct=\"alice\" exe=\"" exe        \
    "\" hostname=" host " addr=" addr " terminal=" terminal " res=" res "'"

Test(session, ssh_has_address_method_and_the_real_terminal)
{
    struct sessions *s = sessions_new(0);
    say(s, RECORD_LOGIN, LOGIN(3));
    say(s, RECORD_USER_START, MESSAGE(3, "/usr/sbin/sshd", "10.1.2.3", "10.1.2.3", "ssh", "success"));
    expect(s, 3, "10.1.2.3", "sshd", "");
    say(s, RECORD_USER_LOGIN, MESSAGE(3, "/usr/sbin/sshd", "?", "fe80::1", "/dev/pts/0", "success"));
    expect(s, 3, "10.1.2.3", "sshd", "pts/0");
    sessions_free(s);
}

Test(session, sudo_and_su_inside_do_not_hide_the_way_in)
{
    struct sessions *s = sessions_new(0);
    say(s, RECORD_USER_START, MESSAGE(3, "/usr/sbin/sshd", "10.1.2.3", "10.1.2.3", "ssh", "success"));
    say(s, RECORD_USER_START, MESSAGE(3, "/usr/bin/sudo", "?", "?", "/dev/pts/7", "success"));
    say(s, RECORD_CRED_ACQ, MESSAGE(3, "/usr/bin/su", "?", "?", "/dev/pts/8", "success"));
    expect(s, 3, "10.1.2.3", "sshd", "");
    say(s, RECORD_USER_START, MESSAGE(4, "/usr/bin/sudo", "?", "?", "/dev/pts/7", "success"));
    struct audit_session got;
    cr_expect_not(sessions_get(s, 4, &got), "a session from before: its way in is not sudo");
    say(s, RECORD_LOGIN, LOGIN(5));
    say(s, RECORD_USER_START, MESSAGE(5, "/usr/bin/su", "?", "?", "/dev/pts/9", "success"));
    expect(s, 5, "", "su", "pts/9");
    sessions_free(s);
}

Test(session, cron_and_the_console_have_no_address)
{
    struct sessions *s = sessions_new(0);
    say(s, RECORD_USER_START, MESSAGE(3, "/usr/sbin/cron", "?", "?", "cron", "success"));
    say(s, RECORD_USER_START, MESSAGE(4, "/usr/bin/login", "localhost", "127.0.0.1", "/dev/tty1", "success"));
    expect(s, 3, "", "cron", "");
    expect(s, 4, "127.0.0.1", "login", "tty1");
    sessions_free(s);
}

Test(session, what_failed_and_what_has_no_session_is_passed_over)
{
    struct sessions *s = sessions_new(0);
    struct audit_session got;
    say(s, RECORD_USER_LOGIN, MESSAGE(3, "/usr/sbin/sshd", "10.1.2.3", "10.1.2.3", "ssh", "failed"));
    say(s, RECORD_USER_START,
        MESSAGE(4294967295, "/usr/sbin/sshd", "10.1.2.3", "10.1.2.3", "ssh", "success"));
    say(s, RECORD_USER_START, "pid=8 ses=3 no message");
    cr_expect_not(sessions_get(s, 3, &got));
    cr_expect_not(sessions_get(s, UINT32_MAX, &got));
    sessions_free(s);
}

Test(session, the_number_is_bounded)
{
    struct sessions *s = sessions_new(4);
    struct audit_session known = {.method = "sshd"}, got;
    for (uint32_t i = 1; i <= 10; i++) {
        cr_assert_eq(sessions_put(s, i, &known), 0);
    }
    cr_expect_not(sessions_get(s, 6, &got));
    cr_expect(sessions_get(s, 7, &got));
    sessions_free(s);
}

static bool pid_is_session(pid_t pid, uint32_t *ret_session, char *ret_program, size_t size)
{
    snprintf(ret_program, size, "sshd");
    *ret_session = (uint32_t)pid;
    return pid != 99;
}

Test(session, those_from_before_come_from_utmp)
{
    struct utmpx list[3] = {
        {.ut_type = USER_PROCESS, .ut_pid = 7, .ut_line = "pts/1", .ut_addr_v6 = {0x0302010a}},
        {.ut_type = USER_PROCESS, .ut_pid = 99, .ut_line = "pts/2"},
        {.ut_type = DEAD_PROCESS, .ut_pid = 8, .ut_line = "pts/3"},
    };
    struct sessions *s = sessions_new(0);
    struct audit_session got;
    cr_assert_eq(sessions_from_utmp(s, list, sizeof(list) + 5, pid_is_session), 0);
    expect(s, 7, "10.1.2.3", "sshd", "pts/1");
    cr_expect_not(sessions_get(s, 99, &got));
    cr_expect_not(sessions_get(s, 8, &got));
    sessions_free(s);
}

Test(session, what_is_caught_up_with_replaces_no_record)
{
    struct sessions *s = sessions_new(0), *now = sessions_new(0);
    const struct audit_session other = {.address = "10.9.9.9", .method = "other"};
    say(s, RECORD_USER_LOGIN, "pid=1 uid=0 auid=1000 ses=3 msg='op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=10.1.2.3 "
                              "addr=10.1.2.3 terminal=/dev/pts/0 res=success'");
    cr_assert_eq(sessions_put(now, 3, &other), 0);
    cr_assert_eq(sessions_put(now, 4, &other), 0);
    cr_assert_eq(sessions_merge(s, now), 0);
    expect(s, 3, "10.1.2.3", "sshd", "pts/0");
    expect(s, 4, "10.9.9.9", "other", "");
    sessions_free(now);
    sessions_free(s);
}

static const struct {
    uint64_t inode;
    const char *address;
} sockets[] = {
    {80, "10.203.77.2"}, {81, NULL /* it listens */}, {82, "2001:db8::7"}, {83, "10.1.2.3"}, {84, NULL}, {85, NULL},
};

Test(session, the_other_end_of_a_socket_is_its_address)
{
    static const char table[] =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 81 1 0\n"
        "   1: 014DCB0A:0016 024DCB0A:CD16 01 00000000:00000000 02:000A7A2C 00000000     0        0 80 4 0\n"
        "   2: B80D0120000000000000000001000000:0016 B80D0120000000000000000007000000:D431 01 00000000:00000000 "
        "02:000AF9A1 00000000     0        0 82 2 0\n"
        "   3: 0000000000000000FFFF00000100007F:0016 0000000000000000FFFF00000302010A:D431 01 00000000:00000000 "
        "02:000AF9A1 00000000     0        0 83 2 0\n"
        "   4: 014DCB0A:0016 024DCB:CD16 01 00000000:00000000 02:000A7A2C 00000000     0        0 85 4 0\n"
        "nonsense 80\n";
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
        char address[64] = "";
        FILE *f = fmemopen((void *)table, sizeof(table) - 1, "r");
        cr_assert_not_null(f);
        bool found = socket_address(f, sockets[i].inode, address, sizeof(address));
        fclose(f);
        cr_expect_eq(found, sockets[i].address != NULL, "inode %d", (int)sockets[i].inode);
        cr_expect_str_eq(address, sockets[i].address ? sockets[i].address : "", "inode %d", (int)sockets[i].inode);
    }
}
