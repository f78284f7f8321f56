/* Private to fimd/sink: the classes, each in a file of its own; sink.c has the table. */
#ifndef FIMD_SINK_SINK_CLASSES_H
#define FIMD_SINK_SINK_CLASSES_H

#include "fimd/sink/sink.h"

extern const struct sink_class sink_console;
extern const struct sink_class sink_file;
extern const struct sink_class sink_elasticsearch;

#endif
