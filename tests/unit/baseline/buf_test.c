/* Bytes in and out: every field comes back, and a reader never leaves its bytes. */
#include "baseline/buf.h"

#include <criterion/criterion.h>
#include <string.h>

Test(buf, fixed_fields_are_little_endian)
{
    static const uint8_t wanted[] = {0x01, 0x05, 0x04, 0x03, 0x02, 0x0d, 0x0c,
                                     0x0b, 0x0a, 0x09, 0x08, 0x07, 0x06};
    struct buf b = {0};

    buf_put_u8(&b, 0x01);
    buf_put_u32(&b, 0x02030405);
    buf_put_u64(&b, 0x060708090a0b0c0d);
    cr_assert_eq(b.len, sizeof(wanted));
    cr_assert_arr_eq(b.data, wanted, sizeof(wanted));
    struct slice s = {.data = b.data, .len = b.len};
    cr_assert_eq(slice_u8(&s), 0x01);
    cr_assert_eq(slice_u32(&s), 0x02030405);
    cr_assert_eq(slice_u64(&s), 0x060708090a0b0c0d);
    cr_assert(!s.failed && s.len == 0);
    buf_fini(&b);
    cr_assert_null(b.data);
}

Test(buf, varints_come_back_and_are_short)
{
    static const struct {
        uint64_t value;
        size_t len;
    } cases[] = {{0, 1},     {127, 1},        {128, 2},         {16383, 2},
                 {16384, 3}, {UINT32_MAX, 5}, {1ULL << 63, 10}, {UINT64_MAX, 10}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        buf_put_varint(&b, cases[i].value);
        cr_assert_eq(b.len, cases[i].len);
        struct slice s = {.data = b.data, .len = b.len};
        cr_assert_eq(slice_varint(&s), cases[i].value);
        cr_assert(!s.failed);
        buf_fini(&b);
    }
}

Test(buf, varints_that_overflow_or_never_end_fail)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},     /* 65 bits */
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11}, /* eleven bytes */
        {"\x80\x80", 2},
        {"", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice s = {.data = (const uint8_t *)cases[i].bytes, .len = cases[i].len};
        cr_assert_eq(slice_varint(&s), 0, "case %zu", i);
        cr_assert(s.failed, "case %zu", i);
    }
}

Test(buf, a_failed_reader_stays_failed)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct slice s = {.data = bytes, .len = sizeof(bytes)};

    cr_assert_eq(slice_u32(&s), 0);
    cr_assert(s.failed);
    cr_assert_eq(slice_u8(&s), 0);
    cr_assert_null(slice_take(&s, 0));
}

Test(buf, bytes_longer_than_what_is_left_fail)
{
    struct buf b = {0};
    size_t len = 99;

    buf_put_bytes(&b, "hello", 5);
    struct slice s = {.data = b.data, .len = b.len};
    const uint8_t *at = slice_bytes(&s, &len);
    cr_assert(len == 5 && !memcmp(at, "hello", 5));
    s = (struct slice){.data = b.data, .len = b.len - 1};
    cr_assert_null(slice_bytes(&s, &len));
    cr_assert(s.failed && len == 0);
    buf_fini(&b);
}

Test(buf, printf_grows_and_cstr_ends)
{
    struct buf b = {0};

    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%04d,", i);
    cr_assert_eq(b.len, 5000);
    const char *text = buf_cstr(&b);
    cr_assert_eq(strlen(text), 5000);
    cr_assert_eq(b.len, 5000);
    cr_assert_str_eq(text + 4995, "0999,");
    buf_fini(&b);
}

Test(buf, an_impossible_size_fails_and_keeps_what_was_there)
{
    struct buf b = {0};

    buf_put_str(&b, "kept");
    cr_assert(!buf_reserve(&b, SIZE_MAX));
    cr_assert(b.failed);
    buf_put_str(&b, "lost");
    cr_assert(b.len == 4 && !memcmp(b.data, "kept", 4));
    cr_assert_null(buf_cstr(&b));
    buf_reset(&b);
    buf_put_str(&b, "again");
    cr_assert_eq(b.len, 5);
    buf_fini(&b);
}
