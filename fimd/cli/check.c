/* fimctl check: disk against baseline, now. Reads the store beside a running daemon and changes nothing. */
#include "fimd/cli/command.h"

#include "baseline/path.h"
#include "fimd/cli/differences.h"
#include "fimd/cli/facts.h"
#include "fimd/cli/human.h"
#include "fimd/cli/print.h"
#include "fimd/cli/progress.h"
#include "fimd/cli/scope.h"
#include "fimd/rt/clock.h"

#include <errno.h>
#include <string.h>

enum { METADATA, CONTENT, AGAINST, OPTIONS };

static const struct option_row rows[OPTIONS] = {
    [METADATA] = SCOPE_METADATA_ROW,
    [CONTENT] = SCOPE_CONTENT_ROW,
    [AGAINST] = {0, "against", OPTION_VALUE, "WHAT", "seen: the state that fimd saw last (the default)"},
};

static const struct {
    const char *name;
    int exit_bit; /* AIDE's */
    enum cli_colour colour;
} kinds[] = {
    [CHECK_ADDED] = {"added", 1, CLI_GREEN},
    [CHECK_REMOVED] = {"removed", 2, CLI_RED},
    [CHECK_CHANGED] = {"changed", 4, CLI_YELLOW},
};

struct checking {
    struct cli *cli;
    const struct policy *policy;
    struct differences *found;
    struct check_progress progress;
    atomic_ullong unread; /* directories that could not be */
    atomic_int trouble;   /* the last errno */
};

static unsigned choose(void *ctx, const char *path, size_t len, enum entry_type type)
{
    const struct checking *c = ctx;

    return scope_choose(c->policy, path, len, type);
}

static int differs(void *ctx, enum check_difference what, const char *path, size_t len, const struct entry *before,
                   const struct entry *after)
{
    struct checking *c = ctx;

    return differences_add(c->found, what, path, len, before, after);
}

static void trouble(void *ctx, const char *path, size_t len, int error)
{
    struct checking *c = ctx;
    struct buf name = {0};

    if (error == ENOENT || error == -ENOENT) /* gone meanwhile */
        return;
    atomic_fetch_add(&c->unread, 1);
    atomic_store(&c->trouble, error < 0 ? -error : error);
    path_escape(&name, path, len);
    if (buf_cstr(&name))
        cli_fail(c->cli, 0, "%s: %s", buf_cstr(&name), strerror(error < 0 ? -error : error));
    buf_fini(&name);
}

static void tell_json(struct cli *cli, const struct difference *x)
{
    struct json *o = json_object();
    struct buf name = {0};

    path_escape(&name, x->path, x->len);
    json_put_static(o, "difference", kinds[x->what].name);
    json_put_text(o, "path", buf_cstr(&name));
    if (x->what == CHECK_CHANGED)
        facts_put_changes(o, "changes", x->changes);
    facts_put(o, "before", &x->before);
    facts_put(o, "after", &x->after);
    cli_put_json(cli, o);
    buf_fini(&name);
}

static void tell(struct cli *cli, const struct difference *x)
{
    struct buf line = {0};

    buf_printf(&line, "%s%-8s%s ", cli_colour(cli, kinds[x->what].colour), kinds[x->what].name,
               cli_colour(cli, CLI_PLAIN));
    path_escape(&line, x->path, x->len);
    if (x->what == CHECK_CHANGED) {
        buf_put_str(&line, "   ");
        print_changes(&line, x->changes, &x->before, &x->after);
    }
    buf_put_str(&line, "\n");
    cli_put(cli, &line);
    buf_fini(&line);
}

static void sum_up(struct checking *c, const size_t counts[3], int64_t took)
{
    unsigned long long entries = atomic_load(&c->progress.entries), bytes = atomic_load(&c->progress.bytes);
    struct buf line = {0};

    if (c->cli->json) {
        struct json *o = json_object(), *sum = json_put_object(o, "summary");

        for (size_t i = 0; i < 3; i++)
            json_put_uint(sum, kinds[i].name, counts[i]);
        json_put_uint(sum, "entries", entries);
        json_put_uint(sum, "bytes", bytes);
        json_put_uint(sum, "unreadable", atomic_load(&c->unread));
        json_put_int(sum, "took_ms", took / NS_PER_MS);
        cli_put_json(c->cli, o);
        return;
    }
    human_count(&line, entries);
    buf_put_str(&line, " entries checked in ");
    human_duration(&line, took);
    for (size_t i = 0; i < 3; i++) {
        buf_put_str(&line, i ? ", " : ": ");
        human_count(&line, counts[i]);
        buf_printf(&line, " %s", kinds[i].name);
    }
    buf_put_str(&line, "\n");
    cli_put(c->cli, &line);
    buf_fini(&line);
}

