/* The input of a run: files, patterns, slices and standard input as one sampler. */
#ifndef ATHANOR_CLI_INPUT_H
#define ATHANOR_CLI_INPUT_H

#include <athanor/sampler.h>

#include "cli.h"

typedef struct cli_input {
    ath_sampler *sampler;
    char **paths; /* [n_paths], patterns expanded */
    size_t n_paths, max_paths;
    int64_t total; /* structures in all; -1: not known */
} cli_input;

/* Expands patterns, looks whether all files are there, and opens the sampler. */
int cli_input_open(cli *c, const cli_settings *settings, cli_input *in);
/* Fills in `total` by reading over the files, unless that would take long or is not possible. */
void cli_input_count(cli *c, cli_input *in);
void cli_input_close(cli *c, cli_input *in);
/* Structures taken from the input so far, refused ones included. */
int64_t cli_input_taken(const cli_input *in);
/* Keys that sort into input order: of a system from the sampler, and of what it has just refused.
 */
int64_t cli_input_key(const ath_system *system);
int64_t cli_input_refused_key(const cli_input *in);

#endif
