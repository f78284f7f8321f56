/* The person behind processes that live for a millisecond, on the real kernel: each of 3,000 processes sets
 * or inherits one of 20 login users and makes one file whose name says which. Read at once and 10 ms late.
 *
 *   children ─► fanotify ─► process_take ─► (later) process_actor ─► compared with the file's name
 *   audit's LOGIN records ─► process_login
 *
 * Enables audit for its time and puts it back. No rule is loaded. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fimd/process/process.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"

/* A fork of a program under a sanitizer takes milliseconds: fewer of them there. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { PROCESSES = 300, PEOPLE = 20, FIRST_PERSON = 20001, UNSET_NAME = 0 };
#else
enum { PROCESSES = 3000, PEOPLE = 20, FIRST_PERSON = 20001, UNSET_NAME = 0 };
#endif

/* ---- audit ---- */

struct audit_reader {
    int lock, listen, control;
    uint32_t enabled_before;
    bool stop, stamps;
    pthread_t thread;
    struct processes *people;
    unsigned logins;
    int64_t delay_max; /* from a record's stamp to here */
};

static void audit_send(int fd, uint16_t type, const void *data, size_t len)
{
    struct {
        struct nlmsghdr header;
        uint8_t data[256];
    } request = {
        .header = {.nlmsg_len = NLMSG_LENGTH(len), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST}};
    memcpy(request.data, data, len);
    cr_assert_eq(send(fd, &request, request.header.nlmsg_len, 0), (ssize_t)request.header.nlmsg_len);
}

static uint32_t audit_enabled(int fd)
{
    struct {
        struct nlmsghdr header;
        struct audit_status status;
        uint8_t more[256];
    } answer;
    audit_send(fd, AUDIT_GET, "", 0);
    do
        cr_assert_gt(recv(fd, &answer, sizeof(answer), 0), 0, "no answer from audit");
    while (answer.header.nlmsg_type != AUDIT_GET);
    return answer.status.enabled;
}

static void audit_enable(int fd, uint32_t enabled)
{
    struct audit_status status = {.mask = AUDIT_STATUS_ENABLED, .enabled = enabled};
    audit_send(fd, AUDIT_SET, &status, sizeof(status));
}

static uint32_t field(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? (uint32_t)strtoul(at + strlen(key), NULL, 10) : UINT32_MAX;
}

/* "audit(SECONDS.MILLIS:SERIAL): pid=… old-auid=… auid=… tty=… ses=… res=1" */
static void login_record(struct audit_reader *r, const char *text)
{
    long long seconds = 0;
    int millis = 0;
    if (sscanf(text, "audit(%lld.%d", &seconds, &millis) != 2)
        return;
    int64_t stamp = seconds * NS_PER_S + (int64_t)millis * NS_PER_MS, delay = clock_real() - stamp;
    r->delay_max = delay > r->delay_max ? delay : r->delay_max;
    r->logins++;
    process_login_stamped(r->people, (pid_t)field(text, " pid="), field(text, " auid="), field(text, " ses="),
                          NULL, r->stamps ? stamp : 0);
}

static void *audit_main(void *ctx)
{
    struct audit_reader *r = ctx;
    while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
        struct pollfd ready = {.fd = r->listen, .events = POLLIN};
        char bytes[9000];
        if (poll(&ready, 1, 50) <= 0)
            continue;
        ssize_t len = recv(r->listen, bytes, sizeof(bytes) - 1, 0);
        if (len <= NLMSG_HDRLEN)
            continue;
        bytes[len] = 0;
        struct nlmsghdr header;
        memcpy(&header, bytes, sizeof(header));
        if (header.nlmsg_type == AUDIT_LOGIN)
            login_record(r, bytes + NLMSG_HDRLEN);
    }
    return NULL;
}

static int audit_socket(uint32_t groups)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT), size = 16 << 20;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    cr_assert_geq(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%s", strerror(errno));
    return fd;
}

