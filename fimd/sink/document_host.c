/* Owns: what is the same in every document of this host, and the reading of it: name, machine id, addresses,
 * operating system. Rendered once into the end of a document, so that an event costs a copy of it.
 *
 *   uname, /etc/machine-id, /etc/os-release, getifaddrs ─► host, agent, ecs, service, data_stream, labels
 */
#include "fimd/rt/json.h"
#include "fimd/sink/document_parts.h"
#include "fimd/sink/index.h"
#include "fimd/sink/os_release.h"
#include "fimd/sink/text.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { UUID_BYTES = 16, SMALL_FILE = 4096, MACHINE_ID_LEN = 32, ADDRESSES_MOST = 64 };

/* At most SMALL_FILE - 1 bytes, NUL-terminated; "" when it cannot be read. */
static size_t read_small(const char *path, char ret[SMALL_FILE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, ret, SMALL_FILE - 1);

    if (fd >= 0)
        close(fd);
    n = n < 0 ? 0 : n;
    ret[n] = '\0';
    return (size_t)n;
}

static void uuid_text(const uint8_t id[UUID_BYTES], char ret[AGENT_ID_SIZE])
{
    static const uint8_t group_ends[] = {4, 6, 8, 10, 16};
    char *to = ret;
    size_t from = 0;

    for (size_t i = 0; i < sizeof(group_ends); i++) {
        text_hex(id + from, group_ends[i] - from, to);
        to += 2 * (group_ends[i] - from);
        *to++ = '-';
        from = group_ends[i];
    }
    to[-1] = '\0';
}

static void put_os(struct json *host, const struct utsname *name)
{
    struct json *os = json_put_object(host, "os");
    struct os_release release = {0};
    char text[SMALL_FILE];
    size_t len = read_small("/etc/os-release", text);

    if (!len)
        len = read_small("/usr/lib/os-release", text);
    os_release_parse(text, len, &release);
    json_put_static(os, "type", "linux");
    json_put_text(os, "platform", release.id[0] ? release.id : "linux");
    json_put_text(os, "family", os_release_family(&release));
    json_put_text(os, "name", release.name[0] ? release.name : NULL);
    json_put_text(os, "version", release.version_id[0] ? release.version_id : NULL);
    json_put_text(os, "full", release.pretty_name[0] ? release.pretty_name : NULL);
    json_put_text(os, "kernel", name->release);
}

/* Not the loopback's, and none that holds on its own link only: neither tells where the host is. */
static bool tells_where(const struct ifaddrs *i)
{
    if (!i->ifa_addr || i->ifa_flags & IFF_LOOPBACK || !(i->ifa_flags & IFF_UP))
        return false;
    return i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6;
}

static void put_addresses(struct json *host)
{
    struct ifaddrs *all;
    struct json *list = NULL;
    size_t count = 0;

    if (getifaddrs(&all) < 0)
        return;
    for (struct ifaddrs *i = all; i && count < ADDRESSES_MOST; i = i->ifa_next) {
        char text[NI_MAXHOST];
        socklen_t len;

        if (!tells_where(i))
            continue;
        len = i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        if (getnameinfo(i->ifa_addr, len, text, sizeof(text), NULL, 0, NI_NUMERICHOST) || strchr(text, '%'))
            continue;
        if (!list)
            list = json_put_array(host, "ip");
        json_put_text(list, NULL, text);
        count++;
    }
    freeifaddrs(all);
}

/* The id of the machine, or of the store where a container has none. */
static void machine_id(const struct document_host *h, char ret[SMALL_FILE])
{
    read_small("/etc/machine-id", ret);
    ret[strcspn(ret, "\n")] = '\0';
    if (strlen(ret) != MACHINE_ID_LEN)
        snprintf(ret, SMALL_FILE, "%s", h->agent_id);
}

static void put_host(struct document_host *h, struct json *root, const struct utsname *name)
{
    struct json *host = json_put_object(root, "host");
    uint8_t digest[STORE_DIGEST_SIZE] = {0};
    char id[SMALL_FILE];

    machine_id(h, id);
    if (!digest_sha256(&(struct digest_part){id, strlen(id)}, 1, digest))
        memcpy(h->entity, digest, ENTITY_HOST_SIZE);
    json_put_text(host, "name", h->hostname);
    json_put_text(host, "hostname", h->hostname);
    json_put_text(host, "id", id);
    json_put_text(host, "architecture", name->machine);
    put_addresses(host);
    put_os(host, name);
}

