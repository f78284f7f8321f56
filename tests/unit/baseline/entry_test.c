/* The entry's stored form, and what differs between two. */
#include "baseline/entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "baseline/attr.h"

/* "user.a" = "1", "user.b" = "" */
static const uint8_t two_xattrs[] = {'u', 's', 'e', 'r', '.', 'a', 0, 1, 0, 0, 0, '1',
                                     'u', 's', 'e', 'r', '.', 'b', 0, 0, 0, 0, 0};

static struct entry sample_file(void)
{
    struct entry e = {
        .type = ENTRY_FILE, .mode = 04755, .uid = 1000, .gid = 33, .nlink = 2,
        .inode = 9988776, .generation = 4020304050, .device = 0xfd00, .size = 1714,
        .mtime = 1756976130123456789, .ctime = 1756976130125456789,
        .flags = ENTRY_FLAG_IMMUTABLE,
        .digests = {.count = 3, .list = {{.id = 1, .len = 16}, {.id = 2, .len = 20}, {.id = 4, .len = 32}}},
    };
    for (size_t i = 0; i < 3; i++)
        memset(e.digests.list[i].value, (int)(0xa0 + i), e.digests.list[i].len);
    return e;
}

static struct entry sample_link(void)
{
    struct entry e = {.type = ENTRY_SYMLINK, .mode = 0777, .nlink = 1, .inode = 12, .device = 5, .size = 9};
    e.target = strdup("../\xff\n/usr");
    e.xattrs = malloc(sizeof(two_xattrs));
    memcpy(e.xattrs, two_xattrs, sizeof(two_xattrs));
    e.xattrs_len = sizeof(two_xattrs);
    return e;
}

static struct entry sample_device(void)
{
    return (struct entry){.type = ENTRY_CHAR, .mode = 0666, .nlink = 1, .inode = UINT64_MAX,
                          .uid = UINT32_MAX, .gid = UINT32_MAX, .generation = UINT32_MAX,
                          .device = UINT64_MAX, .rdev = 0x103,
                          .size = UINT64_MAX, .mtime = INT64_MIN, .ctime = INT64_MAX, .flags = UINT64_MAX,
                          .notes = ENTRY_NOTES_ALL};
}

static struct entry sample_absent(void)
{
    return (struct entry){.type = ENTRY_ABSENT};
}

static struct entry (*const samples[])(void) = {sample_file, sample_link, sample_device, sample_absent};

enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static void expect_same(const struct entry *a, const struct entry *b, size_t which)
{
    cr_expect_eq(a->type, b->type, "%zu", which);
    cr_expect_eq(a->notes, b->notes, "%zu", which);
    cr_expect_eq(a->mode, b->mode, "%zu", which);
    cr_expect_eq(a->uid, b->uid, "%zu", which);
    cr_expect_eq(a->gid, b->gid, "%zu", which);
    cr_expect_eq(a->nlink, b->nlink, "%zu", which);
    cr_expect_eq(a->inode, b->inode, "%zu", which);
    cr_expect_eq(a->generation, b->generation, "%zu", which);
    cr_expect_eq(a->device, b->device, "%zu", which);
    cr_expect_eq(a->rdev, b->rdev, "%zu", which);
    cr_expect_eq(a->size, b->size, "%zu", which);
    cr_expect_eq(a->mtime, b->mtime, "%zu", which);
    cr_expect_eq(a->ctime, b->ctime, "%zu", which);
    cr_expect_eq(a->flags, b->flags, "%zu", which);
    cr_assert_eq(a->digests.count, b->digests.count, "%zu", which);
    for (size_t i = 0; i < a->digests.count; i++)
        cr_expect_arr_eq(&a->digests.list[i], &b->digests.list[i], sizeof(struct digest), "%zu", which);
    cr_expect((!a->target && !b->target) || strcmp(a->target, b->target) == 0, "%zu", which);
    cr_assert_eq(a->xattrs_len, b->xattrs_len, "%zu", which);
    cr_expect(a->xattrs_len == 0 || memcmp(a->xattrs, b->xattrs, a->xattrs_len) == 0, "%zu", which);
}

Test(entry, stored_form_makes_a_round_trip)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct entry e = samples[i](), back;
        struct buf bytes = {0};
        entry_encode(&e, &bytes);
        cr_assert(!bytes.failed);
        cr_assert_eq(entry_decode(bytes.data, bytes.len, &back), 0, "%zu", i);
        expect_same(&e, &back, i);
        entry_fini(&e);
        entry_fini(&back);
        buf_fini(&bytes);
    }
}