static void audit_start(struct audit_reader *r, struct processes *people, bool stamps)
{
    *r = (struct audit_reader){.people = people, .stamps = stamps};
    r->lock = open("/tmp/fimd-audit.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    cr_assert_eq(flock(r->lock, LOCK_EX), 0);
    r->control = audit_socket(0);
    r->enabled_before = audit_enabled(r->control);
    if (!r->enabled_before)
        audit_enable(r->control, 1);
    r->listen = audit_socket(1 << (AUDIT_NLGRP_READLOG - 1));
    cr_assert_eq(pthread_create(&r->thread, NULL, audit_main, r), 0);
}

static void audit_stop(struct audit_reader *r)
{
    __atomic_store_n(&r->stop, true, __ATOMIC_RELEASE);
    pthread_join(r->thread, NULL);
    if (!r->enabled_before)
        audit_enable(r->control, 0);
    close(r->listen);
    close(r->control);
    close(r->lock);
}

/* ---- events ---- */

struct seen { /* one file that was made */
    struct process *process;
    int64_t at;
    unsigned expected; /* login */
    char label[40];
};

struct reader {
    struct processes *people;
    int fanotify;
    int64_t late;
    bool stop;
    pthread_t thread;
    char dir[40];
    struct seen *seen;
    size_t count, takes;
    int64_t take_total, take_max;
};

static void file_note(struct reader *r, pid_t pid, const char *name)
{
    if (r->count == PROCESSES + 64)
        return;
    int64_t now = clock_mono();
    struct process *process = process_take(r->people, pid, now);
    int64_t spent = clock_mono() - now;
    r->take_total += spent;
    r->take_max = spent > r->take_max ? spent : r->take_max;
    r->takes++;
    struct seen *s = &r->seen[r->count++];
    *s = (struct seen){.process = process, .at = now, .expected = (unsigned)strtoul(name, NULL, 10)};
    snprintf(s->label, sizeof(s->label), "%s", name);
}

/* Copied out piece by piece: an event's length need not be a multiple of eight. */
static void events_take(struct reader *r, const char *bytes, size_t len)
{
    struct fanotify_event_metadata m;
    for (; len >= sizeof(m); bytes += m.event_len, len -= m.event_len) {
        memcpy(&m, bytes, sizeof(m));
        cr_assert(m.event_len >= sizeof(m) && m.event_len <= len && !(m.mask & FAN_Q_OVERFLOW));
        struct fanotify_event_info_header info;
        for (size_t at = sizeof(m); at + sizeof(info) <= m.event_len; at += info.len) {
            uint32_t handle;
            memcpy(&info, bytes + at, sizeof(info));
            memcpy(&handle, bytes + at + sizeof(info) + sizeof(__kernel_fsid_t), sizeof(handle));
            if (info.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME)
                file_note(r, m.pid, bytes + at + sizeof(info) + sizeof(__kernel_fsid_t) + 8 + handle);
        }
    }
}

static void *reader_main(void *ctx)
{
    struct reader *r = ctx;
    bool stop = false;
    while (!stop) {
        struct pollfd ready = {.fd = r->fanotify, .events = POLLIN};
        char bytes[64 << 10] __attribute__((aligned(8)));
        stop = __atomic_load_n(&r->stop, __ATOMIC_ACQUIRE);
        if (poll(&ready, 1, 100) > 0 && r->late)
            usleep((useconds_t)(r->late / NS_PER_US));
        int64_t before = clock_mono();
        ssize_t len = read(r->fanotify, bytes, sizeof(bytes));
        if (len > 0)
            events_take(r, bytes, (size_t)len);
        if (len <= 0)
            process_forget_before(r->people, before);
        stop = stop && len <= 0;
    }
    return NULL;
}

static void reader_start(struct reader *r, struct processes *people, int64_t late)
{
    *r = (struct reader){.people = people, .late = late, .dir = "/tmp/fimd-storm-XXXXXX"};
    r->seen = calloc(PROCESSES + 64, sizeof(*r->seen));
    cr_assert(r->seen && mkdtemp(r->dir));
    cr_assert_eq(chmod(r->dir, 0777), 0);
    r->fanotify =
        fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, O_RDONLY);
    cr_assert_geq(r->fanotify, 0);
    cr_assert_eq(fanotify_mark(r->fanotify, FAN_MARK_ADD, FAN_CREATE, AT_FDCWD, r->dir), 0, "%s",
                 strerror(errno));
    cr_assert_eq(pthread_create(&r->thread, NULL, reader_main, r), 0);
}

static void reader_stop(struct reader *r)
{
    __atomic_store_n(&r->stop, true, __ATOMIC_RELEASE);
    pthread_join(r->thread, NULL);
    close(r->fanotify);
}

