/* One structure of a run, once more and alone: since nothing depends on what else is in a batch, it
 * makes the same steps.
 */
#ifndef ATHANOR_CLI_REPLAY_H
#define ATHANOR_CLI_REPLAY_H

#include "run.h"

/* Where a structure is kept that has failed: DIR/quarantine/UID.bundle. */
int cli_bundle_write(cli *c, const char *folder, const cli_form *form, const ath_record *record,
                     const ath_system *system);

/* What is to be done in place of a run (cli.h). */
struct cli_replay {
    ath_uid uid;
    ath_packet *packet;       /* of a bundle; else NULL */
    const char *file;         /* frames go there; NULL: nowhere */
    int64_t from, every;      /* steps */
    const ath_system *expect; /* how it ended; NULL: not known */
};
int cli_replay_run(cli *c, const cli_settings *settings, const cli_run_plan *plan);

#endif
