/* Paths as bytes: any bytes but NUL, any length. */
#ifndef BASELINE_PATH_H
#define BASELINE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "baseline/buf.h"

/* The next component of *path at *len; advances both. NULL at the end. Skips repeated slashes. */
const char *path_next(const char **path, size_t *len, size_t *ret_len);
/* Is path the directory itself or below it? ("/etcetera" is not below "/etc"). */
bool path_below(const char *path, size_t len, const char *dir, size_t dir_len);
/* Opens a directory by an absolute path of any length, O_PATH|O_DIRECTORY|O_CLOEXEC, following no symlink: an
 * fd or -errno. */
int path_open_dir(const char *path, size_t len);
/* Splits at the last slash: the parent's length (1 for "/x") and the name. */
size_t path_parent(const char *path, size_t len, const char **ret_name, size_t *ret_name_len);
/* For people: control bytes, backslash and bytes that are no UTF-8 as \n, \t, \\ or \xNN. */
void path_escape(struct buf *to, const char *path, size_t len);
/* Is it valid UTF-8? */
bool path_is_utf8(const char *path, size_t len);

#endif
