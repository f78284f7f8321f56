/* Owns: every use of libcurl: a handle a host, each with its connection. Interprets nothing of a reply but
 * its status and two headers.
 *
 *   request ─► [gzip] ─► handle of the current host ─► reply, or the next host
 */
#include "fimd/sink/http.h"

#include "fimd/sink/gzip.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPLY_MOST = 64 << 20,    /* a batch's reply is some 40 bytes a document, errors some hundred */
    GZIP_LEAST = 512,         /* below, the packed body is hardly smaller */
    CONNECT_MS = 10000,
    URL_SIZE = 2048,
    KEEPALIVE_IDLE_S = 60,
};

struct host {
    char *url;  /* owned, without a slash at its end */
    CURL *curl; /* owned */
    char error[CURL_ERROR_SIZE];
};

struct http {
    struct host hosts[SENDER_HOSTS_MOST];
    size_t count, current;
    struct curl_slist *plain, *packed; /* headers of a request without and with gzip; owned */
    char *content_type; /* that they were made for; owned */
    char *authorization;
    bool gzip;
};

void http_reply_fini(struct http_reply *r)
{
    buf_fini(&r->body);
}

int http_init(void)
{
    signal(SIGPIPE, SIG_IGN); /* TLS libraries write to a connection that the server has closed */
    return curl_global_init(CURL_GLOBAL_DEFAULT) ? -ENOMEM : 0;
}

/* --- setting up ----------------------------------------------------------------------------------------- */

static char *copy(const struct blob *b)
{
    return b->len ? strndup(b->data, b->len) : NULL;
}

static CURLcode set_blob(CURL *curl, CURLoption option, const struct blob *from)
{
    struct curl_blob blob = {.data = (void *)from->data, .len = from->len, .flags = CURL_BLOB_COPY};

    return from->len ? curl_easy_setopt(curl, option, &blob) : CURLE_OK;
}

static CURLcode set_tls(CURL *curl, const struct sender_config *config)
{
    char *pinned = copy(&config->pinned);
    CURLcode r;

    /* Nothing older than TLS 1.2, whatever the system's policy. */
    r = curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, config->verify == TLS_VERIFY_NONE ? 0L : 1L);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, config->verify == TLS_VERIFY_FULL ? 2L : 0L);
    if (!r)
        r = set_blob(curl, CURLOPT_CAINFO_BLOB, &config->ca);
    if (!r)
        r = set_blob(curl, CURLOPT_SSLCERT_BLOB, &config->certificate);
    if (!r)
        r = set_blob(curl, CURLOPT_SSLKEY_BLOB, &config->key);
    if (!r && pinned)
        r = curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, pinned);
    free(pinned);
    return r;
}

static CURLcode set_basics(struct host *host, const struct sender_config *config)
{
    long timeout = config->timeout_ms ? (long)config->timeout_ms : CONNECT_MS;
    CURL *curl = host->curl;
    CURLcode r = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, host->error);

    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* the resolver has threads */
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                             timeout < CONNECT_MS ? timeout : (long)CONNECT_MS);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_USERAGENT, "fimd/" FIMD_VERSION);
    return r;
}

static int add_host(struct http *h, const struct blob *url, const struct sender_config *config)
{
    struct host *host = &h->hosts[h->count];
    CURLcode r;

    host->url = copy(url);
    host->curl = curl_easy_init();
    h->count++;
    if (!host->url || !host->curl)
        return -ENOMEM;
    for (size_t len = strlen(host->url); len && host->url[len - 1] == '/';)
        host->url[--len] = '\0';
    r = set_basics(host, config);
    if (!r)
        r = set_tls(host->curl, config);
    return r == CURLE_OUT_OF_MEMORY ? -ENOMEM : r ? -EINVAL : 0;
}

static void free_headers(struct http *h)
{
    curl_slist_free_all(h->plain);
    curl_slist_free_all(h->packed);
    free(h->content_type);
    h->plain = h->packed = NULL;
    h->content_type = NULL;
}

