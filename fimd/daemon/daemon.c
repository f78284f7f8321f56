/* See daemon.h. One thread here: it waits for signals; everything else has threads of its own. */
#include "fimd/daemon/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fimd/control/requests.h"
#include "fimd/daemon/notify.h"
#include "fimd/rt/log.h"

enum { BANNER_LOOK_MS = 20 };

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    /* Before any thread is started, so that all inherit it and only the signalfd gets them. */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A walker and its workers hold some hundred directories and files open. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_control(struct daemon *d, struct fault *why)
{
    char path[4200];
    size_t count;
    if (mkdir(d->runtime_dir, 0755) < 0 && errno != EEXIST)
        return fault_set(why, errno, "%s: cannot be made: %s", d->runtime_dir, strerror(errno));
    snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, d->runtime_dir);
    const struct control_command *commands = daemon_commands(&count);
    return control_open(path, commands, count, d, &d->control, why);
}

static bool has_console(const struct settings *settings)
{
    for (size_t i = 0; i < settings->outputs_count; i++) {
        if (settings->outputs[i].type == OUTPUT_CONSOLE)
            return true;
    }
    return false;
}

/* 4812 → "4,812" */
static void group_thousands(uint64_t n, char *ret, size_t size)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    size_t at = 0;
    for (int i = 0; i < len && at + 2 < size; i++) {
        if (i && (len - i) % 3 == 0)
            ret[at++] = ',';
        ret[at++] = digits[i];
    }
    ret[at] = 0;
}

/* Once the first baseline stands: the line by which people see that it works. True when it was printed. */
static bool banner(struct daemon *d)
{
    struct flow_status s;
    char entries[32];
    if (flow_status(d->flow, &s) < 0)
        return false;
    bool ready = !s.scan.running && s.scan.queued == 0;
    if (ready) {
        group_thousands(s.store.entries, entries, sizeof(entries));
        printf("fimd " FIMD_VERSION ": watching %zu paths (%s entries) · attribution: %s · journal: %s · press Ctrl-C to stop\n",
               s.paths, entries, grade_name(s.probe.grade), d->state_dir);
        fflush(stdout);
    }
    flow_status_fini(&s);
    return ready;
}

static void log_mistakes(const struct mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->count; i++) {
        const struct mistake *m = &mistakes->list[i];
        log_error("%s:%d:%d: %s", m->file, m->line, m->column, m->text);
    }
}

static int load(const char *file, struct settings **ret, struct mistakes *mistakes)
{
    struct settings *settings = calloc(1, sizeof(*settings));
    if (!settings)
        return -ENOMEM;
    int r = config_load(file, settings, mistakes);
    if (r < 0) {
        free(settings);
        return r;
    }
    *ret = settings;
    return 0;
}

int daemon_reload(struct daemon *d, struct mistakes *mistakes, struct fault *why)
{
    struct settings *settings = NULL;
    pthread_mutex_lock(&d->reload_lock);
    int r = load(d->config_file, &settings, mistakes);
    if (r == 0) {
        r = flow_reload(d->flow, settings, why);
        if (r < 0) {
            settings_fini(settings);
            free(settings);
        }
    }
    pthread_mutex_unlock(&d->reload_lock);
    return r;
}

static void reload_by_signal(struct daemon *d)
{
    struct mistakes mistakes = {0};
    struct fault why = {0};
    notify_reloading();
    int r = daemon_reload(d, &mistakes, &why);
    log_mistakes(&mistakes);
    if (r == 0)
        log_info("the configuration was read again");
    else
        log_error("the configuration was not taken, the old one stays in force%s%s", why.error ? ": " : "", why.text);
    mistakes_fini(&mistakes);
    notify_ready(r == 0 ? "watching" : "watching, with the old configuration: the new one has mistakes");
}

static void wait_for_the_end(struct daemon *d, int signals)
{
    bool printed = !d->console;
    struct pollfd poll_signals = {.fd = signals, .events = POLLIN};
    for (;;) {
        if (!printed)
            printed = banner(d);
        if (poll(&poll_signals, 1, printed ? -1 : BANNER_LOOK_MS) < 0 && errno != EINTR)
            return;
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof(info)) == sizeof(info)) {
            if (info.ssi_signo != SIGHUP)
                return;
            reload_by_signal(d);
        }
    }
}

static int start(struct daemon *d, struct settings *settings, struct fault *why)
{
    const char *without = getenv("FIMD_WITHOUT");
    const struct flow_options options = {
        .settings = settings,
        .without = without ? watch_features_parse(without) : 0,
        .without_connector = without && strstr(without, "connector"),
        .version = FIMD_VERSION,
    };
    int r = flow_open(&options, &d->flow, why);
    if (r < 0) {
        settings_fini(settings);
        free(settings);
        return r;
    }
    return open_control(d, why);
}

int daemon_run(const char *config_file, struct settings *settings)
{
    struct daemon d = {.config_file = config_file, .console = has_console(settings)};
    struct fault why = {0};
    pthread_mutex_init(&d.reload_lock, NULL);
    d.state_dir = strdup(settings->state_dir);
    d.runtime_dir = strdup(settings->runtime_dir);
    d.config_path = settings->file ? strdup(settings->file) : NULL;
    umask(0077);
    raise_descriptors();
    int signals = signals_open();
    int code = EXIT_INTERNAL;
    int r = d.state_dir && d.runtime_dir && signals >= 0 ? start(&d, settings, &why) : -ENOMEM;
    if (r == 0) {
        notify_ready("watching");
        wait_for_the_end(&d, signals);
        notify_stopping();
        code = EXIT_WELL;
    } else {
        log_error("%s", why.text[0] ? why.text : strerror(-r));
        code = r == -EPERM || r == -EACCES ? EXIT_NO_PERMISSION : EXIT_INTERNAL;
    }
    if (d.flow)
        flow_leave(d.flow); /* closing waits for the calls that are being answered */
    control_close(d.control);
    flow_close(d.flow);
    if (signals >= 0)
        close(signals);
    pthread_mutex_destroy(&d.reload_lock);
    free(d.state_dir);
    free(d.runtime_dir);
    free(d.config_path);
    return code;
}
