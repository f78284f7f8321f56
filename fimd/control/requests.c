/* Owns: how a request is written: paths as text that loses no byte, and the parsing of a stranger's line. */
#include "fimd/control/requests.h"

#include "baseline/path.h"

#include <errno.h>
#include <string.h>

void request_put_path(struct json *object, const char *key, const char *path, size_t len)
{
    struct buf text = {0};

    path_escape(&text, path, len);
    json_put_text(object, key, buf_cstr(&text)); /* NULL, out of memory: the field is missing and will be refused */
    buf_fini(&text);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The byte behind a backslash; how many characters it takes, or 0 when it is no escape. */
static size_t unescape(const char *text, char *ret)
{
    static const char letters[] = "abtnvfr\\", bytes[] = "\a\b\t\n\v\f\r\\";
    const char *known = text[0] ? strchr(letters, text[0]) : NULL;

    if (known) {
        *ret = bytes[known - letters];
        return 1;
    }
    if (text[0] != 'x' || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
        return 0;
    *ret = (char)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
    return *ret ? 3 : 0;
}

int request_get_path(const struct json *string, struct buf *ret)
{
    const char *text = json_text(string);

    if (!text || text[0] != '/')
        return -EINVAL;
    while (*text) {
        char byte = *text++;

        if (byte == '\\') {
            size_t n = unescape(text, &byte);
            if (!n)
                return -EINVAL;
            text += n;
        }
        buf_put(ret, &byte, 1);
    }
    return ret->failed ? -ENOMEM : 0;
}

struct json *request_parse(const char *line, size_t len, const char **ret_command, const char **ret_why)
{
    struct json *request = json_parse(line, len);
    const char *command = json_get_text(request, FIELD_COMMAND);

    if (command) {
        *ret_command = command;
        return request;
    }
    *ret_why = request ? "the request has no \"command\"" : "the request is no JSON";
    json_free(request);
    return NULL;
}
