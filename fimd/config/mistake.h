/* Collecting mistakes. Inside fimd/config only; callers read struct mistakes. */
#ifndef FIMD_CONFIG_MISTAKE_H
#define FIMD_CONFIG_MISTAKE_H

#include <stdarg.h>

#include "fimd/config/config.h"

/* 0 or -ENOMEM. After MISTAKES_MAX the rest is counted by one last line. */
int mistake_add(struct mistakes *m, const char *file, int line, int column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
int mistake_addv(struct mistakes *m, const char *file, int line, int column, const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));

/* By file (in the order in which the files were met), line and column. */
void mistakes_sort(struct mistakes *m);

enum { MISTAKES_MAX = 200 };

#endif
