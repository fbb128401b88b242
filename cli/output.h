/* A file that is there complete or not at all: written beside its name, synced, renamed. */
#ifndef ATHANOR_CLI_OUTPUT_H
#define ATHANOR_CLI_OUTPUT_H

#include <athanor/extxyz.h>

#include "cli.h"

typedef struct cli_output {
    cli *c;
    bool standard; /* goes to standard output: nothing is renamed */
    cli_text path, part;
    cli_file file;      /* of bytes, unless standard */
    ath_writer *writer; /* of frames; else NULL */
    int code;           /* of the first failed put */
} cli_output;

/* path "-" is standard output. frames: for ath_extxyz_write to out->writer, else for
 * cli_output_put. Frees all after a failure. */
int cli_output_open(cli *c, const char *path, bool frames, cli_output *out);
void cli_output_put(cli_output *out, const char *data, size_t bytes);
/* code CLI_OK: the file gets its name. Else, and after a failure, nothing of it stays. Returns the
 * code, or that of the failure. Safe on a zeroed struct. */
int cli_output_close(cli_output *out, int code);

#endif
