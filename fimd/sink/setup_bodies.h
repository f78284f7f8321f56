/* What `fimctl setup elasticsearch` sends: index template, lifecycle, pipeline. Pure. Trees are the caller's
 * to free; NULL out of memory. */
#ifndef FIMD_SINK_SETUP_BODIES_H
#define FIMD_SINK_SETUP_BODIES_H

#include <stdbool.h>

#include "fimd/rt/json.h"

struct setup_template {
    const char *index;  /* as configured */
    bool lifecycle;     /* the server has ILM, and our policy is there */
    bool pipeline;      /* our pipeline is there */
};

struct json *setup_template_body(const struct setup_template *t);
struct json *setup_pipeline_body(void);
/* Elasticsearch's ILM. dated: the index's name has a date, so it is not rolled over. */
struct json *setup_ilm_body(bool dated);
/* OpenSearch's ISM, which names its indices itself. */
struct json *setup_ism_body(const char *index);

#endif
