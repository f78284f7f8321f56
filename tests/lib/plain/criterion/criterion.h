/* Stands in for <criterion/criterion.h> where criterion itself cannot run: it keeps its data at addresses that
 * ThreadSanitizer does not let anybody map. As much of it as the tests here use: each test in a process of its own,
 * the same macros, the same closing line. */
#ifndef TESTS_LIB_PLAIN_CRITERION_H
#define TESTS_LIB_PLAIN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plain_options {
    int unused; /* so that the list of the others may be empty */
    void (*init)(void);
    void (*fini)(void);
    double timeout; /* seconds */
};

struct plain_test {
    const char *suite, *name; /* name NULL: a suite's options */
    void (*run)(void);
    struct plain_options options;
    struct plain_test *next;
};

void plain_add(struct plain_test *test);
/* Prints what failed; the test goes on, unless it must not. */
void plain_check(bool holds, bool must, const char *file, int line, const char *what, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void plain_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void plain_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#define PLAIN_ROW(id, suite_, name_, run_, ...)                                                                       \
    static struct plain_test id##_row = {                                                                             \
        .suite = suite_, .name = name_, .run = run_, .options = {.unused = 0, __VA_ARGS__}};                          \
    __attribute__((constructor)) static void id##_add(void)                                                           \
    {                                                                                                                 \
        plain_add(&id##_row);                                                                                         \
    }

#define Test(suite_, name_, ...)                                                                                      \
    static void suite_##_##name_##_test(void);                                                                        \
    PLAIN_ROW(suite_##_##name_, #suite_, #name_, suite_##_##name_##_test, __VA_ARGS__)                                \
    static void suite_##_##name_##_test(void)
#define TestSuite(suite_, ...) PLAIN_ROW(suite_##_suite, #suite_, NULL, NULL, __VA_ARGS__) struct plain_test

/* The space joins with a message that is there, and is one where there is none. */
#define PLAIN_CHECK(holds, must, what, ...) plain_check(holds, must, __FILE__, __LINE__, what, " " __VA_ARGS__)

#define cr_assert(c, ...) PLAIN_CHECK((c) ? true : false, true, #c, __VA_ARGS__)
#define cr_assert_not(c, ...) PLAIN_CHECK(!(c), true, "not " #c, __VA_ARGS__)
#define cr_assert_null(p, ...) PLAIN_CHECK((p) == NULL, true, #p " is NULL", __VA_ARGS__)
#define cr_assert_not_null(p, ...) PLAIN_CHECK((p) != NULL, true, #p " is not NULL", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) PLAIN_CHECK((a) == (b), true, #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) PLAIN_CHECK((a) != (b), true, #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) PLAIN_CHECK((a) < (b), true, #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) PLAIN_CHECK((a) <= (b), true, #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) PLAIN_CHECK((a) > (b), true, #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) PLAIN_CHECK((a) >= (b), true, #a " >= " #b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) PLAIN_CHECK(strcmp(a, b) == 0, true, #a " is " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) PLAIN_CHECK(strcmp(a, b) != 0, true, #a " is not " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) PLAIN_CHECK(memcmp(a, b, n) == 0, true, #a " is " #b, __VA_ARGS__)
#define cr_assert_fail(...) PLAIN_CHECK(false, true, "failed", __VA_ARGS__)

#define cr_expect(c, ...) PLAIN_CHECK((c) ? true : false, false, #c, __VA_ARGS__)
#define cr_expect_not(c, ...) PLAIN_CHECK(!(c), false, "not " #c, __VA_ARGS__)
#define cr_expect_null(p, ...) PLAIN_CHECK((p) == NULL, false, #p " is NULL", __VA_ARGS__)
#define cr_expect_not_null(p, ...) PLAIN_CHECK((p) != NULL, false, #p " is not NULL", __VA_ARGS__)
#define cr_expect_eq(a, b, ...) PLAIN_CHECK((a) == (b), false, #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) PLAIN_CHECK((a) != (b), false, #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) PLAIN_CHECK((a) < (b), false, #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) PLAIN_CHECK((a) <= (b), false, #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) PLAIN_CHECK((a) > (b), false, #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) PLAIN_CHECK((a) >= (b), false, #a " >= " #b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) PLAIN_CHECK(strcmp(a, b) == 0, false, #a " is " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) PLAIN_CHECK(strcmp(a, b) != 0, false, #a " is not " #b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...) PLAIN_CHECK(memcmp(a, b, n) == 0, false, #a " is " #b, __VA_ARGS__)
#define cr_expect_fail(...) PLAIN_CHECK(false, false, "failed", __VA_ARGS__)

#define cr_log_info(...) plain_say(__VA_ARGS__)
#define cr_log_warn(...) plain_say(__VA_ARGS__)
#define cr_log_error(...) plain_say(__VA_ARGS__)
#define cr_skip(...) plain_skip(" " __VA_ARGS__)
#define cr_skip_test(...) plain_skip(" " __VA_ARGS__)

#endif
