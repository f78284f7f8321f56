/* One connection, from the first byte to the exit code. The server gives it a socket and a thread. */
#ifndef FIMD_CONTROL_CALL_H
#define FIMD_CONTROL_CALL_H

#include "fimd/control/control.h"

struct call_context { /* what all calls share; outlives them */
    const struct control_command *commands;
    size_t count;
    void *ctx;
    int stop; /* an eventfd that is readable, for good, once the server is closing */
};

/* Reads the request, runs its command, says the exit code. Does not close the socket. */
void call_serve(const struct call_context *context, int fd);
/* Too many are being served already: says so, without waiting. */
void call_turn_away(int fd);

#endif
