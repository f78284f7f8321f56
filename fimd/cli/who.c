/* fimctl who: the last change of a path, or all of them, from the store; the daemon is not needed. */
#include "fimd/cli/command.h"

#include "baseline/path.h"
#include "fimd/cli/history.h"
#include "fimd/cli/print.h"
#include "fimd/cli/target.h"

#include <inttypes.h>
#include <string.h>

enum { ALL, OPTIONS };

static const struct option_row rows[OPTIONS] = {
    [ALL] = {'a', "all", OPTION_FLAG, NULL, "each change that is kept, the newest first"},
};

struct asked {
    struct printer printer;
    bool all;
    uint64_t told;
};

static int tell(void *ctx, const struct event *e)
{
    struct asked *a = ctx;

    a->told++;
    if (a->printer.cli->json)
        print_document(&a->printer, e);
    else
        print_answer(&a->printer, e);
    return !a->all;
}

static int conclude(struct cli *cli, const struct asked *a, const struct history *h, bool trimmed, struct buf *path)
{
    struct buf name = {0};
    int code = a->told ? EXIT_WELL : EXIT_NOT_SO;

    path_escape(&name, (char *)path->data, path->len);
    if (h->unreadable)
        cli_fail(cli, 0, "%" PRIu64 " records of the journal cannot be read; see: fimctl verify", h->unreadable);
    if (trimmed && (a->all || !a->told))
        cli_fail(cli, 0, "%s: an earlier change is no longer kept in the journal", buf_cstr(&name));
    else if (!a->told)
        cli_fail(cli, 0, "%s: no change known", buf_cstr(&name));
    buf_fini(&name);
    return code;
}

static int ask_store(struct cli *cli, struct store *store, const struct words *words, struct buf *path)
{
    struct asked asked = {.all = words->options[ALL] != NULL};
    struct history h = {.store = store, .fn = tell, .ctx = &asked};
    struct fault why = {0};
    bool trimmed = false;
    int r = printer_init(&asked.printer, cli, store);

    if (r)
        return r;
    r = history_path(&h, (char *)path->data, path->len, &trimmed, &why);
    if (r < 0)
        r = why.error ? cli_fault(cli, EXIT_INTERNAL, &why) : cli_fail(cli, EXIT_INTERNAL, "%s", strerror(-r));
    else
        r = conclude(cli, &asked, &h, trimmed, path);
    printer_fini(&asked.printer);
    return r;
}

static int run(struct cli *cli, const struct words *words)
{
    struct store *store = NULL;
    struct buf path = {0};
    int r = target_resolve(words->list[0], &path);

    if (r < 0) {
        buf_fini(&path);
        return cli_fail(cli, EXIT_BAD_USAGE, "'%s': %s", words->list[0], strerror(-r));
    }
    r = cli_store(cli, &(struct store_options){.read_only = true}, &store);
    if (r == 0)
        r = ask_store(cli, store, words, &path);
    store_close(store);
    buf_fini(&path);
    return r;
}

const struct command command_who = {
    .name = "who",
    .synopsis = "PATH",
    .help = "who changed PATH last, and how",
    .more = "The path may be gone, or have been another's: its history is kept as long as the journal.\n"
            "Works without the daemon. Exit code 1: no change is known.\n",
    .options = rows,
    .options_count = OPTIONS,
    .least = 1,
    .most = 1,
    .run = run,
};
