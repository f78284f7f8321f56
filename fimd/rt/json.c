/* Owns: every use of cJSON. A struct json is a cJSON node; what is ours is the care around it:
 *
 *   building   keys are referenced, never copied; whole numbers are raw text, since cJSON keeps a double, which
 *              is exact to 2^53 only; a node that could not be made marks its parent, and printing looks for marks
 *   printing   straight into the caller's buffer, which grows until the text fits
 *   parsing    bytes of strangers: copied with NULs behind them (cJSON 1.7.15 looks a byte past the end of
 *              `{"a":1,`), their depth counted before cJSON recurses into them */
#include "fimd/rt/json.h"

#include "baseline/path.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_MAX = 64,
    FIRST_GUESS = 2048, /* a document of a change is about this long */
    SLACK = 64,         /* cJSON wants some bytes more than it writes */
};

/* In the otherwise unused valueint of an object or array: a child is missing because memory ran out. */
enum { MARK_INCOMPLETE = 1 };

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

static cJSON *node_of(struct json *j)
{
    return (cJSON *)j;
}

static const cJSON *peek(const struct json *j)
{
    return (const cJSON *)j;
}

static bool holds_children(const cJSON *node)
{
    return node && (cJSON_IsObject(node) || cJSON_IsArray(node));
}

/* Hands the child to the parent; on failure frees it and leaves the mark. */
static cJSON *attach(struct json *parent, const char *key, cJSON *child)
{
    cJSON *to = node_of(parent);

    if (!holds_children(to)) {
        cJSON_Delete(child);
        return NULL;
    }
    if (child && (key ? cJSON_AddItemToObjectCS(to, key, child) : cJSON_AddItemToArray(to, child)))
        return child;
    cJSON_Delete(child);
    to->valueint = MARK_INCOMPLETE;
    return NULL;
}

struct json *json_object(void)
{
    return (struct json *)cJSON_CreateObject();
}

struct json *json_array(void)
{
    return (struct json *)cJSON_CreateArray();
}

void json_free(struct json *root)
{
    cJSON_Delete(node_of(root));
}

/* How many bytes at text are one valid character; 0 for none. A NUL is none: cJSON's strings end there. */
static size_t character(const char *text, size_t len)
{
    for (size_t n = 1; n <= 4 && n <= len; n++)
        if (text[0] != '\0' && path_is_utf8(text, n))
            return n;
    return 0;
}

/* A copy in which each byte that is no part of a character is U+FFFD; NULL out of memory. */
static char *mend(const char *bytes, size_t len)
{
    struct buf b = {0};

    for (size_t i = 0, n; i < len; i += n ? n : 1) {
        n = character(bytes + i, len - i);
        if (n)
            buf_put(&b, bytes + i, n);
        else
            buf_put(&b, replacement, sizeof(replacement) - 1);
    }
    if (!buf_cstr(&b)) {
        buf_fini(&b);
        return NULL;
    }
    return (char *)b.data;
}

static bool is_text(const char *bytes, size_t len)
{
    return path_is_utf8(bytes, len) && !memchr(bytes, '\0', len);
}

static cJSON *string_of(const char *bytes, size_t len)
{
    char *text = is_text(bytes, len) ? strndup(bytes, len) : mend(bytes, len);
    cJSON *node = text ? cJSON_CreateString(text) : NULL;

    free(text);
    return node;
}

void json_put_bytes(struct json *parent, const char *key, const char *bytes, size_t len)
{
    char small[256];

    if (len >= sizeof(small) || !is_text(bytes, len)) {
        attach(parent, key, string_of(bytes, len));
        return;
    }
    memcpy(small, bytes, len);
    small[len] = '\0';
    attach(parent, key, cJSON_CreateString(small));
}

void json_put_text(struct json *parent, const char *key, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    if (text)
        attach(parent, key, path_is_utf8(text, len) ? cJSON_CreateString(text) : string_of(text, len));
}

void json_put_static(struct json *parent, const char *key, const char *text)
{
    attach(parent, key, cJSON_CreateStringReference(text));
}

void json_put_raw(struct json *parent, const char *key, const char *json)
{
    attach(parent, key, cJSON_CreateRaw(json));
}

void json_put_int(struct json *parent, const char *key, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    json_put_raw(parent, key, text);
}

void json_put_uint(struct json *parent, const char *key, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    json_put_raw(parent, key, text);
}

