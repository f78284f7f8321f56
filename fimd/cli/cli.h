/* fimctl's frame: what every command is given and calls. A command writes what it was asked for to `out` and
 * trouble to `err`, and returns its exit code (fimd/control/requests.h: enum request_exit). */
#ifndef FIMD_CLI_CLI_H
#define FIMD_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "baseline/fault.h"
#include "baseline/store.h"
#include "fimd/control/control.h"
#include "fimd/control/requests.h"
#include "fimd/model/settings.h"

struct cli {
    FILE *out, *err;
    const char *config; /* -c; NULL: the default */
    bool json;
    bool colour;        /* out is a terminal that wants colours */
    bool progress;      /* err is a terminal, and nobody asked for JSON */
    int64_t now;        /* ns realtime, when fimctl was started */
    bool loaded;
    struct settings settings; /* once loaded; ended by cli_run */
};

/* The whole program: reads the words, runs a command, gives its exit code. argv[0] is the program's name. */
int cli_run(int argc, char **argv, FILE *out, FILE *err);

/* "fimctl: …" on err; returns code, so that a command can end with it. */
int cli_fail(struct cli *cli, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same for a fault: -EACCES and the like become EXIT_NO_PERMISSION. */
int cli_fault(struct cli *cli, int code, const struct fault *why);

/* Loads the settings once. 0, or an exit code after every mistake was printed. */
int cli_settings(struct cli *cli);
/* Opens the store of the settings. 0, or an exit code. */
int cli_store(struct cli *cli, const struct store_options *how, struct store **ret);
/* Asks the daemon; prints its errors. Its exit code, or one for what went wrong. request is freed. */
int cli_ask(struct cli *cli, struct json *request, control_answer_fn fn, void *ctx);
/* The same in silence: -errno when there is no daemon to ask. */
int cli_ask_quietly(struct cli *cli, struct json *request, control_answer_fn fn, void *ctx, struct fault *why);
struct json *cli_request(const char *command);

/* Prints and frees: one line of JSON; the text in b. */
int cli_put_json(struct cli *cli, struct json *root);
void cli_put(struct cli *cli, struct buf *b);
/* A colour when colours are wanted, else "". Reset with CLI_PLAIN. */
enum cli_colour { CLI_PLAIN, CLI_BOLD, CLI_RED, CLI_GREEN, CLI_YELLOW, CLI_DIM };
const char *cli_colour(const struct cli *cli, enum cli_colour colour);

#endif
