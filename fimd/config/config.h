/* fimd.yaml and the policy files → struct settings. All mistakes are found and told at once. */
#ifndef FIMD_CONFIG_CONFIG_H
#define FIMD_CONFIG_CONFIG_H

#include "fimd/model/settings.h"

struct mistake {
    char *file;       /* owned */
    int line, column; /* from 1; 0: of the file as a whole */
    char *text;       /* "what is wrong; what would be right" */
};
struct mistakes {
    struct mistake *list;
    size_t count;
};
void mistakes_fini(struct mistakes *m);

enum { CONFIG_DEFAULT_FILE_LEN = 32 };
#define CONFIG_DEFAULT_FILE "/etc/fimd/fimd.yaml"

/* Reads file; NULL: /etc/fimd/fimd.yaml when it is there, else the built-in defaults. 0, -EINVAL with
 * mistakes, -ENOMEM. */
int config_load(const char *file, struct settings *ret, struct mistakes *mistakes);
/* The same from memory: pure but for the policy files it names; `getenv`-like look-up given for ${NAME}. */
int config_parse(const char *name, const char *text, size_t len, const char *(*env)(const char *),
                 struct settings *ret, struct mistakes *mistakes);

#endif
