/* fimctl version. */
#include "fimd/cli/command.h"

static int run(struct cli *cli, const struct words *words)
{
    (void)words;
    if (cli->json) {
        struct json *o = json_object();

        json_put_static(o, FIELD_VERSION, FIMD_VERSION);
        return cli_put_json(cli, o);
    }
    fputs("fimctl " FIMD_VERSION "\n", cli->out);
    return EXIT_WELL;
}

const struct command command_version = {.name = "version", .help = "print the version", .run = run};
