/* The mount table as the system has it now, and what changed since. The reading is here, the parsing in mounts.c. */
#ifndef FIMD_WATCH_TABLE_H
#define FIMD_WATCH_TABLE_H

#include "fimd/watch/mounts.h"

int table_read(struct mounts *ret); /* 0 or -errno */
/* Fills `unique` of the wanted mounts: an id is used again as soon as it is free, this number never. */
void table_number(struct mounts *m);
/* Was anything of this file system mounted, unmounted or mounted anew? */
bool table_differs_for(const struct mounts *before, const struct mounts *now, uint64_t dev);
/* Appends every point where something was mounted or unmounted, each ended by NUL, none twice. */
void table_changes(const struct mounts *before, const struct mounts *now, struct buf *to);

#endif
