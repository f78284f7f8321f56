#include "server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MOST = 1 << 20, POLL_MS = 20 };

static size_t documents_in(const char *body)
{
    size_t lines = 0;

    for (; *body; body++)
        lines += *body == '\n';
    return lines / 2;
}

static void send_text(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

static void answer(int fd, const struct server_script *step, const char *request_body)
{
    static char body[REQUEST_MOST], reply[REQUEST_MOST + 512];
    size_t len = 0;
    int n;

    if (step->body) {
        len = (size_t)snprintf(body, sizeof(body), "%s", step->body);
    } else {
        len = (size_t)sprintf(body, "{\"errors\":false,\"items\":[");
        for (size_t i = 0; i < documents_in(request_body); i++)
            len += (size_t)sprintf(body + len, "%s{\"create\":{\"status\":201}}", i ? "," : "");
        len += (size_t)sprintf(body + len, "]}");
    }
    n = snprintf(reply, sizeof(reply), "HTTP/1.1 %u x\r\nContent-Length: %zu\r\n%s\r\n%s", step->status, len,
                 step->headers ? step->headers : "", body);
    send_text(fd, reply, step->hang_up == 2 ? (size_t)n - len / 2 : (size_t)n);
}

static const struct server_script root_reply = {
    200, "X-elastic-product: Elasticsearch\r\n", "{\"version\":{\"number\":\"8.17.0\"}}", 0};

/* One request; false when the connection ends. */
static int serve(struct test_server *s, int fd, char *request)
{
    size_t have = 0, need = 0, step;
    char *body = NULL;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (s->stop)
            return 0;
        if (!poll(&p, 1, POLL_MS))
            continue;
        n = recv(fd, request + have, REQUEST_MOST - have - 1, 0);
        if (n <= 0)
            return 0;
        have += (size_t)n;
        request[have] = '\0';
        if (!body && (body = strstr(request, "\r\n\r\n"))) {
            const char *length = strstr(request, "Content-Length: ");

            body += 4;
            need = (size_t)(body - request) + (length ? strtoul(length + 16, NULL, 10) : 0);
        }
        if (body && have >= need)
            break;
    }
    if (!strstr(request, "_bulk")) {
        answer(fd, &root_reply, "");
        return 1;
    }
    step = s->bulks < s->steps ? s->bulks : s->steps - 1;
    pthread_mutex_lock(&s->lock);
    if (s->bulks < SERVER_REQUESTS_MOST)
        memcpy(s->requests[s->bulks], request, have < SERVER_TEXT_SIZE ? have : SERVER_TEXT_SIZE - 1);
    pthread_mutex_unlock(&s->lock);
    s->bulks++;
    if (s->script[step].hang_up == 1)
        return 0;
    if (s->script[step].hang_up == 3)
        return 1;
    answer(fd, &s->script[step], body);
    return s->script[step].hang_up ? 0 : 1;
}

static void *run(void *ctx)
{
    struct test_server *s = ctx;
    char *request = malloc(REQUEST_MOST);

    while (!s->stop) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        int fd;

        if (!poll(&p, 1, POLL_MS))
            continue;
        fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            continue;
        s->connections++;
        while (serve(s, fd, request))
            ;
        close(fd);
    }
    free(request);
    return NULL;
}

void server_start(struct test_server *s, const struct server_script *script, size_t steps)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    memset(s, 0, sizeof(*s));
    s->script = script;
    s->steps = steps;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(s->fd, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(s->fd, 8), 0);
    cr_assert_eq(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    snprintf(s->url, sizeof(s->url), "http://localhost:%u", ntohs(address.sin_port));
    pthread_mutex_init(&s->lock, NULL);
    cr_assert_eq(pthread_create(&s->thread, NULL, run, s), 0);
}

const char *server_request(struct test_server *s, size_t index)
{
    pthread_mutex_lock(&s->lock);
    pthread_mutex_unlock(&s->lock);
    return s->requests[index];
}

void server_stop(struct test_server *s)
{
    s->stop = 1;
    pthread_join(s->thread, NULL);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
}
