/* The steps of the set-up:
 *
 *   probe ─► pipeline (has it `set`?) ─► lifecycle (ILM, or ISM) ─► template with what is there ─► is it taken?
 *
 * What exists already under our names and is a person's to change (the lifecycle) is kept; the template and
 * the pipeline are fimd's own and are brought up to date. */
#include "fimd/sink/setup_steps.h"

#include "fimd/rt/clock.h"
#include "fimd/rt/json.h"
#include "fimd/sink/index.h"
#include "fimd/sink/probe.h"
#include "fimd/sink/setup_bodies.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_SIZE = 1024, PATH_SIZE = 512, OLDEST_MAJOR = 7, OLDEST_MINOR = 9, OLDEST_OPENSEARCH = 1 };

struct setup {
    struct http *http;
    const char *index;
    bool dry_run;
    setup_line_fn line;
    void *ctx;
    struct server server;
    bool lifecycle, pipeline; /* ours is there, so the template may name it */
};

__attribute__((format(printf, 2, 3)))
static void say(struct setup *s, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    s->line(s->ctx, line);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static int ask(struct setup *s, const char *method, const char *path, const struct json *body,
               struct http_reply *reply, struct fault *why)
{
    struct http_request request = {.method = method, .path = path, .content_type = "application/json"};
    struct buf text = {0};
    int error;

    if (body && !json_print(body, &text)) {
        buf_fini(&text);
        return fault_set(why, ENOMEM, "%s: %s", path, strerror(ENOMEM));
    }
    request.body = (struct blob){text.data, text.len};
    error = http_ask(s->http, &request, reply, why);
    buf_fini(&text);
    return error;
}

/* The status of a GET, its reply's JSON in *ret (may be NULL: not wanted; NULL when there is none). */
static int look(struct setup *s, const char *path, struct json **ret, struct fault *why)
{
    struct http_reply reply = {0};
    int error = ask(s, "GET", path, NULL, &reply, why);

    if (error)
        return error;
    if (ret)
        *ret = reply.body.data ? json_parse((const char *)reply.body.data, reply.body.len) : NULL;
    http_reply_fini(&reply);
    return (int)reply.status;
}

static void words_of(const struct http_reply *reply, char *ret, size_t size)
{
    struct json *root = reply->body.data ? json_parse((const char *)reply->body.data, reply->body.len) : NULL;
    const struct json *error = json_get(root, "error");
    const char *reason = json_get_text(error, "reason");

    reason = reason ? reason : json_text(error);
    snprintf(ret, size, "HTTP %u%s%.300s", reply->status, reason ? " " : "", reason ? reason : "");
    json_free(root);
}

/* A line of pretty-printed JSON, its tabs as blanks. */
static void show_line(struct setup *s, const char *line)
{
    size_t depth = strspn(line, "\t");

    say(s, "%*s%s", (int)(2 * depth), "", line + depth);
}

/* Shown as it could be pasted into the server's console. */
static void show(struct setup *s, const char *path, const struct json *body)
{
    struct buf text = {0};

    say(s, "PUT %s", path);
    if (json_print_pretty(body, &text) && buf_cstr(&text)) {
        char *at = (char *)text.data, *state = NULL;

        for (char *line = strtok_r(at, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
            show_line(s, line);
    }
    buf_fini(&text);
}

/* The HTTP status of a PUT, or -errno; words: the server's when it refuses. */
static int put(struct setup *s, const char *path, const struct json *body, char *words, size_t size,
               struct fault *why)
{
    struct http_reply reply = {0};
    int error;

    words[0] = '\0';
    if (!body)
        return fault_set(why, ENOMEM, "%s: %s", path, strerror(ENOMEM));
    if (s->dry_run) {
        show(s, path, body);
        return 200;
    }
    error = ask(s, "PUT", path, body, &reply, why);
    if (error)
        return error;
    if (reply.status >= 300)
        words_of(&reply, words, size);
    http_reply_fini(&reply);
    return (int)reply.status;
}

/* Rights are never a reason to go on without a part: the account is the wrong one. */
static int denied(int status, const char *what, const char *words, struct fault *why)
{
    if (status != 401 && status != 403)
        return 0;
    return fault_set(why, EACCES,
                     "%s: %s; the set-up needs an account with manage_index_templates, manage_ilm and "
                     "manage_pipeline, the daemon does not",
                     what, words);
}

/* --- what server ---------------------------------------------------------------------------------------- */

static int step_probe(struct setup *s, struct fault *why)
{
    char text[80];
    int error = probe_server(s->http, &s->server, why);

    if (error)
        return error;
    server_describe(&s->server, text, sizeof(text));
    say(s, "server: %s at %s", s->server.known ? text : "does not say what it is, taken for Elasticsearch",
        http_host(s->http));
    if (!s->server.known)
        return 0;
    if (s->server.opensearch ? s->server.major < OLDEST_OPENSEARCH
                             : s->server.major < OLDEST_MAJOR ||
                                   (s->server.major == OLDEST_MAJOR && s->server.minor < OLDEST_MINOR))
        return fault_set(why, ENOTSUP, "%s has no data streams; fimd needs Elasticsearch 7.9 or OpenSearch 1",
                         text);
    return 0;
}

/* --- pipeline ------------------------------------------------------------------------------------------- */

static bool names_set(const struct json *processors)
{
    for (const struct json *p = json_first(processors); p; p = json_next(p)) {
        const char *type = json_get_text(p, "type");

        if (type && !strcmp(type, "set"))
            return true;
    }
    return false;
}

/* Does any node know the processor? -errno, 0, 1; also 1 when we may not ask. */
static int has_set(struct setup *s, struct fault *why)
{
    struct json *root = NULL;
    int status = look(s, "/_nodes/ingest?filter_path=nodes.*.ingest.processors.type", &root, why);
    int found = status != 200;

    for (const struct json *n = json_first(json_get(root, "nodes")); n && !found; n = json_next(n))
        found = names_set(json_get(json_get(n, "ingest"), "processors"));
    json_free(root);
    return status < 0 ? status : found;
}

static int step_pipeline(struct setup *s, struct fault *why)
{
    struct json *body = setup_pipeline_body();
    char words[400];
    int found = has_set(s, why), status = found;

    if (found > 0)
        status = put(s, "/_ingest/pipeline/fimd", body, words, sizeof(words), why);
    json_free(body);
    if (status < 0 || (found && denied(status, "pipeline", words, why)))
        return status < 0 ? status : -EACCES;
    s->pipeline = found && status < 300;
    if (s->pipeline)
        say(s, "pipeline: fimd sets event.ingested");
    else
        say(s,
            "pipeline: left out (%s); events have no event.ingested, by which detection rules find late ones",
            found ? words : "the server has no processor `set`");
    return 0;
}

/* --- lifecycle ------------------------------------------------------------------------------------------ */

static int step_lifecycle(struct setup *s, struct fault *why)
{
    bool open = s->server.opensearch;
    const char *path = open ? "/_plugins/_ism/policies/fimd" : "/_ilm/policy/fimd";
    struct json *body;
    char words[400];
    int status = look(s, path, NULL, why);

    if (status == 200) {
        s->lifecycle = !open;
        say(s, "lifecycle: the policy fimd is there, and kept as it is");
        return 0;
    }
    if (status < 0)
        return status;
    body = open ? setup_ism_body(s->index) : setup_ilm_body(index_is_dated(s->index));
    status = status == 404 || status == 401 || status == 403 || s->dry_run
                 ? put(s, path, body, words, sizeof(words), why)
                 : (snprintf(words, sizeof(words), "HTTP %d", status), status);
    json_free(body);
    if (status < 0 || denied(status, "lifecycle", words, why))
        return status < 0 ? status : -EACCES;
    s->lifecycle = !open && status < 300; /* ISM finds its indices by itself */
    if (status < 300)
        say(s, "lifecycle: the policy fimd keeps events for 400 days");
    else
        say(s, "lifecycle: left out (%s); nothing deletes old events", words);
    return 0;
}

/* --- template ------------------------------------------------------------------------------------------- */

static void template_path(const struct setup *s, char ret[PATH_SIZE])
{
    char pattern[INDEX_NAME_SIZE];

    if (index_wildcard(s->index, pattern))
        pattern[0] = '\0';
    for (char *star; (star = strchr(pattern, '*'));)
        memmove(star, star + 1, strlen(star));
    snprintf(ret, PATH_SIZE, "/_index_template/fimd-%s", pattern);
}

static int step_template(struct setup *s, struct fault *why)
{
    struct setup_template wanted = {s->index, s->lifecycle, s->pipeline};
    struct json *body = setup_template_body(&wanted);
    char path[PATH_SIZE], words[400];
    int status;

    template_path(s, path);
    status = put(s, path, body, words, sizeof(words), why);
    json_free(body);
    if (status < 0 || denied(status, "template", words, why))
        return status < 0 ? status : -EACCES;
    if (status >= 300)
        return fault_set(why, EPROTO, "template: %s", words);
    say(s, "template: %s for %s", strrchr(path, '/') + 1, s->index);
    return 0;
}

/* The server says what an index of this name would get: another template of a higher priority may be in the
 * way. */
static int step_check(struct setup *s, struct fault *why)
{
    char name[INDEX_NAME_SIZE], path[PATH_SIZE];
    struct http_reply reply = {0};
    struct json *root;
    bool ours;
    int error;

    if (s->dry_run)
        return 0;
    if (index_of(s->index, clock_real(), name))
        return fault_set(why, EINVAL, "index '%s': the name is too long", s->index);
    snprintf(path, sizeof(path), "/_index_template/_simulate_index/%s", name);
    error = ask(s, "POST", path, NULL, &reply, why);
    if (error)
        return error;
    root = reply.body.data ? json_parse((const char *)reply.body.data, reply.body.len) : NULL;
    ours = json_get(json_get(json_get(json_get(root, "template"), "mappings"), "properties"), "fimd") != NULL;
    json_free(root);
    http_reply_fini(&reply);
    if (reply.status != 200)
        say(s, "check: the server does not tell which template %s would get (HTTP %u)", name, reply.status);
    else if (!ours)
        return fault_set(why, EEXIST,
                         "template: %s would get another template than fimd's, of a higher priority; see "
                         "GET /_index_template",
                         name);
    else
        say(s, "check: %s gets this template", name);
    return 0;
}

static void hint_at_rollover(struct setup *s)
{
    char path[PATH_SIZE];
    struct fault ignored;

    if (index_is_dated(s->index))
        return;
    snprintf(path, sizeof(path), "/_data_stream/%s", s->index);
    if (look(s, path, NULL, &ignored) == 200)
        say(s, "note: %s exists; the template holds from its next rollover on (POST /%s/_rollover)", s->index,
            s->index);
}

int setup_run(struct http *http, const char *index, bool dry_run, setup_line_fn line, void *ctx,
              struct fault *why)
{
    static int (*const steps[])(struct setup *, struct fault *) = {
        step_probe, step_pipeline, step_lifecycle, step_template, step_check,
    };
    struct setup s = {.http = http, .index = index, .dry_run = dry_run, .line = line, .ctx = ctx};
    int error = 0;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !error; i++)
        error = steps[i](&s, why);
    if (!error)
        hint_at_rollover(&s);
    return error;
}
