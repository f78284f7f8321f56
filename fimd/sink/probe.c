/* GET /, and where that is not allowed (or not there) the version of the node that answers. */
#include "fimd/sink/probe.h"

static int ask(struct http *h, const char *path, struct http_reply *reply, struct fault *why)
{
    struct http_request request = {.method = "GET", .path = path};

    return http_ask(h, &request, reply, why);
}

int probe_server(struct http *h, struct server *ret, struct fault *why)
{
    struct http_reply reply = {0};
    struct server server = {0};
    int error = ask(h, "/", &reply, why);

    if (error)
        return error;
    if (reply.status == 200)
        server_parse_root((const char *)reply.body.data, reply.body.len, &server);
    http_reply_fini(&reply);
    if (!server.known && !ask(h, "/_nodes/_local?filter_path=nodes.*.version", &reply, why)) {
        if (reply.status == 200)
            server_parse_nodes((const char *)reply.body.data, reply.body.len, reply.elastic, &server);
        http_reply_fini(&reply);
    }
    *ret = server;
    return 0;
}
