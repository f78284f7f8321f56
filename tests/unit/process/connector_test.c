/* The connector's bytes and sequence numbers. */
#include "fimd/process/connector.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* The wire's numbers, written out: the test must not share the decoder's header. */
enum { NONE = 0, FORK = 1, EXEC = 2, UID = 4, GID = 0x40, SID = 0x80, PTRACE = 0x100, COMM = 0x200 };
#define EXIT 0x80000000u

static size_t build(uint8_t *to, uint32_t what, const uint32_t *data, size_t words)
{
    uint32_t head[] = {76, 3, 0, 0, /* netlink */ 1, 1, 77, 0, 40 /* connector: len and flags */};
    uint32_t event[10] = {what, 3 /* cpu */, 0x1000, 0x2 /* time */};
    memcpy(event + 4, data, words * 4);
    memcpy(to, head, sizeof(head));
    memcpy(to + sizeof(head), event, sizeof(event));
    return sizeof(head) + sizeof(event);
}

Test(connector, every_kind_is_decoded)
{
    static const struct {
        uint32_t what, data[6];
        struct connector_message m;
    } cases[] = {
        {FORK, {10, 11, 12, 13}, {.kind = CONNECTOR_FORK, .parent = 11, .pid = 12, .tgid = 13}},
        {EXEC, {12, 13}, {.kind = CONNECTOR_EXEC, .pid = 12, .tgid = 13}},
        {UID, {12, 13, 1000, 0}, {.kind = CONNECTOR_UID, .pid = 12, .tgid = 13, .real = 1000}},
        {GID, {12, 13, 5, 6}, {.kind = CONNECTOR_GID, .pid = 12, .tgid = 13, .real = 5, .effective = 6}},
        {SID, {12, 13}, {.kind = CONNECTOR_SID, .pid = 12, .tgid = 13}},
        {COMM,
         {12, 13, 0x64636261, 0, 0, 0xffffffff},
         {.kind = CONNECTOR_COMM, .pid = 12, .tgid = 13, .comm = "abcd"}},
        {EXIT, {12, 13}, {.kind = CONNECTOR_EXIT, .pid = 12, .tgid = 13}},
        {NONE, {22}, {.kind = CONNECTOR_ACK, .real = 22}},
        {PTRACE, {12, 13, 14, 15}, {.kind = CONNECTOR_OTHER}},
        {0x400, {0xffffffff}, {.kind = CONNECTOR_OTHER}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[76];
        struct connector_message m;
        size_t len = build(bytes, cases[i].what, cases[i].data, 6);
        cr_assert_eq(connector_decode(bytes, len, &m), 0, "case %zu", i);
        cr_assert_eq(m.kind, cases[i].m.kind, "case %zu", i);
        cr_assert_eq(m.pid, cases[i].m.pid);
        cr_assert_eq(m.tgid, cases[i].m.tgid);
        cr_assert_eq(m.parent, cases[i].m.parent);
        cr_assert_eq(m.real, cases[i].m.real);
        cr_assert_eq(m.effective, cases[i].m.effective);
        cr_assert_str_eq(m.comm, cases[i].m.comm);
        cr_assert_eq(m.cpu, 3);
        cr_assert_eq(m.sequence, 77);
        cr_assert_eq(m.time, 0x200001000);
    }
}

Test(connector, short_and_foreign_bytes_are_refused)
{
    uint32_t data[6] = {10, 11, 12, 13};
    uint8_t bytes[76], copy[76];
    struct connector_message m;
    build(bytes, FORK, data, 6);
    for (size_t len = 0; len < sizeof(bytes); len++)
        cr_assert_eq(connector_decode(bytes, len, &m), -EBADMSG, "%zu bytes", len);
    static const struct {
        size_t at;
        uint8_t value;
    } cases[] = {{0, 77},   {0, 40}, {16, 2}, {20, 9}, {32, 41}, {32, 20}, {55, 0x80} /* pid */,
                 {51, 0x80} /* time */};
    for (size_t i = 0; i < 7; i++) {
        memcpy(copy, bytes, sizeof(bytes));
        copy[cases[i].at] = cases[i].value;
        if (cases[i].at == 55) { /* the child's tgid negative */
            copy[55] = 0;
            copy[67] = 0x80;
        }
        cr_assert_eq(connector_decode(copy, sizeof(copy), &m), -EBADMSG, "case %zu", i);
    }
}

Test(connector, a_gap_shows_on_its_own_cpu_only)
{
    struct connector_sequences s = {0};
    static const struct {
        uint32_t cpu, sequence;
        bool good;
    } steps[] = {
        {0, 5, true},          {0, 6, true},   {1, 900, true},       {0, 7, true},
        {1, 902, false},       {1, 903, true}, {0, 7, false},        {0, 8, true},
        {2, UINT32_MAX, true}, {2, 0, true},   {1u << 20, 1, false},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct connector_message m = {
            .kind = CONNECTOR_FORK, .cpu = steps[i].cpu, .sequence = steps[i].sequence};
        cr_assert_eq(connector_sequence(&s, &m), steps[i].good, "step %zu", i);
    }
    struct connector_message ack = {.kind = CONNECTOR_ACK, .cpu = UINT32_MAX};
    cr_assert(connector_sequence(&s, &ack), "an answer without a cpu stands outside");
    ack.cpu = 2;
    ack.sequence = 1;
    cr_assert(connector_sequence(&s, &ack), "an answer to another listener is numbered too");
    connector_sequences_fini(&s);
}
