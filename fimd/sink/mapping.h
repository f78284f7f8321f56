/* The fields of a document and their types in an index. Pure. Only types that Elasticsearch and OpenSearch
 * share. */
#ifndef FIMD_SINK_MAPPING_H
#define FIMD_SINK_MAPPING_H

#include <stddef.h>

#include "fimd/rt/json.h"

/* Puts "dynamic_templates", "properties" and so on into `mappings`. */
void mapping_put(struct json *mappings);
/* The type of a field by its path ("file.path"); NULL when it has none of its own and the dynamic templates
 * hold. */
const char *mapping_type(const char *path);
size_t mapping_count(void); /* of fields */

#endif
