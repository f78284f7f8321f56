/* fimctl scan: the daemon compares disk and baseline now and records what differs; here its progress is shown. */
#include "fimd/cli/command.h"

#include "fimd/cli/human.h"
#include "fimd/cli/progress.h"
#include "fimd/cli/scope.h"
#include "fimd/cli/target.h"
#include "fimd/rt/clock.h"

#include <string.h>

enum { METADATA, CONTENT, OPTIONS };

static const struct option_row rows[OPTIONS] = {
    [METADATA] = SCOPE_METADATA_ROW,
    [CONTENT] = SCOPE_CONTENT_ROW,
};

static uint64_t number(const struct json *object, const char *key)
{
    int64_t n = json_get_int(object, key, 0);

    return n > 0 ? (uint64_t)n : 0;
}

static void sum_up(struct cli *cli, const struct json *result)
{
    struct buf line = {0};

    if (cli->json) {
        if (json_print(result, &line))
            buf_put(&line, "\n", 1);
    } else {
        human_count(&line, number(result, FIELD_ENTRIES));
        buf_put_str(&line, " entries scanned in ");
        human_duration(&line, json_get_int(result, FIELD_TOOK_MS, 0) * NS_PER_MS);
        buf_put_str(&line, ": ");
        human_count(&line, number(result, FIELD_DIFFERENCES));
        buf_put_str(&line, " differed\n");
    }
    cli_put(cli, &line);
    buf_fini(&line);
}

static void hear(void *ctx, const struct json *answer)
{
    struct cli *cli = ctx;
    const struct json *progress = json_get(answer, FIELD_PROGRESS), *result = json_get(answer, FIELD_RESULT);

    if (progress)
        progress_draw(cli, "scanning", number(progress, FIELD_ENTRIES), number(progress, FIELD_TOTAL),
                      number(progress, FIELD_BYTES));
    if (result) {
        progress_wipe(cli);
        sum_up(cli, result);
    }
}

static int put_paths(struct cli *cli, const struct words *words, struct json *request)
{
    struct json *list = json_put_array(request, FIELD_PATHS);

    for (size_t i = 0; i < words->count; i++) {
        struct buf path = {0};
        int r = target_resolve(words->list[i], &path);

        if (r == 0)
            request_put_path(list, NULL, (char *)path.data, path.len);
        buf_fini(&path);
        if (r < 0)
            return cli_fail(cli, EXIT_BAD_USAGE, "'%s': %s", words->list[i], strerror(-r));
    }
    return 0;
}

static int run(struct cli *cli, const struct words *words)
{
    struct json *request = cli_request(COMMAND_SCAN);
    enum check_depth depth;
    int r = scope_depth(cli, words->options[METADATA], words->options[CONTENT], &depth);

    if (r == 0)
        r = put_paths(cli, words, request);
    if (r) {
        json_free(request);
        return r;
    }
    json_put_static(request, FIELD_DEPTH, depth == CHECK_CONTENT ? DEPTH_CONTENT : DEPTH_METADATA);
    r = cli_ask(cli, request, hear, cli);
    if (r)
        progress_wipe(cli);
    return r;
}

const struct command command_scan = {
    .name = "scan",
    .synopsis = "[PATH…]",
    .help = "let the daemon compare the disk with the baseline, now",
    .more = "What differs is recorded as events, with the source \"scan\". Exit code 0, whatever differed.\n",
    .options = rows,
    .options_count = OPTIONS,
    .most = WORDS_ANY,
    .run = run,
};
