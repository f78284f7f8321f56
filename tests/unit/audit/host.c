/* Sets up and puts back; see host.h. */
#include "host.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fimd/audit/netlink.h"
#include "fimd/model/policy.h"

static struct host *current; /* of the running test; its process is its own */

int64_t host_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool host_init(struct host *h)
{
    memset(h, 0, sizeof(*h));
    int control = geteuid() == 0 ? netlink_control(NULL) : -1;
    if (control < 0) {
        return false;
    }
    close(control);
    h->lock = open("/tmp/fimd-audit.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(h->lock, 0);
    cr_assert_eq(flock(h->lock, LOCK_EX), 0);
    snprintf(h->key, sizeof(h->key), "unit%d", (int)getpid());
    snprintf(h->dir, sizeof(h->dir), "/tmp/fimd-audit-XXXXXX");
    cr_assert(mkdtemp(h->dir));
    current = h;
    return true;
}

void host_watch(struct host *h, const char *path)
{
    char *paths[] = {(char *)path};
    struct rule rule = {.id = (char *)"test",
                        .policy = (char *)"test",
                        .file = (char *)"test",
                        .paths = paths,
                        .paths_count = 1,
                        .depth = RULE_DEPTH_ALL,
                        .severity = SEVERITY_HIGH};
    struct fault why = {0};
    policy_unref(h->policy);
    cr_assert_eq(policy_new(&rule, 1, &h->policy, &why), 0, "%s", why.text);
}

static void on_login(void *ctx, pid_t pid, uint32_t login, uint32_t session, const char *tty,
                     int64_t stamp)
{
    struct host *h = ctx;
    (void)tty;
    cr_expect_gt(stamp, 0);
    h->last_pid = pid;
    h->last_login = login;
    h->last_session = session;
    h->logins++;
}

static void on_progress(void *ctx)
{
    ((struct host *)ctx)->progress++;
}

static void on_state(void *ctx, const char *action, const char *text)
{
    struct host *h = ctx;
    pthread_mutex_lock(&h->told);
    size_t len = strlen(h->states);
    snprintf(h->states + len, sizeof(h->states) - len, "%s: %s\n", action, text);
    pthread_mutex_unlock(&h->told);
}

void host_open(struct host *h, enum rules_wanted rules)
{
    struct fault why = {0};
    struct audit_options options = {.rules = rules, .policy = h->policy, .ignore = {getpid()}, .key = h->key,
                                    .callbacks = {h, on_login, on_progress, on_state}};
    cr_assert_eq(audit_open(&options, &h->audit, &why), 0, "%s", why.text);
}

void host_fini(struct host *h)
{
    char command[512];
    current = NULL;
    audit_close(h->audit);
    policy_unref(h->policy);
    snprintf(command, sizeof(command), "umount -ql %s/mnt %s/m %s 2>/dev/null; rm -rf --one-file-system %s",
             h->dir, h->dir, h->dir, h->dir);
    (void)!system(command);
    close(h->lock);
}

void host_put_back(void)
{
    if (current) {
        host_fini(current);
    }
}

static int as_person(int (*act)(void *), void *arg)
{
    int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
    char id[16];
    int n = snprintf(id, sizeof(id), "%d", PERSON);
    if (fd < 0 || write(fd, id, (size_t)n) != n) {
        return 99;
    }
    close(fd);
    return act(arg) ? 98 : 0;
}

pid_t host_act(int (*act)(void *arg), void *arg)
{
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        _exit(as_person(act, arg));
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child: %d", WEXITSTATUS(status));
    return pid;
}

int host_find(struct host *h, const struct audit_query *query, struct audit_proof *ret)
{
    int rc;
    for (int i = 0; (rc = audit_find(h->audit, query, ret)) == -EAGAIN && i < 3000; i++) {
        usleep(1000);
    }
    return rc;
}

bool host_told(struct host *h, const char *action, int within_ms)
{
    char begin[64];
    snprintf(begin, sizeof(begin), "%s: ", action);
    for (int i = 0; i < within_ms / 5; i++) {
        pthread_mutex_lock(&h->told);
        bool there = strstr(h->states, begin) != NULL;
        pthread_mutex_unlock(&h->told);
        if (there) {
            return true;
        }
        usleep(5000);
    }
    return false;
}

struct ours {
    const char *key;
    unsigned count;
    struct rule_wire *list;
};

static int count_ours(void *ctx, const struct rule_wire *rule)
{
    struct ours *o = ctx;
    if (rule_is_ours(rule, o->key)) {
        o->list = realloc(o->list, (o->count + 1) * sizeof(*o->list));
        memcpy(&o->list[o->count++], rule, rule_wire_size(rule));
    }
    return 0;
}

static struct ours list_ours(const struct host *h, int fd)
{
    struct ours o = {.key = h->key};
    cr_assert_eq(netlink_rules(fd, count_ours, &o), 0);
    return o;
}

unsigned host_rules(const struct host *h)
{
    int fd = netlink_control(NULL);
    struct ours o = list_ours(h, fd);
    free(o.list);
    close(fd);
    return o.count;
}

void host_remove_rules(const struct host *h)
{
    int fd = netlink_control(NULL);
    struct ours o = list_ours(h, fd);
    for (unsigned i = 0; i < o.count; i++) {
        cr_assert_eq(netlink_remove(fd, &o.list[i]), 0);
    }
    free(o.list);
    close(fd);
}
