/* Elastic Cloud's "cloud id": a name for people, ':', and in base64 the parts of its addresses:
 *
 *   host[:port] $ elasticsearch[:port] [$ kibana …]   ─►   https://elasticsearch.host[:port] */
#include "fimd/config/cloud_id.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DECODED_MAX = 512 };

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Decodes base64 that is text; ret has DECODED_MAX bytes. */
static int base64_decode(const char *text, char *ret)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t len = 0;

    for (; *text && *text != '='; text++) {
        int digit = digit_of(*text);
        if (digit < 0)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        char c = (char)(bits >> have & 0xff);
        if (!c || len + 1 >= DECODED_MAX)
            return -EINVAL;
        ret[len++] = c;
    }
    ret[len] = '\0';
    return text[strspn(text, "=")] ? -EINVAL : 0;
}

static bool is_host(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '-'))
            return false;
    }
    return len;
}

/* ":9243" or nothing, up to the end at len. */
static bool is_port(const char *text, size_t len)
{
    if (!len)
        return true;
    return text[0] == ':' && len > 1 && len <= 6 && strspn(text + 1, "0123456789") >= len - 1;
}

int cloud_id_parse(const char *id, char *ret, size_t size)
{
    char decoded[DECODED_MAX];
    const char *colon = strrchr(id, ':');

    if (base64_decode(colon ? colon + 1 : id, decoded) < 0)
        return -EINVAL;
    const char *host = decoded, *first = strchr(decoded, '$');
    if (!first)
        return -EINVAL;
    size_t host_len = strcspn(host, ":$"), host_port = (size_t)(first - host) - host_len;
    const char *search = first + 1;
    size_t search_len = strcspn(search, ":$"), search_port = strcspn(search, "$") - search_len;
    const char *port = search_port ? search + search_len : host + host_len;
    size_t port_len = search_port ? search_port : host_port;

    if (!is_host(host, host_len) || !is_host(search, search_len) || !is_port(port, port_len))
        return -EINVAL;
    int need = snprintf(ret, size, "https://%.*s.%.*s%.*s", (int)search_len, search, (int)host_len, host,
                        (int)port_len, port);
    return need < 0 || (size_t)need >= size ? -EINVAL : 0;
}
