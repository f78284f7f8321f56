/* What a check, a fill or a scan covers: the paths that were given, or all that the rules watch. */
#ifndef FIMD_CLI_SCOPE_H
#define FIMD_CLI_SCOPE_H

#include "baseline/check.h"
#include "fimd/cli/command.h"

struct scope {
    struct strings paths;         /* resolved, none below another */
    struct measure_options measure;
    struct check_options options; /* without store, differs, trouble and ctx */
};

/* From the settings (loaded already) and the words. 0 or an exit code, also for a path that no rule watches. */
int scope_make(struct scope *s, struct cli *cli, const struct words *words);
void scope_fini(struct scope *s);

/* --metadata and --content, which exclude each other: rows for a command's table, and what was meant. */
#define SCOPE_METADATA_ROW {0, "metadata", OPTION_FLAG, NULL, "compare metadata; digests only of what that shows"}
#define SCOPE_CONTENT_ROW {0, "content", OPTION_FLAG, NULL, "read every file and compare its digest"}
int scope_depth(struct cli *cli, const char *metadata, const char *content, enum check_depth *ret);

/* check_options.choose with a struct policy as ctx. */
unsigned scope_choose(const struct policy *policy, const char *path, size_t len, enum entry_type type);

#endif
