/* The forms of single values. Pure: 0, or -EINVAL (no such form), -ERANGE (too large); ret untouched then. */
#ifndef FIMD_CONFIG_VALUE_H
#define FIMD_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

int number_parse(const char *text, uint64_t *ret);
int size_parse(const char *text, uint64_t *ret);    /* 4096, 100MiB: bytes */
int duration_parse(const char *text, int64_t *ret); /* 250ms, 30s, 5m, 2h, 400d, 0: ns */
int boolean_parse(const char *text, bool *ret);     /* true false yes no on off */

#endif
