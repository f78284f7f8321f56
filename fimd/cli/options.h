/* The words of a command line, by tables. Pure. */
#ifndef FIMD_CLI_OPTIONS_H
#define FIMD_CLI_OPTIONS_H

#include <stddef.h>

#include "baseline/fault.h"

enum option_kind {
    OPTION_FLAG,
    OPTION_VALUE, /* --name VALUE or --name=VALUE */
    OPTION_MAYBE, /* --name or --name=VALUE */
};

struct option_row {
    char letter;          /* 0 none */
    const char *name;
    enum option_kind kind;
    const char *argument; /* its name in the help; NULL for a flag */
    const char *help;
};

enum { OPTIONS_MAX = 16 };

/* A table, and where the values go: NULL not given, "" given without a value. */
struct options {
    const struct option_row *rows;
    size_t count;
    const char *values[OPTIONS_MAX];
};

/* Takes the option that words[0] is, and its value, into the table that knows it. How many words it took;
 * 0: it is no option ("-" and what follows "--" are none); -EINVAL with what is wrong. */
int options_take(struct options *const *tables, size_t tables_count, char *const *words, size_t words_count,
                 struct fault *why);

#endif
