/* A map into a struct, by a table of its keys.
 *
 *   pair ─► row of the table ─► its reader ─► value at its offset
 *        └► unknown: the nearest known key is told
 *
 * Owns nothing; texts that a struct keeps are on the heap, those needed while reading in the arena. */
#include "fimd/config/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/config/mistake.h"
#include "fimd/config/suggest.h"
#include "fimd/config/value.h"

void reader_mistake(struct reader *r, const struct yaml *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    reader_ok(r, mistake_addv(r->mistakes, r->file, n->line, n->column, format, args));
    va_end(args);
}

void reader_mistake_key(struct reader *r, const struct yaml *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    reader_ok(r, mistake_addv(r->mistakes, r->file, n->key_line, n->key_column, format, args));
    va_end(args);
}

bool reader_ok(struct reader *r, int result)
{
    if (result == -ENOMEM)
        *r->no_memory = true;
    return result == 0;
}

const struct key *key_find(struct reader *r, const struct yaml *n, const struct key *keys, const char *what)
{
    struct suggestion near = {0};
    for (const struct key *k = keys; k->name; k++) {
        if (!strcmp(k->name, n->key))
            return k;
        suggest(&near, n->key, k->name);
    }
    if (near.word)
        reader_mistake_key(r, n, "%s has no key '%s'; '%s' may be meant", what, n->key, near.word);
    else
        reader_mistake_key(r, n, "%s has no key '%s'; take it out", what, n->key);
    return NULL;
}

void keys_read(struct reader *r, const struct yaml *n, const struct key *keys, const char *what, void *target)
{
    if (n->kind != NODE_MAP) {
        reader_mistake(r, n, "%s is a map; write keys with values, as '%s: …'", what, keys->name);
        return;
    }
    for (const struct yaml *pair = n->first; pair; pair = pair->next) {
        const struct key *key = key_find(r, pair, keys, what);
        if (key && !pair->empty)
            key->read(r, pair, key, target);
    }
}

static void *place(const struct key *key, void *target)
{
    return (char *)target + key->offset;
}

static void text_put(struct reader *r, const char *text, char **at)
{
    char *copy = strdup(text);
    if (!reader_ok(r, copy ? 0 : -ENOMEM))
        return;
    free(*at);
    *at = copy;
}

void key_text(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    const char *text = text_of(r, n);
    if (text && !*text)
        reader_mistake(r, n, "'%s' is empty; give it a value or take it out", key->name);
    else if (text)
        text_put(r, text, place(key, target));
}

static bool path_fits(struct reader *r, const struct yaml *n, const char *path)
{
    if (*path == '/')
        return true;
    reader_mistake(r, n, "the path '%s' is relative; write it whole, from '/' on", path);
    return false;
}

void key_path(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    const char *text = text_of(r, n);
    if (text && path_fits(r, n, text))
        text_put(r, text, place(key, target));
}

void key_boolean(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    const char *text = text_of(r, n);
    if (text && boolean_parse(text, place(key, target)) < 0)
        reader_mistake(r, n, "'%s' is '%s'; write true or false", key->name, text);
}

static void words_of(const struct choice *choices, char *ret, size_t size)
{
    size_t used = 0;
    *ret = '\0';
    for (const struct choice *c = choices; c->word && used + strlen(c->word) + 3 < size; c++) {
        const char *sign = c == choices ? "" : c[1].word ? ", " : " or ";
        used = (size_t)(stpcpy(stpcpy(ret + used, sign), c->word) - ret);
    }
}

bool choice_find(struct reader *r, const struct yaml *n, const struct choice *choices, int *ret)
{
    char words[200];
    const char *text = text_of(r, n);
    if (!text)
        return false;
    for (const struct choice *c = choices; c->word; c++) {
        if (!strcmp(c->word, text)) {
            *ret = c->value;
            return true;
        }
    }
    words_of(choices, words, sizeof(words));
    reader_mistake(r, n, "'%s' is '%s'; write %s", n->key ? n->key : "it", text, words);
    return false;
}

void key_choice(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    int value;
    if (choice_find(r, n, key->more, &value))
        memcpy(place(key, target), &value, sizeof(value));
}