Test(entry, a_file_with_three_digests_is_stored_in_130_bytes)
{
    struct entry e = sample_file();
    struct buf bytes = {0};
    entry_encode(&e, &bytes);
    cr_expect_leq(bytes.len, 130, "%zu", bytes.len);
    cr_expect_eq(bytes.data[0], 1, "the version");
    buf_fini(&bytes);
}

Test(entry, every_cut_and_every_surplus_is_refused)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct entry e = samples[i](), untouched = {.inode = 77};
        struct buf bytes = {0};
        entry_encode(&e, &bytes);
        for (size_t len = 0; len < bytes.len; len++) {
            uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees a read beyond */
            memcpy(exact, bytes.data, len);
            exact = realloc(exact, len ? len : 1);
            cr_expect_eq(entry_decode(exact, len, &untouched), -EBADMSG, "%zu cut to %zu", i, len);
            free(exact);
        }
        buf_put_u8(&bytes, 0);
        cr_expect_eq(entry_decode(bytes.data, bytes.len, &untouched), -EBADMSG, "%zu with a byte more", i);
        cr_expect_eq(untouched.inode, 77);
        entry_fini(&e);
        buf_fini(&bytes);
    }
}

/* Every single byte of a stored entry set to every value: refused or taken, never a crash or a leak. */
Test(entry, every_altered_byte_is_survived)
{
    struct entry e = sample_link();
    struct buf bytes = {0};
    entry_encode(&e, &bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t was = bytes.data[i];
        for (int v = 0; v < 256; v++) {
            bytes.data[i] = (uint8_t)v;
            struct entry back;
            int r = entry_decode(bytes.data, bytes.len, &back);
            cr_assert(r == 0 || r == -EBADMSG, "byte %zu = %d: %d", i, v, r);
            if (r == 0)
                entry_fini(&back);
        }
        bytes.data[i] = was;
    }
    entry_fini(&e);
    buf_fini(&bytes);
}

/* clang-format off: a line a case */
/* What encodes well but must not come back: a hostile store is no reason for a hostile entry. */
static void spoil_type(struct entry *e) { e->type = (enum entry_type)8; }
static void spoil_mode(struct entry *e) { e->mode = 0100755; }
static void spoil_notes(struct entry *e) { e->notes = ENTRY_NOTES_ALL + 1; }
static void spoil_digest_id(struct entry *e) { e->digests.list[1].id = 0; }
static void spoil_digest_twice(struct entry *e) { e->digests.list[1].id = 1; }
static void spoil_digest_empty(struct entry *e) { e->digests.list[2].len = 0; }
static void spoil_target(struct entry *e) { e->target = strdup("a file has none"); }

static void set_xattrs(struct entry *e, const char *bytes, size_t len)
{
    e->xattrs = malloc(len);
    memcpy(e->xattrs, bytes, len);
    e->xattrs_len = len;
}

#define SET_XATTRS(e, text) set_xattrs(e, text, sizeof(text) - 1)

static void spoil_xattr_unsorted(struct entry *e) { SET_XATTRS(e, "b\0\0\0\0\0a\0\0\0\0\0"); }
static void spoil_xattr_twice(struct entry *e) { SET_XATTRS(e, "a\0\0\0\0\0a\0\0\0\0\0"); }
static void spoil_xattr_unnamed(struct entry *e) { SET_XATTRS(e, "\0\0\0\0\0"); }
static void spoil_xattr_unterminated(struct entry *e) { SET_XATTRS(e, "user.a"); }
static void spoil_xattr_length(struct entry *e) { SET_XATTRS(e, "a\0\2\0\0\0x"); }
static void spoil_xattr_huge(struct entry *e) { SET_XATTRS(e, "a\0\377\377\377\377x"); }
static void spoil_nothing(struct entry *e) { (void)e; }
/* clang-format on */

Test(entry, impossible_values_are_refused)
{
    static void (*const spoils[])(struct entry *) = {
        spoil_type,          spoil_mode,         spoil_notes,          spoil_digest_id,
        spoil_digest_twice,  spoil_digest_empty, spoil_target,         spoil_xattr_twice,
        spoil_xattr_length,  spoil_xattr_huge,   spoil_xattr_unsorted, spoil_xattr_unterminated,
        spoil_xattr_unnamed,
    };
    for (size_t i = 0; i <= sizeof(spoils) / sizeof(spoils[0]); i++) {
        bool spoilt = i < sizeof(spoils) / sizeof(spoils[0]);
        struct entry e = sample_file(), back = sample_absent();
        struct buf bytes = {0};
        (spoilt ? spoils[i] : spoil_nothing)(&e);
        entry_encode(&e, &bytes);
        cr_expect_eq(entry_decode(bytes.data, bytes.len, &back), spoilt ? -EBADMSG : 0, "case %zu", i);
        entry_fini(&back);
        entry_fini(&e);
        buf_fini(&bytes);
    }
}

