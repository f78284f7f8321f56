/* The daemon's status answer (fimd/control/requests.h) as lines for people. */
#ifndef FIMD_CLI_STATUS_H
#define FIMD_CLI_STATUS_H

#include "fimd/cli/cli.h"

void status_print(const struct cli *cli, const struct json *status, struct buf *to);

#endif
