/* The table of commands, and the help that is printed from it. */
#include "fimd/cli/command.h"

#include "fimd/config/config.h"

#include <string.h>

static const struct command command_accept = {
    .name = "accept", .synopsis = "[PATH…]", .help = "approve what is there now", .most = WORDS_ANY};
static const struct command command_report = {.name = "report", .help = "a report for auditors"};
static const struct command command_maintenance = {
    .name = "maintenance", .synopsis = "start|end", .help = "hold alerts during planned work", .most = WORDS_ANY};

const struct command *const commands[] = {
    &command_status, &command_sync,    &command_who,    &command_events, &command_check,
    &command_scan,   &command_init,    &command_explain, &command_verify, &command_setup,
    &command_doctor, &command_reload,  &command_version, &command_accept, &command_report,
    &command_maintenance, NULL,
};

const struct option_row global_options[GLOBAL_COUNT] = {
    [GLOBAL_CONFIG] = {'c', "config", OPTION_VALUE, "FILE", "the configuration, else " CONFIG_DEFAULT_FILE " or built-in defaults"},
    [GLOBAL_JSON] = {0, "json", OPTION_FLAG, NULL, "print JSON, one object a line"},
    [GLOBAL_HELP] = {'h', "help", OPTION_FLAG, NULL, "print this"},
    [GLOBAL_VERSION] = {0, "version", OPTION_FLAG, NULL, "print the version"},
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_option(const struct option_row *row, FILE *to)
{
    char left[64];
    const char *argument = row->argument ? row->argument : "";
    const char *form = row->kind == OPTION_FLAG ? "" : row->kind == OPTION_MAYBE ? "[=" : " ";

    snprintf(left, sizeof(left), "%c%c%s--%s%s%s%s", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
             row->letter ? ", " : "  ", row->name, form, argument, row->kind == OPTION_MAYBE ? "]" : "");
    fprintf(to, "  %-28s %s\n", left, row->help);
}

static void print_options(const struct option_row *rows, size_t count, FILE *to)
{
    for (size_t i = 0; i < count; i++)
        print_option(&rows[i], to);
}

static void print_commands(bool later, FILE *to)
{
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->run == later)
            fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->help);
}

void command_print_all(FILE *to)
{
    fputs("usage: fimctl [OPTION…] COMMAND [ARGUMENT…]\n\nAsks fimd, or the journal and the baseline that it keeps: "
          "who changed that file?\n\n",
          to);
    print_commands(false, to);
    fputs("\nWith a later release:\n", to);
    print_commands(true, to);
    fputs("\nOptions:\n", to);
    print_options(global_options, GLOBAL_COUNT, to);
    fputs("\nfimctl COMMAND --help tells more. Exit codes: 0 success, 64 usage, 69 fimd is not running, 70 internal,\n"
          "77 no permission, 78 bad configuration; others stand with the command.\n",
          to);
}

void command_print(const struct command *command, FILE *to)
{
    fprintf(to, "usage: fimctl %s%s%s\n\n%s\n", command->name, command->synopsis ? " " : "",
            command->synopsis ? command->synopsis : "", command->help);
    if (command->more)
        fprintf(to, "\n%s", command->more);
    fputs("\nOptions:\n", to);
    print_options(command->options, command->options_count, to);
    print_options(global_options, GLOBAL_COUNT, to);
}
