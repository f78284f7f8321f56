/* A YAML file as a small tree: texts, lists and maps, each with its place. Lives in an arena. */
#ifndef FIMD_CONFIG_TREE_H
#define FIMD_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "fimd/config/config.h"
#include "fimd/model/arena.h"

enum yaml_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct yaml {
    enum yaml_kind kind;
    const char *text; /* of NODE_TEXT; "" else */
    bool empty;       /* nothing stands there (or ~): the key's default is meant */
    bool bad;         /* a mistake in it has been told: it has no value */
    int line, column;
    const char *key; /* of a child of a map */
    int key_line, key_column;
    struct yaml *first; /* children, in their order */
    struct yaml *next;
};

/* Pure. 0 with the root (NULL for an empty file); -EINVAL with mistakes, -ENOMEM. Takes no anchors, aliases
 * and tags, and no file that is too deep: a file from elsewhere must not be able to grow in memory. */
int yaml_read(struct arena *a, const char *file, const char *text, size_t len, struct mistakes *mistakes,
              struct yaml **ret);

#endif
