/* The only includer of libaudit. Its requests are made here by hand: libaudit's would write to stderr and
 * to syslog, wait without bound, and its audit_open() shares its name with fimd's. From it come the ABI's
 * numbers and the names of system calls.
 *
 * Listening is by multicast, beside auditd or without it: a slow reader of the unicast kind would throttle
 * every audited process of the host, one of the multicast kind only loses, and is told so (ENOBUFS). */
#include "fimd/audit/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libaudit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fimd/audit/record.h"

_Static_assert(offsetof(struct rule_wire, text) == sizeof(struct audit_rule_data), "the kernel's layout");
_Static_assert(offsetof(struct rule_wire, fields) == offsetof(struct audit_rule_data, fields),
               "the kernel's layout");
_Static_assert(offsetof(struct rule_wire, operators) == offsetof(struct audit_rule_data, fieldflags),
               "its layout");
_Static_assert(offsetof(struct rule_wire, text_len) == offsetof(struct audit_rule_data, buflen),
               "its layout");
_Static_assert(RULE_WORDS == AUDIT_BITMASK_SIZE && RULE_FIELDS == AUDIT_MAX_FIELDS, "the kernel's sizes");
_Static_assert(RULE_LIST_TASK == AUDIT_FILTER_TASK && RULE_LIST_EXIT == AUDIT_FILTER_EXIT,
               "the kernel's numbers");
_Static_assert(RULE_NEVER == AUDIT_NEVER && RULE_ALWAYS == AUDIT_ALWAYS, "the kernel's numbers");
_Static_assert(RECORD_SYSCALL == AUDIT_SYSCALL && RECORD_PATH == AUDIT_PATH && RECORD_CWD == AUDIT_CWD &&
                   RECORD_EOE == AUDIT_EOE && RECORD_LOGIN == AUDIT_LOGIN && RECORD_EXECVE == AUDIT_EXECVE &&
                   RECORD_PROCTITLE == AUDIT_PROCTITLE && RECORD_CONFIG_CHANGE == AUDIT_CONFIG_CHANGE,
               "the kernel's numbers");
_Static_assert(RECORD_USER_LOGIN == AUDIT_USER_LOGIN && RECORD_USER_START == AUDIT_USER_START &&
                   RECORD_CRED_ACQ == AUDIT_CRED_ACQ && RECORD_CRED_REFR == AUDIT_CRED_REFR,
               "the user messages' numbers");

enum {
    READ_BUFFER = 16 << 20,  /* a burst of 8 MB was seen to fit beside auditd, 208 kB (the default) not */
    ANSWER_WAIT = 2000,      /* ms; the kernel answers at once, a wedged one must not hold us for ever */
    REQUEST_MAX = 2 * 4096 + 64,
    GROUP_READ_LOG = 1,
};

/* Drops records of types that nobody reads before they take room in the queue and wake us: two of the six
 * that an audited open makes. The type is the second field of the netlink header, in the host's byte
 * order. */
static void drop_unread(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(AUDIT_PROCTITLE), 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(AUDIT_EXECVE), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    /* Without it everything comes, which the coalescer passes over. */
    (void)!setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void enlarge_buffer(int fd)
{
    int size = READ_BUFFER;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size))) {
        (void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
}

static int fault_close(int fd, struct fault *why, int error, const char *what, const char *remedy)
{
    if (fd >= 0) {
        close(fd);
    }
    return fault_set(why, error, "audit: %s: %s; %s", what, strerror(error), remedy);
}

int netlink_listen(bool everything, struct fault *why)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
    if (fd < 0) {
        return fault_close(fd, why, errno, "socket", "is the kernel built with CONFIG_AUDIT?");
    }
    enlarge_buffer(fd);
    if (!everything) {
        drop_unread(fd);
    }
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = GROUP_READ_LOG};
    if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
        return fault_close(fd, why, errno, "listening to records",
                           "fimd needs CAP_AUDIT_READ in the initial user namespace");
    }
    return fd;
}

int netlink_read(int fd, struct netlink_batch *batch)
{
    struct mmsghdr messages[NETLINK_BATCH];
    struct iovec parts[NETLINK_BATCH];
    struct sockaddr_nl from[NETLINK_BATCH];
    memset(messages, 0, sizeof(messages));
    for (int i = 0; i < NETLINK_BATCH; i++) {
        parts[i] = (struct iovec){batch->bytes[i], sizeof(batch->bytes[i])};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1, .msg_name = &from[i],
                                              .msg_namelen = sizeof(from[i])};
    }
    int n = recvmmsg(fd, messages, NETLINK_BATCH, MSG_DONTWAIT, NULL);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    for (int i = 0; i < n; i++) {
        batch->lengths[i] = from[i].nl_pid == 0 ? messages[i].msg_len : 0; /* only the kernel is believed */
    }
    return n;
}

