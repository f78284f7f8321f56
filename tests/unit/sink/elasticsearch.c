/* The sink with its real network process, confined as in life, against a scripted server. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fimd/rt/clock.h"
#include "fimd/sink/sender.h"
#include "sample.h"
#include "server.h"

/* The network process is this very program, started again: what main() does in fimd is done here before
 * criterion looks at the arguments. */
__attribute__((constructor)) static void be_the_sender(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], SENDER_ARGUMENT))
        _exit(sender_main(SENDER_FD));
}

enum { ITEMS_MOST = 8 };

struct rig {
    struct test_server *server;
    struct document_host *host;
    struct output_settings settings;
    struct sink_context context;
    struct sink *sink;
    struct sink_item items[ITEMS_MOST];
    struct event events[ITEMS_MOST];
    char ids[ITEMS_MOST][8];
    int64_t retry_after;
    struct fault why;
    char *directory; /* of a secret; NULL */
};

static const struct sink_class *class(void)
{
    return sink_class_of(OUTPUT_ELASTICSEARCH);
}

static void rig_open(struct rig *r, const struct server_script *script, size_t steps)
{
    memset(r, 0, sizeof(*r));
    r->server = calloc(1, sizeof(*r->server));
    server_start(r->server, script, steps);
    r->host = sample_host();
    r->context.host = r->host;
    r->settings = (struct output_settings){.type = OUTPUT_ELASTICSEARCH,
                                           .name = (char *)"es",
                                           .index = (char *)"logs-fim.event-default",
                                           .timeout = 5 * NS_PER_S};
    strings_add(&r->settings.hosts, r->server->url);
    cr_assert_eq(class()->open(&r->settings, &r->context, &r->sink, &r->why), 0);
    for (size_t i = 0; i < ITEMS_MOST; i++) {
        snprintf(r->ids[i], sizeof(r->ids[i]), "id%zu", i);
        r->events[i].time = 1788513330123000000;
        r->items[i] =
            (struct sink_item){.event = &r->events[i], .id = r->ids[i], .json = "{\"a\":1}", .json_len = 7};
    }
}

static int deliver(struct rig *r, size_t count)
{
    r->retry_after = 0;
    r->why = (struct fault){0};
    return class()->deliver(r->sink, r->items, count, &r->retry_after, &r->why);
}

static void rig_close(struct rig *r)
{
    class()->close(r->sink);
    server_stop(r->server);
    free(r->server);
    strings_fini(&r->settings.hosts);
    document_host_free(r->host);
    if (r->directory)
        sample_remove(r->directory);
}

static const struct server_script taken[] = {{200, NULL, NULL, 0}};

Test(elasticsearch, delivers_over_one_connection, .timeout = 60)
{
    struct rig r;
    char peer[80];

    rig_open(&r, taken, 1);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(deliver(&r, 5), 0, "%s", r.why.text);
        for (size_t k = 0; k < 5; k++)
            cr_expect_eq(r.items[k].verdict, SINK_DELIVERED);
    }
    cr_expect_eq(r.server->connections, 1);
    class()->peer(r.sink, peer, sizeof(peer));
    cr_expect_str_eq(peer, "Elasticsearch 8.17.0");
    cr_expect_not_null(
        strstr(server_request(r.server, 0), "POST /logs-fim.event-default/_bulk?filter_path="));
    cr_expect_not_null(strstr(server_request(r.server, 0), "Content-Type: application/x-ndjson\r\n"));
    cr_expect_not_null(strstr(server_request(r.server, 0), "{\"create\":{\"_id\":\"id0\"}}\n{\"a\":1}\n"));
    cr_expect_null(strstr(server_request(r.server, 0), "Expect:"));
    rig_close(&r);
}

/* /proc tells what the process has become. */
Test(elasticsearch, network_process_has_no_rights, .timeout = 60)
{
    static const char *const wanted[] = {
        "Uid:\t65534\t65534\t65534\t65534\n", "Groups:\t \n",        "CapPrm:\t0000000000000000\n",
        "CapEff:\t0000000000000000\n",       "CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n",
        "NoNewPrivs:\t1\n",                  "Seccomp:\t2\n",
    };
    char path[64], text[8192];
    struct rig r;
    FILE *f;

    if (geteuid() != 0)
        cr_skip("becoming nobody needs root");
    rig_open(&r, taken, 1);
    cr_assert_eq(deliver(&r, 1), 0);
    snprintf(path, sizeof(path), "/proc/%d/status", class()->process(r.sink));
    f = fopen(path, "r");
    cr_assert_not_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        cr_expect_not_null(strstr(text, wanted[i]), "no %s", wanted[i]);
    rig_close(&r);
}

