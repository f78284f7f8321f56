/* The record's grammar. Knows nothing of what the fields mean (act.c, session.c) nor where the bytes are
 * from.
 *
 * Traps: a program's msg='…' may hold apostrophes (an account named o'brien is not encoded), so it ends at
 * the record's last one; auditd's enriched copies add a second part after byte 0x1d, which is cut off; a
 * hex value can be mistaken for a number and the other way round, so only the reader of the field knows
 * which it is. */
#include "fimd/audit/record.h"

#include <errno.h>
#include <string.h>

enum { ENRICHED_MARK = 0x1d };

static bool take_number(const char **at, const char *end, char stop, uint64_t *ret)
{
    const char *p = *at;
    uint64_t n = 0;
    while (p < end && *p >= '0' && *p <= '9') {
        if (n > (UINT64_MAX - 9) / 10) {
            return false;
        }
        n = n * 10 + (uint64_t)(*p++ - '0');
    }
    if (p == *at || p == end || *p != stop) {
        return false;
    }
    *at = p + 1;
    *ret = n;
    return true;
}

static size_t body_length(const char *body, const char *end)
{
    const char *mark = memchr(body, ENRICHED_MARK, (size_t)(end - body));
    if (mark) {
        end = mark;
    }
    while (end > body && (end[-1] == '\0' || end[-1] == '\n' || end[-1] == ' ')) {
        end--;
    }
    return (size_t)(end - body);
}

int record_parse(unsigned type, const char *text, size_t len, struct record *ret)
{
    static const char opening[] = "audit(";
    const char *at = text + sizeof(opening) - 1, *end = text + len;
    uint64_t seconds, millis, serial;
    if (len < sizeof(opening) || memcmp(text, opening, sizeof(opening) - 1)) {
        return -EBADMSG;
    }
    if (!take_number(&at, end, '.', &seconds) || !take_number(&at, end, ':', &millis) ||
        !take_number(&at, end, ')', &serial)) {
        return -EBADMSG;
    }
    if (millis > 999 || seconds > INT64_MAX / 1000000000 - 1) {
        return -EBADMSG;
    }
    if (at < end && *at == ':') {
        at++;
    }
    ret->type = type;
    ret->time = (int64_t)seconds * 1000000000 + (int64_t)millis * 1000000;
    ret->serial = serial;
    ret->body = (struct span){at, body_length(at, end)};
    return 0;
}

bool record_of_program(unsigned type)
{
    return (type >= RECORD_USER_FIRST && type <= RECORD_DAEMON_LAST) ||
           (type >= RECORD_USER2_FIRST && type <= RECORD_USER2_LAST);
}

static const char *last_of(const char *from, const char *end, char c)
{
    return memrchr(from, c, (size_t)(end - from));
}

/* The value that begins at `at`; returns where the rest goes on. */
static const char *take_value(const char *at, const char *end, struct field *f)
{
    const char *stop = NULL;
    if (at < end && *at == '"') {
        stop = memchr(at + 1, '"', (size_t)(end - at - 1));
        f->form = FIELD_QUOTED;
    } else if (at < end && *at == '\'') {
        stop = last_of(at + 1, end, '\'');
        f->form = FIELD_NESTED;
    }
    if (stop) {
        f->value = (struct span){at + 1, (size_t)(stop - at - 1)};
        return stop + 1;
    }
    stop = memchr(at, ' ', (size_t)(end - at));
    stop = stop ? stop : end;
    f->form = FIELD_BARE;
    f->value = (struct span){at, (size_t)(stop - at)};
    return stop;
}

bool field_next(struct span *rest, struct field *ret)
{
    const char *at = rest->data, *end = rest->data + rest->len;
    while (at < end) {
        const char *word = at;
        while (at < end && *at != ' ' && *at != '=') {
            at++;
        }
        if (at < end && *at == '=' && at > word) {
            ret->name = (struct span){word, (size_t)(at - word)};
            at = take_value(at + 1, end, ret);
            *rest = (struct span){at, (size_t)(end - at)};
            return true;
        }
        at += at < end;
    }
    *rest = (struct span){end, 0};
    return false;
}

bool span_is(struct span s, const char *text)
{
    size_t len = strlen(text);
    return s.len == len && !memcmp(s.data, text, len);
}

bool field_named(const struct field *f, const char *name)
{
    return span_is(f->name, name);
}

bool field_null(const struct field *f)
{
    if (f->form != FIELD_BARE) {
        return f->value.len == 0;
    }
    return f->value.len == 0 || span_is(f->value, "(null)") || span_is(f->value, "(none)") ||
           span_is(f->value, "?");
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static int parse_number(struct span s, unsigned base, uint64_t *ret)
{
    uint64_t n = 0;
    if (!s.len) {
        return -EINVAL;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)digit_of(s.data[i]);
        if (digit >= base || n > (UINT64_MAX - digit) / base) {
            return -EINVAL;
        }
        n = n * base + digit;
    }
    *ret = n;
    return 0;
}

int field_number(const struct field *f, unsigned base, uint64_t *ret)
{
    return parse_number(f->value, base, ret);
}

int field_signed(const struct field *f, int64_t *ret)
{
    struct span s = f->value;
    bool negative = s.len && s.data[0] == '-';
    uint64_t n;
    if (negative) {
        s = (struct span){s.data + 1, s.len - 1};
    }
    if (parse_number(s, 10, &n) || n > INT64_MAX) {
        return -EINVAL;
    }
    *ret = negative ? -(int64_t)n : (int64_t)n;
    return 0;
}

static bool is_hex(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (digit_of(s.data[i]) > 15) {
            return false;
        }
    }
    return s.len && s.len % 2 == 0;
}

struct text field_text(const struct field *f)
{
    if (field_null(f)) {
        return (struct text){{NULL, 0}, false};
    }
    return (struct text){f->value, f->form == FIELD_BARE && is_hex(f->value)};
}

size_t text_length(struct text t)
{
    return t.hex ? t.raw.len / 2 : t.raw.len;
}

size_t text_copy(struct text t, char *to, size_t size)
{
    size_t len = text_length(t);
    if (len > size) {
        len = size;
    }
    if (!t.hex) {
        if (len) {
            memcpy(to, t.raw.data, len);
        }
        return len;
    }
    for (size_t i = 0; i < len; i++) {
        to[i] = (char)(digit_of(t.raw.data[2 * i]) << 4 | digit_of(t.raw.data[2 * i + 1]));
    }
    return len;
}
