/* Mistakes: found one by one, told all at once. Owns their texts. */
#include "fimd/config/mistake.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mistakes_fini(struct mistakes *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->list[i].file);
        free(m->list[i].text);
    }
    free(m->list);
    *m = (struct mistakes){0};
}

/* A value is read and then checked once more: what is wrong with it is told once. */
static bool told(const struct mistakes *m, const struct mistake *made)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct mistake *old = &m->list[i];
        if (old->line == made->line && old->column == made->column && !strcmp(old->file, made->file) &&
            !strcmp(old->text, made->text))
            return true;
    }
    return false;
}

static int put(struct mistakes *m, struct mistake made)
{
    if (made.file && made.text && told(m, &made)) {
        free(made.file);
        free(made.text);
        return 0;
    }
    struct mistake *list = made.file && made.text ? realloc(m->list, (m->count + 1) * sizeof(*list)) : NULL;
    if (!list) {
        free(made.file);
        free(made.text);
        return -ENOMEM;
    }
    m->list = list;
    m->list[m->count++] = made;
    return 0;
}

int mistake_addv(struct mistakes *m, const char *file, int line, int column, const char *format, va_list args)
{
    char *text = NULL;
    if (m->count > MISTAKES_MAX)
        return 0;
    if (m->count == MISTAKES_MAX)
        return put(m, (struct mistake){strdup(file), line, column,
                                       strdup("there are more mistakes; mend these first")});
    if (vasprintf(&text, format, args) < 0)
        return -ENOMEM;
    return put(m, (struct mistake){strdup(file), line, column, text});
}

int mistake_add(struct mistakes *m, const char *file, int line, int column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = mistake_addv(m, file, line, column, format, args);
    va_end(args);
    return r;
}

static size_t file_first(const struct mistakes *m, const char *file)
{
    size_t i = 0;
    while (strcmp(m->list[i].file, file))
        i++;
    return i;
}

static bool comes_after(const struct mistakes *m, const struct mistake *a, const struct mistake *b)
{
    size_t a_file = file_first(m, a->file), b_file = file_first(m, b->file);
    if (a_file != b_file)
        return a_file > b_file;
    return a->line != b->line ? a->line > b->line : a->column > b->column;
}

/* By insertion: there are few, nearly sorted, and equal places must keep their order. */
void mistakes_sort(struct mistakes *m)
{
    for (size_t i = 1; i < m->count; i++) {
        for (size_t k = i; k && comes_after(m, &m->list[k - 1], &m->list[k]); k--) {
            struct mistake swapped = m->list[k];
            m->list[k] = m->list[k - 1];
            m->list[k - 1] = swapped;
        }
    }
}
