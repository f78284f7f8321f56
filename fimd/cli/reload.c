/* fimctl reload: the daemon reads its configuration again; a bad one is told with every mistake, the old one stays. */
#include "fimd/cli/command.h"

struct reloading {
    struct cli *cli;
};

static void hear(void *ctx, const struct json *answer)
{
    struct reloading *r = ctx;
    const struct json *mistakes = json_get(answer, FIELD_MISTAKES);
    const char *message = json_get_text(answer, FIELD_MESSAGE);

    for (const struct json *m = json_first(mistakes); m; m = json_next(m))
        if (json_text(m))
            fprintf(r->cli->err, "%s\n", json_text(m));
    if (message && !r->cli->json)
        fprintf(r->cli->out, "%s\n", message);
}

static int run(struct cli *cli, const struct words *words)
{
    struct reloading reloading = {cli};

    (void)words;
    return cli_ask(cli, cli_request(COMMAND_RELOAD), hear, &reloading);
}

const struct command command_reload = {
    .name = "reload",
    .help = "let the daemon read its configuration again",
    .more = "Exit code 78: it has mistakes; the daemon keeps the one it has.\n",
    .run = run,
};
