/* `fimctl setup elasticsearch`: index template, lifecycle and ingest pipeline, each checked against what the
 * server is and has. A part that the server cannot have is left out, and said so. */
#ifndef FIMD_SINK_SETUP_H
#define FIMD_SINK_SETUP_H

#include <stdbool.h>

#include "baseline/fault.h"
#include "fimd/model/settings.h"

/* One line of what was done, or (dry run) of what would be sent. */
typedef void (*setup_line_fn)(void *ctx, const char *line);

/* settings: an output of type elasticsearch. user: whom the process that talks to the server becomes (NULL:
 * nobody); it is forked for this call, so the caller should have no other threads. dry_run: asks, but changes
 * nothing. 0, or -errno with the server's words in the fault. */
int setup_elasticsearch(const struct output_settings *settings, const char *user, bool dry_run,
                        setup_line_fn line, void *ctx, struct fault *why);

#endif
