/* Elastic Cloud's "cloud id". Pure. */
#ifndef FIMD_CONFIG_CLOUD_ID_H
#define FIMD_CONFIG_CLOUD_ID_H

#include <stddef.h>

/* "name:BASE64" → "https://ELASTICSEARCH.HOST[:PORT]"; 0, or -EINVAL when it is none or its URL does not fit.
 */
int cloud_id_parse(const char *id, char *ret, size_t size);

#endif
