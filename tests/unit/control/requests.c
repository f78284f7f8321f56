#include "fimd/control/requests.h"

#include "baseline/path.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const struct {
    const char *text; /* as JSON */
    int result;
    const char *bytes;
    size_t len;
} paths[] = {
    {"\"/etc/passwd\"", 0, "/etc/passwd", 11},
    {"\"/a\\\\nb\"", 0, "/a\nb", 4},
    {"\"/\\\\xFF\\\\xfe\"", 0, "/\xff\xfe", 3},
    {"\"/\\\\\\\\x41\"", 0, "/\\x41", 5},
    {"\"/\\\\a\\\\b\\\\t\\\\v\\\\f\\\\r\"", 0, "/\a\b\t\v\f\r", 7},
    {"\"/\xC3\xA4\"", 0, "/\xC3\xA4", 3},
    {"\"/a\\\\x00b\"", -EINVAL, NULL, 0},
    {"\"/a\\\\x4\"", -EINVAL, NULL, 0},
    {"\"/a\\\\q\"", -EINVAL, NULL, 0},
    {"\"/a\\\\\"", -EINVAL, NULL, 0},
    {"\"etc\"", -EINVAL, NULL, 0},
    {"\"\"", -EINVAL, NULL, 0},
    {"7", -EINVAL, NULL, 0},
};

Test(requests, an_escaped_path_gives_its_bytes_back)
{
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct json *node = json_parse(paths[i].text, strlen(paths[i].text));
        struct buf b = {0};

        cr_assert_not_null(node);
        cr_expect_eq(request_get_path(node, &b), paths[i].result, "%s", paths[i].text);
        if (paths[i].result == 0)
            cr_expect(b.len == paths[i].len && memcmp(b.data, paths[i].bytes, b.len) == 0, "%s", paths[i].text);
        buf_fini(&b);
        json_free(node);
    }
    cr_expect_eq(request_get_path(NULL, &(struct buf){0}), -EINVAL);
}

Test(requests, every_byte_survives_the_way_through_json)
{
    char path[257] = "/";
    struct json *o = json_object(), *back;
    struct buf line = {0}, got = {0};

    for (int i = 1; i < 256; i++)
        path[i] = (char)i;
    request_put_path(o, FIELD_PATH, path, 256);
    cr_assert(json_print(o, &line));
    back = json_parse((char *)line.data, line.len);
    cr_assert_eq(request_get_path(json_get(back, FIELD_PATH), &got), 0);
    cr_assert_eq(got.len, 256);
    cr_assert(memcmp(got.data, path, 256) == 0);
    buf_fini(&line);
    buf_fini(&got);
    json_free(back);
    json_free(o);
}

Test(requests, a_line_must_name_its_command)
{
    static const char *const bad[] = {"", "[]", "{}", "{\"command\":1}", "\"status\"", "{\"command\":\"status\"", "{}{}"};
    const char *command = NULL, *why = NULL;
    struct json *request = request_parse("{\"command\":\"status\"}", 20, &command, &why);

    cr_assert_not_null(request);
    cr_assert_str_eq(command, "status");
    json_free(request);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why = NULL;
        cr_expect_null(request_parse(bad[i], strlen(bad[i]), &command, &why), "%s", bad[i]);
        cr_expect_not_null(why, "%s", bad[i]);
    }
}
