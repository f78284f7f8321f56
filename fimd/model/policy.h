/* What is watched: rules, compiled into one immutable snapshot that all threads share by reference.
 *
 * Matching is on real paths (no symlinks in them), component by component; '*' and '?' do not match a slash,
 * '**' matches any number of components. A rule's path that is a directory covers what is below to `depth`.
 * All rules that match count: attributes are united, severity is the highest, tags are united, and the rule
 * that gives its name is the one of highest severity, then the one with the longest literal path, then the
 * first. */
#ifndef FIMD_MODEL_POLICY_H
#define FIMD_MODEL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baseline/entry.h"
#include "baseline/fault.h"
#include "fimd/model/event.h"

enum { RULE_DEPTH_ALL = -1 };

struct rule { /* as configured; plain strings, owned by whoever built it */
    char *id;
    char *policy; /* name of the policy it stands in; "fimd.yaml" for the user's own */
    char *file;   /* where it stands, for explain */
    int line;
    char **paths; /* absolute, with globs */
    size_t paths_count;
    int depth; /* levels below a directory: 0 only its own entries; RULE_DEPTH_ALL */
    /* Globs on the path below the rule's path, or on the name alone when without a slash; '/…/' PCRE2.
     * Exclude wins. A directory that is in- or excluded takes all that is below it along. The rule's own path
     * is always included; but when its last component is a glob, name patterns hold for that name too. */
    char **include, **exclude;
    size_t include_count, exclude_count;
    char **transient; /* names of temporary files: reported only when they stay (see flow/select) */
    size_t transient_count;
    uint32_t attributes; /* enum attr bits */
    enum severity severity;
    char **tags;
    size_t tags_count;
    bool grow_only, follow_symlinks, diff;
};
void rule_fini(struct rule *r);

struct policy; /* a compiled snapshot; counting is thread-safe */

/* Compiles the rules (copied). -EINVAL with the fault naming the rule when a pattern is bad. */
int policy_new(const struct rule *rules, size_t count, struct policy **ret, struct fault *why);
/* What policy_new would say of this one rule, without its place and id in the text: for whoever reports them
 * all. */
int rule_check(const struct rule *r, struct fault *why);
struct policy *policy_ref(struct policy *p);
void policy_unref(struct policy *p);
size_t policy_count(const struct policy *p);
const struct rule *policy_rule(const struct policy *p, size_t index);

struct verdict {             /* of one path; arrays belong to the policy */
    const struct rule *rule; /* the one that names the event; NULL: not watched */
    uint32_t attributes;
    enum severity severity;
    bool transient;       /* the name is one of a temporary file, as all the rules that match have it */
    bool grow_only, diff; /* one of the rules that match says so */
    uint64_t rules[4];    /* bit set of all that match, the first 256 rules */
};
/* Thread-safe, no allocation; 50 to 200 ns. */
void policy_match(const struct policy *p, const char *path, size_t len, struct verdict *ret);
/* For the walk and the watch (walk.h's bits): WALK_TAKE when the path itself is watched, WALK_ENTER when a
 * directory here is watched, or something below it is or could be. Type ENTRY_ABSENT is an unknown one
 * (deleted): it may have been a directory. */
unsigned policy_choose(const struct policy *p, const char *path, size_t len, enum entry_type type);
/* WALK_TAKE when any direct child of this directory could be watched, WALK_ENTER when anything deeper could.
 */
unsigned policy_scope(const struct policy *p, const char *dir, size_t len);
/* Where to begin walking and watching: the longest literal part of every rule's path, none below another.
 * Array and strings belong to the policy. They need not exist. */
const char *const *policy_roots(const struct policy *p, size_t *ret_count);
/* The rules' own paths, as configured, for "watching 31 paths". */
size_t policy_paths(const struct policy *p);

/* One glob against one string, by components: for filters and tests. */
bool glob_match(const char *pattern, const char *text, size_t len);

#endif
