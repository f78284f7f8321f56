/* What kind of server it is, and of which version: from what it says of itself. Pure. */
#ifndef FIMD_SINK_SERVER_H
#define FIMD_SINK_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct server {
    bool known, opensearch;
    unsigned major, minor;
    char version[32];
};

/* The reply to GET /. -EBADMSG when it is no such reply; ret is then untouched. */
int server_parse_root(const char *body, size_t len, struct server *ret);
/* The reply to GET /_nodes/_local?filter_path=nodes.*.version, and whether its header called it
 * Elasticsearch. */
int server_parse_nodes(const char *body, size_t len, bool elastic, struct server *ret);
/* "Elasticsearch 8.19.2"; "" unknown. */
void server_describe(const struct server *s, char *ret, size_t size);

#endif
