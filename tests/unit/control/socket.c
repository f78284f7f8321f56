/* The socket with a server and clients in one process; the hostile ones write their bytes by hand. */
#include "fimd/control/control.h"

#include "fimd/control/requests.h"
#include "fimd/rt/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/fimd-control-XXXXXX";
static char path[sizeof(dir) + 20];
static atomic_int waiting;

static int echo(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    struct json *answer = json_object();

    (void)ctx;
    json_put_text(answer, "said", json_get_text(request, "say"));
    json_put_int(answer, "pid", peer->pid);
    json_put_uint(answer, "uid", peer->uid);
    for (int64_t i = 0; i < json_get_int(request, "times", 1); i++)
        if (control_say(call, answer) < 0)
            break;
    json_free(answer);
    return (int)json_get_int(request, "code", 0);
}

/* A long command: until nobody waits for it. */
static int wait_long(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    (void)ctx;
    (void)request;
    (void)peer;
    atomic_fetch_add(&waiting, 1);
    while (!control_gone(call))
        usleep(2000);
    atomic_fetch_sub(&waiting, 1);
    return control_fail(call, EXIT_NOT_SO, "not %s", "finished");
}

static const struct control_command commands[] = {{"echo", echo}, {"wait", wait_long}};

static struct control_server *opened(void)
{
    struct control_server *s = NULL;
    struct fault why = {0};

    atomic_store(&waiting, 0);
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/run/s", dir);
    cr_assert_eq(control_open(path, commands, 2, NULL, &s, &why), 0, "%s", why.text);
    return s;
}

static void closed(struct control_server *s)
{
    char run[sizeof(path)];

    control_close(s);
    cr_expect_eq(access(path, F_OK), -1, "the socket's file is gone");
    snprintf(run, sizeof(run), "%s/run", dir);
    rmdir(run);
    rmdir(dir);
}

static void last_said(void *ctx, const struct json *answer)
{
    struct buf *b = ctx;

    buf_reset(b);
    json_print(answer, b);
    buf_cstr(b);
}

static int ask(const char *text, struct buf *ret)
{
    struct json *request = json_parse(text, strlen(text));
    struct fault why = {0};
    int r = control_ask(path, request, last_said, ret, &why);

    json_free(request);
    return r;
}

static int dial(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 8};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0, "%s", strerror(errno));
    return fd;
}

/* Everything that comes until the other end closes. */
static const char *rest(int fd, char *ret, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while (len < size - 1 && (n = recv(fd, ret + len, size - 1 - len, 0)) > 0)
        len += (size_t)n;
    ret[len] = '\0';
    close(fd);
    return ret;
}

Test(control, a_command_answers_and_its_code_comes_through)
{
    struct control_server *s = opened();
    struct buf b = {0}, want = {0};
    struct stat st;

    cr_expect_eq(ask("{\"command\":\"echo\",\"say\":\"hi\",\"code\":78}", &b), 78);
    buf_printf(&want, "{\"said\":\"hi\",\"pid\":%d,\"uid\":%u}", (int)getpid(), getuid());
    cr_expect_str_eq(buf_cstr(&b), buf_cstr(&want));
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 07777, 0600);
    cr_expect_eq(ask("{\"command\":\"rm\"}", &b), EXIT_BAD_USAGE);
    cr_expect(strstr(buf_cstr(&b), "unknown command \\\"rm\\\""));
    buf_fini(&b);
    buf_fini(&want);
    closed(s);
}

static void count(void *ctx, const struct json *answer)
{
    (void)answer;
    ++*(int *)ctx;
}

Test(control, many_answers_come_whole_and_in_order)
{
    struct control_server *s = opened();
    const char text[] = "{\"command\":\"echo\",\"times\":30000,\"say\":\"a long line that fills the socket's buffer\"}";
    struct json *request = json_parse(text, strlen(text));
    int n = 0;

    cr_expect_eq(control_ask(path, request, count, &n, NULL), 0);
    cr_expect_eq(n, 30000);
    json_free(request);
    closed(s);
}

static const struct {
    const char *name, *bytes, *error;
} hostile[] = {
    {"no JSON", "GET / HTTP/1.0\r\n", "no JSON"},
    {"an empty line", "\n", "no JSON"},
    {"no command", "{\"status\":1}\n", "no \\\"command\\\""},
    {"two requests", "{\"command\":\"echo\"}\n{\"command\":\"echo\"}\n", "one request"},
    {"hung up in the middle", "{\"command\":", "before its newline"},
};

Test(control, hostile_bytes_get_an_error_and_the_next_client_is_served)
{
    struct control_server *s = opened();
    char text[4096];
    struct buf b = {0};

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        int fd = dial();

        cr_assert_eq(send(fd, hostile[i].bytes, strlen(hostile[i].bytes), 0), (ssize_t)strlen(hostile[i].bytes));
        shutdown(fd, SHUT_WR);
        rest(fd, text, sizeof(text));
        cr_expect(strstr(text, hostile[i].error), "%s: %s", hostile[i].name, text);
        cr_expect(strstr(text, "{\"exit\":64}\n"), "%s: %s", hostile[i].name, text);
    }
    cr_expect_eq(ask("{\"command\":\"echo\"}", &b), 0);
    buf_fini(&b);
    closed(s);
}

