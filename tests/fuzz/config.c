/* fimd.yaml of any bytes: mistakes or settings, never anything else. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *environment(const char *name)
{
    return name[0] == 'A' ? "value" : NULL;
}

/* The default set reads eighteen files each time: an input that names no policies gets none. */
static int parse(const uint8_t *data, size_t size, struct settings *settings, struct mistakes *mistakes)
{
    static const char none[] = "policies: []\n";
    size_t skipped = memmem(data, size, "policies", 8) ? sizeof(none) - 1 : 0;
    char *text = malloc(sizeof(none) + size);
    if (!text)
        return -ENOMEM;
    memcpy(text, none, sizeof(none) - 1);
    memcpy(text + sizeof(none) - 1, data, size);
    int r = config_parse("fuzz.yaml", text + skipped, sizeof(none) - 1 + size - skipped, environment,
                         settings, mistakes);
    free(text);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings;
    struct mistakes mistakes = {0};
    int r = parse(data, size, &settings, &mistakes);
    if (r == 0)
        settings_fini(&settings);
    if ((r == -EINVAL) != (mistakes.count != 0))
        abort();
    mistakes_fini(&mistakes);
    return 0;
}