static const struct server_script later[] = {{429, "Retry-After: 7\r\n", "", 0}, {200, NULL, NULL, 0}};
static const struct server_script for_ever[] = {{503, "Retry-After: 86400\r\n", "", 0}};
static const struct server_script too_large[] = {{413, NULL, "", 0}};
static const struct server_script denied[] = {{401, NULL, "<html>", 0}};
static const struct server_script elsewhere[] = {{404, NULL, "", 0}};
static const struct server_script nonsense[] = {{200, NULL, "{\"items\":[]}", 0}};
static const struct server_script gone[] = {{200, NULL, NULL, 1}};
static const struct server_script cut[] = {{200, NULL, NULL, 2}};
static const struct server_script refused[] = {
    {400, NULL, "{\"error\":{\"type\":\"t\",\"reason\":\"r\"}}", 0}};

#define POISON(type) "{\"create\":{\"status\":400,\"error\":{\"type\":\"" type "\",\"reason\":\"r\"}}}"
#define FORBIDDEN "{\"create\":{\"status\":403,\"error\":{\"type\":\"security_exception\",\"reason\":\"r\"}}}"
static const struct server_script alike[] = {{200, NULL, "{\"items\":[" POISON("a") "," POISON("a") "]}", 0}};
static const struct server_script forbidden[] = {{200, NULL, "{\"items\":[" FORBIDDEN "," FORBIDDEN "]}", 0}};

static const struct {
    const char *name;
    const struct server_script *script;
    int result;
    int64_t retry_after;
    const char *words;
} whole[] = {
    {"429", later, -EAGAIN, 7, "HTTP 429"},
    {"Retry-After of a day is capped", for_ever, -EAGAIN, 60, "HTTP 503"},
    {"413", too_large, -EMSGSIZE, 0, ""},
    {"401", denied, -EACCES, 30, "create_doc"},
    {"404", elsewhere, -EPROTO, 30, "is this the address of an Elasticsearch"},
    {"another number of items", nonsense, -EAGAIN, 0, "cannot be read"},
    {"hung up", gone, -EHOSTUNREACH, 0, "localhost"},
    {"hung up in the middle", cut, -EHOSTUNREACH, 0, "localhost"},
    {"400, whatever is sent", refused, -EPROTO, 30, "refused the same way"},
    {"all refused alike", alike, -EPROTO, 30, "2 of 2 documents were refused the same way"},
    {"all forbidden", forbidden, -EACCES, 30, "security_exception"},
};

Test(elasticsearch, trouble_with_the_whole_settles_nothing, .timeout = 120)
{
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        struct rig r;

        rig_open(&r, whole[i].script, 1);
        cr_expect_eq(deliver(&r, 2), whole[i].result, "%s: %s", whole[i].name, r.why.text);
        cr_expect_eq(r.retry_after, whole[i].retry_after * NS_PER_S, "%s", whole[i].name);
        cr_expect_not_null(strstr(r.why.text, whole[i].words), "%s: %s", whole[i].name, r.why.text);
        cr_expect(r.items[0].verdict == SINK_RETRY && r.items[1].verdict == SINK_RETRY, "%s", whole[i].name);
        rig_close(&r);
    }
}

static const struct server_script mixed[] = {{200, NULL,
    "{\"items\":[{\"create\":{\"status\":201}}," POISON("mapper") ",{\"create\":{\"status\":429}},"
    "{\"create\":{\"status\":409}}]}", 0}};

Test(elasticsearch, each_document_has_its_own_verdict, .timeout = 60)
{
    static const enum sink_verdict verdicts[] = {SINK_DELIVERED, SINK_DEAD, SINK_RETRY, SINK_DELIVERED};
    struct rig r;

    rig_open(&r, mixed, 1);
    cr_assert_eq(deliver(&r, 4), 0);
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(r.items[i].verdict, verdicts[i], "document %zu", i);
    cr_expect_str_eq(r.items[1].reason, "mapper: r");
    rig_close(&r);
}