static void reader_free(struct reader *r)
{
    char command[80];
    for (size_t i = 0; i < r->count; i++)
        process_drop(r->people, r->seen[i].process);
    free(r->seen);
    snprintf(command, sizeof(command), "rm -rf %s", r->dir);
    cr_assert_eq(system(command), 0);
}

/* Waits as long as process_actor asks for, no longer. */
static struct actor *actor_of(struct processes *people, const struct seen *s)
{
    struct actor *a = NULL;
    int64_t retry = 0, now = clock_mono();
    int r;
    while ((r = process_actor(people, s->process, s->at, now, &a, &retry)) == -EAGAIN) {
        cr_assert_leq(retry, now + NS_PER_S, "never waits longer than a LOGIN may take");
        while ((now = clock_mono()) < retry)
            usleep(1000);
    }
    cr_assert_eq(r, 0);
    return a;
}

/* ---- children: between fork and exec only what is safe in a program with threads ---- */

static void set_login(unsigned person)
{
    char text[12];
    int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC),
        len = snprintf(text, sizeof(text), "%u", person);
    if (fd < 0 || write(fd, text, (size_t)len) != len)
        _exit(9);
    close(fd);
}

static void make(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    _exit(fd < 0 ? 8 : 0);
}

static void child_itself(unsigned person, const char *path)
{
    set_login(person);
    make(path);
}

static void child_of_gone(unsigned person, const char *path)
{
    set_login(person);
    pid_t me = getpid();
    if (fork())
        _exit(0);
    while (getppid() == me)
        sched_yield();
    make(path);
}

static void child_execs(unsigned person, const char *path)
{
    char command[120];
    set_login(person);
    snprintf(command, sizeof(command), "echo x > %s", path);
    execl("/bin/sh", "sh", "-c", command, NULL);
    _exit(7);
}

/* The child was forked long before its parent logged in: it has no login. */
static void child_of_later_login(unsigned person, const char *path)
{
    pid_t child = fork();
    if (!child)
        make(path);
    int status;
    waitpid(child, &status, 0);
    usleep(20000);
    set_login(person);
    _exit(WEXITSTATUS(status));
}

struct shape {
    const char *name;
    void (*run)(unsigned person, const char *path);
    unsigned count;
    bool nobody; /* expected without a login */
};

static const struct shape shapes[] = {
    {"itself, just logged in", child_itself, PROCESSES, false},
    {"its child, the parent gone", child_of_gone, PROCESSES, false},
    {"sh -c, exec'ed by it", child_execs, PROCESSES, false},
    {"forked before its parent's login", child_of_later_login, 200, true},
};

static void shape_spawn(const struct shape *shape, const char *dir)
{
    for (unsigned i = 0; i < shape->count; i++) {
        unsigned person = FIRST_PERSON + i % PEOPLE;
        char path[80];
        snprintf(path, sizeof(path), "%s/%u-%u", dir, shape->nobody ? UNSET_NAME : person, i);
        pid_t pid = fork();
        if (!pid)
            shape->run(person, path);
        int status;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0, "child of \"%s\" ended with %x", shape->name, (unsigned)status);
    }
}

/* Another program that switches audit off meanwhile takes our LOGIN records away: that is no result. */
static void audit_check(const struct audit_reader *a, const struct shape *shape)
{
    fprintf(stderr, "%36u LOGIN records, the latest %.1f ms after its stamp\n", a->logins,
            (double)a->delay_max / 1e6);
    if (a->logins < shape->count)
        cr_skip_test("audit was switched off by somebody else");
}

static void shape_check(const struct shape *shape, struct reader *r, const char *how)
{
    unsigned right = 0, wrong = 0, unknown = 0, programs = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct actor *a = actor_of(r->people, &r->seen[i]);
        unsigned expected = shape->nobody ? ACTOR_UNSET : r->seen[i].expected;
        unknown += !a->login_known;
        right += a->login_known && a->login == expected;
        wrong += a->login_known && a->login != expected;
        programs += a->program.name != NULL;
        actor_unref(a);
    }
    struct process_status status;
    processes_status(r->people, &status);
    fprintf(stderr,
            "%-34s %-8s right %u wrong %u unknown %u of %zu, program %u; take mean %.1f max %.0f us; exec "
            "missed %lu, "
            "gaps %lu, kept %lu\n",
            shape->name, how, right, wrong, unknown, r->count, programs,
            (double)r->take_total / (double)r->takes / 1e3, (double)r->take_max / 1e3, status.exec_missed,
            status.gaps, status.exited_kept);
    cr_expect_eq(r->count, shape->count);
    cr_expect_eq(wrong, 0, "%s, %s", shape->name, how);
    cr_expect_leq(unknown, shape->count / 1000, "%s, %s", shape->name, how);
}

