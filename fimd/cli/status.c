/* fimctl status: what the daemon says of itself. Why it is degraded comes last, where the eye stays. */
#include "fimd/cli/command.h"

#include "fimd/cli/human.h"
#include "fimd/cli/status.h"
#include "fimd/rt/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { WAIT, OPTIONS };

static const struct option_row rows[OPTIONS] = {
    [WAIT] = {'w', "wait", OPTION_MAYBE, "30s", "until it watches, its baseline is complete and all is well"},
};

enum { AGAIN_MS = 50 };

struct heard {
    struct buf text; /* the answer, as it came */
    bool settled;    /* nothing is on its way: neither starting nor filling */
};

static void hear(void *ctx, const struct json *answer)
{
    struct heard *h = ctx;
    const char *state = json_get_text(answer, FIELD_STATE);

    buf_reset(&h->text);
    json_print(answer, &h->text);
    h->settled = state && strcmp(state, STATE_WATCHING) == 0 &&
                 !json_get_bool(json_get(answer, FIELD_FILLING), FIELD_RUNNING, false);
}

/* Asks again while there is nobody, or not all is well yet, until the deadline. */
static int ask_until(struct cli *cli, struct heard *h, int64_t deadline, struct fault *why)
{
    for (;;) {
        int r = cli_ask_quietly(cli, cli_request(COMMAND_STATUS), hear, h, why);
        bool hopeless = r == -EACCES || r == -ENAMETOOLONG;

        if ((r == EXIT_WELL && h->settled) || hopeless || clock_mono() >= deadline)
            return r;
        poll(NULL, 0, AGAIN_MS);
    }
}

static int tell(struct cli *cli, const struct buf *text)
{
    struct json *status = json_parse((const char *)text->data, text->len);
    struct buf lines = {0};

    if (!status)
        return cli_fail(cli, EXIT_INTERNAL, "fimd's answer cannot be read");
    if (cli->json)
        return cli_put_json(cli, status);
    status_print(cli, status, &lines);
    cli_put(cli, &lines);
    buf_fini(&lines);
    json_free(status);
    return EXIT_WELL;
}

static int run(struct cli *cli, const struct words *words)
{
    const char *wait = words->options[WAIT];
    int64_t patience = wait ? 30 * NS_PER_S : 0;
    struct heard heard = {0};
    struct fault why = {0};
    int r = cli_settings(cli), told;

    if (r)
        return r;
    if (wait && *wait && human_parse_duration(wait, &patience) < 0)
        return cli_fail(cli, EXIT_BAD_USAGE, "--wait: '%s' is none; it would be: 30s", wait);
    r = ask_until(cli, &heard, clock_mono() + patience, &why);
    if (r == -ENOENT || r == -ECONNREFUSED)
        r = cli_fault(cli, EXIT_NO_DAEMON, &why);
    else if (r < 0)
        r = cli_fault(cli, EXIT_INTERNAL, &why);
    else if (heard.text.len && (told = tell(cli, &heard.text)) != EXIT_WELL)
        r = told;
    else if (wait && r == EXIT_WELL && !heard.settled)
        r = cli_fail(cli, EXIT_NOT_SO, "the baseline is not complete yet");
    buf_fini(&heard.text);
    return r;
}

const struct command command_status = {
    .name = "status",
    .help = "what is watched, who is known, what waits, what was lost",
    .more = "Exit code 0: all is well; 1: degraded, with the reasons; 69: fimd is not running.\n",
    .options = rows,
    .options_count = OPTIONS,
    .run = run,
};