/* 400 for four, for the first two, and for the first of them: it is the poison. */
static const struct server_script bisected[] = {
    {200, NULL, NULL, 0},
    {400, NULL, "{\"error\":{\"type\":\"t\",\"reason\":\"r\"}}", 0},
    {400, NULL, "{\"error\":{\"type\":\"t\",\"reason\":\"r\"}}", 0},
    {400, NULL, "{\"error\":{\"type\":\"t\",\"reason\":\"r\"}}", 0},
    {200, NULL, NULL, 0},
};

Test(elasticsearch, refused_request_is_halved_until_the_poison_is_found, .timeout = 60)
{
    struct rig r;

    rig_open(&r, bisected, 5);
    cr_assert_eq(deliver(&r, 1), 0);
    cr_assert_eq(deliver(&r, 4), 0, "%s", r.why.text);
    cr_expect_eq(r.items[0].verdict, SINK_DEAD);
    for (size_t i = 1; i < 4; i++)
        cr_expect_eq(r.items[i].verdict, SINK_DELIVERED, "document %zu", i);
    rig_close(&r);
}

static const struct server_script one_too_large[] = {{200, NULL, NULL, 0}, {413, NULL, "", 0}};

Test(elasticsearch, single_document_too_large_is_dead, .timeout = 60)
{
    struct rig r;

    rig_open(&r, one_too_large, 2);
    cr_assert_eq(deliver(&r, 1), 0);
    cr_assert_eq(deliver(&r, 1), 0);
    cr_expect_eq(r.items[0].verdict, SINK_DEAD);
    cr_expect_not_null(strstr(r.items[0].reason, "413"));
    rig_close(&r);
}

Test(elasticsearch, dated_index_is_named_by_the_document, .timeout = 60)
{
    struct rig r;

    rig_open(&r, taken, 1);
    r.settings.index = (char *)"audit-%Y.%m.%d";
    cr_assert_eq(deliver(&r, 1), 0);
    cr_expect_not_null(strstr(server_request(r.server, 0), "POST /_bulk?"));
    cr_expect_not_null(strstr(server_request(r.server, 0), "\"_index\":\"audit-2026.09.04\""));
    rig_close(&r);
}

Test(elasticsearch, body_is_packed_when_asked, .timeout = 60)
{
    static char long_json[2048];
    struct rig r;

    rig_open(&r, cut, 1);
    r.settings.gzip = true;
    memset(long_json, 'x', sizeof(long_json));
    memcpy(long_json, "{\"a\":\"", 6);
    memcpy(long_json + sizeof(long_json) - 2, "\"}", 2);
    r.items[0].json = long_json;
    r.items[0].json_len = sizeof(long_json);
    deliver(&r, 1);
    cr_expect_not_null(strstr(server_request(r.server, 0), "Content-Encoding: gzip\r\n"));
    rig_close(&r);
}

Test(elasticsearch, next_host_is_asked_when_one_is_down, .timeout = 60)
{
    struct rig r;
    char *last;

    rig_open(&r, taken, 1);
    last = r.settings.hosts.list[0];
    r.settings.hosts.list[0] = strdup("http://127.0.0.1:1");
    strings_add(&r.settings.hosts, last);
    free(last);
    cr_expect_eq(deliver(&r, 2), 0, "%s", r.why.text);
    cr_expect_eq(r.items[1].verdict, SINK_DELIVERED);
    rig_close(&r);
}

static const struct server_script renewed[] = {{401, NULL, "", 0}, {200, NULL, NULL, 0}};

