/* fimd: the daemon's command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fimd/control/requests.h"
#include "fimd/daemon/daemon.h"
#include "fimd/rt/log.h"
#include "fimd/sink/sender.h"

static const char usage[] =
    "usage: fimd [-c FILE] [-v] [--check-config] [--version] [--help]\n"
    "\n"
    "Watches files and tells who changed them. Runs in the foreground; see fimd(8).\n"
    "\n"
    "  -c, --config FILE   the configuration (default " CONFIG_DEFAULT_FILE ", without it built-in defaults)\n"
    "  -v, --verbose       tell more on stderr\n"
    "      --check-config  tell every mistake of the configuration and end: 0 none, 1 some\n"
    "      --version       print the version\n"
    "      --help          print this\n"
    "\n"
    "SIGHUP reads the configuration again, SIGTERM and SIGINT end in good order.\n"
    "Exit codes: 0 ended in good order, 64 usage, 70 failed, 77 no permission, 78 bad configuration.\n";

enum { OPTION_CHECK = 256, OPTION_VERSION, OPTION_HELP };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"verbose", no_argument, NULL, 'v'},
    {"check-config", no_argument, NULL, OPTION_CHECK},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static void print_mistakes(const struct mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->count; i++) {
        const struct mistake *m = &mistakes->list[i];
        fprintf(stderr, "%s:%d:%d: %s\n", m->file, m->line, m->column, m->text);
    }
}

static int load_and_run(const char *file, bool check)
{
    struct mistakes mistakes = {0};
    struct settings *settings = calloc(1, sizeof(*settings));
    int r = settings ? config_load(file, settings, &mistakes) : -1;
    print_mistakes(&mistakes);
    size_t count = mistakes.count;
    mistakes_fini(&mistakes);
    if (r < 0) {
        free(settings);
        if (!count)
            fprintf(stderr, "fimd: %s cannot be read\n", file ? file : CONFIG_DEFAULT_FILE);
        return check ? 1 : EXIT_BAD_CONFIG;
    }
    if (check) {
        settings_fini(settings);
        free(settings);
        return 0;
    }
    if (geteuid() != 0) {
        fprintf(stderr, "fimd: fanotify and audit need root; run it as root or by systemd\n");
        settings_fini(settings);
        free(settings);
        return EXIT_NO_PERMISSION;
    }
    return daemon_run(file, settings);
}

int main(int argc, char **argv)
{
    const char *file = NULL;
    bool check = false;
    if (argc >= 2 && strcmp(argv[1], "--sender") == 0)
        return sender_main(SENDER_FD);
    for (int c; (c = getopt_long(argc, argv, "c:v", options, NULL)) != -1;) {
        if (c == 'c') {
            file = optarg;
        } else if (c == 'v') {
            log_set_level(LOG_LEVEL_DEBUG);
        } else if (c == OPTION_CHECK) {
            check = true;
        } else if (c == OPTION_VERSION) {
            puts("fimd " FIMD_VERSION);
            return 0;
        } else {
            fputs(usage, c == OPTION_HELP ? stdout : stderr);
            return c == OPTION_HELP ? 0 : EXIT_BAD_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "fimd: unexpected argument '%s'\n%s", argv[optind], usage);
        return EXIT_BAD_USAGE;
    }
    return load_and_run(file, check);
}
