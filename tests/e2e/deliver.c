/* Delivers a number of made-up changes to a server by the sink `elasticsearch`, with the patience of the
 * daemon: what is not settled comes again, smaller when it was too large, until all is settled or time is up.
 * Then one line of JSON says how it went. Driven by tests/e2e/elasticsearch.
 *
 *   e2e_deliver --host URL --from N --to N [--batch N] [--poison N] [--large N] [--for SECONDS] [an output's…]
 *   e2e_deliver --host URL --setup [--dry-run]
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "baseline/attr.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/json.h"
#include "fimd/sink/sender.h"
#include "fimd/sink/setup.h"
#include "fimd/sink/sink.h"

enum { LARGE_BYTES = 100000, PAUSE_MS = 200, PAUSE_MOST_MS = 1000, FAULTS_MOST = 20 };

struct job {
    struct output_settings settings;
    struct settings host_settings;
    uint64_t from, to, poison, large;
    size_t batch;
    int64_t until;
    bool setup, dry_run;
    struct document_host *host;
    struct sink *sink;
    const struct sink_class *class;
    uint64_t delivered, dead;
    char faults[FAULTS_MOST][400]; /* each once */
    size_t faults_count;
    char reason[200];
};

/* --- options -------------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"host", 1, NULL, 'h'},         {"index", 1, NULL, 'i'},    {"pipeline", 1, NULL, 'p'},
    {"username", 1, NULL, 'u'},     {"password-file", 1, NULL, 'w'}, {"api-key-file", 1, NULL, 'k'},
    {"ca-file", 1, NULL, 'c'},      {"pinned", 1, NULL, 'n'},   {"verify", 1, NULL, 'v'},
    {"plain", 0, NULL, 'g'},        {"batch", 1, NULL, 'b'},    {"from", 1, NULL, 'f'},
    {"to", 1, NULL, 't'},           {"poison", 1, NULL, 'x'},   {"large", 1, NULL, 'l'},
    {"for", 1, NULL, 's'},          {"setup", 0, NULL, 'S'},    {"dry-run", 0, NULL, 'd'},
    {"timeout", 1, NULL, 'T'},      {NULL, 0, NULL, 0},
};

static char **text_option(struct job *j, int option)
{
    switch (option) {
    case 'i':
        return &j->settings.index;
    case 'p':
        return &j->settings.pipeline;
    case 'u':
        return &j->settings.username;
    case 'w':
        return &j->settings.password_file;
    case 'k':
        return &j->settings.api_key_file;
    case 'c':
        return &j->settings.ca_file;
    case 'n':
        return &j->settings.pinned_public_key;
    default:
        return NULL;
    }
}

static void number_option(struct job *j, int option, uint64_t value)
{
    if (option == 'b')
        j->batch = value;
    else if (option == 'f')
        j->from = value;
    else if (option == 't')
        j->to = value;
    else if (option == 'x')
        j->poison = value;
    else if (option == 'l')
        j->large = value;
    else if (option == 's')
        j->until = clock_mono() + (int64_t)value * NS_PER_S;
    else if (option == 'T')
        j->settings.timeout = (int64_t)value * NS_PER_S;
}

static bool parse(struct job *j, int argc, char **argv)
{
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        char **text = text_option(j, option);

        if (option == '?')
            return false;
        if (text)
            *text = optarg;
        else if (option == 'h')
            strings_add(&j->settings.hosts, optarg);
        else if (option == 'g')
            j->settings.gzip = false;
        else if (option == 'S')
            j->setup = true;
        else if (option == 'd')
            j->dry_run = true;
        else if (option == 'v')
            j->settings.verify = !strcmp(optarg, "none")          ? TLS_VERIFY_NONE
                                 : !strcmp(optarg, "certificate") ? TLS_VERIFY_CERTIFICATE
                                                                  : TLS_VERIFY_FULL;
        else
            number_option(j, option, strtoull(optarg, NULL, 10));
    }
    return j->settings.hosts.count > 0;
}

/* --- documents ------------------------------------------------------------------------------------------ */

static void make_event(struct event *e, uint64_t sequence)
{
    *e = (struct event){.sequence = sequence,
                        .kind = EVENT_CHANGE,
                        .severity = SEVERITY_HIGH,
                        .actions = ACTION_UPDATED,
                        .source = SOURCE_FANOTIFY,
                        .changes = ATTR_SIZE | ATTR_CONTENT};
    e->time = e->created = clock_real();
    e->path = strdup("/etc/sudoers");
    e->rule = strdup("sudoers");
    e->before =
        (struct entry){.type = ENTRY_FILE, .mode = 0440, .size = sequence, .inode = sequence, .nlink = 1};
    e->after = e->before;
    e->after.size++;
    for (size_t i = 0; i < 8; i++) /* the id of a document is made of this and its time */
        e->chain[i] = (uint8_t)(sequence >> 8 * i);
    e->time = 1788513330000000000 + (int64_t)sequence;
}

static void render(struct job *j, uint64_t sequence, const struct event *e, struct buf *text)
{
    if (sequence == j->poison) { /* no index takes such a time */
        buf_printf(text, "{\"@timestamp\":\"never\",\"event\":{\"sequence\":%llu}}",
                   (unsigned long long)sequence);
        return;
    }
    document_render(j->host, e, VOCAB_FIM, text);
    if (sequence != j->large)
        return;
    text->len--;
    buf_put_str(text, ",\"padding\":\"");
    for (size_t i = 0; i < LARGE_BYTES; i++)
        buf_put_u8(text, 'x');
    buf_put_str(text, "\"}");
}

