/* What a sink is made of, for the sinks that are built on others. Private to flow. */
#ifndef ATHANOR_FLOW_SINK_PRIVATE_H
#define ATHANOR_FLOW_SINK_PRIVATE_H

#include <athanor/sink.h>

#include "base/base.h"

struct ath_sink {
    ath_context *ctx;
    const ath_sink_ops *ops;
    void *state;
    bool dead;         /* a write or commit has failed: nothing more is taken */
    bool open;         /* room was given since the last commit */
    int64_t n_pending; /* systems written since the last commit; 0 if writing is enough */
    char before[sizeof((ath_context *)0)->message]; /* the message when an operation began */
};

/* The three steps, each ATH_OK, ATH_AGAIN (not commit) or a failure with a message; ATH_E_STATE
 * once the sink is dead. */
ath_status ath__sink_reserve(ath_sink *sink, int64_t n_atoms);
ath_status ath__sink_take(ath_sink *sink, const ath_system *system);
ath_status ath__sink_commit(ath_sink *sink); /* ATH_OK without effect if no room was given */
/* What is said when there is no room: ATH_AGAIN, or what the policy of a chain makes of it. That is
 * no failure of the sink. */
ath_status ath__sink_full(const ath_sink *sink);
/* Whether it can be emptied: ATH_OK, or ATH_E_UNSUPPORTED with a message. */
ath_status ath__sink_check_zero(const ath_sink *sink);
/* The sinks of a chain, in order (used: those that systems go to); NULL and 0 for another sink. */
ath_sink *const *ath__sink_links(const ath_sink *sink, bool used, int32_t *n);
/* Makes the rows of integrator state of a batch wide enough for the life of a system, by a new
 * batch in *batch if it holds systems; a failure changes nothing. */
ath_status ath__sink_widen(ath_batch **batch, const ath_system *system);

#endif