void json_put_real(struct json *parent, const char *key, double value)
{
    attach(parent, key, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

void json_put_bool(struct json *parent, const char *key, bool value)
{
    attach(parent, key, cJSON_CreateBool(value));
}

void json_put_null(struct json *parent, const char *key)
{
    attach(parent, key, cJSON_CreateNull());
}

struct json *json_put_object(struct json *parent, const char *key)
{
    return (struct json *)attach(parent, key, cJSON_CreateObject());
}

struct json *json_put_array(struct json *parent, const char *key)
{
    return (struct json *)attach(parent, key, cJSON_CreateArray());
}

struct json *json_ensure_object(struct json *parent, const char *key)
{
    cJSON *there = cJSON_GetObjectItemCaseSensitive(node_of(parent), key);

    return there ? (struct json *)there : json_put_object(parent, key);
}

static bool complete(const cJSON *node)
{
    if (!holds_children(node))
        return true;
    if (node->valueint == MARK_INCOMPLETE)
        return false;
    for (const cJSON *child = node->child; child; child = child->next)
        if (!complete(child))
            return false;
    return true;
}

static bool print(const struct json *root, struct buf *to, bool pretty)
{
    if (!root || to->failed || !complete(peek(root)))
        return false;
    for (size_t room = FIRST_GUESS;; room *= 2) {
        char *at;

        if (room > INT_MAX || !buf_reserve(to, room + SLACK)) {
            to->failed = true;
            return false;
        }
        room = to->cap - to->len > INT_MAX ? INT_MAX : to->cap - to->len;
        at = (char *)to->data + to->len;
        if (cJSON_PrintPreallocated((cJSON *)peek(root), at, (int)room, pretty)) {
            to->len += strlen(at);
            return true;
        }
    }
}

bool json_print(const struct json *root, struct buf *to)
{
    return print(root, to, false);
}

bool json_print_pretty(const struct json *root, struct buf *to)
{
    return print(root, to, true);
}

/* Brackets outside of strings, the deepest point of them. */
static bool too_deep(const char *text, size_t len)
{
    bool quoted = false;
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' && quoted)
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!quoted && (text[i] == '}' || text[i] == ']'))
            depth--;
        if (depth > DEPTH_MAX)
            return true;
    }
    return false;
}

static cJSON *parse_copy(const char *copy, size_t len)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(copy, len + 1, &end, false);

    if (root && strspn(end, " \t\r\n") != (size_t)(copy + len - end)) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

struct json *json_parse(const char *text, size_t len)
{
    cJSON *root;
    char *copy;

    if (len > INT_MAX / 2 || memchr(text, '\0', len) || too_deep(text, len))
        return NULL;
    copy = calloc(1, len + 8);
    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    root = parse_copy(copy, len);
    free(copy);
    return (struct json *)root;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return (const struct json *)cJSON_GetObjectItemCaseSensitive(peek(object), key);
}

const struct json *json_at(const struct json *array, size_t index)
{
    return index > INT_MAX ? NULL : (const struct json *)cJSON_GetArrayItem(peek(array), (int)index);
}

size_t json_count(const struct json *array_or_object)
{
    return holds_children(peek(array_or_object)) ? (size_t)cJSON_GetArraySize(peek(array_or_object)) : 0;
}

const struct json *json_first(const struct json *array_or_object)
{
    return holds_children(peek(array_or_object)) ? (const struct json *)peek(array_or_object)->child : NULL;
}

const struct json *json_next(const struct json *item)
{
    return item ? (const struct json *)peek(item)->next : NULL;
}

const char *json_key(const struct json *item)
{
    return item ? peek(item)->string : NULL;
}

const char *json_text(const struct json *string)
{
    return cJSON_IsString(peek(string)) ? peek(string)->valuestring : NULL;
}

const char *json_get_text(const struct json *object, const char *key)
{
    return json_text(json_get(object, key));
}

static int64_t whole(double value)
{
    if (value >= 9223372036854775808.0) /* 2^63: the first double that does not fit */
        return INT64_MAX;
    return value <= -9223372036854775808.0 ? INT64_MIN : (int64_t)value;
}

int64_t json_get_int(const struct json *object, const char *key, int64_t otherwise)
{
    const cJSON *item = peek(json_get(object, key));

    if (cJSON_IsNumber(item) && !isnan(item->valuedouble))
        return whole(item->valuedouble);
    if (cJSON_IsRaw(item)) /* one that we have put in ourselves */
        return strtoll(item->valuestring, NULL, 10);
    return otherwise;
}

bool json_get_bool(const struct json *object, const char *key, bool otherwise)
{
    const cJSON *item = peek(json_get(object, key));

    return cJSON_IsBool(item) ? cJSON_IsTrue(item) != 0 : otherwise;
}
