/* Runs the tests that have put themselves into the list, each in a process of its own: its exit code tells, be it the
 * test's own, a sanitizer's or a signal's. A word on the command line picks the tests whose name holds it. */
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "criterion/criterion.h"

enum { SKIPPED = 77, FAILED = 1 };

static struct plain_test *tests;
static bool failed; /* of this process's test */

void plain_add(struct plain_test *test)
{
    test->next = tests;
    tests = test;
}

void plain_check(bool holds, bool must, const char *file, int line, const char *what, const char *format, ...)
{
    va_list args;

    if (holds)
        return;
    failed = true;
    fprintf(stderr, "%s:%d: %s:", file, line, what);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    if (must)
        exit(FAILED);
}

void plain_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void plain_skip(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(SKIPPED);
}

static const struct plain_options *suite_options(const struct plain_test *test)
{
    static const struct plain_options none;

    for (const struct plain_test *t = tests; t; t = t->next)
        if (!t->name && strcmp(t->suite, test->suite) == 0)
            return &t->options;
    return &none;
}

static void call(void (*fn)(void))
{
    if (fn)
        fn();
}

static void run_here(const struct plain_test *test)
{
    const struct plain_options *suite = suite_options(test), *own = &test->options;
    double timeout = own->timeout > 0 ? own->timeout : suite->timeout;

    if (timeout > 0)
        alarm((unsigned)timeout * 10 + 1); /* a sanitizer's pace */
    call(suite->init);
    call(own->init);
    test->run();
    call(own->fini);
    call(suite->fini);
    exit(failed ? FAILED : 0);
}

static int run(const struct plain_test *test)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0)
        run_here(test);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return FAILED;
    if (WIFSIGNALED(status))
        fprintf(stderr, "ended by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}

int main(int argc, char **argv)
{
    unsigned all = 0, bad = 0, skipped = 0;

    for (const struct plain_test *t = tests; t; t = t->next) {
        char name[300];
        int code;

        snprintf(name, sizeof(name), "%s::%s", t->suite, t->name ? t->name : "");
        if (!t->name || (argc > 1 && !strstr(name, argv[1])))
            continue;
        all++;
        code = run(t);
        skipped += code == SKIPPED;
        bad += code != 0 && code != SKIPPED;
        if (code)
            fprintf(stderr, "[%s] %s\n", code == SKIPPED ? "SKIP" : "FAIL", name);
    }
    fprintf(stderr, "[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Skipped: %u\n", all, all - bad - skipped, bad,
            skipped);
    return bad > 0;
}
