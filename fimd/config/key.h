/* A map of a YAML file into a struct, by a table of its keys: name → how to read it → where it goes.
 * Whatever is wrong becomes a mistake with its place, and the reading goes on. */
#ifndef FIMD_CONFIG_KEY_H
#define FIMD_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fimd/config/tree.h"
#include "fimd/model/settings.h"

struct reader { /* one file being read */
    const char *file;
    const char *(*env)(const char *); /* for ${NAME} */
    struct arena *arena;              /* of the nodes, and of what is needed while reading */
    struct mistakes *mistakes;
    bool *no_memory; /* set when memory ran out: everything read is worthless then */
};

/* At a value's place, or its key's. */
void reader_mistake(struct reader *r, const struct yaml *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reader_mistake_key(struct reader *r, const struct yaml *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Notes a result: -ENOMEM sets no_memory. True when it is 0. */
bool reader_ok(struct reader *r, int result);

struct key;
typedef void (*key_fn)(struct reader *r, const struct yaml *n, const struct key *key, void *target);

struct choice { /* a word and what it stands for */
    const char *word;
    int value;
};

struct key {
    const char *name; /* NULL ends a table */
    key_fn read;
    size_t offset;        /* into the struct that the table fills */
    const void *more;     /* what the reader needs: choices, a table, a text */
    uint64_t least, most; /* of numbers, sizes, times; most 0: no bound */
    unsigned only;        /* of an output's key: the types it is for, as bits; 0 all */
};

/* Reads n's pairs into target. `what` names the map for people: "fimd.yaml", "an output". */
void keys_read(struct reader *r, const struct yaml *n, const struct key *keys, const char *what,
               void *target);
/* The table's row of that name, NULL when unknown: then the mistake has been told, with the nearest known
 * one. */
const struct key *key_find(struct reader *r, const struct yaml *n, const struct key *keys, const char *what);

/* Replaces ${NAME} in all texts of a tree, once, before anything reads them. */
void texts_expand(struct reader *r, struct yaml *n);
/* The text of a value; NULL after a mistake. */
const char *text_of(struct reader *r, const struct yaml *n);
/* A list's first node, or the one text that stands instead of a list; NULL when there is none or after a
 * mistake. */
const struct yaml *items_of(struct reader *r, const struct yaml *n);
static inline const struct yaml *item_after(const struct yaml *n, const struct yaml *item)
{
    /* What follows a text that stands instead of a list is another key. */
    return item == n ? NULL : item->next;
}

/* Readers of values, each with the type that stands at its offset.
 *
 *   key_text      char *
 *   key_path      char *, absolute
 *   key_boolean   bool
 *   key_choice    int or an enum; more: its choices
 *   key_number    unsigned
 *   key_size      uint64_t
 *   key_duration  int64_t
 *   key_strings   struct strings
 *   key_paths     struct strings, absolute
 *   key_severity  enum severity
 *   key_map       members of the same struct; more: their table
 */
void key_text(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_path(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_boolean(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_choice(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_number(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_size(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_duration(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_strings(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_paths(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_severity(struct reader *r, const struct yaml *n, const struct key *key, void *target);
void key_map(struct reader *r, const struct yaml *n, const struct key *key, void *target);
/* Known, but not of this version: told as "not yet" unless the value is the text in more (NULL: none). */
void key_not_yet(struct reader *r, const struct yaml *n, const struct key *key, void *target);

bool choice_find(struct reader *r, const struct yaml *n, const struct choice *choices, int *ret);

#endif
