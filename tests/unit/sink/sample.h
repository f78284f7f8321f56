/* Events and surroundings that the sinks' tests share. */
#ifndef TESTS_UNIT_SINK_SAMPLE_H
#define TESTS_UNIT_SINK_SAMPLE_H

#include "fimd/sink/sink.h"

/* /etc/sudoers updated by uid 1000 as root, with everything set that a document can show. End with
 * event_fini. */
void sample_change(struct event *e);
/* A state event with details. */
void sample_state(struct event *e);
/* Settings with tags and labels; end with settings_fini. */
void sample_settings(struct settings *s);
struct document_host *sample_host(void);
/* A new temporary directory; the test removes it with sample_remove. */
char *sample_directory(void);
void sample_remove(char *directory);
/* The text of a document of the event; freed by the caller. */
char *sample_document(const struct document_host *host, const struct event *e);

#endif
