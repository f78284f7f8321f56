/* Shell patterns inside one component of a path: * ? [a-z] [!a-z] and \ before a character meant as itself.
 * Bytes, not characters; a leading dot is nothing special. Pure. */
#ifndef FIMD_MODEL_GLOB_H
#define FIMD_MODEL_GLOB_H

#include <stdbool.h>
#include <stddef.h>

bool glob_component(const char *pattern, size_t pattern_len, const char *text, size_t len);
/* Is it a pattern, and not just a name? (also when it holds nothing special but a backslash) */
bool glob_special(const char *pattern, size_t len);
/* What is wrong with it, as a static text; NULL when nothing is. */
const char *glob_fault(const char *pattern, size_t len);
/* Takes the backslashes out of a pattern that has nothing else special: its length then, in ret (len bytes of
 * room); -1 when it does have * ? or [. */
long glob_literal(const char *pattern, size_t len, char *ret);
/* The byte that every text that matches begins (ends) with, -1 when there is no such one. */
int glob_first(const char *pattern, size_t len);
int glob_last(const char *pattern, size_t len);

#endif
