/* The program around the flow: configuration, control socket, signals, the service manager. */
#ifndef FIMD_DAEMON_DAEMON_H
#define FIMD_DAEMON_DAEMON_H

#include <pthread.h>

#include "fimd/config/config.h"
#include "fimd/control/control.h"
#include "fimd/flow/flow.h"

struct daemon {
    const char *config_file;  /* as given with -c; NULL: the default place or the built-in defaults */
    char *state_dir, *runtime_dir, *config_path; /* of the configuration at the start */
    bool console;             /* an output of this name: people are looking */
    struct flow *flow;
    struct control_server *control;
    pthread_mutex_t reload_lock;
};

/* Runs until SIGTERM or SIGINT; the program's exit code. settings are taken over. */
int daemon_run(const char *config_file, struct settings *settings);

/* Reads the configuration again and uses it; on a mistake the old one stays. 0, -EINVAL with mistakes, or another
 * -errno with why. Any thread. */
int daemon_reload(struct daemon *d, struct mistakes *mistakes, struct fault *why);

/* answers.c: the commands of the control socket. */
const struct control_command *daemon_commands(size_t *ret_count);

#endif
