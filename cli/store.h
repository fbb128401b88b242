/* What a run with a directory does so that nothing of it is lost: the campaign, its files, and when
 * it is to stop.
 */
#ifndef ATHANOR_CLI_STORE_H
#define ATHANOR_CLI_STORE_H

#include "run.h"

typedef struct cli_store {
    cli *c;
    const char *folder;
    const cli_input *input;
    ath_campaign *campaign; /* NULL: there is no directory */
    ath_sink *sink;         /* of the campaign */
    cli_streams streams;
    cli_text note; /* of the last checkpoint */
    ath_uid
        *waiting; /* [n_waiting]: systems whose last frames are written, but not their records */
    size_t n_waiting, max_waiting;
    bool resumed; /* from a checkpoint */
    int code;     /* of the first failure inside a callback */
    double next_look;
} cli_store;

/* Opens the campaign in store->folder, whose input is store->input. */
int cli_store_open(cli_store *store, const cli_settings *settings, const cli_run_plan *plan);
/* Takes up what an earlier run has left. All streams must have been added. */
int cli_store_resume(cli_store *store, const cli_engine *engine);
/* Whether the last frames of this system have been written before, and it has only waited. */
bool cli_store_waits(const cli_store *store, ath_uid uid);
/* Takes note that it waits, or does not any more. */
int cli_store_wait(cli_store *store, ath_uid uid, bool waits);
void cli_store_close(cli_store *store);

/* ---- when to stop ---- */

/* "90", "90s", "30m", "1h30m", "2d", "HH:MM:SS", "D-HH:MM:SS" in seconds; < 0: none of these. */
double cli_walltime(const char *text);
/* Asks a run to stop if its time is over or if there is a file STOP in its directory. Cheap: looks
 * at the disk once per second. */
void cli_store_look(cli_store *store, const cli_settings *settings, const ath_dynamics *dynamics);

#endif
