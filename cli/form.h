/* One result in its written forms: a line of results.csv, a line of the table on standard output, a
 * frame of final.extxyz. All of them come from its record and its system, and from nothing else but
 * what is laid down here, so that they are the same whoever writes them and when.
 */
#ifndef ATHANOR_CLI_FORM_H
#define ATHANOR_CLI_FORM_H

#include <athanor/extxyz.h>
#include <athanor/journal.h>

#include "manifest.h"

typedef struct cli_form {
    cli *c;
    const cli_manifest_stage *stages; /* [n_stages] */
    size_t n_stages;
    unsigned what;          /* ATH_EXTXYZ_..., columns of a frame */
    bool sparse_velocities; /* write velocities only of structures that have some */
    const char *provenance; /* "model=emt model_hash=... program=..." */
} cli_form;

extern const char cli_form_csv_head[];   /* the first line of results.csv */
extern const char cli_form_table_head[]; /* and of the table */

/* The form that the results of a campaign have. `provenance` is borrowed. */
cli_form cli_form_of(cli *c, const cli_manifest *m, const char *provenance);
/* The name of a stage; a number, in `buffer`, where there is no such stage. */
const char *cli_form_stage(const cli_form *f, int32_t stage, char buffer[16]);
/* The system's own name= , or "". */
const char *cli_form_name(const ath_system *system);

/* The line of results.csv. system NULL: of a structure that never became one. Failures are those of
 * `out`. */
void cli_form_csv(const cli_form *f, const ath_record *record, const ath_system *system,
                  cli_text *out);
/* The line of the table, with tabs: name, or file and frame, and the columns of its head. */
void cli_form_row(const cli_form *f, const ath_record *record, const ath_system *system,
                  cli_text *out);
/* The frame of final.extxyz. */
int cli_form_frame(const cli_form *f, const ath_record *record, const ath_system *system,
                   ath_writer *writer);
/* A text as the value of a key in a comment line: with quotes unless it is one plain word. */
void cli_form_word(cli *c, cli_text *out, const char *word);

#endif
