/* Text files of a run that grow while it goes on: trajectories, logs, frames of hooks. What they
 * have to do to survive is the same for all: be on the disk before the records that lean on them,
 * have their lengths in each checkpoint, and be put right when a run goes on.
 */
#ifndef ATHANOR_CLI_STREAM_H
#define ATHANOR_CLI_STREAM_H

#include <athanor/campaign.h>
#include <athanor/extxyz.h>

#include "cli.h"

typedef struct cli_stream {
    char *name; /* in the directory */
    ath_text_format format;
    int (*open)(void *owner);  /* the file, to go on behind what it has; NULL: others do */
    int (*flush)(void *owner); /* to the operating system; NULL: nothing is ever buffered */
    void *owner;
    int64_t synced; /* bytes that are on the disk */
} cli_stream;

typedef struct cli_streams {
    cli *c;
    const char *folder; /* NULL: nothing is written, and there are none */
    bool discard;       /* then: what hooks and sinks are given is taken, and forgotten */
    cli_stream *all;    /* [n] */
    size_t n, max;
} cli_streams;

/* Adds one; it is opened by cli_streams_begin. `stream` is copied, with its name. */
int cli_streams_add(cli_streams *s, const cli_stream *stream);
/* Puts all of them right by what the note of a checkpoint says of them ("" without one), and opens
 * them. */
int cli_streams_begin(cli_streams *s, ath_campaign *campaign, const char *note);
/* Everything that was written is on the disk afterwards. */
int cli_streams_sync(cli_streams *s);
/* Lines of a note: "file LENGTH NAME". After cli_streams_sync. */
void cli_streams_note(const cli_streams *s, cli_text *out);
void cli_streams_free(cli_streams *s);

/* Bytes of a file; 0 if there is none. */
int64_t cli_file_length(const char *path);

/* ---- frames ---- */

/* A file of frames, each with uid and step. */
typedef struct cli_frames {
    cli *c;
    cli_text path;
    unsigned what; /* ATH_EXTXYZ_... */
    bool total;    /* `step` counts the steps of all stages */
    ath_writer *writer;
    int64_t n;
} cli_frames;

/* DIR/name as a stream that goes to *frames; it stays where it is. */
int cli_frames_add(cli_streams *s, const char *name, cli_frames *frames);
/* Closed: nothing, ATH_OK. */
ath_status cli_frames_write(cli_frames *f, const ath_system *system);
int cli_frames_close(cli_frames *f);

#endif
