/* See probe.h. The child uses only what is safe after fork() in a program with threads. */
#include "fimd/flow/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "baseline/attr.h"
#include "fimd/rt/clock.h"

struct probe {
    char *dir;
    pthread_mutex_t lock;
    pthread_cond_t seen;
    pid_t child;
    uint32_t login; /* the child's: inherited from us */
    int64_t begun;
    bool done;
    struct probe_result result;
};

static uint32_t own_login(void)
{
    char text[32] = "";
    int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ACTOR_UNSET;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    return n > 0 ? (uint32_t)strtoul(text, NULL, 10) : ACTOR_UNSET;
}

int probe_new(const char *state_dir, struct probe **ret, struct fault *why)
{
    struct probe *p = calloc(1, sizeof(*p));
    char *real = realpath(state_dir, NULL); /* events come with real paths */
    if (!p || !real || asprintf(&p->dir, "%s/probe", real) < 0) {
        int error = real ? ENOMEM : errno;
        free(p);
        free(real);
        return fault_set(why, error, "%s: %s", state_dir, strerror(error));
    }
    free(real);
    if (mkdir(p->dir, 0700) < 0 && errno != EEXIST) {
        int r = fault_set(why, errno, "%s: cannot be made: %s", p->dir, strerror(errno));
        free(p->dir);
        free(p);
        return r;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&p->seen, &attributes);
    pthread_condattr_destroy(&attributes);
    p->login = own_login();
    *ret = p;
    return 0;
}

void probe_free(struct probe *p)
{
    if (!p)
        return;
    pthread_cond_destroy(&p->seen);
    pthread_mutex_destroy(&p->lock);
    free(p->dir);
    free(p);
}

const char *probe_dir(const struct probe *p)
{
    return p->dir;
}

int probe_policy(const struct probe *p, const struct policy *policy, struct policy **ret, struct fault *why)
{
    size_t count = policy_count(policy);
    struct rule *rules = calloc(count + 1, sizeof(*rules));
    if (!rules)
        return fault_set(why, ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        rules[i] = *policy_rule(policy, i); /* borrowed: policy_new copies */
    char *paths[] = {p->dir};
    rules[count] = (struct rule){
        .id = (char *)"fimd-probe",
        .policy = (char *)"fimd",
        .file = (char *)"built in",
        .paths = paths,
        .paths_count = 1,
        .depth = 0,
        .attributes = ATTR_ALL,
        .severity = SEVERITY_CRITICAL,
    };
    int r = policy_new(rules, count + 1, ret, why);
    free(rules);
    return r;
}

static void child_main(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        _exit(1);
    ssize_t n = write(fd, "fimd\n", 5);
    _exit(n == 5 ? 0 : 1);
}

int probe_run(struct probe *p, int64_t timeout, struct probe_result *ret)
{
    char path[4200];
    if (snprintf(path, sizeof(path), "%s/change", p->dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    unlink(path);
    pthread_mutex_lock(&p->lock);
    p->done = false;
    p->result = (struct probe_result){0};
    p->begun = clock_mono();
    p->child = fork();
    if (p->child == 0)
        child_main(path);
    int r = p->child < 0 ? -errno : 0;
    int64_t until = p->begun + timeout;
    struct timespec at = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    while (r == 0 && !p->done)
        r = -pthread_cond_timedwait(&p->seen, &p->lock, &at);
    *ret = p->result;
    pid_t child = p->child;
    p->child = 0;
    pthread_mutex_unlock(&p->lock);
    if (child > 0)
        waitpid(child, NULL, 0);
    unlink(path);
    return r == -ETIMEDOUT ? 0 : r;
}

void probe_seen(struct probe *p, const struct finding *f)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < f->touches_count && p->child > 0; i++) {
        if (f->touches[i].pid != p->child)
            continue;
        p->result.seen = true;
        p->result.latency = clock_mono() - p->begun;
    }
    for (size_t i = 0; i < f->actors_count && p->result.seen; i++) {
        const struct actor *a = f->actors[i];
        if (a->program.pid != p->child)
            continue;
        p->result.grade = a->grade;
        p->result.process_right = a->ppid == getpid();
        p->result.person_right = a->login_known && a->login == p->login;
    }
    if (p->result.seen && !p->done) {
        p->done = true;
        pthread_cond_signal(&p->seen);
    }
    pthread_mutex_unlock(&p->lock);
}

