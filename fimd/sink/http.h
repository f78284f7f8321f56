/* HTTP requests to one of several hosts, one keep-alive connection each. Wraps libcurl. One thread.
 * Runs in a process that has no rights (sender.h, setup.h), never in the daemon itself. */
#ifndef FIMD_SINK_HTTP_H
#define FIMD_SINK_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "baseline/buf.h"
#include "baseline/fault.h"
#include "fimd/sink/sender_frame.h"

struct http;

struct http_request {
    const char *method;       /* "GET", "PUT", "POST" */
    const char *path;         /* after the base URL, with its query */
    const char *content_type; /* of the body */
    struct blob body;         /* len 0: none */
};

struct http_reply {
    unsigned status;
    struct buf body;          /* owned */
    int64_t retry_after;      /* seconds, 0 none */
    bool elastic;             /* the server says that it is Elasticsearch */
};
void http_reply_fini(struct http_reply *r);

/* Once a process, before any thread; ignores SIGPIPE. 0 or -ENOMEM. */
int http_init(void);
/* Connects to nothing yet. The configuration is copied. 0, -ENOMEM, -EINVAL. */
int http_open(const struct sender_config *config, struct http **ret, struct fault *why);
void http_close(struct http *h);

/* Asks the current host, the next one when there is no answer, and so on once around. 0: there is a reply, be
 * its status what it may (end it with http_reply_fini). -errno: none of them answered. */
int http_ask(struct http *h, const struct http_request *request, struct http_reply *ret, struct fault *why);
/* The next request goes to the next host. */
void http_rotate(struct http *h);
/* The host of the last request. */
const char *http_host(const struct http *h);

#endif
