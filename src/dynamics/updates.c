/* Halves of a step by hand: pre_update, post_update, masked_update. The systems that take part are
 * marked by the host and put on the lists like those of a step; nobody else is touched.
 */
#include "dynamics/phases.h"

/* Marks who takes part: active, and chosen by `mask` (NULL: all). */
static ath_status updates_choose(ath_dynamics *dyn, ath_batch *batch, const uint8_t *mask)
{
    uint8_t *chosen = dyn->plan.books.met;
    int32_t n = 0;
    ATH__TRY(ath__books_mask(dyn, batch, 0, 1, chosen, &n));
    for (int32_t i = 0; mask && i < ath_batch_n_systems(batch); i++) {
        chosen[i] = chosen[i] && mask[i];
    }
    return ath__books_flag(dyn, batch, chosen, 0, ATH__SLOT_CHOSEN);
}

/* Runs the phases first .. last of the chosen systems one by one, and takes their marks away. Their
 * forces and energies no longer belong to their positions if those have moved. */
static ath_status updates_run(ath_dynamics *dyn, ath_batch *batch, bool pre, bool post)
{
    ath__job job = ath__job_begin(dyn, batch);
    uint8_t *chosen = dyn->plan.books.met;
    ath_status status = ath__job_rewrite(&job, ATH__SCHEDULE_CHOSEN);
    job.schedule = ATH__SCHEDULE_CHANGED;
    if (pre && status >= 0) {
        status = ath__job_segment(&job, ATH__PHASE_PRE, ATH__PHASE_PRE);
    }
    if (post && status >= 0) {
        status = ath__job_segment(&job, ATH__PHASE_POST, ATH__PHASE_POST);
    }
    const ath_status flagged = ath__books_flag(dyn, batch, chosen, ATH__SLOT_CHOSEN,
                                               pre ? ATH__SLOT_FRESH | ATH__SLOT_STALE : 0);
    ATH__TRY(status);
    ATH__TRY(flagged);
    return ath__job_rewrite(&job, ATH__SCHEDULE_REWRITE);
}

static ath_status updates_by_hand(ath_dynamics *dyn, ath_batch *batch, const uint8_t *mask,
                                  bool pre, bool post)
{
    if (!batch) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "update: needs a batch");
    }
    ATH__TRY(ath__dynamics_take(dyn, batch));
    if (pre) {
        ath__job job = ath__job_begin(dyn, batch);
        job.steps = 1;
        ATH__TRY(ath__evaluate_newcomers(&job, batch));
    }
    ATH__TRY(updates_choose(dyn, batch, mask));
    return updates_run(dyn, batch, pre, post);
}

ath_status ath_dynamics_pre_update(ath_dynamics *dyn, ath_batch *batch)
{
    return updates_by_hand(dyn, batch, NULL, true, false);
}

ath_status ath_dynamics_post_update(ath_dynamics *dyn, ath_batch *batch)
{
    return updates_by_hand(dyn, batch, NULL, false, true);
}

ath_status ath_dynamics_masked_update(ath_dynamics *dyn, ath_batch *batch, const uint8_t *mask)
{
    if (!mask) {
        return ath__fail(dyn->ctx, ATH_E_ARGUMENT, "masked_update: no mask");
    }
    return updates_by_hand(dyn, batch, mask, true, true);
}
