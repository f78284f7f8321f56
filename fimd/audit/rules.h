/* fimd's audit rules, built: from targets (a directory, a file's path, all logins) to the rules in the
 * kernel's own form, and the comparison with what is loaded. Pure: names of system calls come by a
 * function. */
#ifndef FIMD_AUDIT_RULES_H
#define FIMD_AUDIT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RULE_WORDS = 64,  /* AUDIT_BITMASK_SIZE */
    RULE_FIELDS = 64, /* AUDIT_MAX_FIELDS */
    RULE_TEXT = 4096 + 256,
    RULE_SHAPES_MAX = 8, /* rules of one target at most */
};

enum rule_list { RULE_LIST_TASK = 1, RULE_LIST_EXIT = 4, RULE_LIST_URING = 7 };
enum rule_action { RULE_NEVER = 0, RULE_ALWAYS = 2 };

/* The kernel's struct audit_rule_data with room for its strings (netlink.c holds it against libaudit's). */
struct rule_wire {
    uint32_t list, action, fields_count;
    uint32_t calls[RULE_WORDS];
    uint32_t fields[RULE_FIELDS], values[RULE_FIELDS], operators[RULE_FIELDS];
    uint32_t text_len;
    char text[RULE_TEXT]; /* the fields' strings, one after the other without NULs */
};
size_t rule_wire_size(const struct rule_wire *w); /* bytes on the wire: the text as long as it is */

enum target_kind {
    TARGET_DIR,   /* a tree: dir= */
    TARGET_FILE,  /* one name, also while it does not exist or is replaced: path= */
    TARGET_LOGINS, /* whatever a login user changes, anywhere */
    TARGET_RINGS,  /* who makes an io_uring: its operations' records do not name the person */
};

struct rule_machine {
    uint32_t wide, narrow; /* AUDIT_ARCH_ of 64-bit and of 32-bit programs; narrow 0: the kernel runs none */
    /* The number of a system call by its name, -1: this machine has none. */
    int (*number)(const char *name, uint32_t arch);
};

struct rule_want {
    enum target_kind kind;
    const char *path; /* of TARGET_DIR and TARGET_FILE */
    const char *key;  /* fimd's own */
};

/* The rules of one target, `*ret_count` of them. -EINVAL when the path or key does not fit a rule.
 * optional[i]: a kernel may refuse it (no io_uring) and all is well. `ret` has RULE_SHAPES_MAX places. */
int rules_build(const struct rule_want *want, const struct rule_machine *machine, struct rule_wire *ret,
                bool *optional, size_t *ret_count);

/* A key of ours: the base itself, or it and a suffix after '-'. */
bool rule_is_ours(const struct rule_wire *w, const char *key);
bool rule_has_key(const struct rule_wire *w, const char *key);
/* Equal rules have equal fingerprints, as built and as listed by the kernel. */
uint64_t rule_fingerprint(const struct rule_wire *w);

/* Is a system call (by its record's arch, number and arguments) one that these rules are after?
 * *ret_opening: it opens for writing, creates or truncates. */
struct rule_calls;
struct rule_calls *rule_calls_new(const struct rule_machine *machine); /* NULL: out of memory */
void rule_calls_free(struct rule_calls *c);
bool rule_calls_want(const struct rule_calls *c, uint32_t arch, uint32_t call, const uint64_t args[4],
                     bool *ret_opening);

#endif