static void write_secret(struct rig *r, const char *text)
{
    FILE *f = fopen(r->settings.api_key_file, "w");

    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

Test(elasticsearch, credentials_are_read_again_when_denied, .timeout = 60)
{
    struct rig r;
    char path[128];

    rig_open(&r, renewed, 2);
    r.directory = sample_directory();
    snprintf(path, sizeof(path), "%s/key", r.directory);
    r.settings.api_key_file = path;
    write_secret(&r, "b2xk\n");
    chmod(r.directory, 0700);
    cr_expect_eq(deliver(&r, 1), -EACCES);
    write_secret(&r, "bmV3\n");
    cr_expect_eq(deliver(&r, 1), 0, "%s", r.why.text);
    cr_expect_not_null(strstr(server_request(r.server, 0), "Authorization: ApiKey b2xk\r\n"));
    cr_expect_not_null(strstr(server_request(r.server, 1), "Authorization: ApiKey bmV3\r\n"));
    rig_close(&r);
}

Test(elasticsearch, missing_secret_names_the_file, .timeout = 60)
{
    struct rig r;

    rig_open(&r, taken, 1);
    r.settings.api_key_file = (char *)"/nonexistent/key";
    cr_expect_eq(deliver(&r, 1), -ENOENT);
    cr_expect_not_null(strstr(r.why.text, "/nonexistent/key"));
    rig_close(&r);
}

Test(elasticsearch, killed_network_process_is_started_again, .timeout = 60)
{
    struct rig r;
    pid_t first;
    int result;

    rig_open(&r, taken, 1);
    cr_assert_eq(deliver(&r, 1), 0);
    first = class()->process(r.sink);
    cr_assert_gt(first, 0);
    kill(first, SIGKILL);
    do
        result = deliver(&r, 1);
    while (result == 0 && class()->process(r.sink) == first);
    cr_expect(result == -EPIPE || result == 0);
    if (result)
        cr_expect_not_null(strstr(r.why.text, "signal 9"), "%s", r.why.text);
    for (int i = 0; i < 50 && result; i++) {
        usleep(20000);
        result = deliver(&r, 1);
    }
    cr_expect_eq(result, 0, "%s", r.why.text);
    cr_expect_neq(class()->process(r.sink), first);
    rig_close(&r);
}

static const struct server_script silent[] = {{200, NULL, NULL, 3}};

static void *interrupt_soon(void *ctx)
{
    struct rig *r = ctx;

    while (!r->server->bulks)
        usleep(10000);
    class()->interrupt(r->sink);
    return NULL;
}

Test(elasticsearch, waiting_for_a_silent_server_can_be_interrupted, .timeout = 60)
{
    struct rig r;
    int64_t began = clock_mono();
    pthread_t thread;

    rig_open(&r, silent, 1);
    r.settings.timeout = 30 * NS_PER_S;
    cr_assert_eq(pthread_create(&thread, NULL, interrupt_soon, &r), 0);
    cr_expect_eq(deliver(&r, 1), -EPIPE, "%s", r.why.text);
    pthread_join(thread, NULL);
    cr_expect_lt(clock_mono() - began, 10 * NS_PER_S);
    cr_expect_eq(r.items[0].verdict, SINK_RETRY);
    rig_close(&r);
}

Test(elasticsearch, silent_server_is_given_up_after_the_timeout, .timeout = 60)
{
    struct rig r;

    rig_open(&r, silent, 1);
    r.settings.timeout = NS_PER_S;
    cr_expect_eq(deliver(&r, 1), -EHOSTUNREACH);
    cr_expect_not_null(strstr(r.why.text, "timed out"), "%s", r.why.text);
    rig_close(&r);
}

/* A program that is no sender at all: restarts are put off longer and longer. */
Test(elasticsearch, network_process_that_ends_at_once_is_not_restarted_at_once, .timeout = 60)
{
    struct rig r;
    int result;

    rig_open(&r, taken, 1);
    r.context.sender_program = "/bin/true";
    for (int i = 0; i < 4; i++) {
        result = deliver(&r, 1);
        cr_expect(result == -EPIPE || result == -ECHILD, "%d: %s", result, r.why.text);
        if (result == -ECHILD)
            break;
    }
    cr_expect_eq(result, -ECHILD);
    cr_expect_gt(r.retry_after, 0);
    rig_close(&r);
}

Test(elasticsearch, impossible_index_is_told_at_once)
{
    struct output_settings settings = {.name = (char *)"es", .index = (char *)"Logs"};
    struct sink_context context = {0};
    struct fault why = {0};
    struct sink *sink;

    cr_expect_eq(class()->open(&settings, &context, &sink, &why), -EINVAL);
    cr_expect_not_null(strstr(why.text, "capitals"));
}