int http_open(const struct sender_config *config, struct http **ret, struct fault *why)
{
    struct http *h = calloc(1, sizeof(*h));
    int error = h ? 0 : -ENOMEM;

    if (h) {
        h->gzip = config->gzip;
        h->authorization = copy(&config->authorization);
        if (config->authorization.len && !h->authorization)
            error = -ENOMEM;
    }
    for (size_t i = 0; i < config->hosts_count && !error; i++)
        error = add_host(h, &config->hosts[i], config);
    if (error) {
        http_close(h);
        return fault_set(why, -error, "libcurl does not take the configuration: %s", strerror(-error));
    }
    *ret = h;
    return 0;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->count; i++) {
        curl_easy_cleanup(h->hosts[i].curl);
        free(h->hosts[i].url);
    }
    free_headers(h);
    if (h->authorization)
        explicit_bzero(h->authorization, strlen(h->authorization));
    free(h->authorization);
    free(h);
}

void http_rotate(struct http *h)
{
    h->current = (h->current + 1) % h->count;
}

const char *http_host(const struct http *h)
{
    return h->hosts[h->current].url;
}

/* --- headers -------------------------------------------------------------------------------------------- */

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    struct curl_slist *longer;
    char *line;

    if (asprintf(&line, "%s:%s%s", name, *value ? " " : "", value) < 0)
        return false;
    longer = curl_slist_append(*list, line);
    explicit_bzero(line, strlen(line));
    free(line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool add_headers(struct http *h, const char *type, bool packed, struct curl_slist **list)
{
    /* Expect: empty, or curl waits a second for a "100 Continue" before each larger body. */
    return add_header(list, "Expect", "") && (!type || add_header(list, "Content-Type", type)) &&
           (!packed || add_header(list, "Content-Encoding", "gzip")) &&
           (!h->authorization || add_header(list, "Authorization", h->authorization));
}

static int make_headers(struct http *h, const char *type)
{
    if (h->plain && !strcmp(h->content_type, type ? type : ""))
        return 0;
    free_headers(h);
    h->content_type = strdup(type ? type : "");
    if (h->content_type && add_headers(h, type, false, &h->plain) && add_headers(h, type, true, &h->packed))
        return 0;
    free_headers(h);
    return -ENOMEM;
}

/* --- asking --------------------------------------------------------------------------------------------- */

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct buf *to = ctx;

    if (size * count > REPLY_MOST - to->len)
        return 0; /* ends the transfer */
    buf_put(to, data, size * count);
    return to->failed ? 0 : size * count;
}

static size_t take_header(char *line, size_t size, size_t count, void *ctx)
{
    static const char product[] = "x-elastic-product: elasticsearch";
    bool *elastic = ctx;

    if (size * count >= sizeof(product) - 1 && !strncasecmp(line, product, sizeof(product) - 1))
        *elastic = true;
    return size * count;
}

static CURLcode set_body(CURL *curl, const struct http_request *request, const struct blob *body)
{
    CURLcode r;

    if (!request->body.len) {
        r = curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    } else {
        r = curl_easy_setopt(curl, CURLOPT_POST, 1L);
        if (!r)
            r = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
        if (!r)
            r = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
    }
    return r ? r : curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static CURLcode set_request(struct http *h, const struct host *host, const struct http_request *request,
                            const struct blob *body, struct http_reply *reply)
{
    bool packed = body->data != request->body.data;
    char url[URL_SIZE];
    CURL *curl = host->curl;
    CURLcode r;

    if (snprintf(url, sizeof(url), "%s%s", host->url, request->path) >= (int)sizeof(url))
        return CURLE_URL_MALFORMAT;
    r = curl_easy_setopt(curl, CURLOPT_URL, url);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, packed ? h->packed : h->plain);
    if (!r)
        r = set_body(curl, request, body);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply->body);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    if (!r)
        r = curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply->elastic);
    return r;
}

