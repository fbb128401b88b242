/* The directory of a campaign as somebody else finds it, running or not: its journal, what the
 * running program last said of itself, its checkpoints. Nothing here writes or locks anything.
 */
#ifndef ATHANOR_CLI_INSPECT_H
#define ATHANOR_CLI_INSPECT_H

#include "form.h"

enum { CLI_CAMPAIGN_STAGES = 64, CLI_CAMPAIGN_CHECKPOINTS = 2 };

/* progress.json. -1 (times: 0): it does not say. */
typedef struct cli_campaign_progress {
    bool there;    /* and readable */
    int64_t total; /* structures in the input */
    int64_t taken, active, queued, atom_steps;
    int64_t before; /* records that were there when the program began */
    double seconds, rate /* atom-steps/s */, occupancy;
    double started, updated;                   /* s since 1970 */
    int64_t stage_active[CLI_CAMPAIGN_STAGES]; /* [n_stages] */
    int n_stages;
} cli_campaign_progress;
/* Absent, torn and nonsensical files are all the same: not there. Out of memory is a failure. */
int cli_campaign_progress_read(cli *c, const char *folder, cli_campaign_progress *out);

/* The journal to be read, with all that it holds. CLI_NO_INPUT if there is none. */
int cli_campaign_open(cli *c, const char *folder, ath_journal **out);

typedef enum cli_campaign_state {
    CLI_CAMPAIGN_STOPPED, /* nobody writes, and it is not known to be complete */
    CLI_CAMPAIGN_RUNNING,
    CLI_CAMPAIGN_FINISHED /* nobody writes, and all structures have a record */
} cli_campaign_state;
extern const char *const cli_campaign_states[];

/* All that can be said at a glance. */
typedef struct cli_campaign {
    cli_manifest manifest;
    ath_journal_glance glance;
    cli_campaign_progress progress;
    cli_campaign_state state;
    double now;        /* s since 1970 */
    double rate;       /* records per second at present; < 0: not known */
    double eta;        /* seconds; < 0: not known */
    double quarantine; /* share of the records */
    struct {
        bool there;
        double time; /* of the last change, s since 1970 */
        int64_t bytes;
    } checkpoints[CLI_CAMPAIGN_CHECKPOINTS];
} cli_campaign;
int cli_campaign_look(cli *c, const char *folder, cli_campaign *out);
void cli_campaign_free(cli *c, cli_campaign *campaign);
/* The state from what is known of the rest. */
cli_campaign_state cli_campaign_state_of(bool writing, int64_t n_records, int64_t total);

#endif
