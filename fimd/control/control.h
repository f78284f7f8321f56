/* The control socket: fimctl asks, the daemon answers. A stream socket (0600) in the runtime directory; a request
 * is one line of JSON {"command": …, arguments…} of at most 64 KiB, the answer lines of JSON, the last one with
 * "exit". Clients are hostile: size, number (16) and time (5 s to send a request, 30 s for each unread answer)
 * are bounded. Who asks is told by SO_PEERCRED. */
#ifndef FIMD_CONTROL_CONTROL_H
#define FIMD_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "baseline/fault.h"
#include "fimd/rt/json.h"

struct control_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

struct control_call; /* one request being answered */

/* Runs on a thread of its own for this call (long commands may take their time). Answers with control_say any
 * number of times and returns the exit code, which ends the call. */
typedef int (*control_fn)(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer);
struct control_command {
    const char *name;
    control_fn run;
};

/* Sends one answer (object owned by the caller). -EPIPE when the client is gone: give up. */
int control_say(struct control_call *call, const struct json *answer);
bool control_gone(struct control_call *call); /* the client hung up, or the server is closing */
/* Says {"error": …} and returns code: `return control_fail(call, EXIT_BAD_USAGE, "…");`. */
int control_fail(struct control_call *call, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

struct control_server;
int control_open(const char *path, const struct control_command *commands, size_t count, void *ctx,
                 struct control_server **ret, struct fault *why);
void control_close(struct control_server *s); /* ends its threads */

/* Client: sends, calls fn for every answer (fn may be NULL), returns the exit code, or -errno (-ECONNREFUSED,
 * -ENOENT: no daemon; -EACCES). */
typedef void (*control_answer_fn)(void *ctx, const struct json *answer);
int control_ask(const char *path, const struct json *request, control_answer_fn fn, void *ctx, struct fault *why);

#endif