bool netlink_message(const struct netlink_batch *batch, int i, struct netlink_message *ret)
{
    struct nlmsghdr head;
    if (batch->lengths[i] < sizeof(head)) {
        return false;
    }
    /* nlmsg_len of audit records counts the header in some kernels and not in others: the datagram's
     * length rules. */
    memcpy(&head, batch->bytes[i], sizeof(head));
    *ret = (struct netlink_message){head.nlmsg_type, batch->bytes[i] + NLMSG_HDRLEN,
                                    batch->lengths[i] - NLMSG_HDRLEN};
    return true;
}

int netlink_control(struct fault *why)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    struct netlink_status status;
    if (fd < 0) {
        return fault_close(fd, why, errno, "socket", "is the kernel built with CONFIG_AUDIT?");
    }
    enlarge_buffer(fd); /* a listing of many rules comes in one go */
    int rc = netlink_status(fd, &status);
    if (rc) {
        return fault_close(fd, why, -rc, "asking for its status",
                           "fimd needs CAP_AUDIT_CONTROL, in the initial user and network namespaces");
    }
    return fd;
}

struct reply {
    struct nlmsghdr head;
    char body[sizeof(struct rule_wire)];
};

static int reply_wait(int fd, struct reply *r, size_t *ret_len)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc;
    do {
        rc = poll(&p, 1, ANSWER_WAIT);
    } while (rc < 0 && errno == EINTR);
    if (rc <= 0) {
        return rc ? -errno : -ETIMEDOUT;
    }
    ssize_t n = recv(fd, r, sizeof(*r), 0);
    if (n < (ssize_t)sizeof(r->head)) {
        return n < 0 ? -errno : -EBADMSG;
    }
    *ret_len = (size_t)n - NLMSG_HDRLEN;
    return 0;
}

static uint32_t next_sequence(void)
{
    static _Atomic uint32_t sequence;
    return ++sequence;
}

