/* The loads that tests/bench/run measures fimd under.
 *
 *   load latency DIR NDJSON COUNT GAP_MS     one change at a time: close() → its line in the file, a number of µs a line
 *   load storm DIR SECONDS new|existing PROCESSES
 *                                            small files as fast as it can; prints how many, and their paths' pattern
 *   load files DIR COUNT                     COUNT small files in 100 directories, for a tar */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FILE_SIZE = 200, TAIL_SIZE = 1 << 20 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void write_file(const char *path, unsigned seed)
{
    char content[FILE_SIZE];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        die(path);
    memset(content, 'a' + seed % 26, sizeof(content));
    memcpy(content, &seed, sizeof(seed));
    if (write(fd, content, sizeof(content)) != (ssize_t)sizeof(content))
        die(path);
    close(fd);
}

/* Reads what the file has got more; is `needle` in a complete line of it? */
static int line_came(int fd, char *tail, size_t *len, const char *needle)
{
    for (;;) {
        if (*len > TAIL_SIZE / 2) {
            memmove(tail, tail + *len / 2, *len - *len / 2);
            *len -= *len / 2;
        }
        ssize_t n = read(fd, tail + *len, TAIL_SIZE - *len - 1);
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    tail[*len] = 0;
    const char *at = strstr(tail, needle);
    return at && strchr(at, '\n');
}

static int latency(const char *dir, const char *ndjson, int count, int gap_ms)
{
    char path[512], needle[560], events[4096];
    char *tail = malloc(TAIL_SIZE);
    size_t len = 0;
    int fd = open(ndjson, O_RDONLY | O_CLOEXEC), notify = inotify_init1(IN_CLOEXEC);
    if (fd < 0 || notify < 0 || !tail || inotify_add_watch(notify, ndjson, IN_MODIFY) < 0)
        die(ndjson);
    lseek(fd, 0, SEEK_END);
    for (int i = 0; i < count; i++) {
        const struct timespec gap = {.tv_sec = gap_ms / 1000, .tv_nsec = gap_ms % 1000 * 1000000L};
        nanosleep(&gap, NULL);
        snprintf(path, sizeof(path), "%s/latency-%d", dir, i % 50);
        snprintf(needle, sizeof(needle), "latency-%d\"", i % 50);
        len = 0;
        write_file(path, (unsigned)i + 1);
        int64_t closed = now_ns();
        while (!line_came(fd, tail, &len, needle)) {
            if (read(notify, events, sizeof(events)) < 0)
                die("inotify");
            if (now_ns() - closed > INT64_C(5000000000)) {
                fprintf(stderr, "%s: no line within 5 s\n", path);
                return 1;
            }
        }
        printf("%" PRId64 "\n", (now_ns() - closed) / 1000);
    }
    free(tail);
    return 0;
}

static int storm_one(const char *dir, int seconds, int fresh, int worker)
{
    char path[512];
    int64_t end = now_ns() + seconds * INT64_C(1000000000);
    unsigned count = 0;
    for (; now_ns() < end; count++) {
        snprintf(path, sizeof(path), "%s/w%d-%u", dir, worker, fresh ? count / 100 : count % 10);
        if (count % 100 == 0 || (!fresh && count < 10))
            mkdir(path, 0755);
        snprintf(path, sizeof(path), "%s/w%d-%u/f%u", dir, worker, fresh ? count / 100 : count % 10, count);
        write_file(path, count);
    }
    printf("%d %u\n", worker, count);
    fflush(stdout);
    return 0;
}

static int storm(const char *dir, int seconds, int fresh, int processes)
{
    for (int i = 0; i < processes; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(storm_one(dir, seconds, fresh, i));
        if (pid < 0)
            die("fork");
    }
    int failed = 0;
    for (int status; wait(&status) > 0;)
        failed |= status;
    return failed != 0;
}

static int files(const char *dir, int count)
{
    char path[512];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/d%d", dir, i % 100);
        if (i < 100)
            mkdir(path, 0755);
        snprintf(path, sizeof(path), "%s/d%d/f%d", dir, i % 100, i);
        write_file(path, (unsigned)i);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "latency") == 0)
        return latency(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
    if (argc == 6 && strcmp(argv[1], "storm") == 0)
        return storm(argv[2], atoi(argv[3]), strcmp(argv[4], "new") == 0, atoi(argv[5]));
    if (argc == 4 && strcmp(argv[1], "files") == 0)
        return files(argv[2], atoi(argv[3]));
    fprintf(stderr, "usage: load latency DIR NDJSON COUNT GAP_MS | storm DIR SECONDS new|existing PROCESSES | files DIR COUNT\n");
    return 64;
}
