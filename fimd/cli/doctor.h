/* What doctor finds: a list of checks, each with a verdict and, unless all is good, a remedy. */
#ifndef FIMD_CLI_DOCTOR_H
#define FIMD_CLI_DOCTOR_H

#include "fimd/cli/cli.h"

/* Adds {name, verdict, text, remedy}; remedy NULL when there is nothing to do. */
void doctor_add(struct json *checks, const char *name, const char *verdict, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* What can be seen from here. `alone`: no daemon answered, so also what it would have said better. */
void doctor_host(struct json *checks, bool alone);  /* rights, kernel, namespaces, clock */
void doctor_audit(struct json *checks, bool alone); /* audit, and who else listens */
void doctor_files(struct json *checks, const struct settings *settings, bool alone); /* store, outputs, file systems */

#endif
