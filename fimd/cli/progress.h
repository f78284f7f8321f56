/* A line on the terminal that tells how far long work is, drawn by a thread of its own; nothing without a terminal. */
#ifndef FIMD_CLI_PROGRESS_H
#define FIMD_CLI_PROGRESS_H

#include "baseline/check.h"
#include "fimd/cli/cli.h"

struct progress;

/* total: how many entries there will be; 0 unknown. `of` outlives it. NULL without a terminal: all the same. */
struct progress *progress_start(struct cli *cli, const char *what, uint64_t total, struct check_progress *of);
void progress_stop(struct progress *p); /* wipes the line */

/* One drawing, for work that is told of by somebody else; and the end of it. */
void progress_draw(struct cli *cli, const char *what, uint64_t done, uint64_t total, uint64_t bytes);
void progress_wipe(struct cli *cli);

#endif
