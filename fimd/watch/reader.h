/* The thread that reads. */
#ifndef FIMD_WATCH_READER_H
#define FIMD_WATCH_READER_H

#include "fimd/watch/state.h"

void *reader_main(void *watch); /* until w->stop; struct watch * */
/* The descriptor that tells of mounts and umounts; FAN_REPORT_MNT's, or mountinfo's. */
int reader_open_mount_watch(uint32_t features);

#endif
