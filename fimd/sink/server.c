/* Distribution and version of a server. */
#include "fimd/sink/server.h"

#include "fimd/rt/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int take_version(const char *version, bool opensearch, struct server *ret)
{
    struct server s = {.known = true, .opensearch = opensearch};

    if (!version || strlen(version) >= sizeof(s.version) ||
        sscanf(version, "%3u.%3u", &s.major, &s.minor) != 2)
        return -EBADMSG;
    strcpy(s.version, version);
    *ret = s;
    return 0;
}

int server_parse_root(const char *body, size_t len, struct server *ret)
{
    struct json *root = json_parse(body, len);
    const struct json *version = json_get(root, "version");
    const char *distribution = json_get_text(version, "distribution");
    int error = take_version(json_get_text(version, "number"),
                             distribution && !strcmp(distribution, "opensearch"), ret);

    json_free(root);
    return error;
}

int server_parse_nodes(const char *body, size_t len, bool elastic, struct server *ret)
{
    struct json *root = json_parse(body, len);
    int error = take_version(json_get_text(json_first(json_get(root, "nodes")), "version"), !elastic, ret);

    json_free(root);
    return error;
}

void server_describe(const struct server *s, char *ret, size_t size)
{
    if (s->known)
        snprintf(ret, size, "%s %s", s->opensearch ? "OpenSearch" : "Elasticsearch", s->version);
    else if (size)
        ret[0] = '\0';
}