void key_severity(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    static const struct choice severities[] = {
        {"info", SEVERITY_INFO}, {"low", SEVERITY_LOW},           {"medium", SEVERITY_MEDIUM},
        {"high", SEVERITY_HIGH}, {"critical", SEVERITY_CRITICAL}, {NULL, 0},
    };
    int value;
    (void)key;
    if (choice_find(r, n, severities, &value))
        memcpy(place(key, target), &value, sizeof(value));
}

struct form { /* how a number is written, and a bound of it told */
    const char *example;
    uint64_t unit;
    const char *unit_name;
};

static void out_of_bounds(struct reader *r, const struct yaml *n, const struct key *key,
                          const struct form *form)
{
    unsigned long long least = key->least / form->unit, most = key->most / form->unit;
    if (key->most)
        reader_mistake(r, n, "'%s' is '%s'; from %llu%s to %llu%s are possible", key->name, n->text, least,
                       form->unit_name, most, form->unit_name);
    else if (key->least)
        reader_mistake(r, n, "'%s' is '%s'; %llu%s or more are possible", key->name, n->text, least,
                       form->unit_name);
    else
        reader_mistake(r, n, "'%s' is '%s', which no 64 bits hold; write a smaller one", key->name, n->text);
}

/* Tells what is wrong with a number, a size or a time; true when nothing is. */
static bool number_fits(struct reader *r, const struct yaml *n, const struct key *key, int result,
                        uint64_t value, const struct form *form)
{
    if (result == -EINVAL)
        reader_mistake(r, n, "'%s' is '%s'; write %s", key->name, n->text, form->example);
    else if (result == -ERANGE || (key->most && value > key->most) || value < key->least)
        out_of_bounds(r, n, key, form);
    else
        return true;
    return false;
}

void key_number(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    static const struct form form = {"a whole number", 1, ""};
    const char *text = text_of(r, n);
    uint64_t value = 0;
    if (!text)
        return;
    int result = number_parse(text, &value);
    if (result == 0 && value > UINT32_MAX)
        result = -ERANGE;
    if (number_fits(r, n, key, result, value, &form))
        *(unsigned *)place(key, target) = (unsigned)value;
}

void key_size(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    static const struct form form = {"bytes, or a number with KiB, MiB or GiB, as 100MiB", 1024, "KiB"};
    const char *text = text_of(r, n);
    uint64_t value = 0;
    if (!text)
        return;
    int result = size_parse(text, &value);
    if (number_fits(r, n, key, result, value, &form))
        *(uint64_t *)place(key, target) = value;
}

void key_duration(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    static const struct form form = {"a number with ms, s, m, h or d, as 250ms", 1000000, "ms"};
    const char *text = text_of(r, n);
    int64_t value = 0;
    if (!text)
        return;
    int result = duration_parse(text, &value);
    if (number_fits(r, n, key, result, (uint64_t)value, &form))
        *(int64_t *)place(key, target) = value;
}

static void strings_read(struct reader *r, const struct yaml *n, struct strings *to, bool paths)
{
    struct strings read = {0};
    for (const struct yaml *item = items_of(r, n); item; item = item_after(n, item)) {
        const char *text = text_of(r, item);
        if (text && !*text)
            reader_mistake(r, item, "an empty value in a list; take it out");
        else if (text && (!paths || path_fits(r, item, text)))
            reader_ok(r, strings_add(&read, text));
    }
    strings_fini(to);
    *to = read;
}

void key_strings(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    strings_read(r, n, place(key, target), false);
}

void key_paths(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    strings_read(r, n, place(key, target), true);
}

void key_map(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    keys_read(r, n, key->more, key->name, target);
}

void key_not_yet(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    (void)target;
    if (n->kind != NODE_TEXT && !n->first)
        return; /* an empty list or map asks for nothing */
    if (n->kind == NODE_TEXT && key->more && !strcmp(n->text, key->more))
        return;
    if (key->more)
        reader_mistake_key(r, n,
                           "not yet: '%s' is for a later version of fimd; write '%s: %s' or take it out",
                           key->name, key->name, (const char *)key->more);
    else
        reader_mistake_key(r, n, "not yet: '%s' is for a later version of fimd; take it out", key->name);
}
