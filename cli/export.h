/* Results out of a journal, in input order: one by one, or written to a file. */
#ifndef ATHANOR_CLI_EXPORT_H
#define ATHANOR_CLI_EXPORT_H

#include "form.h"

/* Which records; -1: any. */
typedef struct cli_selection {
    int32_t state, stage, reason;
} cli_selection;

/* What came of it. */
typedef struct cli_exported {
    int64_t n;        /* records visited or written */
    int64_t n_bare;   /* chosen records without a system, which extxyz leaves out */
    int64_t n_spoilt; /* chosen records that have changed since the journal was opened */
} cli_exported;

/* Calls `visit` for the chosen records, in the order of place and then of the journal; record and
 * system are valid during the call. A code of visit ends it and is returned. Records that have
 * become unreadable are warned of and counted. Memory: 8 bytes per chosen record. */
int cli_export_each(cli *c, ath_journal *journal, const cli_selection *selection,
                    int (*visit)(void *user, const ath_record *record, const ath_system *system),
                    void *user, cli_exported *done);
/* Writes the chosen records as a file that is there complete or not at all: `path`.tmp, synced and
 * renamed. "-" is standard output. */
int cli_export_csv(cli *c, ath_journal *journal, const cli_form *form,
                   const cli_selection *selection, const char *path, cli_exported *done);
int cli_export_extxyz(cli *c, ath_journal *journal, const cli_form *form,
                      const cli_selection *selection, const char *path, cli_exported *done);

#endif