static int request_send(int fd, unsigned type, const void *body, size_t len, uint32_t *ret_sequence)
{
    struct {
        struct nlmsghdr head;
        char body[REQUEST_MAX];
    } request;
    if (len > sizeof(request.body)) {
        return -E2BIG;
    }
    memset(&request.head, 0, sizeof(request.head));
    request.head.nlmsg_len = (uint32_t)NLMSG_SPACE(len);
    request.head.nlmsg_type = (uint16_t)type;
    request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request.head.nlmsg_seq = *ret_sequence = next_sequence();
    if (len) {
        memcpy(request.body, body, len);
    }
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n = sendto(fd, &request, request.head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    return n < 0 ? -errno : 0;
}

/* The answer to a request: its acknowledgement, and `wanted` (0: none) given to `take` before or after it;
 * a listing goes on until NLMSG_DONE. Answers to earlier requests that were given up are passed over. */
static int request(int fd, unsigned type, const void *body, size_t len,
                   int (*take)(void *ctx, const struct reply *r, size_t len), void *ctx)
{
    struct reply r;
    uint32_t sequence;
    bool acknowledged = false, taken = take == NULL;
    int rc = request_send(fd, type, body, len, &sequence);
    while (!rc && !(acknowledged && taken)) {
        size_t got = 0;
        rc = reply_wait(fd, &r, &got);
        if (rc || r.head.nlmsg_seq != sequence) {
            continue;
        }
        if (r.head.nlmsg_type == NLMSG_ERROR) {
            int32_t error = 0;
            memcpy(&error, r.body, got < sizeof(error) ? got : sizeof(error));
            rc = error;
            acknowledged = true;
        } else if (r.head.nlmsg_type == NLMSG_DONE) {
            taken = true;
        } else if (take && r.head.nlmsg_type == type) {
            rc = take(ctx, &r, got);
            taken = type == AUDIT_GET;
        }
    }
    return rc;
}

static int take_status(void *ctx, const struct reply *r, size_t len)
{
    struct audit_status kernel = {0};
    struct netlink_status *ret = ctx;
    memcpy(&kernel, r->body, len < sizeof(kernel) ? len : sizeof(kernel));
    *ret = (struct netlink_status){
        .enabled = kernel.enabled, .daemon_pid = (pid_t)kernel.pid, .backlog = kernel.backlog,
        .backlog_limit = kernel.backlog_limit, .lost = kernel.lost,
    };
    return 0;
}

int netlink_status(int fd, struct netlink_status *ret)
{
    return request(fd, AUDIT_GET, NULL, 0, take_status, ret);
}

int netlink_set_enabled(int fd, unsigned enabled)
{
    struct audit_status set = {.mask = AUDIT_STATUS_ENABLED, .enabled = enabled};
    return request(fd, AUDIT_SET, &set, sizeof(set), NULL, NULL);
}

int netlink_set_backlog_limit(int fd, uint32_t limit)
{
    struct audit_status set = {.mask = AUDIT_STATUS_BACKLOG_LIMIT, .backlog_limit = limit};
    return request(fd, AUDIT_SET, &set, sizeof(set), NULL, NULL);
}

struct listing {
    int (*each)(void *ctx, const struct rule_wire *rule);
    void *ctx;
    struct rule_wire rule;
    int rc; /* of `each`; the listing is read to its end all the same */
};

static int take_rule(void *ctx, const struct reply *r, size_t len)
{
    struct listing *l = ctx;
    const size_t fixed = offsetof(struct rule_wire, text);
    if (l->rc || len < fixed) {
        return 0;
    }
    memcpy(&l->rule, r->body, len < sizeof(l->rule) ? len : sizeof(l->rule));
    if (l->rule.text_len > len - fixed) {
        l->rule.text_len = (uint32_t)(len - fixed);
    }
    l->rc = l->each(l->ctx, &l->rule);
    return 0;
}

int netlink_rules(int fd, int (*each)(void *ctx, const struct rule_wire *rule), void *ctx)
{
    struct listing *l = calloc(1, sizeof(*l));
    if (!l) {
        return -ENOMEM;
    }
    l->each = each;
    l->ctx = ctx;
    int rc = request(fd, AUDIT_LIST_RULES, NULL, 0, take_rule, l);
    if (!rc) {
        rc = l->rc;
    }
    free(l);
    return rc;
}

int netlink_add(int fd, const struct rule_wire *rule)
{
    return request(fd, AUDIT_ADD_RULE, rule, rule_wire_size(rule), NULL, NULL);
}

int netlink_remove(int fd, const struct rule_wire *rule)
{
    return request(fd, AUDIT_DEL_RULE, rule, rule_wire_size(rule), NULL, NULL);
}

int netlink_cover_mount(int fd, const char *mount, const char *tree)
{
    char body[2 * 4096 + 2 * sizeof(uint32_t)];
    uint32_t sizes[2] = {(uint32_t)strlen(mount), (uint32_t)strlen(tree)};
    if (sizes[0] > 4095 || sizes[1] > 4095) {
        return -ENAMETOOLONG;
    }
    memcpy(body, sizes, sizeof(sizes));
    memcpy(body + sizeof(sizes), mount, sizes[0]);
    memcpy(body + sizeof(sizes) + sizes[0], tree, sizes[1]);
    return request(fd, AUDIT_MAKE_EQUIV, body, sizeof(sizes) + sizes[0] + sizes[1], NULL, NULL);
}

static int machine_of(uint32_t arch)
{
    return arch ? audit_elf_to_machine(arch) : -1;
}

static int call_number(const char *name, uint32_t arch)
{
    int machine = machine_of(arch);
    return machine < 0 ? -1 : audit_name_to_syscall(name, machine);
}

void netlink_machine(struct rule_machine *ret)
{
    int machine = audit_detect_machine();
    *ret = (struct rule_machine){.number = call_number};
    if (machine < 0) {
        return;
    }
    ret->wide = audit_machine_to_elf(machine);
    if (machine == MACH_86_64) {
        ret->narrow = AUDIT_ARCH_I386;
#ifdef WITH_ARM
    } else if (machine == MACH_AARCH64) {
        ret->narrow = AUDIT_ARCH_ARM;
#endif
    } else if (machine == MACH_S390X) {
        ret->narrow = AUDIT_ARCH_S390;
    }
}

const char *netlink_call_name(uint32_t arch, uint32_t call)
{
    static const struct {
        uint32_t call;
        const char *name;
    } newer[] = {{452, "fchmodat2"}, {463, "setxattrat"}, {466, "removexattrat"}, {469, "file_setattr"}};
    int machine = machine_of(arch);
    const char *name = machine < 0 ? NULL : audit_syscall_to_name((int)call, machine);
    for (size_t i = 0; !name && machine >= 0 && i < sizeof(newer) / sizeof(newer[0]); i++) {
        if (newer[i].call == call) {
            name = newer[i].name;
        }
    }
    return name;
}
