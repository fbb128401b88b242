/* Why a system failed, where the kernels can only tell that it did: a system whose forces are not
 * finite while its positions are has two atoms in one place, or something else is wrong with it.
 * Looked at once, on the host, when the system is handed over.
 */
#include <math.h>

#include "dynamics/phases.h"

static const double DIAGNOSE_DISTANCE = 0.01; /* angstrom: no physics is left below */

/* Whether two atoms are in one place. Where that cannot be told (a position that is not finite),
 * they are not; only want of memory is a failure. */
static ath_status diagnose_system(const ath_batch *batch, int32_t index, bool *too_close)
{
    ath_system *system = NULL;
    int64_t n_pairs = 0;
    double shortest = INFINITY;
    ATH__TRY(ath_batch_get(batch, index, &system));
    const ath_status status = ath_system_edges(system, DIAGNOSE_DISTANCE, &n_pairs, &shortest);
    ath_system_destroy(&system);
    *too_close = status >= 0 && n_pairs > 0;
    return status == ATH_E_NO_MEMORY ? status : ATH_OK;
}

ath_status ath__diagnose(ath_dynamics *dyn, ath_batch *batch)
{
    const int32_t reason = ATH_REASON_TOO_CLOSE;
    ATH__TRY(ath__books_look(dyn, batch));
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        bool too_close = false;
        if (dyn->plan.books.reason[ath__batch_slot(batch, i)] == ATH_REASON_NON_FINITE) {
            ATH__TRY(diagnose_system(batch, i, &too_close));
        }
        ATH__TRY(too_close ? ath_batch_write(batch, ATH_FIELD_REASON, i, &reason) : ATH_OK);
    }
    return ATH_OK;
}