Test(entry, a_digest_of_a_newer_program_is_kept)
{
    struct entry e = sample_file(), back;
    struct buf bytes = {0};
    e.digests.list[0].id = 222;
    entry_encode(&e, &bytes);
    cr_assert_eq(entry_decode(bytes.data, bytes.len, &back), 0);
    cr_expect_not_null(digests_find(&back.digests, 222));
    buf_fini(&bytes);
}

Test(entry, copies_are_deep)
{
    struct entry e = sample_link(), copy;
    cr_assert_eq(entry_copy(&copy, &e), 0);
    expect_same(&e, &copy, 0);
    cr_expect_neq(e.target, copy.target);
    cr_expect_neq(e.xattrs, copy.xattrs);
    entry_fini(&e);
    cr_expect_eq(e.type, ENTRY_ABSENT);
    cr_expect_str_eq(copy.target, "../\xff\n/usr");
    entry_fini(&copy);
    entry_fini(&copy);
}

Test(entry, xattrs_are_found_by_their_whole_name)
{
    struct entry e = sample_link();
    size_t len = 99;
    cr_assert_not_null(entry_xattr(&e, "user.a", &len));
    cr_expect_eq(len, 1);
    cr_assert_not_null(entry_xattr(&e, "user.b", &len), "an empty value is there too");
    cr_expect_eq(len, 0);
    cr_expect_null(entry_xattr(&e, "user", &len));
    cr_expect_null(entry_xattr(&e, "user.ab", &len));
    entry_fini(&e);
    SET_XATTRS(&e, "user.a\0\1\0\0\200x");
    cr_expect_null(entry_xattr(&e, "user.a", &len), "of a digested one there is no value");
    entry_fini(&e);
}

Test(entry, types_have_the_names_of_events)
{
    static const char *const names[] = {
        "absent", "file", "dir", "symlink", "fifo", "socket", "char_device", "block_device",
    };
    for (int i = ENTRY_ABSENT; i <= ENTRY_BLOCK; i++)
        cr_expect_str_eq(entry_type_name((enum entry_type)i), names[i]);
    cr_expect_str_eq(entry_type_name((enum entry_type)99), "unknown");
    cr_expect_str_eq(entry_type_name((enum entry_type)-1), "unknown");
}

/* clang-format off: a line a case */
/* Differences: one change of a sample each, and the bits that it is. */
static void no_change(struct entry *e) { (void)e; }
static void change_type(struct entry *e) { e->type = ENTRY_FIFO; }
static void change_mode(struct entry *e) { e->mode ^= 0111; }
static void change_uid(struct entry *e) { e->uid++; }
static void change_gid(struct entry *e) { e->gid++; }
static void change_size(struct entry *e) { e->size++; }
static void change_mtime(struct entry *e) { e->mtime++; }
static void change_ctime(struct entry *e) { e->ctime++; }
static void change_inode(struct entry *e) { e->inode++; }
static void change_generation(struct entry *e) { e->generation++; }
static void forget_generation(struct entry *e) { e->generation = 0; }
static void change_links(struct entry *e) { e->nlink++; }
static void change_flags(struct entry *e) { e->flags ^= ENTRY_FLAG_APPEND; }
static void change_mount_flags(struct entry *e) { e->flags ^= 0x2000; /* mount root */ }
static void change_digest(struct entry *e) { e->digests.list[2].value[31] ^= 1; }
static void fewer_digests(struct entry *e) { e->digests.count = 0; }
static void other_digest(struct entry *e) { e->digests.list[0].id = 5; }
static void change_notes(struct entry *e) { e->notes |= ENTRY_NOTE_UNREADABLE; }
static void change_target(struct entry *e) { e->target[0]++; }
static void forget_target(struct entry *e) { free(e->target); e->target = NULL; }
static void change_rdev(struct entry *e) { e->rdev++; }
static void renumber_device(struct entry *e) { e->device++; }
static void mount_over(struct entry *e) { e->device++; e->inode++; }
static void mount_over_same_inode(struct entry *e) { e->device++; e->generation = 0; e->ctime++; }
static void write_after_boot(struct entry *e) { e->device++; e->ctime++; e->mode ^= 1; }
static void change_xattr(struct entry *e) { e->xattrs[11]++; }
static void drop_xattrs(struct entry *e) { free(e->xattrs); e->xattrs = NULL; e->xattrs_len = 0; }
static void unread_xattrs(struct entry *e) { drop_xattrs(e); e->notes |= ENTRY_NOTE_NO_XATTRS; }
static void drop_last_xattr(struct entry *e) { e->xattrs_len -= 11; }
static void add_acl(struct entry *e) { SET_XATTRS(e, "system.posix_acl_access\0\1\0\0\0x"); }
static void add_default_acl(struct entry *e) { SET_XATTRS(e, "system.posix_acl_default\0\1\0\0\0x"); }
static void add_caps(struct entry *e) { SET_XATTRS(e, "security.capability\0\1\0\0\0x"); }
static void add_label(struct entry *e) { SET_XATTRS(e, "security.selinux\0\1\0\0\0x"); }
static void add_other(struct entry *e) { SET_XATTRS(e, "security.ima\0\1\0\0\0x"); }
static void add_several(struct entry *e)
{
    SET_XATTRS(e, "security.capability\0\1\0\0\0x" "system.posix_acl_access\0\0\0\0\0" "user.z\0\0\0\0\0");
}

