/* What a command is: a row of the table in commands.c, made in the command's own file. */
#ifndef FIMD_CLI_COMMAND_H
#define FIMD_CLI_COMMAND_H

#include "fimd/cli/cli.h"
#include "fimd/cli/options.h"

struct words { /* what stood behind the command's name */
    const char *const *options; /* by row of the command's table: NULL not given */
    char *const *list;
    size_t count;
};

struct command {
    const char *name;
    const char *synopsis; /* behind the name */
    const char *help;     /* a line */
    const char *more;     /* paragraphs for --help, each line ended by a newline; NULL */
    const struct option_row *options;
    size_t options_count;
    size_t least, most;   /* how many words it takes */
    int (*run)(struct cli *cli, const struct words *words); /* NULL: comes with a later release */
};

enum { WORDS_ANY = 100000 };

extern const struct command command_status, command_sync, command_who, command_events, command_check, command_scan,
    command_init, command_explain, command_verify, command_setup, command_doctor, command_reload, command_version;

/* Every command, in the order of the help; ends with NULL. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);
void command_print_all(FILE *to);
void command_print(const struct command *command, FILE *to);

/* The options that every command takes. */
enum { GLOBAL_CONFIG, GLOBAL_JSON, GLOBAL_HELP, GLOBAL_VERSION, GLOBAL_COUNT };
extern const struct option_row global_options[GLOBAL_COUNT];

#endif
