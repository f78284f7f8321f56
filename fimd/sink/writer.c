/* JSON text, piece by piece. Owns nothing. */
#include "fimd/sink/writer.h"

#include "baseline/path.h"

#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

enum { DIGITS_MOST = 24, CHARACTER_MOST = 4 };

/* Room for n bytes at the end, taken; NULL out of memory. Short pieces are most of a document: one look at
 * the room each is enough. */
static uint8_t *take(struct buf *to, size_t n)
{
    uint8_t *at;

    if (!buf_reserve(to, n))
        return NULL;
    at = to->data + to->len;
    to->len += n;
    return at;
}

static void put_key(struct writer *w, const char *key)
{
    size_t len = key ? strlen(key) : 0, comma = w->comma;
    uint8_t *at = take(w->to, comma + (key ? len + 3 : 0));

    w->comma = true;
    if (!at)
        return;
    if (comma)
        *at++ = ',';
    if (!key)
        return;
    *at++ = '"';
    memcpy(at, key, len);
    at[len] = '"';
    at[len + 1] = ':';
}

static void begin(struct writer *w, const char *key, char bracket)
{
    put_key(w, key);
    buf_put_u8(w->to, (uint8_t)bracket);
    w->comma = false;
}

static void end(struct writer *w, char bracket)
{
    buf_put_u8(w->to, (uint8_t)bracket);
    w->comma = true;
}

void writer_begin_object(struct writer *w, const char *key)
{
    begin(w, key, '{');
}

void writer_end_object(struct writer *w)
{
    end(w, '}');
}

void writer_begin_array(struct writer *w, const char *key)
{
    begin(w, key, '[');
}

void writer_end_array(struct writer *w)
{
    end(w, ']');
}

/* --- strings -------------------------------------------------------------------------------------------- */

/* How many bytes from here on stand for themselves. */
static size_t plain_run(const uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && bytes[n] >= ' ' && bytes[n] < 0x80 && bytes[n] != '"' && bytes[n] != '\\')
        n++;
    return n;
}

/* How many bytes at `bytes` are one character; 0: none. */
static size_t character(const uint8_t *bytes, size_t len)
{
    for (size_t n = 1; n <= CHARACTER_MOST && n <= len; n++)
        if (path_is_utf8((const char *)bytes, n))
            return n;
    return 0;
}

static void put_control(struct buf *to, uint8_t c)
{
    static const char letters[] = "btn fr"; /* from 8 on; 11 has none */
    static const char digits[] = "0123456789abcdef";

    if (c == '"' || c == '\\') {
        buf_put_u8(to, '\\');
        buf_put_u8(to, c);
    } else if (c >= 8 && c <= 13 && c != 11) {
        buf_put_u8(to, '\\');
        buf_put_u8(to, (uint8_t)letters[c - 8]);
    } else {
        const char code[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

        buf_put(to, code, sizeof(code));
    }
}

/* One character that does not stand for itself; how many bytes it had. */
static size_t put_special(struct buf *to, const uint8_t *bytes, size_t len)
{
    size_t n;

    if (bytes[0] < 0x80) {
        put_control(to, bytes[0]);
        return 1;
    }
    n = character(bytes, len);
    if (n)
        buf_put(to, bytes, n);
    else
        buf_put(to, replacement, sizeof(replacement) - 1);
    return n ? n : 1;
}

static void put_quoted(struct buf *to, const uint8_t *bytes, size_t len)
{
    buf_reserve(to, len + 2);
    buf_put_u8(to, '"');
    while (len) {
        size_t n = plain_run(bytes, len);

        if (n)
            buf_put(to, bytes, n);
        else
            n = put_special(to, bytes, len);
        bytes += n;
        len -= n;
    }
    buf_put_u8(to, '"');
}

void writer_bytes(struct writer *w, const char *key, const void *bytes, size_t len)
{
    put_key(w, key);
    put_quoted(w->to, bytes, len);
}

void writer_text(struct writer *w, const char *key, const char *text)
{
    if (text)
        writer_bytes(w, key, text, strlen(text));
}

void writer_plain(struct writer *w, const char *key, const char *text)
{
    size_t len = strlen(text);
    uint8_t *at;

    put_key(w, key);
    at = take(w->to, len + 2);
    if (!at)
        return;
    at[0] = '"';
    memcpy(at + 1, text, len);
    at[len + 1] = '"';
}

void writer_foreign_key(struct writer *w, const char *key)
{
    writer_text(w, NULL, key);
    buf_put_u8(w->to, ':');
    w->comma = false;
}

/* --- the rest ------------------------------------------------------------------------------------------- */

static const char *digits_of(uint64_t value, char text[DIGITS_MOST])
{
    char *at = text + DIGITS_MOST;

    *--at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return at;
}

void writer_uint(struct writer *w, const char *key, uint64_t value)
{
    char text[DIGITS_MOST];

    put_key(w, key);
    buf_put_str(w->to, digits_of(value, text));
}

void writer_int(struct writer *w, const char *key, int64_t value)
{
    char text[DIGITS_MOST];

    put_key(w, key);
    if (value < 0)
        buf_put_u8(w->to, '-');
    buf_put_str(w->to, digits_of(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, text));
}

void writer_bool(struct writer *w, const char *key, bool value)
{
    put_key(w, key);
    buf_put_str(w->to, value ? "true" : "false");
}

void writer_id(struct writer *w, const char *key, uint64_t value)
{
    char text[DIGITS_MOST];

    writer_plain(w, key, digits_of(value, text));
}

void writer_members(struct writer *w, const struct buf *members)
{
    if (!members->len)
        return;
    put_key(w, NULL);
    buf_put(w->to, members->data, members->len);
}
