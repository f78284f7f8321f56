/* fimctl events: the journal, filtered; follows it when asked. The daemon is not needed, but who else would write? */
#include "fimd/cli/command.h"

#include "fimd/cli/filter.h"
#include "fimd/cli/history.h"
#include "fimd/cli/human.h"
#include "fimd/cli/print.h"
#include "fimd/cli/target.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SINCE, UNTIL, USER, ACTION, RULE, SEVERITY, TAG, LINES, FOLLOW, OPTIONS };

static const struct option_row rows[OPTIONS] = {
    [SINCE] = {'S', "since", OPTION_VALUE, "WHEN", "not before: 2h, 7d, today, 2026-11-21 10:15"},
    [UNTIL] = {'U', "until", OPTION_VALUE, "WHEN", "not after"},
    [USER] = {'u', "user", OPTION_VALUE, "USER", "by this login user, name or number"},
    [ACTION] = {0, "action", OPTION_VALUE, "NAMES", "any of created,updated,deleted,attributes_modified,moved …"},
    [RULE] = {0, "rule", OPTION_VALUE, "IDS", "of any of these rules: sudoers,ssh"},
    [SEVERITY] = {0, "severity", OPTION_VALUE, "LEVEL", "at least: info, low, medium, high, critical"},
    [TAG] = {0, "tag", OPTION_VALUE, "TAGS", "with any of these tags: a,b"},
    [LINES] = {'n', "lines", OPTION_VALUE, "N", "only the last N"},
    [FOLLOW] = {'f', "follow", OPTION_FLAG, NULL, "go on with what comes, until Ctrl-C"},
};

/* The store cannot wake another process; a look at its last number costs some microseconds. */
enum { FOLLOW_MS = 50, LINES_MAX = 1000000 };

struct listing {
    struct printer printer;
    struct filter filter;
    struct store *store;
    unsigned long lines; /* 0: all */
    uint64_t *ring;      /* sequences of the last `lines` that matched */
    uint64_t matched;
    struct buf path;
};

static int print_event(void *ctx, const struct event *e)
{
    struct listing *l = ctx;

    if (!filter_match(&l->filter, e))
        return 0;
    if (l->printer.cli->json)
        print_document(&l->printer, e);
    else
        print_line(&l->printer, e);
    return ferror(l->printer.cli->out) != 0;
}

static int note_event(void *ctx, const struct event *e)
{
    struct listing *l = ctx;

    if (filter_match(&l->filter, e))
        l->ring[l->matched++ % l->lines] = e->sequence;
    return 0;
}

static int parse_user(const char *text, struct filter *f)
{
    const struct passwd *pw = getpwnam(text);
    char *end;
    unsigned long id;

    errno = 0;
    id = strtoul(text, &end, 10);
    if (!pw && (errno || end == text || *end || id >= ACTOR_UNSET))
        return -EINVAL;
    f->user_set = true;
    f->user = pw ? pw->pw_uid : (uint32_t)id;
    return 0;
}

static int parse_lines(const char *text, unsigned long *ret)
{
    char *end;

    errno = 0;
    *ret = strtoul(text, &end, 10);
    return errno || end == text || *end || !*ret || *ret > LINES_MAX ? -EINVAL : 0;
}

static int parse_option(struct listing *l, int option, const char *text)
{
    struct filter *f = &l->filter;

    switch (option) {
    case SINCE: return human_parse_moment(text, l->printer.cli->now, &f->since);
    case UNTIL: return human_parse_moment(text, l->printer.cli->now, &f->until);
    case USER: return parse_user(text, f);
    case ACTION: return filter_list(&f->actions, text);
    case RULE: return filter_list(&f->rules, text);
    case SEVERITY: return severity_parse(text, &f->least);
    case TAG: return filter_list(&f->tags, text);
    case LINES: return parse_lines(text, &l->lines);
    default: return 0;
    }
}

static int parse_all(struct listing *l, struct cli *cli, const struct words *words)
{
    l->printer.cli = cli;
    for (int i = 0; i < OPTIONS; i++)
        if (words->options[i] && parse_option(l, i, words->options[i]) < 0)
            return cli_fail(cli, EXIT_BAD_USAGE, "--%s: '%s' is none; see: fimctl events --help", rows[i].name,
                            words->options[i]);
    if (words->count) {
        int r = target_resolve(words->list[0], &l->path);
        if (r < 0)
            return cli_fail(cli, EXIT_BAD_USAGE, "'%s': %s", words->list[0], strerror(-r));
        l->filter.path = buf_cstr(&l->path);
        l->filter.path_len = l->path.len;
    }
    if (l->lines)
        l->ring = calloc(l->lines, sizeof(*l->ring));
    return l->lines && !l->ring ? cli_fail(cli, EXIT_INTERNAL, "out of memory") : 0;
}

/* -n: the last that match are found first, then all from the oldest of them on are read again. */
static int skip_to_last(struct listing *l, uint64_t *from, struct fault *why)
{
    struct history h = {.store = l->store, .fn = note_event, .ctx = l};
    uint64_t next;
    int r = history_forward(&h, *from, &next, why);

    if (r == 0 && l->matched)
        *from = l->ring[l->matched > l->lines ? l->matched % l->lines : 0];
    return r;
}

/* Between two looks: true when there is something new. Ends when nobody reads the output any more. */
static bool wait_more(struct listing *l)
{
    struct pollfd out = {.fd = fileno(l->printer.cli->out), .events = 0};

    fflush(l->printer.cli->out);
    if (out.fd < 0) {
        poll(NULL, 0, FOLLOW_MS);
        return true;
    }
    return poll(&out, 1, FOLLOW_MS) == 0;
}

static int list(struct listing *l, bool follow)
{
    struct history h = {.store = l->store, .fn = print_event, .ctx = l};
    struct cli *cli = l->printer.cli;
    struct fault why = {0};
    uint64_t from = 0;
    int r = l->filter.since ? history_seek(l->store, l->filter.since, &from, &why) : 0;

    if (r == 0 && l->lines)
        r = skip_to_last(l, &from, &why);
    if (r == 0)
        r = history_forward(&h, from, &from, &why);
    while (r == 0 && follow && wait_more(l))
        r = history_forward(&h, from, &from, &why);
    if (h.unreadable)
        cli_fail(cli, 0, "%" PRIu64 " records of the journal cannot be read; see: fimctl verify", h.unreadable);
    return r < 0 ? cli_fault(cli, EXIT_INTERNAL, &why) : EXIT_WELL;
}

static int run(struct cli *cli, const struct words *words)
{
    struct listing l = {0};
    int r = parse_all(&l, cli, words);

    if (r == 0)
        r = cli_store(cli, &(struct store_options){.read_only = true}, &l.store);
    if (r == 0)
        r = printer_init(&l.printer, cli, l.store);
    if (r == 0)
        r = list(&l, words->options[FOLLOW] != NULL);
    printer_fini(&l.printer);
    filter_fini(&l.filter);
    store_close(l.store);
    buf_fini(&l.path);
    free(l.ring);
    return r;
}

const struct command command_events = {
    .name = "events",
    .synopsis = "[PATH]",
    .help = "what happened, from the journal: to PATH and all below it",
    .more = "All conditions must hold; a list holds when one of its names does. Works without the daemon.\n",
    .options = rows,
    .options_count = OPTIONS,
    .most = 1,
    .run = run,
};
