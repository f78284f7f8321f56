/* Owns: every use of zlib. */
#include "fimd/sink/gzip.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

enum {
    LEVEL = 3, /* documents are full of the same words: 3 makes them a tenth in a third of 6's time */
    WINDOW_GZIP = 15 + 16, /* the largest window, with gzip's header instead of zlib's */
    MEMORY = 8,
};

int gzip_pack(const void *data, size_t len, struct buf *to)
{
    z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)len};
    uLong bound;
    int r;

    if (len > UINT_MAX ||
        deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    bound = deflateBound(&z, len);
    if (!buf_reserve(to, bound)) {
        deflateEnd(&z);
        return -ENOMEM;
    }
    z.next_out = to->data + to->len;
    z.avail_out = (uInt)bound;
    r = deflate(&z, Z_FINISH);
    to->len += z.total_out;
    deflateEnd(&z);
    return r == Z_STREAM_END ? 0 : -ENOMEM;
}
