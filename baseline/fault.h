/* What went wrong, for a person: the errno and one line that names the file and the remedy.
 * Filled by the layer that knows; logged once, by the layer that gives up. */
#ifndef BASELINE_FAULT_H
#define BASELINE_FAULT_H

struct fault {
    int error;      /* a positive errno; 0: none */
    char text[400]; /* "/var/lib/fimd/data.mdb: No space left on device; free some space, fimd goes on by
                       itself" */
};

/* Fills f (when not NULL) and returns -error. */
int fault_set(struct fault *f, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
