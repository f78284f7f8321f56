/* Owns: the level, and how a line looks. One write a line, so that lines of several threads never mix.
 *
 *   journald listens   <4>text                 it adds the time, the program and the pid itself
 *   else               fimd: warning: text
 *
 * journald says in JOURNAL_STREAM which device and inode its end of stderr has; after `2>file` they differ. */
#include "fimd/rt/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A path of PATH_MAX bytes, each escaped, would need more; whoever logs one gets its beginning. */
enum { LINE_SIZE = 8192 };

static atomic_int lowest = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&lowest, (int)level, memory_order_relaxed);
}

static bool journald_listens(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR: return "error: ";
    case LOG_LEVEL_WARNING: return "warning: ";
    case LOG_LEVEL_INFO: return "";
    case LOG_LEVEL_DEBUG: return "debug: ";
    }
    return "";
}

static int put_prefix(char *line, size_t size, enum log_level level)
{
    if (journald_listens())
        return snprintf(line, size, "<%d>", (int)level);
    return snprintf(line, size, "%s: %s", program_invocation_short_name, level_name(level));
}

/* A message may hold a file's name: no name may end the line and begin one that looks like ours. */
static void tame(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
}

static void write_all(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* nobody reads: there is nobody left to tell */
            return;
        data += n;
        len -= (size_t)n;
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[LINE_SIZE];
    int saved = errno, prefix, len;
    va_list args;

    if ((int)level > atomic_load_explicit(&lowest, memory_order_relaxed))
        return;
    prefix = put_prefix(line, sizeof(line) / 2, level);
    if (prefix < 0 || prefix >= (int)sizeof(line) / 2)
        prefix = 0;
    errno = saved; /* for %m */
    va_start(args, format);
    len = vsnprintf(line + prefix, sizeof(line) - (size_t)prefix, format, args);
    va_end(args);
    if (len >= 0) {
        size_t end = (size_t)(prefix + len);

        if (end > sizeof(line) - 2)
            end = sizeof(line) - 2;
        tame(line + prefix, end - (size_t)prefix);
        line[end] = '\n';
        write_all(line, end + 1);
    }
    errno = saved;
}
