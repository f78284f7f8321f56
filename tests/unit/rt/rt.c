#include "fimd/rt/clock.h"

#include "fimd/rt/log.h"
#include "fimd/rt/loss.h"
#include "fimd/rt/wake.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

Test(clock, both_clocks_run_in_nanoseconds)
{
    int64_t mono = clock_mono(), real = clock_real();

    cr_assert_geq(clock_mono(), mono);
    cr_assert_lt(llabs((long long)(real / NS_PER_S - time(NULL))), 3);
}

Test(loss, every_kind_has_a_name_and_a_count)
{
    for (int kind = 0; kind < LOSS_KINDS; kind++) {
        cr_expect_not_null(loss_name((enum loss)kind));
        cr_expect_eq(loss_read((enum loss)kind), 0);
        loss_count((enum loss)kind, 2);
        loss_count((enum loss)kind, (uint64_t)kind);
        cr_expect_eq(loss_read((enum loss)kind), (uint64_t)kind + 2);
    }
    cr_expect_null(loss_name(LOSS_KINDS));
    cr_expect_eq(loss_read(LOSS_KINDS), 0);
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

Test(wake, many_calls_are_one_wake_up)
{
    int fd = wake_open();

    cr_assert_geq(fd, 0);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_expect_not(readable(fd));
    wake_clear(fd); /* does not wait */
    for (int i = 0; i < 1000; i++)
        wake_up(fd);
    cr_expect(readable(fd));
    wake_clear(fd);
    cr_expect_not(readable(fd));
    close(fd);
}

/* What log_line writes to stderr while it is a file. */
static void logged(char *ret, size_t size, bool as_journald, enum log_level level, const char *text)
{
    FILE *file = tmpfile();
    char stream[64];
    struct stat st;
    size_t n;

    fstat(fileno(file), &st);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    if (as_journald)
        setenv("JOURNAL_STREAM", stream, 1);
    else
        unsetenv("JOURNAL_STREAM");
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    errno = EBUSY;
    log_line(level, "%s", text);
    cr_expect_eq(errno, EBUSY);
    rewind(file);
    n = fread(ret, 1, size - 1, file);
    ret[n] = '\0';
    fclose(file);
}

Test(log, a_line_carries_its_level)
{
    char line[20000];

    logged(line, sizeof(line), false, LOG_LEVEL_WARNING, "disk full");
    cr_expect(strstr(line, ": warning: disk full\n"), "%s", line);
    logged(line, sizeof(line), true, LOG_LEVEL_ERROR, "disk full");
    cr_expect_str_eq(line, "<3>disk full\n");
    logged(line, sizeof(line), true, LOG_LEVEL_DEBUG, "not wanted");
    cr_expect_str_eq(line, "");
    log_set_level(LOG_LEVEL_DEBUG);
    logged(line, sizeof(line), true, LOG_LEVEL_DEBUG, "wanted");
    cr_expect_str_eq(line, "<7>wanted\n");
}

Test(log, no_name_can_begin_a_line_of_its_own)
{
    char line[20000];

    logged(line, sizeof(line), true, LOG_LEVEL_INFO, "/tmp/x\n<3>fake\x1b[2J");
    cr_expect_str_eq(line, "<6>/tmp/x?<3>fake?[2J\n");
}

Test(log, an_endless_message_is_cut)
{
    static char text[15000], line[20000];

    memset(text, 'y', sizeof(text) - 1);
    logged(line, sizeof(line), true, LOG_LEVEL_INFO, text);
    cr_expect_eq(strlen(line), 8191);
    cr_expect_eq(line[8190], '\n');
}
