/* The privileged half of the set-up: reads the secrets, forks a process that gives up all rights, and passes
 * on the lines that it says. What comes back is text for a person, made harmless. */
#include "fimd/sink/setup.h"

#include "baseline/path.h"
#include "fimd/sink/confine.h"
#include "fimd/sink/index.h"
#include "fimd/sink/secrets.h"
#include "fimd/sink/sender_process.h"
#include "fimd/sink/setup_steps.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A message on the pair: one byte that says what it is, then text. A sequenced socket keeps them apart. */
enum { SAYS_LINE = 'L', SAYS_FAULT = 'F', SAYS_DONE = 'D', MESSAGE_SIZE = 2048 };

/* --- in the child --------------------------------------------------------------------------------------- */

static void tell(int fd, char what, int error, const char *text)
{
    char message[MESSAGE_SIZE];
    size_t len = strnlen(text, sizeof(message) - 2 - 1);

    message[0] = what;
    message[1] = (char)error;
    memcpy(message + 2, text, len);
    if (send(fd, message, len + 2, MSG_NOSIGNAL) < 0)
        _exit(EXIT_FAILURE); /* nobody listens any more */
}

static void tell_line(void *ctx, const char *line)
{
    tell(*(int *)ctx, SAYS_LINE, 0, line);
}

static int run_child(int fd, pid_t parent, const struct sender_config *config, const char *index,
                     bool dry_run)
{
    struct fault fault = {0};
    struct http *http = NULL;
    int error = http_init();

    if (!error)
        error = confine(config->uid, config->gid, parent);
    if (error)
        fault_set(&fault, -error, "rights cannot be given up: %s", strerror(-error));
    if (!error)
        error = http_open(config, &http, &fault);
    if (!error)
        error = setup_run(http, index, dry_run, tell_line, &fd, &fault);
    http_close(http);
    if (error)
        tell(fd, SAYS_FAULT, -error, fault.text);
    else
        tell(fd, SAYS_DONE, 0, "");
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- in the parent -------------------------------------------------------------------------------------- */

static void pass_on(const char *text, size_t len, setup_line_fn line, void *ctx)
{
    struct buf clean = {0};

    path_escape(&clean, text, len);
    if (buf_cstr(&clean))
        line(ctx, (const char *)clean.data);
    buf_fini(&clean);
}

static int pass_on_fault(int error, const char *text, size_t len, struct fault *why)
{
    struct buf clean = {0};

    path_escape(&clean, text, len);
    error = fault_set(why, error > 0 ? error : EIO, "%s", buf_cstr(&clean) ? (const char *)clean.data : "");
    buf_fini(&clean);
    return error;
}

/* Until it is done, has failed, or is gone. */
static int listen_to(int fd, setup_line_fn line, void *ctx, struct fault *why)
{
    char message[MESSAGE_SIZE];

    for (;;) {
        ssize_t n = recv(fd, message, sizeof(message), 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 2)
            return fault_set(why, EPIPE, "the process that talks to the server ended unexpectedly");
        if (message[0] == SAYS_DONE)
            return 0;
        if (message[0] == SAYS_FAULT)
            return pass_on_fault(message[1], message + 2, (size_t)n - 2, why);
        pass_on(message + 2, (size_t)n - 2, line, ctx);
    }
}

static int run(const struct sender_config *config, const char *index, bool dry_run, setup_line_fn line,
               void *ctx, struct fault *why)
{
    pid_t parent = getpid(), child;
    int pair[2], error;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fault_set(why, errno, "socketpair: %s", strerror(errno));
    child = fork();
    if (!child) {
        close(pair[0]);
        _exit(run_child(pair[1], parent, config, index, dry_run));
    }
    close(pair[1]);
    error =
        child < 0 ? fault_set(why, errno, "fork: %s", strerror(errno)) : listen_to(pair[0], line, ctx, why);
    close(pair[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return error;
}

int setup_elasticsearch(const struct output_settings *settings, const char *user, bool dry_run,
                        setup_line_fn line, void *ctx, struct fault *why)
{
    const char *mistake = index_is_dated(settings->index) ? NULL : index_mistake(settings->index);
    struct sender_config config;
    struct secrets secrets = {0};
    int error;

    if (mistake)
        return fault_set(why, EINVAL, "index '%s': %s", settings->index, mistake);
    error = secrets_read(settings, &secrets, why);
    if (!error)
        error = secrets_config(&secrets, settings, &config, why);
    if (!error) {
        sender_account(user, &config.uid, &config.gid);
        error = run(&config, settings->index, dry_run, line, ctx, why);
    }
    secrets_fini(&secrets);
    return error;
}
