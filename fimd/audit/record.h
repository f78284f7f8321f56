/* One audit record's text, taken apart without copying.
 *
 *   audit(1718000000.123:4711): arch=c000003e syscall=257 success=yes … comm="vi" exe="/usr/bin/vi" key=(null)
 *         time              serial   body: fields
 *
 * Pure: bytes in, spans of those bytes out. The kernel's own records quote a plain string and write one
 * with a blank, a quote or a byte outside 0x21 … 0x7e as bare hex digits; a missing one is (null). Records
 * of programs (PAM, sshd, sudo) wrap their fields once more: msg='op=login acct="alice" …'. */
#ifndef FIMD_AUDIT_RECORD_H
#define FIMD_AUDIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The types that fimd looks at; numbers of the kernel's ABI (netlink.c holds them against libaudit's). */
enum record_type {
    RECORD_LOGIN = 1006,
    RECORD_USER_FIRST = 1100, /* messages of programs, up to 1199 */
    RECORD_CRED_ACQ = 1103,
    RECORD_USER_START = 1105,
    RECORD_USER_END = 1106,
    RECORD_CRED_REFR = 1110,
    RECORD_USER_LOGIN = 1112,
    RECORD_USER_LOGOUT = 1113,
    RECORD_USER_LAST = 1199,
    RECORD_DAEMON_FIRST = 1200, /* auditd's own, up to 1299 */
    RECORD_DAEMON_LAST = 1299,
    RECORD_SYSCALL = 1300,
    RECORD_PATH = 1302,
    RECORD_CONFIG_CHANGE = 1305,
    RECORD_CWD = 1307,
    RECORD_EXECVE = 1309,
    RECORD_EOE = 1320,
    RECORD_PROCTITLE = 1327,
    RECORD_URINGOP = 1336,
    RECORD_USER2_FIRST = 2100, /* more of programs, up to 2999 */
    RECORD_USER2_LAST = 2999,
};

struct span { /* bytes that belong to somebody else; not NUL-terminated */
    const char *data;
    size_t len;
};

struct record {
    unsigned type;
    int64_t time;    /* ns realtime, in whole milliseconds */
    uint64_t serial; /* of the event; several records share it */
    struct span body;
};

/* 0, or -EBADMSG when the text does not begin as a record does. */
int record_parse(unsigned type, const char *text, size_t len, struct record *ret);
/* A message of a program or of auditd: an event of one record, which nothing ends. */
bool record_of_program(unsigned type);

enum field_form {
    FIELD_BARE,   /* up to the next blank: a number, hex digits, (null), ? */
    FIELD_QUOTED, /* "…": the bytes as they are */
    FIELD_NESTED, /* '…': fields again; go on with field_next on a copy of value */
};

struct field {
    struct span name, value; /* value without its quotes */
    enum field_form form;
};

/* Takes the next name=value off *rest; words without '=' are passed over. False at the end. */
bool field_next(struct span *rest, struct field *ret);
bool field_named(const struct field *f, const char *name);
bool span_is(struct span s, const char *text);
/* Absent: (null), (none), ?, or empty. */
bool field_null(const struct field *f);
/* 0, or -EINVAL when it is no number that fits, to its very end. Negative decimals are taken by
 * field_signed. */
int field_number(const struct field *f, unsigned base, uint64_t *ret);
int field_signed(const struct field *f, int64_t *ret);

/* A string of a record, decoded when it is asked for. */
struct text {
    struct span raw;
    bool hex;
};
/* Of a field that holds a string: quoted, bare words of programs, hex digits; absent: raw.data NULL. */
struct text field_text(const struct field *f);
size_t text_length(struct text t);
/* Copies at most `size` decoded bytes (no NUL is put); returns how many. */
size_t text_copy(struct text t, char *to, size_t size);

#endif
