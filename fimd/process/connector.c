/* Owns the connector's socket and the numbers that are due. See connector.h.
 *
 * No filter is set on the socket, though thread events are of little use: the kernel numbers a message before
 * any filter sees it, so that a filter would make every dropped message look like a loss. A FORK is queued
 * before the child runs, and all cpus queue into this one socket: its order is the
 * order of cause and effect. */
#include "fimd/process/connector.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fimd/rt/clock.h"

enum {
    DATAGRAM = 192,            /* a message is 76 bytes; newer kernels may lengthen it */
    RECEIVE_BUFFER = 16 << 20, /* some 20,000 messages: two thirds of a second of 10,000 forks a second */
    ACK_WAIT_MS = 1000,
    CPUS_MAX = 1 << 16,
};

struct connector {
    int fd;
    struct connector_sequences sequences;
    struct mmsghdr headers[CONNECTOR_BATCH];
    struct iovec vectors[CONNECTOR_BATCH];
    struct sockaddr_nl senders[CONNECTOR_BATCH];
    uint8_t bytes[CONNECTOR_BATCH][DATAGRAM];
};

#define DATA_SIZE(member) sizeof(((struct proc_event *)0)->event_data.member)

static const struct {
    uint32_t what;
    enum connector_kind kind;
    size_t size; /* of its data */
} kinds[] = {
    {PROC_EVENT_FORK, CONNECTOR_FORK, DATA_SIZE(fork)},
    {PROC_EVENT_EXEC, CONNECTOR_EXEC, DATA_SIZE(exec)},
    {PROC_EVENT_UID, CONNECTOR_UID, DATA_SIZE(id)},
    {PROC_EVENT_GID, CONNECTOR_GID, DATA_SIZE(id)},
    {PROC_EVENT_SID, CONNECTOR_SID, DATA_SIZE(sid)},
    {PROC_EVENT_COMM, CONNECTOR_COMM, DATA_SIZE(comm)},
    /* Of EXIT only the first two numbers: the parent's came later (4.16). */
    {PROC_EVENT_EXIT, CONNECTOR_EXIT, 2 * sizeof(pid_t)},
    {PROC_EVENT_NONE, CONNECTOR_ACK, DATA_SIZE(ack)},
};

static void data_decode(const struct proc_event *event, struct connector_message *m)
{
    /* All but FORK and ACK begin with pid and tgid. */
    m->pid = event->event_data.exec.process_pid;
    m->tgid = event->event_data.exec.process_tgid;
    switch (m->kind) {
    case CONNECTOR_FORK:
        m->parent = event->event_data.fork.parent_tgid;
        m->pid = event->event_data.fork.child_pid;
        m->tgid = event->event_data.fork.child_tgid;
        break;
    case CONNECTOR_UID:
    case CONNECTOR_GID: /* a union: ruid and rgid share their place */
        m->real = event->event_data.id.r.ruid;
        m->effective = event->event_data.id.e.euid;
        break;
    case CONNECTOR_COMM:
        memcpy(m->comm, event->event_data.comm.comm, sizeof(m->comm));
        m->comm[sizeof(m->comm) - 1] = 0;
        break;
    case CONNECTOR_ACK:
        m->pid = m->tgid = 0;
        m->real = event->event_data.ack.err;
        break;
    default:
        break;
    }
}

static int event_decode(const uint8_t *data, size_t len, struct connector_message *m)
{
    struct proc_event event = {0};
    if (len < offsetof(struct proc_event, event_data))
        return -EBADMSG;
    memcpy(&event, data, len < sizeof(event) ? len : sizeof(event));
    uint32_t what;
    memcpy(&what, data + offsetof(struct proc_event, what), sizeof(what));
    m->cpu = event.cpu;
    m->time = (int64_t)event.timestamp_ns;
    m->kind = CONNECTOR_OTHER;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].what != what)
            continue;
        if (len < offsetof(struct proc_event, event_data) + kinds[i].size)
            return -EBADMSG;
        m->kind = kinds[i].kind;
        data_decode(&event, m);
    }
    return m->time < 0 || m->pid < 0 || m->tgid < 0 || m->parent < 0 ? -EBADMSG : 0;
}

int connector_decode(const uint8_t *data, size_t len, struct connector_message *ret)
{
    struct nlmsghdr header;
    struct cn_msg connector;
    if (len < NLMSG_HDRLEN + sizeof(connector))
        return -EBADMSG;
    memcpy(&header, data, sizeof(header));
    memcpy(&connector, data + NLMSG_HDRLEN, sizeof(connector));
    const uint8_t *event = data + NLMSG_HDRLEN + sizeof(connector);
    size_t rest = len - NLMSG_HDRLEN - sizeof(connector);
    if (header.nlmsg_len > len || header.nlmsg_len < NLMSG_HDRLEN + sizeof(connector) + connector.len ||
        connector.len > rest || connector.id.idx != CN_IDX_PROC || connector.id.val != CN_VAL_PROC)
        return -EBADMSG;
    struct connector_message m = {.sequence = connector.seq};
    int r = event_decode(event, connector.len, &m);
    if (!r)
        *ret = m;
    return r;
}

void connector_sequences_fini(struct connector_sequences *s)
{
    free(s->cpus);
    *s = (struct connector_sequences){0};
}

static bool sequences_grow(struct connector_sequences *s, uint32_t cpu)
{
    if (cpu < s->count)
        return true;
    if (cpu >= CPUS_MAX)
        return false;
    size_t count = (size_t)cpu + 16;
    struct connector_cpu *cpus = realloc(s->cpus, count * sizeof(*cpus));
    if (!cpus)
        return false;
    memset(cpus + s->count, 0, (count - s->count) * sizeof(*cpus));
    s->cpus = cpus;
    s->count = count;
    return true;
}

