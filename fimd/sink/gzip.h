/* gzip of a request's body. Wraps zlib. */
#ifndef FIMD_SINK_GZIP_H
#define FIMD_SINK_GZIP_H

#include <stddef.h>

#include "baseline/buf.h"

int gzip_pack(const void *data, size_t len, struct buf *to); /* appends; 0 or -ENOMEM */

#endif