/* --- delivering ----------------------------------------------------------------------------------------- */

static void note_fault(struct job *j, const char *text)
{
    for (size_t i = 0; i < j->faults_count; i++)
        if (!strcmp(j->faults[i], text))
            return;
    if (j->faults_count < FAULTS_MOST)
        snprintf(j->faults[j->faults_count++], sizeof(j->faults[0]), "%s", text);
}

static void pause_for(int64_t ns)
{
    struct timespec t = {ns / NS_PER_S, ns % NS_PER_S};

    nanosleep(&t, NULL);
}

/* Takes the settled ones out; how many are left. */
static size_t settle(struct job *j, struct sink_item *items, size_t count)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        if (items[i].verdict == SINK_RETRY) {
            items[left++] = items[i];
        } else if (items[i].verdict == SINK_DEAD) {
            memcpy(j->reason, items[i].reason, sizeof(j->reason));
            j->dead++;
        } else {
            j->delivered++;
        }
    }
    return left;
}

static bool deliver(struct job *j, struct sink_item *items, size_t count)
{
    size_t portion = count;

    while (count && clock_mono() < j->until) {
        struct fault why = {0};
        int64_t after = 0;
        size_t left;
        int r;

        portion = portion < count ? portion : count;
        r = j->class->deliver(j->sink, items, portion, &after, &why);
        if (r == -EMSGSIZE && portion > 1) {
            note_fault(j, "too large");
            portion /= 2;
            continue;
        }
        left = r ? portion : settle(j, items, portion);
        memmove(items + left, items + portion, (count - portion) * sizeof(*items));
        count -= portion - left;
        if (r)
            note_fault(j, why.text);
        if (r || left) {
            int64_t most = PAUSE_MOST_MS * (int64_t)NS_PER_MS;

            pause_for(after > most ? most : PAUSE_MS * (int64_t)NS_PER_MS);
        }
    }
    return !count;
}

static bool deliver_batch(struct job *j, uint64_t from, size_t count)
{
    struct sink_item *items = calloc(count, sizeof(*items));
    struct event *events = calloc(count, sizeof(*events));
    struct buf *texts = calloc(count, sizeof(*texts));
    char(*ids)[2 * EVENT_ID_SIZE + 1] = calloc(count, sizeof(*ids));
    bool done;

    if (!items || !events || !texts || !ids)
        abort();
    for (size_t i = 0; i < count; i++) {
        make_event(&events[i], from + i);
        event_id(&events[i], ids[i]);
        render(j, from + i, &events[i], &texts[i]);
        items[i] = (struct sink_item){.event = &events[i], .id = ids[i], .json = (char *)texts[i].data,
                                      .json_len = texts[i].len};
    }
    done = deliver(j, items, count);
    for (size_t i = 0; i < count; i++) {
        event_fini(&events[i]);
        buf_fini(&texts[i]);
    }
    free(items);
    free(events);
    free(texts);
    free(ids);
    return done;
}

/* --- the account of it ---------------------------------------------------------------------------------- */

static void tell(const struct job *j)
{
    struct json *root = json_object(), *faults = json_put_array(root, "faults");
    struct buf text = {0};
    char peer[80] = "";

    j->class->peer(j->sink, peer, sizeof(peer));
    json_put_uint(root, "delivered", j->delivered);
    json_put_uint(root, "dead", j->dead);
    json_put_text(root, "reason", j->reason);
    json_put_text(root, "peer", peer);
    for (size_t i = 0; i < j->faults_count; i++)
        json_put_text(faults, NULL, j->faults[i]);
    if (json_print(root, &text))
        puts(buf_cstr(&text));
    buf_fini(&text);
    json_free(root);
}

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    puts(line);
}

static int run_setup(const struct job *j)
{
    struct fault why = {0};

    if (!setup_elasticsearch(&j->settings, NULL, j->dry_run, print_line, NULL, &why))
        return EXIT_SUCCESS;
    fprintf(stderr, "%s\n", why.text);
    return EXIT_FAILURE;
}

static int run(struct job *j)
{
    static const uint8_t agent[16] = {1};
    struct sink_context context = {0};
    struct fault why = {0};

    j->class = sink_class_of(OUTPUT_ELASTICSEARCH);
    if (document_host_new(&j->host_settings, agent, &j->host))
        return EXIT_FAILURE;
    context.host = j->host;
    if (j->class->open(&j->settings, &context, &j->sink, &why)) {
        fprintf(stderr, "%s\n", why.text);
        return EXIT_FAILURE;
    }
    for (uint64_t at = j->from; at <= j->to; at += j->batch)
        if (!deliver_batch(j, at, j->to - at + 1 < j->batch ? j->to - at + 1 : j->batch))
            break;
    tell(j);
    j->class->close(j->sink);
    document_host_free(j->host);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct job job = {
        .settings = {.type = OUTPUT_ELASTICSEARCH,
                     .name = (char *)"es",
                     .index = (char *)"logs-fim.event-default",
                     .gzip = true,
                     .timeout = 10 * NS_PER_S},
        .batch = 500,
        .from = 1,
        .to = 1,
        .until = clock_mono() + 60 * NS_PER_S,
    };
    int result;

    if (argc == 2 && !strcmp(argv[1], SENDER_ARGUMENT))
        return sender_main(SENDER_FD);
    if (!parse(&job, argc, argv))
        return 64;
    result = job.setup ? run_setup(&job) : run(&job);
    strings_fini(&job.settings.hosts);
    return result;
}
