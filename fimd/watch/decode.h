/* The bytes of a fanotify group, taken apart. Pure: bytes in, events out; everything points into the buffer.
 * The kernel writes them, but every length is checked as if an enemy had: this runs with all rights.
 *
 * The numbers are the kernel's ABI, which never changes; fan.c holds them against the system's header, so that
 * no other file needs it (and so that a number newer than that header has its place here). */
#ifndef FIMD_WATCH_DECODE_H
#define FIMD_WATCH_DECODE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bits of decode_event.mask. */
#define FANBIT_MODIFY      UINT64_C(0x00000002)
#define FANBIT_ATTRIB      UINT64_C(0x00000004)
#define FANBIT_CLOSE_WRITE UINT64_C(0x00000008)
#define FANBIT_MOVED_FROM  UINT64_C(0x00000040)
#define FANBIT_MOVED_TO    UINT64_C(0x00000080)
#define FANBIT_CREATE      UINT64_C(0x00000100)
#define FANBIT_DELETE      UINT64_C(0x00000200)
#define FANBIT_OVERFLOW    UINT64_C(0x00004000)
#define FANBIT_MNT_ATTACH  UINT64_C(0x01000000) /* since 6.15 */
#define FANBIT_MNT_DETACH  UINT64_C(0x02000000) /* since 6.15 */
#define FANBIT_ON_CHILD    UINT64_C(0x08000000)
#define FANBIT_RENAME      UINT64_C(0x10000000) /* since 5.17 */
#define FANBIT_ONDIR       UINT64_C(0x40000000)

/* A file handle somebody else owns. bytes NULL: there is none. */
struct handle_view {
    int32_t type;
    uint32_t len;
    const uint8_t *bytes;
};

struct name_view { /* NUL-terminated; text NULL: there is none */
    const char *text;
    size_t len;
};

struct decode_event {
    uint64_t mask;
    uint64_t fsid; /* of whichever record came; they agree. 0: none */
    pid_t pid;
    struct handle_view dir;     /* the directory it happened in; of a rename, the new one */
    struct handle_view old_dir; /* of a rename, or none */
    struct handle_view target;  /* the object itself, or none */
    struct name_view name;      /* in dir; "." is the directory itself */
    struct name_view old_name;  /* in old_dir */
};

/* The event at *at. 1: ret is filled, *at moved on; 0: the buffer is at its end; -EBADMSG: no event's bytes. */
int decode_next(const uint8_t *data, size_t len, size_t *at, struct decode_event *ret);

#endif
