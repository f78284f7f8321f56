/* Digests against values made by other programs (sha256sum, md5sum, b2sum, openssl dgst), never by this
 * one. */
#include "baseline/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

static uint8_t id_of(const char *name)
{
    return digest_id(name, strlen(name));
}

static void to_hex(const struct digest *d, char *text)
{
    for (size_t i = 0; i < d->len; i++)
        sprintf(text + 2 * i, "%02x", d->value[i]);
}

/* The stored ids with the digest of "abc". */
static const struct {
    uint8_t id;
    const char *name;
    const char *abc;
} known[] = {
    {1, "md5", "900150983cd24fb0d6963f7d28e17f72"},
    {2, "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {3, "sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    {4, "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {5, "sha384",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {6, "sha512",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {7, "sha512-224", "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"},
    {8, "sha512-256", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
    {9, "sha3-224", "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"},
    {10, "sha3-256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
    {11, "sha3-384",
     "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"},
    {12, "sha3-512",
     "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
     "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"},
    {13, "blake2b512",
     "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
     "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"},
    {14, "blake2s256", "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"},
    {15, "ripemd160", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
    {16, "sm3", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
    {17, "md5-sha1", "900150983cd24fb0d6963f7d28e17f72a9993e364706816aba3e25717850c26c9cd0d89d"},
};

enum { KNOWN = sizeof(known) / sizeof(known[0]) };

Test(digest, stored_ids_names_and_values_stay)
{
    for (size_t i = 0; i < KNOWN; i++) {
        cr_expect_eq(id_of(known[i].name), known[i].id, "%s", known[i].name);
        cr_expect_str_eq(digest_name(known[i].id), known[i].name);
        struct digest_plan plan = {.count = 1, .ids = {known[i].id}};
        struct digest_run *run;
        struct digests set;
        cr_assert_eq(digest_run_new(&plan, &run), 0, "%s", known[i].name);
        cr_assert_eq(digest_run_begin(run), 0);
        cr_assert_eq(digest_run_update(run, "abc", 3), 0);
        cr_assert_eq(digest_run_end(run, &set), 0);
        char hex[2 * DIGEST_SIZE_MAX + 1];
        to_hex(&set.list[0], hex);
        cr_expect_str_eq(hex, known[i].abc, "%s", known[i].name);
        digest_run_free(run);
    }
}

Test(digest, libcryptos_other_names_are_taken)
{
    static const struct {
        const char *name, *means;
    } cases[] = {
        {"SHA256", "sha256"}, {"SHA2-256", "sha256"}, {"sha-1", "sha1"}, {"SHA2-512/256", "sha512-256"},
        {"BLAKE2b-512", "blake2b512"}, {"rmd160", "ripemd160"}, {"Sm3", "sm3"},    {"MD5", "md5"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(id_of(cases[i].name), id_of(cases[i].means), "%s", cases[i].name);
}

Test(digest, what_has_no_fixed_length_or_is_not_there_has_no_id)
{
    static const char *const names[] = {
        "shake128", "shake256", "null", "keccak-kmac-128", "sha255", "", "sha256 ", "crc32",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_eq(id_of(names[i]), 0, "%s", names[i]);
    cr_expect_eq(digest_id("sha256\0", 7), 0);
    cr_expect_eq(digest_id("sha256sum", 6), id_of("sha256"), "only len bytes are the name");
    char longest[4096];
    memset(longest, 's', sizeof(longest));
    cr_expect_eq(digest_id(longest, sizeof(longest)), 0);
    cr_expect_null(digest_name(0));
    cr_expect_null(digest_name(255));
}

Test(digest, the_strongest_is_by_strength_not_by_place)
{
    static const struct {
        struct digest_plan plan;
        uint8_t strongest;
    } cases[] = {
        {{0, {0}}, 0},
        {{1, {1}}, 1},
        {{3, {1, 2, 4}}, 4},
        {{3, {4, 2, 1}}, 4},
        {{2, {4, 6}}, 6},
        {{2, {15, 2}}, 15},
        {{2, {10, 4}}, 4},   /* equal strength: one answer, whatever the order */
        {{2, {4, 10}}, 4},
        {{3, {16, 14, 1}}, 14},
        {{2, {200, 1}}, 1},  /* of a newer program */
        {{1, {200}}, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(digest_strongest(&cases[i].plan), cases[i].strongest, "case %zu", i);
}

Test(digest, one_run_makes_all_in_the_order_of_the_plan_and_can_begin_again)
{
    struct digest_plan plan = {.count = 3, .ids = {4, 1, 2}};
    struct digest_run *run;
    struct digests set;
    char hex[2 * DIGEST_SIZE_MAX + 1];
    cr_assert_eq(digest_run_new(&plan, &run), 0);
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(digest_run_begin(run), 0);
        cr_assert_eq(digest_run_update(run, "garbage of a try that was given up", 9), 0);
        cr_assert_eq(digest_run_begin(run), 0);
        cr_assert_eq(digest_run_update(run, "a", 1), 0);
        cr_assert_eq(digest_run_update(run, "", 0), 0);
        cr_assert_eq(digest_run_update(run, "bc", 2), 0);
        cr_assert_eq(digest_run_end(run, &set), 0);
        cr_assert_eq(set.count, 3);
        for (size_t i = 0; i < 3; i++) {
            cr_expect_eq(set.list[i].id, plan.ids[i]);
            to_hex(&set.list[i], hex);
            cr_expect_str_eq(hex, known[plan.ids[i] - 1].abc);
        }
    }
    cr_expect_eq(digests_find(&set, 1), &set.list[1]);
    cr_expect_null(digests_find(&set, 5));
    digest_run_free(run);
    digest_run_free(NULL);
}

Test(digest, a_plan_with_an_unknown_id_is_refused)
{
    struct digest_plan unknown = {.count = 2, .ids = {4, 99}}, many = {.count = DIGESTS_MAX + 1};
    struct digest_run *run = NULL;
    cr_expect_eq(digest_run_new(&unknown, &run), -ENOTSUP);
    cr_expect_eq(digest_run_new(&many, &run), -ENOTSUP);
    cr_expect_null(run);
}

Test(digest, sha256_of_parts_is_that_of_the_whole)
{
    struct digest_part parts[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    struct digest d = {.len = 32};
    char hex[2 * DIGEST_SIZE_MAX + 1];
    cr_assert_eq(digest_sha256(parts, 3, d.value), 0);
    to_hex(&d, hex);
    cr_expect_str_eq(hex, known[3].abc);
    cr_assert_eq(digest_sha256(NULL, 0, d.value), 0);
    to_hex(&d, hex);
    cr_expect_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
