/* fimctl sync: returns when all that happened before it is in the journal, or at every output. */
#include "fimd/cli/command.h"

#include "fimd/cli/human.h"
#include "fimd/rt/clock.h"

#include <inttypes.h>

enum { DELIVERED, TIMEOUT, OPTIONS };

static const struct option_row rows[OPTIONS] = {
    [DELIVERED] = {0, "delivered", OPTION_FLAG, NULL, "and every output has acknowledged it"},
    [TIMEOUT] = {0, "timeout", OPTION_VALUE, "TIME", "give up after this; 30s"},
};

static void hear(void *ctx, const struct json *answer)
{
    *(int64_t *)ctx = json_get_int(answer, FIELD_SEQUENCE, *(int64_t *)ctx);
}

static int run(struct cli *cli, const struct words *words)
{
    int64_t timeout = 30 * NS_PER_S, sequence = -1;
    struct json *request;
    int r;

    if (words->options[TIMEOUT] && human_parse_duration(words->options[TIMEOUT], &timeout) < 0)
        return cli_fail(cli, EXIT_BAD_USAGE, "--timeout: '%s' is none; it would be: 30s", words->options[TIMEOUT]);
    request = cli_request(COMMAND_SYNC);
    json_put_bool(request, FIELD_DELIVERED, words->options[DELIVERED] != NULL);
    json_put_int(request, FIELD_TIMEOUT_MS, timeout / NS_PER_MS);
    r = cli_ask(cli, request, hear, &sequence);
    if (r == EXIT_WELL && cli->json) {
        struct json *o = json_object();

        json_put_int(o, FIELD_SEQUENCE, sequence);
        r = cli_put_json(cli, o);
    }
    return r;
}

const struct command command_sync = {
    .name = "sync",
    .help = "wait until all that happened so far is in the journal",
    .more = "For scripts and tests; prints nothing. Exit code 1: not within the time.\n",
    .options = rows,
    .options_count = OPTIONS,
    .run = run,
};
