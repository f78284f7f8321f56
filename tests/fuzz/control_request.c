/* A stranger's line on the control socket: parsed, its paths unescaped, printed again. */
#include <stddef.h>
#include <stdint.h>

#include "fimd/control/requests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *command, *why;
    struct json *request = request_parse((const char *)data, size, &command, &why);
    struct buf path = {0}, text = {0};

    if (request) {
        const struct json *paths = json_get(request, FIELD_PATHS);

        request_get_path(json_get(request, FIELD_PATH), &path);
        for (const struct json *item = json_first(paths); item; item = json_next(item)) {
            buf_reset(&path);
            request_get_path(item, &path);
        }
        if (!json_print(request, &text))
            __builtin_trap();
    }
    buf_fini(&path);
    buf_fini(&text);
    json_free(request);
    return 0;
}
