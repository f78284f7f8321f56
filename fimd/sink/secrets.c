/* Owns: reading secrets from files. Nothing of them is ever logged, and their memory is overwritten. */
#include "fimd/sink/secrets.h"

#include "baseline/digest.h"
#include "baseline/store.h"
#include "fimd/rt/clock.h"
#include "fimd/sink/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_MOST = 1 << 20, CHUNK = 4096 };

static void wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    buf_fini(b);
}

void secrets_fini(struct secrets *s)
{
    wipe(&s->authorization);
    wipe(&s->ca);
    wipe(&s->certificate);
    wipe(&s->key);
    wipe(&s->pinned);
}

static int read_all(int fd, struct buf *to)
{
    for (;;) {
        ssize_t n;

        if (to->len > SECRET_MOST)
            return -EFBIG;
        if (!buf_reserve(to, CHUNK))
            return -ENOMEM;
        n = read(fd, to->data + to->len, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        to->len += (size_t)n;
    }
}

static int read_file(const char *path, struct buf *to, struct fault *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int error = fd < 0 ? -errno : read_all(fd, to);

    if (fd >= 0)
        close(fd);
    return error ? fault_set(why, -error, "%s: %s", path, strerror(-error)) : 0;
}

/* A secret is one line; its end, and blanks an editor left, are no part of it. A control byte would break the
 * header that it goes into. */
static int read_line(const char *path, struct buf *to, struct fault *why)
{
    int error = read_file(path, to, why);

    if (error)
        return error;
    while (to->len && strchr(" \t\r\n", to->data[to->len - 1]))
        to->len--;
    for (size_t i = 0; i < to->len; i++)
        if (to->data[i] < ' ' || to->data[i] == 0x7f)
            return fault_set(why, EINVAL, "%s: has more than one line, or a control character", path);
    return to->len ? 0 : fault_set(why, EINVAL, "%s: is empty", path);
}

int secrets_api_key(const char *key, size_t len, struct buf *to)
{
    buf_put_str(to, "ApiKey ");
    if (memchr(key, ':', len))
        text_base64(to, key, len);
    else
        buf_put(to, key, len);
    return to->failed ? -ENOMEM : 0;
}

static int no_memory(struct fault *why)
{
    return fault_set(why, ENOMEM, "credentials: %s", strerror(ENOMEM));
}

static int read_basic(const struct output_settings *o, struct buf *to, struct fault *why)
{
    struct buf pair = {0};
    struct buf password = {0};
    int error = o->password_file ? read_line(o->password_file, &password, why) : 0;

    if (!error) {
        buf_put_str(&pair, o->username);
        buf_put_str(&pair, ":");
        buf_put(&pair, password.data, password.len);
        buf_put_str(to, "Basic ");
        text_base64(to, pair.data, pair.len);
        error = pair.failed || to->failed ? no_memory(why) : 0;
    }
    wipe(&pair);
    wipe(&password);
    return error;
}

static int read_authorization(const struct output_settings *o, struct buf *to, struct fault *why)
{
    struct buf secret = {0};
    int error = 0;

    if (o->api_key_file) {
        error = read_line(o->api_key_file, &secret, why);
        if (!error && secrets_api_key((const char *)secret.data, secret.len, to))
            error = no_memory(why);
    } else if (o->bearer_token_file) {
        error = read_line(o->bearer_token_file, &secret, why);
        buf_put_str(to, "Bearer ");
        buf_put(to, secret.data, secret.len);
        if (!error && to->failed)
            error = no_memory(why);
    } else if (o->username) {
        error = read_basic(o, to, why);
    }
    wipe(&secret);
    return error;
}

int secrets_pin(const char *pem, size_t len, struct buf *to)
{
    static const char begin[] = "-----BEGIN PUBLIC KEY-----", end[] = "-----END PUBLIC KEY-----";
    const char *from = memmem(pem, len, begin, sizeof(begin) - 1);
    const char *until = from ? memmem(from, len - (size_t)(from - pem), end, sizeof(end) - 1) : NULL;
    uint8_t digest[STORE_DIGEST_SIZE];
    struct buf der = {0};
    int error = -EINVAL;

    if (until) {
        from += sizeof(begin) - 1;
        error = text_base64_decode(from, (size_t)(until - from), &der);
    }
    if (!error)
        error = digest_sha256(&(struct digest_part){der.data, der.len}, 1, digest);
    if (!error) {
        buf_put_str(to, "sha256//");
        text_base64(to, digest, sizeof(digest));
        error = to->failed ? -ENOMEM : 0;
    }
    buf_fini(&der);
    return error;
}

/* Given as "sha256//…" or as the file of a public key, whose digest is what the other process needs. */
static int read_pin(const struct output_settings *o, struct buf *to, struct fault *why)
{
    struct buf pem = {0};
    int error;

    if (!o->pinned_public_key)
        return 0;
    if (!strncmp(o->pinned_public_key, "sha256//", strlen("sha256//"))) {
        buf_put_str(to, o->pinned_public_key);
        return to->failed ? no_memory(why) : 0;
    }
    error = read_file(o->pinned_public_key, &pem, why);
    if (!error && secrets_pin((const char *)pem.data, pem.len, to))
        error = fault_set(why, EINVAL, "%s: is no PEM public key; give its file, or sha256//BASE64",
                          o->pinned_public_key);
    buf_fini(&pem);
    return error;
}

int secrets_read(const struct output_settings *o, struct secrets *ret, struct fault *why)
{
    struct secrets s = {0};
    int error = read_authorization(o, &s.authorization, why);

    if (!error && o->ca_file)
        error = read_file(o->ca_file, &s.ca, why);
    if (!error && o->certificate_file)
        error = read_file(o->certificate_file, &s.certificate, why);
    if (!error && o->key_file)
        error = read_file(o->key_file, &s.key, why);
    if (!error)
        error = read_pin(o, &s.pinned, why);
    if (error) {
        secrets_fini(&s);
        return error;
    }
    *ret = s;
    return 0;
}

static struct blob blob_of(const struct buf *b)
{
    return (struct blob){b->data, b->len};
}

int secrets_config(const struct secrets *s, const struct output_settings *o, struct sender_config *ret,
                   struct fault *why)
{
    struct sender_config c = {
        .authorization = blob_of(&s->authorization),
        .ca = blob_of(&s->ca),
        .certificate = blob_of(&s->certificate),
        .key = blob_of(&s->key),
        .pinned = blob_of(&s->pinned),
        .verify = o->verify,
        .gzip = o->gzip,
        .timeout_ms = (uint64_t)(o->timeout / NS_PER_MS),
    };

    if (!o->hosts.count || o->hosts.count > SENDER_HOSTS_MOST)
        return fault_set(why, E2BIG, "%s: has %zu hosts; give 1 to %d", o->name, o->hosts.count,
                         SENDER_HOSTS_MOST);
    for (size_t i = 0; i < o->hosts.count; i++)
        c.hosts[c.hosts_count++] = (struct blob){o->hosts.list[i], strlen(o->hosts.list[i])};
    *ret = c;
    return 0;
}