static int conclude(struct checking *c, int64_t took)
{
    size_t count, counts[3] = {0};
    const struct difference *list = differences_sorted(c->found, &count);
    int code = 0;

    for (size_t i = 0; i < count; i++) {
        counts[list[i].what]++;
        code |= kinds[list[i].what].exit_bit;
        if (c->cli->json)
            tell_json(c->cli, &list[i]);
        else
            tell(c->cli, &list[i]);
    }
    sum_up(c, counts, took);
    if (!atomic_load(&c->unread))
        return code;
    /* What could not be looked at is neither changed nor unchanged. */
    code = atomic_load(&c->trouble) == EACCES || atomic_load(&c->trouble) == EPERM ? EXIT_NO_PERMISSION : EXIT_INTERNAL;
    return cli_fail(c->cli, code, "the check is not complete");
}

static int count_entries(struct store_txn *t, void *ctx)
{
    return store_count(t, ctx);
}

static int compare(struct cli *cli, struct scope *scope, struct store *store, bool whole)
{
    struct checking c = {.cli = cli, .policy = cli->settings.policy};
    struct store_counts counts = {0};
    struct fault why = {0};
    struct progress *bar;
    int64_t start = clock_mono();
    int r = store_read(store, count_entries, &counts, &why);

    if (r == 0)
        r = differences_new(c.policy, &scope->measure, &c.found);
    if (r < 0)
        return cli_fail(cli, EXIT_INTERNAL, "%s", why.error ? why.text : strerror(-r));
    scope->options.store = store;
    scope->options.choose = choose;
    scope->options.differs = differs;
    scope->options.trouble = trouble;
    scope->options.ctx = &c;
    bar = progress_start(cli, "checking", whole ? counts.entries : 0, &c.progress);
    r = check_run(&scope->options, (const char *const *)scope->paths.list, scope->paths.count, &c.progress, &why);
    progress_stop(bar);
    if (r == 0)
        r = conclude(&c, clock_mono() - start);
    else
        r = cli_fail(cli, EXIT_INTERNAL, "%s", why.error ? why.text : strerror(-r));
    differences_free(c.found);
    return r;
}

static int check_words(struct cli *cli, const struct words *words, enum check_depth *ret_depth)
{
    const char *against = words->options[AGAINST];

    if (against && strcmp(against, "approved") == 0)
        return cli_fail(cli, EXIT_BAD_USAGE, "--against approved: not yet; it comes with a later release");
    if (against && strcmp(against, "seen") != 0)
        return cli_fail(cli, EXIT_BAD_USAGE, "--against: '%s' is none; it would be: seen", against);
    return scope_depth(cli, words->options[METADATA], words->options[CONTENT], ret_depth);
}

static int run(struct cli *cli, const struct words *words)
{
    enum check_depth depth = CHECK_METADATA;
    struct store *store = NULL;
    struct scope scope = {0};
    int r = check_words(cli, words, &depth);

    if (r == 0)
        r = cli_store(cli, &(struct store_options){.read_only = true}, &store);
    if (r == 0)
        r = scope_make(&scope, cli, words);
    if (r == 0) {
        scope.options.depth = depth;
        r = compare(cli, &scope, store, words->count == 0);
        scope_fini(&scope);
    }
    store_close(store);
    return r;
}

const struct command command_check = {
    .name = "check",
    .synopsis = "[PATH…]",
    .help = "compare the disk with the baseline, now",
    .more = "Works without the daemon, and beside it. Exit code: the sum of 1 (added), 2 (removed) and 4 (changed), as\n"
            "AIDE's; 70 or 77 when something could not be read.\n",
    .options = rows,
    .options_count = OPTIONS,
    .most = WORDS_ANY,
    .run = run,
};
