/* The input of a run: files, patterns, slices and standard input as one sampler. */
#ifndef ATHANOR_CLI_INPUT_H
#define ATHANOR_CLI_INPUT_H

#include <athanor/sampler.h>

#include "cli.h"

typedef struct cli_input {
    ath_sampler *sampler; /* what a run takes from */
    char **paths;         /* [n_paths], patterns expanded */
    size_t n_paths, max_paths;
    int64_t total; /* structures in all; -1: not known */
    /* If the sampler chooses by size, and hands out in another order than that of the input: */
    ath_sampler *files, *numbered; /* what it chooses from; else NULL */
    const ath_model *model;
    ath_field_id number; /* user field of systems: place in the input */
    ath_system *pending; /* read, but not yet numbered: memory ran out */
    int64_t n_read;
} cli_input;

/* What a batch may hold; 0: no limit. */
typedef struct cli_input_limits {
    int64_t systems, atoms, edges;
} cli_input_limits;

/* Expands patterns, looks whether all files are there, and opens the sampler. */
int cli_input_open(cli *c, const cli_settings *settings, cli_input *in);
/* With a limit of atoms or edges: makes in->sampler one that chooses by size. Structures that the
 * model cannot have are then refused by it. */
int cli_input_limit(cli *c, cli_input *in, const ath_model *model, const cli_input_limits *limits);
/* Fills in `total` by reading over the files, unless that would take long or is not possible. */
void cli_input_count(cli *c, cli_input *in);
void cli_input_close(cli *c, cli_input *in);
/* Structures taken from the input so far, refused ones included. */
int64_t cli_input_taken(const cli_input *in);
/* Keys that sort into input order: of a system from the sampler, and of what it has just refused.
 */
int64_t cli_input_key(const cli_input *in, const ath_system *system);
int64_t cli_input_refused_key(const cli_input *in);
/* File and frame of what was just refused; `file` and *frame are what the engine says of it. */
const char *cli_input_refused(const cli_input *in, const char *file, int64_t *frame);

#endif