static const struct {
    CURLcode code;
    int error;
    const char *remedy;
} troubles[] = {
    {CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH, ""},
    {CURLE_COULDNT_RESOLVE_PROXY, EHOSTUNREACH, ""},
    {CURLE_COULDNT_CONNECT, ECONNREFUSED, ""},
    {CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, ""},
    {CURLE_OUT_OF_MEMORY, ENOMEM, ""},
    {CURLE_WRITE_ERROR, EFBIG, "; the reply is larger than any of Elasticsearch's"},
    {CURLE_URL_MALFORMAT, EINVAL, "; give https://HOST:PORT"},
    {CURLE_UNSUPPORTED_PROTOCOL, EINVAL, "; give https://HOST:PORT"},
    {CURLE_PEER_FAILED_VERIFICATION, EKEYREJECTED, "; ca_file names whom to trust, `verify` what is checked"},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, EKEYREJECTED, "; the server has another key than pinned_public_key"},
    {CURLE_SSL_CERTPROBLEM, EKEYREJECTED, "; see certificate_file and key_file"},
    {CURLE_SSL_CACERT_BADFILE, EKEYREJECTED, "; see ca_file"},
    {CURLE_SSL_CONNECT_ERROR, EPROTO, "; does the port speak TLS?"},
    {CURLE_GOT_NOTHING, ECONNRESET, "; does the port speak TLS? Then the URL begins with https"},
};

static int trouble(const struct host *host, CURLcode code, struct fault *why)
{
    const char *text = host->error[0] ? host->error : curl_easy_strerror(code);

    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
        if (troubles[i].code == code)
            return fault_set(why, troubles[i].error, "%s: %s%s", host->url, text, troubles[i].remedy);
    return fault_set(why, EIO, "%s: %s", host->url, text);
}

static int ask_host(struct http *h, const struct http_request *request, const struct blob *body,
                    struct http_reply *ret, struct fault *why)
{
    struct host *host = &h->hosts[h->current];
    struct http_reply reply = {0};
    curl_off_t after = 0;
    CURLcode r;
    long status = 0;

    host->error[0] = '\0';
    r = set_request(h, host, request, body, &reply);
    if (!r)
        r = curl_easy_perform(host->curl);
    if (!r)
        r = curl_easy_getinfo(host->curl, CURLINFO_RESPONSE_CODE, &status);
    /* A server that turns a large body down early answers and hangs up while we still send: the answer
     * counts. */
    if (r == CURLE_SEND_ERROR || r == CURLE_RECV_ERROR)
        curl_easy_getinfo(host->curl, CURLINFO_RESPONSE_CODE, &status);
    if ((r && status < 400) || status < 100 || status > 599) {
        http_reply_fini(&reply);
        return trouble(host, r ? r : CURLE_RECV_ERROR, why);
    }
    curl_easy_getinfo(host->curl, CURLINFO_RETRY_AFTER, &after);
    reply.status = (unsigned)status;
    reply.retry_after = after;
    *ret = reply;
    return 0;
}

static int ask_around(struct http *h, const struct http_request *request, const struct blob *body,
                      struct http_reply *ret, struct fault *why)
{
    int error = 0;

    for (size_t i = 0; i < h->count; i++) {
        error = ask_host(h, request, body, ret, why);
        if (!error)
            return 0;
        http_rotate(h);
    }
    return error;
}

int http_ask(struct http *h, const struct http_request *request, struct http_reply *ret, struct fault *why)
{
    struct blob body = request->body;
    struct buf packed = {0};
    int error = make_headers(h, request->content_type);

    if (!error && h->gzip && body.len >= GZIP_LEAST) {
        error = gzip_pack(body.data, body.len, &packed);
        body = (struct blob){packed.data, packed.len};
    }
    error = error ? fault_set(why, -error, "%s: %s", http_host(h), strerror(-error))
                  : ask_around(h, request, &body, ret, why);
    buf_fini(&packed);
    return error;
}
