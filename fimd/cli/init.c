/* fimctl init: the first baseline, without the daemon, which would make it by itself behind its watching. */
#include "fimd/cli/command.h"

#include "baseline/path.h"
#include "fimd/cli/human.h"
#include "fimd/cli/progress.h"
#include "fimd/cli/scope.h"
#include "fimd/flow/selection.h"
#include "fimd/rt/clock.h"

#include <errno.h>
#include <string.h>

enum { FORCE, OPTIONS };

static const struct option_row rows[OPTIONS] = {
    [FORCE] = {0, "force", OPTION_FLAG, NULL, "measure all again, over the baseline that is there; what is gone stays to be reported"},
};

struct filling {
    struct cli *cli;
    struct check_progress progress;
    atomic_ullong unread;
};

static unsigned choose(void *ctx, const char *path, size_t len, enum entry_type type)
{
    const struct filling *f = ctx;

    return scope_choose(f->cli->settings.policy, path, len, type);
}

static void trouble(void *ctx, const char *path, size_t len, int error)
{
    struct filling *f = ctx;
    struct buf name = {0};

    error = error < 0 ? -error : error;
    if (error == ENOENT)
        return;
    atomic_fetch_add(&f->unread, 1);
    path_escape(&name, path, len);
    if (buf_cstr(&name))
        cli_fail(f->cli, 0, "%s: %s", buf_cstr(&name), strerror(error));
    buf_fini(&name);
}

static int count_entries(struct store_txn *t, void *ctx)
{
    return store_count(t, ctx);
}

/* A baseline that is there may differ from the disk, and those differences would be gone without a trace. */
static int refuse_another(struct cli *cli, struct store *store)
{
    struct store_counts counts = {0};
    struct fault why = {0};
    struct buf text = {0};
    int r = store_read(store, count_entries, &counts, &why);

    if (r < 0)
        return cli_fault(cli, EXIT_INTERNAL, &why);
    if (!counts.entries)
        return 0;
    human_count(&text, counts.entries);
    r = cli_fail(cli, EXIT_NOT_SO, "there is a baseline of %s entries; to make it anew: fimctl init --force",
                 buf_cstr(&text));
    buf_fini(&text);
    return r;
}

static int sum_up(struct filling *f, int64_t took)
{
    unsigned long long entries = atomic_load(&f->progress.entries), bytes = atomic_load(&f->progress.bytes);
    struct buf line = {0};

    if (f->cli->json) {
        struct json *o = json_object();

        json_put_uint(o, "entries", entries);
        json_put_uint(o, "bytes", bytes);
        json_put_uint(o, "unreadable", atomic_load(&f->unread));
        json_put_int(o, "took_ms", took / NS_PER_MS);
        return cli_put_json(f->cli, o);
    }
    human_count(&line, entries);
    buf_put_str(&line, " entries, ");
    human_size(&line, bytes);
    buf_put_str(&line, " measured in ");
    human_duration(&line, took);
    buf_put_str(&line, "\n");
    cli_put(f->cli, &line);
    buf_fini(&line);
    return EXIT_WELL;
}

static int fill(struct cli *cli, struct scope *scope, struct store *store, bool force)
{
    struct filling f = {.cli = cli};
    struct fault why = {0};
    struct progress *bar = progress_start(cli, "measuring", 0, &f.progress);
    int64_t start = clock_mono();
    int r;

    scope->options.store = store;
    scope->options.depth = CHECK_CONTENT;
    scope->options.choose = choose;
    scope->options.trouble = trouble;
    scope->options.ctx = &f;
    r = check_fill(&scope->options, force, (const char *const *)scope->paths.list, scope->paths.count, &f.progress, &why);
    progress_stop(bar);
    if (r < 0)
        return why.error ? cli_fault(cli, EXIT_INTERNAL, &why) : cli_fail(cli, EXIT_INTERNAL, "%s", strerror(-r));
    /* The daemon's first start then compares, and tells what was made meanwhile, instead of taking it in. */
    if (!atomic_load(&f.unread) && selection_remember(store, cli->settings.policy, &why) < 0)
        return cli_fault(cli, EXIT_INTERNAL, &why);
    r = sum_up(&f, clock_mono() - start);
    return atomic_load(&f.unread) ? cli_fail(cli, EXIT_INTERNAL, "the baseline is not complete") : r;
}

static int run(struct cli *cli, const struct words *words)
{
    bool force = words->options[FORCE] != NULL;
    struct store *store = NULL;
    struct scope scope = {0};
    int r = cli_store(cli, &(struct store_options){.lock = true}, &store);

    if (r == 0 && !force)
        r = refuse_another(cli, store);
    if (r == 0)
        r = scope_make(&scope, cli, words);
    if (r == 0) {
        r = fill(cli, &scope, store, force);
        scope_fini(&scope);
    }
    store_close(store);
    return r;
}

const struct command command_init = {
    .name = "init",
    .help = "make the first baseline, without the daemon",
    .more = "The daemon makes one by itself when it finds none. Exit code 1: there is one already.\n",
    .options = rows,
    .options_count = OPTIONS,
    .run = run,
};
