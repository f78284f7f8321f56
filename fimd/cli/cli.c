/* fimctl from its words to its exit code.
 *
 *   words ─► global options ─► command ─► its options and words ─► run ─► exit code
 *
 * Options may stand anywhere; what follows "--" is a word. */
#include "fimd/cli/cli.h"

#include "fimd/cli/command.h"
#include "fimd/rt/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct parsed {
    const struct command *command;
    struct options global, own;
    char **words;
    size_t count;
    bool literal; /* "--" was seen */
};

static int set_command(struct parsed *p, const char *name, struct fault *why)
{
    p->command = command_find(name);
    if (!p->command)
        return fault_set(why, EINVAL, "there is no command '%s'", name);
    p->own = (struct options){.rows = p->command->options, .count = p->command->options_count};
    return 1;
}

static int take_word(struct parsed *p, char **words, size_t count, struct fault *why)
{
    struct options *tables[] = {&p->global, p->command ? &p->own : NULL};
    int taken = p->literal ? 0 : options_take(tables, 2, words, count, why);

    if (taken != 0)
        return taken;
    if (!p->literal && strcmp(words[0], "--") == 0) {
        p->literal = true;
        return 1;
    }
    if (!p->command)
        return set_command(p, words[0], why);
    p->words[p->count++] = words[0];
    return 1;
}

static int parse(struct parsed *p, int argc, char **argv, struct fault *why)
{
    for (int at = 1; at < argc;) {
        int taken = take_word(p, argv + at, (size_t)(argc - at), why);
        if (taken < 0)
            return taken;
        at += taken;
    }
    if (p->global.values[GLOBAL_HELP] || p->global.values[GLOBAL_VERSION])
        return 0;
    if (!p->command)
        return fault_set(why, EINVAL, "a command is missing");
    if (p->command->run && (p->count < p->command->least || p->count > p->command->most))
        return fault_set(why, EINVAL, "usage: fimctl %s %s", p->command->name,
                         p->command->synopsis ? p->command->synopsis : "");
    return 0;
}

static bool wants_colour(FILE *out)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

    return isatty(fileno(out)) == 1 && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static int run(struct cli *cli, const struct parsed *p)
{
    struct words words = {.options = p->own.values, .list = p->words, .count = p->count};

    if (p->global.values[GLOBAL_HELP]) {
        if (p->command)
            command_print(p->command, cli->out);
        else
            command_print_all(cli->out);
        return EXIT_WELL;
    }
    if (p->global.values[GLOBAL_VERSION])
        return command_version.run(cli, &words);
    if (!p->command->run)
        return cli_fail(cli, EXIT_BAD_USAGE, "%s: not yet; it comes with a later release", p->command->name);
    return p->command->run(cli, &words);
}

int cli_run(int argc, char **argv, FILE *out, FILE *err)
{
    struct cli cli = {.out = out, .err = err, .now = clock_real()};
    struct parsed p = {.global = {.rows = global_options, .count = GLOBAL_COUNT}};
    struct fault why = {0};
    int code;

    p.words = calloc((size_t)argc + 1, sizeof(*p.words));
    if (!p.words)
        return cli_fail(&cli, EXIT_INTERNAL, "out of memory");
    if (parse(&p, argc, argv, &why) < 0) {
        code = cli_fail(&cli, EXIT_BAD_USAGE, "%s; see: fimctl %s%s--help", why.text,
                        p.command ? p.command->name : "", p.command ? " " : "");
    } else {
        cli.config = p.global.values[GLOBAL_CONFIG];
        cli.json = p.global.values[GLOBAL_JSON] != NULL;
        cli.colour = wants_colour(out);
        cli.progress = !cli.json && isatty(fileno(err)) == 1;
        code = run(&cli, &p);
    }
    if (cli.loaded)
        settings_fini(&cli.settings);
    free(p.words);
    /* A full disk behind `fimctl events > file` must not look like success. */
    if ((fflush(out) != 0 || ferror(out)) && code == EXIT_WELL)
        code = cli_fail(&cli, EXIT_INTERNAL, "the output could not be written: %s", strerror(errno));
    return code;
}
