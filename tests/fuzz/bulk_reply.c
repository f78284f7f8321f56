/* A server's replies: to _bulk, and to the probe. The first bytes choose status and number of documents. */
#include <stdint.h>
#include <stdlib.h>

#include "fimd/sink/bulk.h"
#include "fimd/sink/server.h"

enum { ITEMS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned statuses[] = {200, 400, 401, 403, 404, 413, 429, 503};
    struct bulk_item items[ITEMS];
    char text[BULK_REASON_SIZE], described[80];
    struct server server = {0};
    size_t count;

    if (size < 2)
        return 0;
    count = 1 + data[1] % ITEMS;
    if (bulk_judge(statuses[data[0] % 8], (const char *)data + 2, size - 2, items, count, text) == BULK_ITEMS)
        for (size_t i = 0; i < count; i++)
            if (items[i].verdict >= BULK_VERDICTS || (items[i].verdict == BULK_TAKEN && items[i].reason[0]))
                abort();
    server_parse_root((const char *)data + 2, size - 2, &server);
    server_parse_nodes((const char *)data + 2, size - 2, true, &server);
    server_describe(&server, described, sizeof(described));
    return 0;
}
