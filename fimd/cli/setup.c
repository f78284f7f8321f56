/* fimctl setup: prepares a server for fimd's documents. */
#include "fimd/cli/command.h"

#include <string.h>

static int run(struct cli *cli, const struct words *words)
{
    if (strcmp(words->list[0], "elasticsearch") != 0)
        return cli_fail(cli, EXIT_BAD_USAGE, "setup: '%s' is none; it would be: elasticsearch", words->list[0]);
    return cli_fail(cli, EXIT_INTERNAL, "setup elasticsearch: not built in");
}

const struct command command_setup = {
    .name = "setup",
    .synopsis = "elasticsearch",
    .help = "prepare Elasticsearch or OpenSearch: template, lifecycle, pipeline",
    .least = 1,
    .most = 1,
    .run = run,
};
