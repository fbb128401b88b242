/* A disk in memory, behind the i/o table of a context: it knows what has been synced and what has
 * not, so that it can say what might be left of it after the power went; any call can be made to
 * fail; it can be full; and it can stop for good at any call, as a process that is killed.
 *
 * What is not synced: bytes written since the last sync of their file (each block of 512 or 4096
 * bytes is there or not, for itself), a change of its size, and until the directory is synced the
 * name of a new file, the absence of one that was removed, and a change of name: it may come before
 * the bytes of the file, or after all else.
 */
#ifndef TESTS_CAMPAIGN_DISK_H
#define TESTS_CAMPAIGN_DISK_H

#include <stdbool.h>

#include <athanor/context.h>

enum { DISK_FILES = 64, DISK_NAME = 64, DISK_OPEN = 16, DISK_CALLS = 13 };

/* What happened to a file since its last sync. */
typedef struct disk_change {
    bool cut; /* to `offset` bytes; else bytes were written there */
    size_t offset, bytes;
    uint8_t *data;
} disk_change;

typedef struct disk_file {
    char name[DISK_NAME];  /* "": none */
    bool directory, named; /* named: its name is durable */
    bool gone;             /* removed or replaced, but the directory is not synced */
    int heir;              /* gone: number of the file that was given its name + 1; 0: none was */
    char old[DISK_NAME];   /* its name before a change that is not synced; "": there was none */
    bool inherits;         /* and the new name was that of another file */
    uint8_t *data, *durable;
    size_t size, durable_size;
    size_t reserved; /* bytes that it takes on the disk, if more than size */
    disk_change *changes;
    size_t n_changes;
    int locked; /* descriptor + 1 */
} disk_file;

typedef struct disk_handle {
    disk_file *file; /* NULL: closed */
    size_t at;
    bool append;
} disk_handle;

typedef struct disk {
    disk_file files[DISK_FILES];
    disk_handle open[DISK_OPEN];
    size_t limit;    /* bytes of all files; 0: none */
    int64_t n_calls; /* so far */
    int64_t fail_at; /* the n-th call fails, from 1; 0: none */
    int error;       /* with which it fails; 0: it is short, if it transfers bytes */
    bool for_ever;   /* and all behind it of the same kind */
    int fail_kind;   /* of the call that failed, -1: none yet */
    int64_t die_at;  /* from the n-th call on nothing happens any more; 0: never */
    int n_open;      /* descriptors */
} disk;

void disk_io(disk *d, ath_io *out);
void disk_free(disk *d);
/* What might be left after a loss of power, in an empty disk. */
void disk_crash(const disk *d, uint64_t *random, disk *out);
/* What a process that is killed leaves: everything; as if it had all been synced. To lose power
 * later go on with the disk itself. */
void disk_copy(const disk *d, disk *out);
disk_file *disk_find(disk *d, const char *name);
size_t disk_used(const disk *d); /* bytes, those that are only reserved included */
/* A file with these bytes, durable. */
void disk_store(disk *d, const char *name, const void *data, size_t bytes);

#endif
