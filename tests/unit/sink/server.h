/* A scripted HTTP server on 127.0.0.1, in a thread of the test. */
#ifndef TESTS_UNIT_SINK_SERVER_H
#define TESTS_UNIT_SINK_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

enum { SERVER_REQUESTS_MOST = 32, SERVER_TEXT_SIZE = 16384 };

struct server_script { /* an answer a request to _bulk, the last one for all that follow */
    unsigned status;
    const char *headers; /* extra lines, each with \r\n; NULL none */
    const char *body;    /* NULL: "created" for every document of the request */
    int hang_up;         /* 1: closes without an answer; 2: answers half of it; 3: stays silent */
};

struct test_server {
    char url[64];
    const struct server_script *script;
    size_t steps;
    int fd;
    pthread_t thread;
    atomic_int stop;
    atomic_size_t bulks, connections;
    pthread_mutex_t lock; /* of requests */
    char requests[SERVER_REQUESTS_MOST][SERVER_TEXT_SIZE]; /* head and body of each _bulk, as sent */
};

void server_start(struct test_server *s, const struct server_script *script, size_t steps);
/* The head and body of a _bulk that has been answered. */
const char *server_request(struct test_server *s, size_t index);
void server_stop(struct test_server *s);

#endif
