/* Fills a fault: the errno and the line for a person. Owns nothing, logs nothing. */
#include "baseline/fault.h"

#include <stdarg.h>
#include <stdio.h>

int fault_set(struct fault *f, int error, const char *format, ...)
{
    if (f) {
        va_list args;

        va_start(args, format);
        f->error = error;
        vsnprintf(f->text, sizeof(f->text), format, args);
        va_end(args);
    }
    return -error;
}