static struct processes *people_open(void)
{
    struct processes *people = NULL;
    struct fault why = {0};
    struct process_options options = {.connector = true, .keep_exited = 16384};
    cr_assert_eq(processes_open(&options, &people, &why), 0, "%s", why.text);
    cr_assert_eq(processes_grade(people), GRADE_PROCESS, "%s", why.text);
    return people;
}

static void storm(const struct shape *shape, int64_t late, bool stamps)
{
    struct processes *people = people_open();
    struct audit_reader audit;
    struct reader reader;
    audit_start(&audit, people, stamps);
    process_logins_come(people, true);
    reader_start(&reader, people, late);
    shape_spawn(shape, reader.dir);
    reader_stop(&reader);
    usleep(200000); /* for the last records */
    audit_stop(&audit);
    audit_check(&audit, shape);
    shape_check(shape, &reader, late ? "10 ms late" : "prompt");
    reader_free(&reader);
    processes_close(people);
}

Test(process_storm, a_login_is_known_at_once, .timeout = 120)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        storm(&shapes[i], 0, true);
}

Test(process_storm, a_login_is_known_by_a_late_reader, .timeout = 120)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        storm(&shapes[i], 10 * NS_PER_MS, true);
}

/* Without stamps only the time of arrival is known: what logs in before it forks must still come right. */
Test(process_storm, a_login_without_its_stamp_is_still_right, .timeout = 120)
{
    for (size_t i = 0; i < 3; i++)
        storm(&shapes[i], 0, false);
}

Test(process_storm, effective_ids_and_the_chain_come_right, .timeout = 60)
{
    static const struct {
        const char *command, *name;
        uint32_t euid;
        const char *chain;
    } cases[] = {
        {"su -s /bin/sh nobody -c 'echo x > $F; :'", "su", 65534, "sh ← su ← sh"},
        {"setpriv --reuid 33 --clear-groups sh -c 'echo x > $F; :'; :", "setpriv", 33, "sh ← sh"},
        /* touch may have ended before its name could be read; who it was and where it came from stand all the same */
        {"setpriv --reuid 33 --clear-groups touch $F; :", "touch", 33, " ← sh"},
        {"sh -c '(sleep 0.01; echo x > $F; :) & :' & :", "subshell", 0, "sh ← sh"},
    };
    struct processes *people = people_open();
    struct audit_reader audit;
    struct reader reader;
    audit_start(&audit, people, true);
    process_logins_come(people, true);
    reader_start(&reader, people, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[80], *environment[] = {path, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
        snprintf(path, sizeof(path), "F=%s/%d-%s", reader.dir, FIRST_PERSON, cases[i].name);
        pid_t pid = fork();
        if (!pid) {
            set_login(FIRST_PERSON);
            execle("/bin/sh", "sh", "-c", cases[i].command, NULL, environment);
            _exit(7);
        }
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        usleep(100000);
    }
    reader_stop(&reader);
    cr_expect_eq(reader.count, sizeof(cases) / sizeof(cases[0]));
    for (size_t i = 0; i < reader.count; i++) {
        struct actor *a = actor_of(people, &reader.seen[i]);
        struct buf chain = {0};
        actor_chain(a, 9, &chain);
        fprintf(stderr, "%-10s login %u euid %u: %s\n", cases[i].name, a->login, a->euid, buf_cstr(&chain));
        cr_expect_eq(a->login, FIRST_PERSON, "%s", cases[i].name);
        cr_expect_eq(a->euid, cases[i].euid, "%s: %u", cases[i].name, a->euid);
        cr_expect_not_null(strstr(buf_cstr(&chain), cases[i].chain), "%s: %s", cases[i].name,
                           buf_cstr(&chain));
        buf_fini(&chain);
        actor_unref(a);
    }
    audit_stop(&audit);
    reader_free(&reader);
    processes_close(people);
}