static int put_agent(struct document_host *h, struct json *root)
{
    struct json *agent = json_put_object(root, "agent");
    uint8_t random[UUID_BYTES];
    char run[AGENT_ID_SIZE];

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return -EIO;
    uuid_text(random, run);
    json_put_static(agent, "type", "fimd");
    json_put_text(agent, "name", h->hostname);
    json_put_static(agent, "version", FIMD_VERSION);
    json_put_text(agent, "id", h->agent_id);
    json_put_text(agent, "ephemeral_id", run);
    return 0;
}

/* Of the first Elasticsearch output that writes into a data stream, so that the fields agree with its name.
 */
static void put_data_stream(const struct settings *settings, struct json *root)
{
    struct json *stream = json_put_object(root, "data_stream");
    struct index_stream parts = {.type = "logs", .dataset = "fim.event", .namespace = "default"};

    for (size_t i = 0; i < settings->outputs_count; i++)
        if (settings->outputs[i].type == OUTPUT_ELASTICSEARCH &&
            index_stream_parse(settings->outputs[i].index, &parts))
            break;
    json_put_text(stream, "type", parts.type);
    json_put_text(stream, "dataset", parts.dataset);
    json_put_text(stream, "namespace", parts.namespace);
}

static void put_labels(const struct settings *settings, struct json *root)
{
    struct json *labels;

    if (!settings->label_keys.count)
        return;
    labels = json_put_object(root, "labels");
    for (size_t i = 0; i < settings->label_keys.count && i < settings->label_values.count; i++)
        if (!json_get(labels, settings->label_keys.list[i]))
            json_put_text(labels, settings->label_keys.list[i], settings->label_values.list[i]);
}

/* `{"a":1}` becomes `,"a":1}`: what follows the members of an event. */
static int keep_tail(struct document_host *h, const struct json *root)
{
    if (!json_print(root, &h->tail))
        return -ENOMEM;
    h->tail.data[0] = ',';
    return 0;
}

static int render_tail(struct document_host *h, const struct settings *settings, const struct utsname *name)
{
    struct json *root = json_object();
    int error;

    json_put_static(json_put_object(root, "ecs"), "version", "8.17.0");
    json_put_static(json_put_object(root, "service"), "type", "file_integrity");
    put_data_stream(settings, root);
    put_host(h, root, name);
    error = put_agent(h, root);
    put_labels(settings, root);
    if (!error)
        error = keep_tail(h, root);
    json_free(root);
    return error;
}

static int copy_tags(struct document_host *h, const struct settings *settings)
{
    for (size_t i = 0; i < settings->tags.count; i++)
        if (strings_add(&h->tags, settings->tags.list[i]))
            return -ENOMEM;
    return 0;
}

int document_host_new(const struct settings *settings, const uint8_t agent_id[16], struct document_host **ret)
{
    struct document_host *h = calloc(1, sizeof(*h));
    struct utsname name;
    int error = -ENOMEM;

    if (!h)
        return -ENOMEM;
    uuid_text(agent_id, h->agent_id);
    if (uname(&name) < 0)
        error = -errno;
    else if ((h->hostname = strdup(name.nodename)))
        error = accounts_new(&h->accounts);
    if (!error)
        error = copy_tags(h, settings);
    if (!error)
        error = render_tail(h, settings, &name);
    if (error) {
        document_host_free(h);
        return error;
    }
    *ret = h;
    return 0;
}

void document_host_free(struct document_host *h)
{
    if (!h)
        return;
    accounts_free(h->accounts);
    strings_fini(&h->tags);
    buf_fini(&h->tail);
    free(h->hostname);
    free(h);
}

const char *document_host_agent(const struct document_host *h)
{
    return h->agent_id;
}

struct accounts *document_host_accounts(const struct document_host *h)
{
    return h->accounts;
}
