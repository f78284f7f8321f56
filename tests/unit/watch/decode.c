/* fanotify's bytes: well-formed ones become events, all others an error, and none is read past its end. */
#include "fimd/watch/decode.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

struct bytes {
    uint8_t data[1024];
    size_t len;
};

static void put(struct bytes *b, const void *data, size_t len)
{
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static void put_u16(struct bytes *b, uint16_t v)
{
    put(b, &v, sizeof(v));
}

static void put_u32(struct bytes *b, uint32_t v)
{
    put(b, &v, sizeof(v));
}

static void put_u64(struct bytes *b, uint64_t v)
{
    put(b, &v, sizeof(v));
}

static size_t begin(struct bytes *b, uint64_t mask, uint32_t pid)
{
    size_t at = b->len;
    put_u32(b, 0);
    put(b, "\3\0", 2);
    put_u16(b, 24);
    put_u64(b, mask);
    put_u32(b, UINT32_MAX);
    put_u32(b, pid);
    return at;
}

static void end(struct bytes *b, size_t at)
{
    uint32_t len = (uint32_t)(b->len - at);
    memcpy(b->data + at, &len, sizeof(len));
}

/* One record, padded to 4 as the kernel does it. */
static void record(struct bytes *b, uint8_t type, uint64_t fsid, int32_t handle_type, const char *handle,
                   const char *name)
{
    size_t at = b->len;
    put(b, &type, 1);
    put(b, "", 1);
    put_u16(b, 0);
    put_u64(b, fsid);
    put_u32(b, (uint32_t)strlen(handle));
    put_u32(b, (uint32_t)handle_type);
    put(b, handle, strlen(handle));
    if (name)
        put(b, name, strlen(name) + 1);
    while (b->len % 4)
        put(b, "", 1);
    uint16_t len = (uint16_t)(b->len - at);
    memcpy(b->data + at + 2, &len, sizeof(len));
}

static struct bytes create_event(void)
{
    struct bytes b = { .len = 0 };
    size_t at = begin(&b, FANBIT_CREATE, 42);
    record(&b, 2, 7, 1, "directory", "name");
    record(&b, 1, 7, 1, "file", NULL);
    end(&b, at);
    return b;
}

static void expect_handle(struct handle_view h, const char *bytes)
{
    cr_expect_eq(h.len, strlen(bytes));
    cr_expect(h.bytes && memcmp(h.bytes, bytes, h.len) == 0);
}

Test(decode, create_has_directory_name_and_target)
{
    struct bytes b = create_event();
    struct decode_event e;
    size_t at = 0;
    cr_assert_eq(decode_next(b.data, b.len, &at, &e), 1);
    cr_expect_eq(e.mask, FANBIT_CREATE);
    cr_expect_eq(e.pid, 42);
    cr_expect_eq(e.fsid, 7);
    expect_handle(e.dir, "directory");
    expect_handle(e.target, "file");
    cr_expect_str_eq(e.name.text, "name");
    cr_expect_null(e.old_dir.bytes);
    cr_expect_eq(at, b.len);
    cr_expect_eq(decode_next(b.data, b.len, &at, &e), 0);
}

Test(decode, rename_has_both_sides)
{
    struct bytes b = { .len = 0 };
    struct decode_event e;
    size_t at = begin(&b, FANBIT_RENAME | FANBIT_ONDIR, 1), start = 0;
    record(&b, 10, 7, 1, "from", "old");
    record(&b, 12, 7, 1, "to", "new");
    record(&b, 1, 7, 1, "it", NULL);
    end(&b, at);
    cr_assert_eq(decode_next(b.data, b.len, &start, &e), 1);
    expect_handle(e.old_dir, "from");
    expect_handle(e.dir, "to");
    cr_expect_str_eq(e.old_name.text, "old");
    cr_expect_str_eq(e.name.text, "new");
}

Test(decode, overflow_has_no_record)
{
    struct bytes b = { .len = 0 };
    struct decode_event e;
    size_t at = 0;
    end(&b, begin(&b, FANBIT_OVERFLOW, 0));
    cr_assert_eq(decode_next(b.data, b.len, &at, &e), 1);
    cr_expect_eq(e.mask, FANBIT_OVERFLOW);
    cr_expect_null(e.dir.bytes);
    cr_expect_null(e.name.text);
}

Test(decode, unknown_records_are_passed_over)
{
    struct bytes b = { .len = 0 };
    struct decode_event e;
    size_t at = begin(&b, FANBIT_MNT_ATTACH, 9), start = 0;
    put(&b, "\x07\0\x10\0", 4);
    put_u32(&b, 0);
    put_u64(&b, 4711);
    record(&b, 99, 1, 1, "newer", "thing");
    end(&b, at);
    cr_assert_eq(decode_next(b.data, b.len, &start, &e), 1);
    cr_expect_eq(e.pid, 9);
    cr_expect_null(e.dir.bytes);
}

Test(decode, empty_handle_is_no_handle)
{
    struct bytes b = { .len = 0 };
    struct decode_event e;
    size_t at = begin(&b, FANBIT_ATTRIB, 1), start = 0;
    record(&b, 1, 7, 0xff, "", NULL);
    end(&b, at);
    cr_assert_eq(decode_next(b.data, b.len, &start, &e), 1);
    cr_expect_null(e.target.bytes);
}

Test(decode, directory_record_without_name_is_the_directory_itself)
{
    struct bytes b = { .len = 0 };
    struct decode_event e;
    size_t at = begin(&b, FANBIT_ATTRIB | FANBIT_ONDIR, 1), start = 0;
    record(&b, 3, 7, 1, "dir", NULL);
    end(&b, at);
    cr_assert_eq(decode_next(b.data, b.len, &start, &e), 1);
    cr_expect_str_eq(e.name.text, ".");
}

Test(decode, every_shortened_event_is_refused)
{
    struct bytes b = create_event();
    struct decode_event e;
    for (size_t len = 1; len < b.len; len++) {
        size_t at = 0;
        cr_expect_eq(decode_next(b.data, len, &at, &e), -EBADMSG, "%zu bytes", len);
        cr_expect_eq(at, 0);
    }
}

Test(decode, lying_lengths_are_refused)
{
    static const struct {
        const char *name;
        size_t at, size;
        uint32_t value;
    } cases[] = {
        { "event longer than the buffer", 0, 4, 4096 }, { "event shorter than its head", 0, 4, 20 },
        { "another version", 4, 1, 4 },                 { "head shorter than a head", 6, 2, 8 },
        { "head longer than the event", 6, 2, 60000 },  { "record of length 0", 26, 2, 0 },
        { "record longer than the event", 26, 2, 9999 }, { "handle longer than its record", 36, 4, 4000 },
        { "handle that fills its record: no name", 36, 4, 16 }, { "handle of 4 GiB", 36, 4, UINT32_MAX },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes b = create_event();
        struct decode_event e;
        size_t at = 0;
        memcpy(b.data + cases[i].at, &cases[i].value, cases[i].size);
        cr_expect_eq(decode_next(b.data, b.len, &at, &e), -EBADMSG, "%s", cases[i].name);
    }
}

Test(decode, name_with_slash_is_refused)
{
    struct bytes b = { .len = 0 };
    struct decode_event e;
    size_t at = begin(&b, FANBIT_CREATE, 1), start = 0;
    record(&b, 2, 7, 1, "dir", "../etc");
    end(&b, at);
    cr_expect_eq(decode_next(b.data, b.len, &start, &e), -EBADMSG);
}