bool connector_sequence(struct connector_sequences *s, const struct connector_message *m)
{
    /* Answers to any listener's subscription are numbered as well, but of old without a cpu. */
    if (m->kind == CONNECTOR_ACK && m->cpu >= CPUS_MAX)
        return true;
    /* A cpu that cannot be followed counts as lost: better one reading of /proc too many. */
    if (!sequences_grow(s, m->cpu))
        return false;
    struct connector_cpu *cpu = &s->cpus[m->cpu];
    bool good = !cpu->known || cpu->due == m->sequence;
    cpu->known = true;
    cpu->due = m->sequence + 1;
    return good;
}

static int subscribe(int fd, enum proc_cn_mcast_op op)
{
    uint8_t bytes[NLMSG_SPACE(sizeof(struct cn_msg) + sizeof(uint32_t))] = {0};
    struct nlmsghdr header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof(uint32_t)),
                              .nlmsg_type = NLMSG_DONE};
    struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(uint32_t)};
    uint32_t wanted = op;
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + NLMSG_HDRLEN, &message, sizeof(message));
    memcpy(bytes + NLMSG_HDRLEN + sizeof(message), &wanted, sizeof(wanted));
    return send(fd, bytes, header.nlmsg_len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Messages before the ACK are from before the tree's first reading of /proc, and are not needed. */
static int wait_for_ack(struct connector *c)
{
    int64_t end = clock_mono() + (int64_t)ACK_WAIT_MS * NS_PER_MS;
    while (clock_mono() < end) {
        struct pollfd ready = {.fd = c->fd, .events = POLLIN};
        struct connector_message messages[CONNECTOR_BATCH];
        bool lost = false;
        if (poll(&ready, 1, 50) < 0 && errno != EINTR)
            return -errno;
        int count = connector_read(c, messages, &lost);
        if (count < 0)
            return count;
        for (int i = 0; i < count; i++) {
            if (messages[i].kind == CONNECTOR_ACK)
                return -(int)messages[i].real;
        }
    }
    return -ETIMEDOUT;
}

static int socket_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
    if (fd < 0)
        return -errno;
    int size = RECEIVE_BUFFER;
    /* FORCE needs CAP_NET_ADMIN, as the subscription does; without it the system's bound holds. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

static void headers_init(struct connector *c)
{
    for (size_t i = 0; i < CONNECTOR_BATCH; i++) {
        c->vectors[i] = (struct iovec){c->bytes[i], DATAGRAM};
        c->headers[i].msg_hdr = (struct msghdr){.msg_name = &c->senders[i],
                                                .msg_namelen = sizeof(c->senders[i]),
                                                .msg_iov = &c->vectors[i],
                                                .msg_iovlen = 1};
    }
}

int connector_open(struct connector **ret, struct fault *why)
{
    struct connector *c = calloc(1, sizeof(*c));
    if (!c)
        return fault_set(why, ENOMEM, "process connector: out of memory");
    headers_init(c);
    c->fd = socket_open();
    int r = c->fd < 0 ? c->fd : subscribe(c->fd, PROC_CN_MCAST_LISTEN);
    if (!r)
        r = wait_for_ack(c);
    if (!r) {
        *ret = c;
        return 0;
    }
    if (c->fd >= 0)
        close(c->fd);
    free(c);
    return fault_set(why, -r,
                     "process connector: %s; it needs CAP_NET_ADMIN, CONFIG_PROC_EVENTS and the initial "
                     "network and pid namespaces",
                     strerror(-r));
}

void connector_close(struct connector *c)
{
    if (!c)
        return;
    /* Kernels before 6.6 count listeners, and go on making messages for one that just closes. */
    subscribe(c->fd, PROC_CN_MCAST_IGNORE);
    close(c->fd);
    connector_sequences_fini(&c->sequences);
    free(c);
}

int connector_fd(const struct connector *c)
{
    return c->fd;
}

/* What is not believed or not understood becomes a message of no meaning, so that a full batch stays one. */
static void message_take(struct connector *c, int i, struct connector_message *ret, bool *ret_lost)
{
    struct msghdr *h = &c->headers[i].msg_hdr;
    bool kernel = h->msg_namelen >= sizeof(struct sockaddr_nl) && !c->senders[i].nl_pid;
    bool whole = !(h->msg_flags & MSG_TRUNC);
    h->msg_namelen = sizeof(c->senders[i]); /* recvmmsg has overwritten it */
    *ret = (struct connector_message){.kind = CONNECTOR_OTHER};
    if (!kernel)
        return;
    if (!whole || connector_decode(c->bytes[i], c->headers[i].msg_len, ret) ||
        !connector_sequence(&c->sequences, ret))
        *ret_lost = true;
}

int connector_read(struct connector *c, struct connector_message ret[CONNECTOR_BATCH], bool *ret_lost)
{
    int got = recvmmsg(c->fd, c->headers, CONNECTOR_BATCH, MSG_DONTWAIT, NULL);
    if (got < 0 && errno == ENOBUFS) {
        /* Told once; what is still queued is read by the next call. */
        *ret_lost = true;
        got = recvmmsg(c->fd, c->headers, CONNECTOR_BATCH, MSG_DONTWAIT, NULL);
    }
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (int i = 0; i < got; i++)
        message_take(c, i, &ret[i], ret_lost);
    return got;
}
