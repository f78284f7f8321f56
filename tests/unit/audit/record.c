/* The record's grammar, in tables. */
#include "fimd/audit/record.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(record, head_is_time_serial_and_body)
{
    static const struct {
        const char *text;
        int rc;
        int64_t time;
        uint64_t serial;
        const char *body;
    } cases[] = {
        {"audit(1718000000.123:4711): a=1", 0, 1718000000123000000, 4711, " a=1"},
        {"audit(1718000000.123:4711):", 0, 1718000000123000000, 4711, ""},
        {"audit(0.000:18446744073709551606): x=y\n", 0, 0, 18446744073709551606u, " x=y"},
        {"audit(1.001:2): a=1\x1d" "AUID=\"alice\"", 0, 1001000000, 2, " a=1"},
        {"audit(1.001:2): a=1 \n", 0, 1001000000, 2, " a=1"},
        {"", -EBADMSG, 0, 0, NULL},
        {"audit(", -EBADMSG, 0, 0, NULL},
        {"audit(1718000000:4711): a=1", -EBADMSG, 0, 0, NULL},
        {"audit(1718000000.123): a=1", -EBADMSG, 0, 0, NULL},
        {"audit(1718000000.1234:1): a=1", -EBADMSG, 0, 0, NULL},
        {"audit(99999999999999999999.000:1):", -EBADMSG, 0, 0, NULL},
        {"audit(9223372036854775807.000:1):", -EBADMSG, 0, 0, NULL},
        {"type=SYSCALL msg=audit(1.000:1):", -EBADMSG, 0, 0, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct record r = {.serial = 99};
        int rc = record_parse(RECORD_SYSCALL, cases[i].text, strlen(cases[i].text), &r);
        cr_expect_eq(rc, cases[i].rc, "%s", cases[i].text);
        if (!rc) {
            cr_expect_eq(r.time, cases[i].time, "%s", cases[i].text);
            cr_expect_eq(r.serial, cases[i].serial);
            cr_expect(span_is(r.body, cases[i].body), "%s: '%.*s'", cases[i].text, (int)r.body.len,
                      r.body.data);
        } else {
            cr_expect_eq(r.serial, 99, "untouched on failure");
        }
    }
}

struct expected {
    const char *name, *text; /* text NULL: absent */
};

static void expect_fields(const char *body, const struct expected *expected, size_t count)
{
    struct span rest = {body, strlen(body)};
    struct field f;
    char bytes[256];
    for (size_t i = 0; i < count; i++) {
        cr_assert(field_next(&rest, &f), "%s: field %zu", body, i);
        cr_expect(field_named(&f, expected[i].name), "%s: %.*s", body, (int)f.name.len, f.name.data);
        struct text t = field_text(&f);
        cr_expect_eq(t.raw.data == NULL, expected[i].text == NULL, "%s", expected[i].name);
        if (t.raw.data && expected[i].text) {
            size_t n = text_copy(t, bytes, sizeof(bytes));
            cr_expect(n == strlen(expected[i].text) && !memcmp(bytes, expected[i].text, n), "%s: %.*s",
                      expected[i].name, (int)n, bytes);
            cr_expect_eq(n, text_length(t));
        }
    }
    cr_expect_not(field_next(&rest, &f), "%s: more fields", body);
}

#define FIELDS(body, ...)                                                                                              \
    expect_fields(body, (const struct expected[]){__VA_ARGS__},                                                        \
                  sizeof((const struct expected[]){__VA_ARGS__}) / sizeof(struct expected))

Test(record, strings_come_plain_quoted_or_as_hex)
{
    FIELDS(" comm=\"vi\" name=2F74776F20776F726473 key=(null) tty=(none) a=?", {"comm", "vi"},
           {"name", "/two words"}, {"key", NULL}, {"tty", NULL}, {"a", NULL});
    FIELDS("name=\"(null)\" x=\"\" y=", {"name", "(null)"}, {"x", NULL}, {"y", NULL});
    FIELDS("name=\"4142\"", {"name", "4142"});           /* quoted: not hex */
    FIELDS("name=414 comm=41G2", {"name", "414"}, {"comm", "41G2"}); /* odd, or no digits: as it is */
    FIELDS("name=C3A9FF", {"name", "\xc3\xa9\xff"} );
}

Test(record, words_without_a_value_are_passed_over)
{
    FIELDS("  login pid=1  junk = uid=2 =3 a==b", {"pid", "1"}, {"uid", "2"}, {"a", "=b"});
}

Test(record, a_message_ends_at_the_last_apostrophe)
{
    const char *body = " pid=1 msg='op=login acct=\"o'brien\" addr=10.1.2.3 res=success'";
    struct span rest = {body, strlen(body)}, inner;
    struct field f;
    cr_assert(field_next(&rest, &f) && field_next(&rest, &f));
    cr_expect_eq(f.form, FIELD_NESTED);
    inner = f.value;
    cr_assert(field_next(&inner, &f) && field_next(&inner, &f));
    cr_expect(span_is(f.value, "o'brien"));
    cr_assert(field_next(&inner, &f));
    cr_expect(span_is(f.value, "10.1.2.3"));
    cr_expect_not(field_next(&rest, &f));
}

Test(record, a_quote_that_never_closes_is_a_bare_word)
{
    FIELDS("comm=\"vi exe=/bin/vi", {"comm", "\"vi"}, {"exe", "/bin/vi"});
    FIELDS("msg='op=x y=1", {"msg", "'op=x"}, {"y", "1"});
}

Test(record, numbers_are_taken_whole_or_not_at_all)
{
    static const struct {
        const char *text;
        unsigned base;
        int rc;
        uint64_t n;
    } cases[] = {
        {"0", 10, 0, 0},
        {"4294967295", 10, 0, UINT32_MAX},
        {"18446744073709551615", 10, 0, UINT64_MAX},
        {"18446744073709551616", 10, -EINVAL, 0},
        {"", 10, -EINVAL, 0},
        {"1x", 10, -EINVAL, 0},
        {"-1", 10, -EINVAL, 0},
        {"c000003e", 16, 0, 0xc000003e},
        {"FFFF", 16, 0, 0xffff},
        {"8", 8, -EINVAL, 0},
        {"0100644", 8, 0, 0100644},
        {"ffffffffffffffffff", 16, -EINVAL, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct field f = {.value = {cases[i].text, strlen(cases[i].text)}};
        uint64_t n = 0;
        cr_expect_eq(field_number(&f, cases[i].base, &n), cases[i].rc, "%s", cases[i].text);
        cr_expect_eq(n, cases[i].n, "%s", cases[i].text);
    }
    struct field minus = {.value = {"-13", 3}};
    int64_t s;
    cr_assert_eq(field_signed(&minus, &s), 0);
    cr_expect_eq(s, -13);
}