/* clang-format on */

static const struct difference {
    struct entry (*sample)(void);
    void (*change)(struct entry *);
    uint32_t bits;
} differences[] = {
    {sample_file, no_change, 0},
    {sample_link, no_change, 0},
    {sample_file, change_type, ATTR_TYPE},
    {sample_file, change_mode, ATTR_MODE},
    {sample_file, change_uid, ATTR_OWNER},
    {sample_file, change_gid, ATTR_GROUP},
    {sample_file, change_size, ATTR_SIZE},
    {sample_file, change_mtime, ATTR_MTIME},
    {sample_file, change_ctime, 0}, /* evidence, no change */
    {sample_file, change_inode, ATTR_INODE},
    {sample_file, change_generation, ATTR_INODE},
    {sample_file, forget_generation, 0},
    {sample_file, change_links, ATTR_LINKS},
    {sample_file, change_flags, ATTR_FLAGS},
    {sample_file, change_mount_flags, 0},
    {sample_file, change_digest, ATTR_CONTENT},
    {sample_file, fewer_digests, 0},
    {sample_file, other_digest, 0},
    {sample_file, change_notes, 0},
    {sample_file, add_acl, ATTR_ACL},
    {sample_file, add_default_acl, ATTR_ACL},
    {sample_file, add_caps, ATTR_CAPS},
    {sample_file, add_label, ATTR_SELINUX},
    {sample_file, add_other, ATTR_XATTR},
    {sample_file, add_several, ATTR_CAPS | ATTR_ACL | ATTR_XATTR},
    {sample_file, renumber_device, 0},
    {sample_file, mount_over, ATTR_DEVICE | ATTR_INODE},
    {sample_file, mount_over_same_inode, ATTR_DEVICE | ATTR_CTIME},
    {sample_file, write_after_boot, ATTR_MODE | ATTR_CTIME},
    {sample_link, change_target, ATTR_CONTENT},
    {sample_link, forget_target, 0},
    {sample_link, change_xattr, ATTR_XATTR},
    {sample_link, drop_xattrs, ATTR_XATTR},
    {sample_link, unread_xattrs, 0},
    {sample_link, drop_last_xattr, ATTR_XATTR},
    {sample_device, change_rdev, ATTR_DEVICE},
};

/* Both ways round: a thing that comes is the same difference as one that goes. */
Test(entry, each_change_is_its_attribute)
{
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        struct entry before = differences[i].sample(), after = differences[i].sample();
        differences[i].change(&after);
        uint32_t there = entry_diff(&before, &after), back = entry_diff(&after, &before);
        cr_expect_eq(there, differences[i].bits, "case %zu: %x", i, there);
        cr_expect_eq(back, differences[i].bits, "case %zu, backwards: %x", i, back);
        entry_fini(&before);
        entry_fini(&after);
    }
}

Test(entry, ctime_stands_beside_another_change)
{
    struct entry before = sample_file(), after = sample_file();
    change_mode(&after);
    change_ctime(&after);
    cr_expect_eq(entry_diff(&before, &after), ATTR_MODE | ATTR_CTIME);
}

Test(entry, a_directory_is_not_changed_by_its_children)
{
    struct entry before = {.type = ENTRY_DIR, .mode = 0755, .size = 4096, .nlink = 2, .inode = 5};
    struct entry after = before;
    after.size = 8192;
    after.nlink = 3;
    after.mtime = after.ctime = 12345;
    cr_expect_eq(entry_diff(&before, &after), 0);
    after.mode = 0700;
    cr_expect_eq(entry_diff(&before, &after), ATTR_MODE);
}
