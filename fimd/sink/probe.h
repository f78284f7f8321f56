/* Asks a server what it is. Runs where http.h runs. */
#ifndef FIMD_SINK_PROBE_H
#define FIMD_SINK_PROBE_H

#include "fimd/sink/http.h"
#include "fimd/sink/server.h"

/* 0, also when the server does not say (ret->known is false then: keys may be restricted to writing);
 * -errno when there is no answer. */
int probe_server(struct http *h, struct server *ret, struct fault *why);

#endif
