/* A directory tree made for a test, and what a walk or a check said of it. */
#ifndef TESTS_TREE_FIXTURE_H
#define TESTS_TREE_FIXTURE_H

#include "baseline/buf.h"

struct tree {
    char top[64];
};

void tree_make(struct tree *t);
void tree_remove(struct tree *t);
/* Below the top: "a/b/" is a directory, made with its parents; else a file with the text. */
void tree_add(const struct tree *t, const char *path, const char *text);
void tree_path(const struct tree *t, const char *path, char *ret, size_t size);
/* `levels` directories "d…" in one another, by relative calls; a file "leaf" in the last; *ret its whole
 * path. */
void tree_deep(const struct tree *t, int levels, size_t name_len, struct buf *ret);

#endif
