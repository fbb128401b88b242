/* What a campaign is made of. Private to campaign. */
#ifndef ATHANOR_CAMPAIGN_CAMPAIGN_PRIVATE_H
#define ATHANOR_CAMPAIGN_CAMPAIGN_PRIVATE_H

#include <athanor/campaign.h>

#include "campaign/journal_private.h"

struct ath_campaign {
    ath_context *ctx;
    char *path;
    ath_campaign_config config; /* complete */
    ath_journal *journal;
    ath_sink *sink;
    const ath_dynamics *running; /* inside ath_campaign_run */
    int64_t n_done;              /* systems that were taken and have a record */
    int64_t sequence;            /* of the next checkpoint */
    int64_t n_checkpoints;
    double cost;      /* s, of the last checkpoint */
    int64_t reserved; /* bytes of the file `reserve`, as far as this object has made it */
};

/* campaign.c: a name in the directory, to be freed. */
ath_status ath__campaign_path(const ath_campaign *c, const char *name, ath__bytes *out);
double ath__campaign_clock(void); /* s */
/* campaign_checkpoint.c: commits; on a full disk with the room that was kept for this. */
ath_status ath__campaign_commit(ath_campaign *c);
/* When all is done: checkpoints and the room for them are of no more use. */
void ath__campaign_tidy(ath_campaign *c);
/* Whether a system has a record, of whatever stage. */
bool ath__campaign_has(const ath_campaign *c, ath_uid uid);

#endif
