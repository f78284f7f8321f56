/* The settings' memory. */
#include "fimd/model/settings.h"

#include <criterion/criterion.h>

Test(settings, an_empty_one_is_ended_as_often_as_one_likes)
{
    struct settings s = {0};
    settings_fini(&s);
    settings_fini(&s);
    struct output_settings o = {0};
    output_settings_fini(&o);
}

Test(settings, strings_are_copied)
{
    struct strings s = {0};
    char text[] = "abc";
    cr_assert_eq(strings_add(&s, text), 0);
    text[0] = 'x';
    cr_assert_eq(strings_add(&s, text), 0);
    cr_expect_eq(s.count, 2);
    cr_expect_str_eq(s.list[0], "abc");
    cr_expect_str_eq(s.list[1], "xbc");
    strings_fini(&s);
    cr_expect_eq(s.count, 0);
}
