/* Private to setup: the conversation with the server. Runs in the process without rights. */
#ifndef FIMD_SINK_SETUP_STEPS_H
#define FIMD_SINK_SETUP_STEPS_H

#include "fimd/sink/http.h"
#include "fimd/sink/setup.h"

int setup_run(struct http *http, const char *index, bool dry_run, setup_line_fn line, void *ctx,
              struct fault *why);

#endif
