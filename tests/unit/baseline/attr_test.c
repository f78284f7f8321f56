/* Names and bits of attributes. */
#include "baseline/attr.h"

#include <string.h>

#include <criterion/criterion.h>

Test(attr, every_bit_has_a_name_that_parses_back)
{
    for (uint32_t bit = 1; bit & ATTR_ALL; bit <<= 1) {
        const char *name = attr_name(bit);
        cr_assert_not_null(name, "bit %x", bit);
        cr_assert_eq(attr_parse(name, strlen(name)), bit, "%s", name);
    }
}

Test(attr, sets_and_unknown_bits_have_no_name)
{
    const uint32_t none[] = {0, ATTR_ALL, ATTR_MODE | ATTR_OWNER, 1u << 16, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        cr_assert_null(attr_name(none[i]), "%x", none[i]);
}

Test(attr, parses_whole_names_only)
{
    static const struct {
        const char *name;
        size_t len;
        uint32_t bits;
    } cases[] = {
        {"all", 3, ATTR_ALL},         {"content", 7, ATTR_CONTENT}, {"caps", 4, ATTR_CAPS},
        {"device", 6, ATTR_DEVICE},   {"modes", 4, ATTR_MODE},      {"mode", 3, 0},
        {"mode", 5, 0},               {"", 0, 0},                   {"Mode", 4, 0},
        {"-mtime", 6, 0},             {"mtime,ctime", 11, 0},       {"acl\0", 4, 0},
        {"nosuchattribute", 15, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(attr_parse(cases[i].name, cases[i].len), cases[i].bits, "%s/%zu", cases[i].name,
                     cases[i].len);
}
