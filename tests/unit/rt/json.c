#include "fimd/rt/json.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *printed(struct json *root, struct buf *to)
{
    cr_assert(json_print(root, to));
    return buf_cstr(to);
}

Test(json, numbers_keep_all_their_digits)
{
    struct json *o = json_object();
    struct buf b = {0};

    json_put_int(o, "least", INT64_MIN);
    json_put_uint(o, "most", UINT64_MAX);
    json_put_int(o, "odd", INT64_C(9007199254740993)); /* 2^53 + 1: not a double */
    cr_assert_str_eq(printed(o, &b), "{\"least\":-9223372036854775808,\"most\":18446744073709551615,"
                                     "\"odd\":9007199254740993}");
    cr_assert_eq(json_get_int(o, "odd", 0), INT64_C(9007199254740993));
    buf_fini(&b);
    json_free(o);
}

Test(json, what_is_no_number_becomes_null)
{
    struct json *o = json_object();
    struct buf b = {0};

    json_put_real(o, "nan", 0.0 / 0.0);
    json_put_real(o, "half", 0.5);
    cr_assert_str_eq(printed(o, &b), "{\"nan\":null,\"half\":0.5}");
    buf_fini(&b);
    json_free(o);
}

static const struct {
    const char *name, *bytes;
    size_t len;
    const char *json;
} names[] = {
    {"plain", "a b", 3, "\"a b\""},
    {"quotes and controls", "\"\\\n\x01", 4, "\"\\\"\\\\\\n\\u0001\""},
    {"umlaut", "\xC3\xA4", 2, "\"\xC3\xA4\""},
    {"four bytes", "\xF0\x9F\x98\x80", 4, "\"\xF0\x9F\x98\x80\""},
    {"lone continuation", "a\x80z", 3, "\"a\xEF\xBF\xBDz\""},
    {"cut short", "a\xE2\x82", 3, "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"overlong slash", "\xC0\xAF", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"surrogate", "\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"a NUL inside", "a\0b", 3, "\"a\xEF\xBF\xBD"
                                "b\""},
    {"nothing", "", 0, "\"\""},
};

Test(json, any_bytes_make_a_valid_string)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct json *a = json_array();
        struct buf b = {0}, want = {0};

        json_put_bytes(a, NULL, names[i].bytes, names[i].len);
        buf_printf(&want, "[%s]", names[i].json);
        cr_expect_str_eq(printed(a, &b), buf_cstr(&want), "%s: %s", names[i].name, buf_cstr(&b));
        buf_fini(&b);
        buf_fini(&want);
        json_free(a);
    }
}

Test(json, long_strings_survive_whole)
{
    enum { LEN = 100000 };
    static char text[LEN + 1];
    struct json *o = json_object(), *back;
    struct buf b = {0};

    memset(text, 'x', LEN);
    json_put_bytes(o, "k", text, LEN);
    json_put_text(o, "none", NULL);
    cr_assert(json_print(o, &b));
    back = json_parse((char *)b.data, b.len);
    cr_assert_str_eq(json_get_text(back, "k"), text);
    cr_assert_eq(json_count(back), 1);
    buf_fini(&b);
    json_free(back);
    json_free(o);
}

Test(json, printing_appends_to_what_is_there)
{
    struct json *o = json_object();
    struct buf b = {0};

    buf_put_str(&b, "before ");
    json_put_bool(json_ensure_object(o, "in"), "yes", true);
    json_put_bool(json_ensure_object(o, "in"), "no", false);
    json_put_raw(o, "raw", "[1,{}]");
    json_put_static(o, "static", "s");
    cr_assert_str_eq(printed(o, &b),
                     "before {\"in\":{\"yes\":true,\"no\":false},\"raw\":[1,{}],\"static\":\"s\"}");
    buf_fini(&b);
    json_free(o);
}

Test(json, a_node_that_is_missing_fails_the_printing)
{
    struct json *o = json_object();
    struct buf b = {0};

    cr_assert_not(json_print(NULL, &b));
    json_put_text(NULL, "k", "v");
    cr_assert_null(json_put_object(NULL, "k"));
    json_put_raw(json_put_array(json_put_object(o, "deep"), "list"), NULL, NULL); /* what strdup's failure leaves */
    cr_assert_not(json_print(o, &b));
    cr_assert_eq(b.len, 0);
    buf_fini(&b);
    json_free(o);
}

static const struct {
    const char *name, *text;
    bool good;
} texts[] = {
    {"object", "{\"a\":[1,2,{\"b\":null}]}", true},
    {"space around", " [] \r\n", true},
    {"nothing", "", false},
    {"cut", "{\"a\":1,", false},
    {"cut in a string", "{\"a", false},
    {"cut in an escape", "\"\\u12", false},
    {"bytes behind", "{} x", false},
    {"two values", "{}{}", false},
    {"no JSON", "hello", false},
};

Test(json, only_whole_json_is_parsed)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json *root = json_parse(texts[i].text, strlen(texts[i].text));

        cr_expect_eq(root != NULL, texts[i].good, "%s", texts[i].name);
        json_free(root);
    }
    cr_expect_null(json_parse("{}\0{}", 5), "a NUL between");
}

Test(json, depth_ends_at_64_levels)
{
    char text[400];
    struct json *root;

    memset(text, '[', 200);
    memset(text + 200, ']', 200);
    root = json_parse(text + 136, 128);
    cr_expect_not_null(root, "64 levels are good");
    json_free(root);
    cr_expect_null(json_parse(text + 135, 130), "65 are too many");
    text[0] = '"';
    text[199] = '"';
    root = json_parse(text, 200);
    cr_expect_not_null(root, "brackets in a string are no levels");
    json_free(root);
}

Test(json, reading_is_forgiving_about_what_is_not_there)
{
    const char text[] = "{\"s\":\"x\",\"n\":-12,\"big\":1e30,\"b\":true,\"l\":[10,20]}";
    struct json *o = json_parse(text, strlen(text));
    const struct json *list = json_get(o, "l");

    cr_expect_str_eq(json_get_text(o, "s"), "x");
    cr_expect_null(json_get_text(o, "n"));
    cr_expect_null(json_get_text(NULL, "n"));
    cr_expect_eq(json_get_int(o, "n", 7), -12);
    cr_expect_eq(json_get_int(o, "s", 7), 7);
    cr_expect_eq(json_get_int(o, "big", 7), INT64_MAX);
    cr_expect(json_get_bool(o, "b", false));
    cr_expect(json_get_bool(o, "s", true));
    cr_expect_eq(json_count(list), 2);
    cr_expect_eq(json_count(json_get(o, "s")), 0);
    cr_expect_null(json_at(list, 2));
    cr_expect_str_eq(json_key(json_first(o)), "s");
    cr_expect_eq(json_next(json_next(json_first(list))), NULL);
    cr_expect_null(json_first(NULL));
    json_free(o);
}
