/* What the commands share: errors, settings, the store, the daemon, and output. */
#include "fimd/cli/cli.h"

#include "fimd/config/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int cli_fail(struct cli *cli, int code, const char *format, ...)
{
    va_list args;

    fputs("fimctl: ", cli->err);
    va_start(args, format);
    vfprintf(cli->err, format, args);
    va_end(args);
    fputc('\n', cli->err);
    return code;
}

int cli_fault(struct cli *cli, int code, const struct fault *why)
{
    bool forbidden = why->error == EACCES || why->error == EPERM;

    return cli_fail(cli, forbidden ? EXIT_NO_PERMISSION : code, "%s", why->text);
}

static void print_mistake(struct cli *cli, const struct mistake *m)
{
    if (m->line)
        fprintf(cli->err, "%s:%d:%d: %s\n", m->file, m->line, m->column, m->text);
    else
        fprintf(cli->err, "%s: %s\n", m->file, m->text);
}

int cli_settings(struct cli *cli)
{
    struct mistakes mistakes = {0};
    int r;

    if (cli->loaded)
        return 0;
    r = config_load(cli->config, &cli->settings, &mistakes);
    for (size_t i = 0; i < mistakes.count; i++)
        print_mistake(cli, &mistakes.list[i]);
    mistakes_fini(&mistakes);
    cli->loaded = r == 0;
    if (r == -EINVAL)
        return EXIT_BAD_CONFIG;
    return r < 0 ? cli_fail(cli, EXIT_INTERNAL, "the configuration cannot be read: %s", strerror(-r)) : 0;
}

int cli_store(struct cli *cli, const struct store_options *how, struct store **ret)
{
    struct store_options options = *how;
    struct fault why = {0};
    int r = cli_settings(cli);

    if (r)
        return r;
    options.dir = cli->settings.state_dir;
    r = store_open(&options, ret, &why);
    if (r == -ENOENT)
        return cli_fail(cli, EXIT_NO_DAEMON, "%s: no baseline and no journal yet; start fimd, or run: fimctl init",
                        options.dir);
    return r < 0 ? cli_fault(cli, EXIT_INTERNAL, &why) : 0;
}

struct json *cli_request(const char *command)
{
    struct json *request = json_object();

    json_put_static(request, FIELD_COMMAND, command);
    return request;
}

int cli_ask_quietly(struct cli *cli, struct json *request, control_answer_fn fn, void *ctx, struct fault *why)
{
    struct buf path = {0};
    int r;

    buf_printf(&path, "%s/" CONTROL_SOCKET, cli->settings.runtime_dir);
    if (request && buf_cstr(&path))
        r = control_ask(buf_cstr(&path), request, fn, ctx, why);
    else
        r = fault_set(why, ENOMEM, "out of memory");
    buf_fini(&path);
    json_free(request);
    return r;
}

struct asking {
    struct cli *cli;
    control_answer_fn fn;
    void *ctx;
};

static void hear(void *ctx, const struct json *answer)
{
    struct asking *a = ctx;
    const char *error = json_get_text(answer, FIELD_ERROR);

    if (error)
        cli_fail(a->cli, 0, "%s", error);
    else if (a->fn)
        a->fn(a->ctx, answer);
}

int cli_ask(struct cli *cli, struct json *request, control_answer_fn fn, void *ctx)
{
    struct asking asking = {cli, fn, ctx};
    struct fault why = {0};
    int r = cli_settings(cli);

    if (r) {
        json_free(request);
        return r;
    }
    r = cli_ask_quietly(cli, request, hear, &asking, &why);
    if (r == -ENOENT || r == -ECONNREFUSED)
        return cli_fault(cli, EXIT_NO_DAEMON, &why);
    return r < 0 ? cli_fault(cli, EXIT_INTERNAL, &why) : r;
}

int cli_put_json(struct cli *cli, struct json *root)
{
    struct buf text = {0};
    bool good = json_print(root, &text);

    json_free(root);
    buf_put(&text, "\n", 1);
    if (good)
        cli_put(cli, &text);
    buf_fini(&text);
    return good ? EXIT_WELL : cli_fail(cli, EXIT_INTERNAL, "out of memory");
}

void cli_put(struct cli *cli, struct buf *b)
{
    fwrite(b->data, 1, b->len, cli->out);
}

const char *cli_colour(const struct cli *cli, enum cli_colour colour)
{
    static const char *const codes[] = {
        [CLI_PLAIN] = "\033[0m",   [CLI_BOLD] = "\033[1m",    [CLI_RED] = "\033[31m",
        [CLI_GREEN] = "\033[32m", [CLI_YELLOW] = "\033[33m", [CLI_DIM] = "\033[2m",
    };

    return cli->colour ? codes[colour] : "";
}
