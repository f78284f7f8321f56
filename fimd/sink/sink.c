/* The table of sinks: what `type` in the configuration means. */
#include "fimd/sink/sink.h"

#include "fimd/sink/sink_classes.h"

static const struct sink_class *const classes[] = {
    [OUTPUT_FILE] = &sink_file,
    [OUTPUT_CONSOLE] = &sink_console,
    [OUTPUT_ELASTICSEARCH] = &sink_elasticsearch,
};

const struct sink_class *sink_class_of(enum output_type type)
{
    return (size_t)type < sizeof(classes) / sizeof(classes[0]) ? classes[type] : NULL;
}
