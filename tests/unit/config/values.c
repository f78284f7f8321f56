/* Single values: sizes, times, suggestions, cloud ids. */
#include "fimd/config/value.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fimd/config/cloud_id.h"
#include "fimd/config/suggest.h"

Test(values, sizes_take_binary_units)
{
    static const struct {
        const char *text;
        int result;
        uint64_t value;
    } rows[] = {
        {"0", 0, 0},
        {"4096", 0, 4096},
        {"1KiB", 0, 1024},
        {"5 MiB", 0, 5u << 20},
        {"4GiB", 0, UINT64_C(4) << 30},
        {"16777215TiB", 0, UINT64_C(16777215) << 40},
        {"16777216TiB", -ERANGE, 0},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"1MB", -EINVAL, 0},
        {"1kib", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"MiB", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"1.5MiB", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint64_t value = 77;
        cr_expect_eq(size_parse(rows[i].text, &value), rows[i].result, "%s", rows[i].text);
        cr_expect_eq(value, rows[i].result ? 77 : rows[i].value, "%s", rows[i].text);
    }
}

Test(values, times_take_a_unit)
{
    static const struct {
        const char *text;
        int result;
        int64_t value;
    } rows[] = {
        {"0", 0, 0},
        {"250ms", 0, 250000000},
        {"30s", 0, INT64_C(30000000000)},
        {"5m", 0, INT64_C(300000000000)},
        {"2h", 0, INT64_C(7200000000000)},
        {"400d", 0, INT64_C(34560000000000000)},
        {"106751d", 0, INT64_C(9223286400000000000)},
        {"106752d", -ERANGE, 0},
        {"300000d", -ERANGE, 0},
        {"1", -EINVAL, 0},
        {"1w", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"", -EINVAL, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int64_t value = 77;
        cr_expect_eq(duration_parse(rows[i].text, &value), rows[i].result, "%s", rows[i].text);
        cr_expect_eq(value, rows[i].result ? 77 : rows[i].value, "%s", rows[i].text);
    }
}

Test(values, yes_and_no_have_three_words_each)
{
    bool value = false;
    cr_expect_eq(boolean_parse("on", &value), 0);
    cr_expect(value);
    cr_expect_eq(boolean_parse("no", &value), 0);
    cr_expect(!value);
    cr_expect_eq(boolean_parse("True", &value), -EINVAL);
}

Test(values, edit_distance_counts_a_swap_as_one)
{
    cr_expect_eq(edit_distance("", ""), 0);
    cr_expect_eq(edit_distance("settle", "setle"), 1);
    cr_expect_eq(edit_distance("tags", "tgas"), 1);
    cr_expect_eq(edit_distance("abc", "xyz"), 3);
    cr_expect_eq(edit_distance("", "abc"), 3);
    char lengthy[200];
    memset(lengthy, 'a', sizeof(lengthy) - 1);
    lengthy[sizeof(lengthy) - 1] = '\0';
    cr_expect_eq(edit_distance(lengthy, "a"), 199);
}

Test(values, cloud_ids_become_addresses)
{
    static const struct {
        const char *id, *url;
    } rows[] = {
        {"n:ZXUuZXhhbXBsZS5vcmckYWJjJGRlZg==", "https://abc.eu.example.org"},
        {"ZXUuZXhhbXBsZS5vcmckYWJjJGRlZg", "https://abc.eu.example.org"},
        {"n:ZXUuZXhhbXBsZS5vcmc6OTI0MyRhYmMkZGVm", "https://abc.eu.example.org:9243"},
        {"n:ZXUuZXhhbXBsZS5vcmc6OTI0MyRhYmM6MTIk", "https://abc.eu.example.org:12"},
        {"n:ZXUuZXhhbXBsZS5vcmc=", NULL},         /* no '$' */
        {"n:JGFiYw==", NULL},                     /* no host */
        {"n:ZXUvLi4kYWJj", NULL},                 /* a slash in the host */
        {"n:ZXUuZXhhbXBsZS5vcmc6eHgkYWJj", NULL}, /* a port of letters */
        {"n:!!!!", NULL},
        {"", NULL},
        {"n:ZQ==x", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char url[100] = "untouched";
        int r = cloud_id_parse(rows[i].id, url, sizeof(url));
        cr_expect_eq(r, rows[i].url ? 0 : -EINVAL, "%s: %s", rows[i].id, url);
        if (rows[i].url)
            cr_expect_str_eq(url, rows[i].url);
    }
    char small[10];
    cr_expect_eq(cloud_id_parse(rows[0].id, small, sizeof(small)), -EINVAL);
}
