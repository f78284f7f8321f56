/* The shipped policies (policies/NAME.yaml), compiled into the program; generated at build. */
#ifndef FIMD_CONFIG_EMBEDDED_H
#define FIMD_CONFIG_EMBEDDED_H

#include <stddef.h>

struct embedded_policy {
    const char *name; /* file name without .yaml */
    const char *text; /* the file, NUL-terminated */
    size_t len;       /* without the NUL */
};

/* Ends with an entry whose name is NULL. */
extern const struct embedded_policy embedded_policies[];

#endif
