/* fimctl setup elasticsearch: template, lifecycle and pipeline on the server that the configuration names. What is
 * said to the server, and heard from it, goes through a process without rights (sink/setup.h). */
#include "fimd/cli/command.h"

#include "fimd/sink/setup.h"

#include <errno.h>
#include <string.h>

enum { DRY_RUN, OUTPUT, OPTIONS };

static const struct option_row rows[OPTIONS] = {
    [DRY_RUN] = {'n', "dry-run", OPTION_FLAG, NULL, "ask, show what would be sent, change nothing"},
    [OUTPUT] = {0, "output", OPTION_VALUE, "NAME", "of this output only; else of every one of type elasticsearch"},
};

struct setting_up {
    struct cli *cli;
    const char *output;
};

static void print_step(void *ctx, const char *line)
{
    struct setting_up *s = ctx;

    if (s->cli->json) {
        struct json *o = json_object();

        json_put_text(o, "output", s->output);
        json_put_text(o, "line", line);
        cli_put_json(s->cli, o);
    } else {
        fprintf(s->cli->out, "%s: %s\n", s->output, line);
    }
    fflush(s->cli->out); /* a step may take its time */
}

static bool wanted(const struct output_settings *o, const char *name)
{
    return o->type == OUTPUT_ELASTICSEARCH && (!name || strcmp(o->name, name) == 0);
}

static int set_up_all(struct cli *cli, const char *name, bool dry_run)
{
    const struct settings *settings = &cli->settings;
    int code = EXIT_WELL;
    size_t count = 0;

    for (size_t i = 0; i < settings->outputs_count; i++) {
        const struct output_settings *o = &settings->outputs[i];
        struct setting_up s = {cli, o->name};
        struct fault why = {0};

        if (!wanted(o, name))
            continue;
        count++;
        if (setup_elasticsearch(o, settings->sender_user, dry_run, print_step, &s, &why) < 0)
            code = cli_fault(cli, EXIT_NOT_SO, &why);
    }
    if (!count)
        return cli_fail(cli, EXIT_BAD_CONFIG, "the configuration has no output of type elasticsearch%s%s",
                        name ? " and name " : "", name ? name : "");
    return code;
}

static int run(struct cli *cli, const struct words *words)
{
    int r;

    if (strcmp(words->list[0], "elasticsearch") != 0)
        return cli_fail(cli, EXIT_BAD_USAGE, "setup: '%s' is none; it would be: elasticsearch", words->list[0]);
    r = cli_settings(cli);
    return r ? r : set_up_all(cli, words->options[OUTPUT], words->options[DRY_RUN] != NULL);
}

const struct command command_setup = {
    .name = "setup",
    .synopsis = "elasticsearch",
    .help = "prepare Elasticsearch or OpenSearch: template, lifecycle, pipeline",
    .more = "OpenSearch takes the same. Exit code 1: the server refused, or could not be asked.\n",
    .options = rows,
    .options_count = OPTIONS,
    .least = 1,
    .most = 1,
    .run = run,
};
