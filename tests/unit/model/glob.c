/* Patterns by themselves: globs, their first and last bytes, sets of names, expressions. */
#include "fimd/model/glob.h"

#include <errno.h>
#include <string.h>
#include <stdio.h>

#include <criterion/criterion.h>

#include "fimd/model/names.h"
#include "fimd/model/policy.h"
#include "fimd/model/regex.h"

struct row {
    const char *pattern, *text;
    bool matches;
};

static const struct row components[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "a", true},
    {"a", "b", false},
    {"*", "", true},
    {"*", ".hidden", true},
    {"a*", "abc", true},
    {"*c", "abc", true},
    {"*b*", "abc", true},
    {"a*c*e", "abcde", true},
    {"a*c*e", "abcd", false},
    {"**", "x", true},
    {"?", "a", true},
    {"?", "", false},
    {"??", "a", false},
    {"[abc]", "b", true},
    {"[abc]", "d", false},
    {"[a-c]x", "bx", true},
    {"[!a-c]", "d", true},
    {"[^a-c]", "a", false},
    {"[]a]", "]", true},
    {"[!]a]", "]", false},
    {"[a-]", "-", true},
    {"[\\]]", "]", true},
    {"[a-\\c]", "b", true},
    {"\\*", "*", true},
    {"\\*", "x", false},
    {"a\\?b", "a?b", true},
    {"[", "[", true},
    {"[a", "[a", true},
    {"sed??????", "sedA1b2C3", true},
    {".*.sw?", ".f.swp", true},
    {".*.sw?", "f.swp", false},
    {"*~", "~", true},
    {"#*#", "#x#", true},
    {"*.tmp", ".tmp", true},
    {"[\xff]", "\xff", true},
    {"\xc3?", "\xc3\xa9", true},
};

Test(glob, components_match)
{
    for (size_t i = 0; i < sizeof(components) / sizeof(*components); i++) {
        const struct row *r = &components[i];
        cr_expect_eq(glob_component(r->pattern, strlen(r->pattern), r->text, strlen(r->text)), r->matches,
                     "'%s' against '%s'", r->pattern, r->text);
    }
}

Test(glob, first_and_last_byte_never_hide_a_match)
{
    for (size_t i = 0; i < sizeof(components) / sizeof(*components); i++) {
        const struct row *r = &components[i];
        size_t len = strlen(r->text);
        if (!r->matches || !len || glob_fault(r->pattern, strlen(r->pattern)))
            continue;
        int first = glob_first(r->pattern, strlen(r->pattern)),
            last = glob_last(r->pattern, strlen(r->pattern));
        cr_expect(first < 0 || first == (unsigned char)r->text[0], "'%s'", r->pattern);
        cr_expect(last < 0 || last == (unsigned char)r->text[len - 1], "'%s'", r->pattern);
    }
}

Test(glob, whole_paths_match_by_components)
{
    static const struct row rows[] = {
        {"/etc/*", "/etc/passwd", true},
        {"/etc/*", "/etc/ssh/x", false},
        {"/etc/**", "/etc/ssh/x", true},
        {"/etc/**", "/etc", true},
        {"/**/x", "/x", true},
        {"/**/x", "/a/b/x", true},
        {"/a/**/b/**/c", "/a/1/b/2/3/c", true},
        {"/a/**/b/**/c", "/a/1/2/3/c", false},
        {"/a/**/b", "/a/b/c/b", true},
        {"*.c", "x.c", true},
        {"*.c", "/x.c", false},
        {"/etc/", "/etc", true},
        {"/", "/", true},
        {"/", "/x", false},
        {"a//b", "a/b", true},
        {"", "", true},
        {"", "a", false},
        {"**", "a/b", true},
        {"/h*/?", "/home/x", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(glob_match(rows[i].pattern, rows[i].text, strlen(rows[i].text)), rows[i].matches,
                     "'%s' against '%s'", rows[i].pattern, rows[i].text);
}

Test(glob, hostile_names_cost_no_more_than_their_length, .timeout = 10)
{
    char text[4096], path[8192];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = 'b';
    const char *costly = "*a*a*a*a*a*a*a*a*a*a*a*a*c";
    cr_expect(!glob_component(costly, strlen(costly), text, sizeof(text)));
    for (size_t i = 0; i < sizeof(path); i++)
        path[i] = i % 2 ? 'a' : '/';
    cr_expect(!glob_match("/**/a/**/a/**/a/**/a/**/a/**/a/**/b", path, sizeof(path)));
}

Test(glob, literals_lose_their_backslashes)
{
    char out[16];
    cr_expect_eq(glob_literal("a\\*b", 4, out), 3);
    cr_expect(!memcmp(out, "a*b", 3));
    cr_expect_eq(glob_literal("a*b", 3, out), -1);
    cr_expect_eq(glob_literal("\\\\", 2, out), 1);
}

Test(names, more_than_a_block_of_patterns_all_count)
{
    struct arena a = {0};
    char texts[150][8], *list[150], name[8];
    for (int i = 0; i < 150; i++) {
        snprintf(texts[i], sizeof(texts[i]), "n%d?", i);
        list[i] = texts[i];
    }
    struct names *n = names_make(&a, list, 150);
    cr_assert(n);
    for (int i = 0; i < 150; i++) {
        snprintf(name, sizeof(name), "n%dx", i);
        cr_expect(names_match(n, name, strlen(name)), "%s", name);
    }
    cr_expect(!names_match(n, "n150x", 5));
    cr_expect(!names_match(n, "", 0));
    cr_expect(!names_match(NULL, "x", 1));
    arena_fini(&a);
}

Test(regex, finds_bytes_and_gives_up_in_time)
{
    static const struct {
        const char *pattern, *text;
        int found;
    } rows[] = {
        {"^a$", "a", 1},     {"^a$", "a\n", 0},
        {"a.b", "a\nb", 1},  {"\\xff", "\xff", 1},
        {"(?i)A", "xax", 1}, {"", "x", 1},
        {"b", "a", 0},       {"^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct regex *r = NULL;
        struct fault why = {0};
        cr_assert_eq(regex_new(rows[i].pattern, strlen(rows[i].pattern), &r, &why), 0, "%s", why.text);
        cr_expect_eq(regex_find(r, rows[i].text, strlen(rows[i].text)), rows[i].found, "'%s'",
                     rows[i].pattern);
        regex_free(r);
    }
    struct regex *r = NULL;
    struct fault why = {0};
    cr_expect_eq(regex_new("a)", 2, &r, &why), -EINVAL);
    cr_expect(strstr(why.text, "character 2"), "%s", why.text);
    cr_expect_eq(regex_new("(*UTF)a", 7, &r, &why), -EINVAL);
    cr_expect_null(r);
}

Test(regex, what_looks_at_the_end_is_tried_on_every_beginning)
{
    static const struct {
        const char *pattern;
        bool grows;
    } rows[] = {
        {"\\.git\\/", true}, {"^a+[0-9]*", true}, {"a\\$", true},  {"a$", false},         {"a\\z", false},
        {"a\\b", false},     {"a(?!b)", false},   {"a++b", false}, {"(*COMMIT)a", false}, {"\\\\b", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct regex *r = NULL;
        cr_assert_eq(regex_new(rows[i].pattern, strlen(rows[i].pattern), &r, NULL), 0);
        cr_expect_eq(regex_grows(r), rows[i].grows, "%s", rows[i].pattern);
        regex_free(r);
    }
}