Test(control, an_endless_request_ends_at_64_KiB)
{
    struct control_server *s = opened();
    static char flood[1 << 20], text[4096];
    int fd = dial();

    memset(flood, 'x', sizeof(flood));
    send(fd, flood, sizeof(flood), MSG_NOSIGNAL);
    cr_expect(strstr(rest(fd, text, sizeof(text)), "at most 65536 bytes"), "%s", text);
    closed(s);
}

Test(control, a_client_that_dawdles_is_sent_away_after_5_seconds)
{
    struct control_server *s = opened();
    int64_t start = clock_mono();
    struct pollfd p = {.fd = dial(), .events = POLLIN};
    char text[4096];

    while (poll(&p, 1, 700) == 0) /* a byte now and then does not help */
        send(p.fd, " ", 1, MSG_NOSIGNAL);
    cr_expect(strstr(rest(p.fd, text, sizeof(text)), "within 5 s"), "%s", text);
    cr_expect_lt(llabs((long long)(clock_mono() - start - 5 * NS_PER_S)), NS_PER_S);
    closed(s);
}

Test(control, the_seventeenth_client_is_told_to_come_again)
{
    struct control_server *s = opened();
    struct buf b = {0};
    int fds[16];

    for (int i = 0; i < 16; i++) {
        fds[i] = dial();
        send(fds[i], "{\"command\":\"wait\"}\n", 19, 0);
    }
    while (atomic_load(&waiting) < 16)
        usleep(1000);
    cr_expect_eq(ask("{\"command\":\"echo\"}", &b), EXIT_INTERNAL);
    cr_expect(strstr(buf_cstr(&b), "too many clients"));
    for (int i = 0; i < 16; i++)
        close(fds[i]);
    for (int i = 0; i < 2000 && atomic_load(&waiting) > 0; i++)
        usleep(1000);
    cr_expect_eq(atomic_load(&waiting), 0, "who hangs up ends his command");
    usleep(20000);
    cr_expect_eq(ask("{\"command\":\"echo\"}", &b), 0);
    buf_fini(&b);
    closed(s);
}

Test(control, closing_ends_a_long_command)
{
    struct control_server *s = opened();
    int fd = dial();
    char text[400];

    send(fd, "{\"command\":\"wait\"}\n", 19, 0);
    while (atomic_load(&waiting) < 1)
        usleep(1000);
    closed(s);
    rest(fd, text, sizeof(text));
    cr_expect_str_eq(text, "{\"error\":\"not finished\"}\n{\"exit\":1}\n");
}

Test(control, nobody_home_is_told_apart_from_no_permission)
{
    struct fault why = {0};
    struct json *request = json_object();

    cr_expect_eq(control_ask("/tmp/fimd-none/s", request, NULL, NULL, &why), -ENOENT);
    cr_expect(strstr(why.text, "not running"), "%s", why.text);
    cr_expect_eq(control_ask("", request, NULL, NULL, &why), -ENAMETOOLONG);
    json_free(request);
}

Test(control, a_socket_left_behind_is_taken_over_and_a_file_is_not)
{
    struct control_server *s = opened(), *other = NULL;
    struct fault why = {0};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd;

    cr_expect_eq(control_open(path, commands, 2, NULL, &other, &why), -EADDRINUSE, "%s", why.text);
    control_close(s);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    close(fd); /* what a killed daemon leaves */
    cr_assert_eq(control_open(path, commands, 2, NULL, &s, &why), 0, "%s", why.text);
    control_close(s);
    fclose(fopen(path, "w"));
    cr_expect_eq(control_open(path, commands, 2, NULL, &s, &why), -EEXIST, "%s", why.text);
    unlink(path);
    closed(NULL);
}

struct imposter {
    int fd;
    const char *text;
};

static void *play(void *arg)
{
    struct imposter *i = arg;
    int fd = accept(i->fd, NULL, NULL);
    char request[100];

    recv(fd, request, sizeof(request), 0);
    send(fd, i->text, strlen(i->text), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

Test(control, a_server_that_dies_or_babbles_is_an_error)
{
    static const struct {
        const char *text;
        int result;
    } cases[] = {{"", -ECONNRESET}, {"{\"half\":", -ECONNRESET}, {"220 smtp\n", -EBADMSG}, {"{}\n{\"exit\":3}\n", 3}};
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct imposter who = {.fd = socket(AF_UNIX, SOCK_STREAM, 0), .text = cases[i].text};
        struct json *request = json_object();
        pthread_t thread;

        bind(who.fd, (struct sockaddr *)&a, sizeof(a));
        listen(who.fd, 1);
        pthread_create(&thread, NULL, play, &who);
        cr_expect_eq(control_ask(path, request, NULL, NULL, NULL), cases[i].result, "%s", cases[i].text);
        pthread_join(thread, NULL);
        close(who.fd);
        unlink(path);
        json_free(request);
    }
    rmdir(dir);
}
