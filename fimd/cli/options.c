/* Reads options as getopt_long does, but from tables that the help is printed from as well, and with an error for
 * an option that is given twice: half of a filter that silently loses to its other half would be a wrong answer. */
#include "fimd/cli/options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct found {
    struct options *table;
    size_t row;
};

static bool names(const struct option_row *row, const char *word, size_t len)
{
    if (word[1] == '-')
        return strlen(row->name) == len - 2 && memcmp(row->name, word + 2, len - 2) == 0;
    return row->letter && word[1] == row->letter;
}

static bool find(struct options *const *tables, size_t count, const char *word, size_t len, struct found *ret)
{
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; tables[t] && i < tables[t]->count; i++)
            if (names(&tables[t]->rows[i], word, len)) {
                *ret = (struct found){tables[t], i};
                return true;
            }
    return false;
}

/* The value that is written in the same word: "--name=VALUE", "-cVALUE"; NULL none. */
static const char *attached(const char *word, size_t len)
{
    if (word[1] == '-')
        return word[len] == '=' ? word + len + 1 : NULL;
    return word[2] ? word + 2 : NULL;
}

static int take_value(const struct option_row *row, const char *same, char *const *words, size_t count,
                      const char **ret, struct fault *why)
{
    if (row->kind == OPTION_FLAG && same)
        return fault_set(why, EINVAL, "--%s takes no value", row->name);
    if (row->kind != OPTION_VALUE || same) {
        *ret = same ? same : "";
        return 1;
    }
    if (count < 2)
        return fault_set(why, EINVAL, "--%s needs a value: %s", row->name, row->argument);
    *ret = words[1];
    return 2;
}

int options_take(struct options *const *tables, size_t tables_count, char *const *words, size_t words_count,
                 struct fault *why)
{
    const char *word = words[0], *value = NULL;
    size_t len = strlen(word);
    struct found f;
    int taken;

    if (word[0] != '-' || !word[1] || strcmp(word, "--") == 0)
        return 0;
    if (word[1] == '-')
        len = strcspn(word, "=");
    if (!find(tables, tables_count, word, len, &f))
        return fault_set(why, EINVAL, "unknown option %s", word);
    taken = take_value(&f.table->rows[f.row], attached(word, len), words, words_count, &value, why);
    if (taken < 0)
        return taken;
    if (f.table->values[f.row])
        return fault_set(why, EINVAL, "--%s is given twice", f.table->rows[f.row].name);
    f.table->values[f.row] = value;
    return taken;
}
