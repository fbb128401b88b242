/* Evaluation of forces outside the steps: first forces of newcomers, and energies that are asked
 * for later; and jobs of single phases, which the step with hooks is made of too.
 *
 * Hooks that write at BEFORE_COMPUTE or AFTER_COMPUTE are part of every evaluation, so they are
 * called here as well. Where there are such hooks, no step is made without the host in between.
 */
#include "dynamics/phases.h"

/* ---- jobs of single phases ---- */

ath__job ath__job_begin(ath_dynamics *dyn, const ath_batch *batch)
{
    ath__job job = {.dyn = dyn, .want = dyn->want, .waits = dyn->retries && ath__hooks_wait(dyn)};
    job.tells = dyn->near && !ath__hooks_write(dyn);
    ath__batch_view(batch, &job.view);
    return job;
}

static ath_status evaluate_tile_segment(ath__job *job, ath__member *member, const ath__tile *tile)
{
    if (job->schedule != ATH__SCHEDULE_CHANGED) {
        ATH__TRY(ath__phase_books(job, member, tile, ATH_K_SCHEDULE, -1, job->schedule));
    }
    if (job->from == ATH__PHASE_PRE && job->steps > 0 && job->dyn->plan.device->immediate) {
        ath__phase_tally(job, member, tile);
    }
    return ath__phases(job, member, tile, job->from, job->to);
}

ath_status ath__job_segment(ath__job *job, enum ath__phase from, enum ath__phase to)
{
    job->from = from;
    job->to = to;
    return ath__region_run(job, evaluate_tile_segment);
}

ath_status ath__job_rewrite(ath__job *job, enum ath__schedule_mode mode)
{
    job->schedule = (int32_t)mode;
    return ath__job_segment(job, ATH__PHASE_COMPUTE, ATH__PHASE_NEIGHBORS); /* no phase */
}

/* The counter of stalled systems is kept by assess; inside a step the host looks at the flags. */
ath_status ath__job_settle(ath__job *job, ath_batch *batch)
{
    ath_dynamics *dyn = job->dyn;
    for (;;) {
        int32_t n_grown = 0;
        if (!dyn->plan.neighbors) {
            return ATH_OK;
        }
        ATH__TRY(ath__neighbors_grow(dyn->plan.neighbors, batch, &n_grown));
        if (!n_grown) {
            return ATH_OK;
        }
        dyn->plan.generation++;
        ATH__TRY(ath__job_segment(job, ATH__PHASE_NEIGHBORS, ATH__PHASE_NEIGHBORS));
    }
}

/* ---- newcomers ---- */

/* Lists, entry actions, first forces. */
static ath_status evaluate_tile_prepare(ath__job *job, ath__member *member, const ath__tile *tile)
{
    ATH__TRY(ath__phase_books(job, member, tile, ATH_K_SCHEDULE, -1, job->schedule));
    return ath__phase_admit(job, member, tile, !job->dyn->hooks.evaluation);
}

static ath_status evaluate_tile_prime(ath__job *job, ath__member *member, const ath__tile *tile)
{
    return ath__phase_prime(job, member, tile, job->from, job->to);
}

/* First forces of those that are fresh and not stalled, with hooks around the model; *n: of how
 * many. */
static ath_status evaluate_prime(ath__job *job, ath_batch *batch, int32_t *n)
{
    ath_dynamics *dyn = job->dyn;
    uint8_t *fresh = dyn->plan.books.met;
    int64_t n_stalled = 0;
    ATH__TRY(ath__books_mask(dyn, batch, ATH__SLOT_FRESH, 1, fresh, n));
    if (*n == 0) {
        return ATH_OK;
    }
    job->want |= ATH__WANT_ENERGY | ATH__WANT_STRESS;
    ATH__TRY(ath__hooks_evaluate(dyn, batch, ATH_STAGE_BEFORE_COMPUTE, fresh));
    job->from = ATH__PHASE_NEIGHBORS;
    job->to = ATH__PHASE_COMPUTE;
    ATH__TRY(ath__region_run(job, evaluate_tile_prime));
    ATH__TRY(ath__hooks_evaluate(dyn, batch, ATH_STAGE_AFTER_COMPUTE, fresh));
    job->from = job->to = ATH__PHASE_ASSESS;
    ATH__TRY(ath__region_run(job, evaluate_tile_prime));
    return ath__region_grow(job, batch, &n_stalled);
}

/* Tells hooks of those that have met their criteria on entry; books.part says where. */
static ath_status evaluate_met(ath__job *job, ath_batch *batch)
{
    ath_dynamics *dyn = job->dyn;
    int64_t n_met = 0;
    ATH__TRY(ath__plan_take(dyn, ATH__COUNT_CONVERGED, &n_met));
    if (n_met == 0) {
        return ATH_OK;
    }
    job->n_met += n_met;
    if (ath__hooks_due(dyn, ATH_STAGE_ON_CONVERGE, ATH_STAGE_ON_CONVERGE, ATH_HOOK_READS_ENERGY)) {
        ATH__TRY(ath__evaluate_left_over(dyn, batch, ATH__SCHEDULE_STALE));
    }
    ATH__TRY(ath__books_look(dyn, batch));
    return ath__hooks_call(dyn, batch, ATH_STAGE_ON_CONVERGE, ATH_OK);
}

/* One round: entry actions and first forces of those that are waiting for them. *left: some still
 * are. */
static ath_status evaluate_round(ath__job *job, ath_batch *batch, bool *left)
{
    ath_dynamics *dyn = job->dyn;
    int64_t n_stalled = 0, n_enter = 0;
    int32_t n_fresh = 0;
    if (job->one_stage) {
        ATH__TRY(ath__books_note_entering(dyn, batch));
    }
    ATH__TRY(ath__region_run(job, evaluate_tile_prepare));
    if (dyn->hooks.evaluation) {
        ATH__TRY(evaluate_prime(job, batch, &n_fresh));
    } else {
        ATH__TRY(ath__region_grow(job, batch, &n_stalled));
    }
    if (job->one_stage) {
        ATH__TRY(evaluate_met(job, batch));
        ATH__TRY(ath__plan_length(dyn, dyn->n_parts + ATH__LIST_ENTER, &n_enter));
    }
    *left = n_stalled || n_fresh || n_enter;
    return ATH_OK;
}

ath_status ath__evaluate_newcomers(ath__job *job, ath_batch *batch)
{
    bool left = false;
    ATH__TRY(ath__hooks_admit(job->dyn, batch));
    job->schedule = ATH__SCHEDULE_BEGIN;
    job->one_stage = ath__hooks_due(job->dyn, ATH_STAGE_ON_CONVERGE, ATH_STAGE_ON_CONVERGE, 0);
    do {
        ATH__TRY(evaluate_round(job, batch, &left));
    } while (left);
    job->one_stage = false;
    return ATH_OK;
}

/* ---- what is asked for later ---- */

/* Which systems a refresh is about. */
static ath_status evaluate_mask(ath_dynamics *dyn, const ath_batch *batch,
                                enum ath__schedule_mode which, uint8_t *mask)
{
    int32_t n = 0;
    const int32_t flags = which == ATH__SCHEDULE_ALL ? 0 : ATH__SLOT_STALE;
    return ath__books_mask(dyn, batch, flags, which == ATH__SCHEDULE_LEFT ? 0 : -1, mask, &n);
}

ath_status ath__evaluate_left_over(ath_dynamics *dyn, ath_batch *batch,
                                   enum ath__schedule_mode which)
{
    ath__job job = ath__job_begin(dyn, batch);
    uint8_t *mask = dyn->plan.books.met;
    int64_t n_stalled = 0;
    job.want = ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS;
    job.assess = which == ATH__SCHEDULE_ALL ? ATH__ASSESS_FLAGS : ATH__ASSESS_ENERGY;
    do {
        if (dyn->hooks.evaluation) {
            ATH__TRY(evaluate_mask(dyn, batch, which, mask));
            ATH__TRY(ath__hooks_evaluate(dyn, batch, ATH_STAGE_BEFORE_COMPUTE, mask));
        }
        job.schedule = (int32_t)which;
        ATH__TRY(ath__job_segment(&job, ATH__PHASE_NEIGHBORS, ATH__PHASE_COMPUTE));
        if (dyn->hooks.evaluation) {
            ATH__TRY(ath__hooks_evaluate(dyn, batch, ATH_STAGE_AFTER_COMPUTE, mask));
        }
        job.schedule = ATH__SCHEDULE_CHANGED;
        ATH__TRY(ath__job_segment(&job, ATH__PHASE_ASSESS, ATH__PHASE_ASSESS));
        ATH__TRY(ath__region_grow(&job, batch, &n_stalled));
    } while (n_stalled);
    return ath__job_rewrite(&job, ATH__SCHEDULE_REWRITE);
}

ath_status ath__evaluate_done(ath_dynamics *dyn, ath_batch *batch)
{
    uint8_t *moved = dyn->plan.books.met;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        moved[i] = dyn->plan.books.part[i] >= 0;
    }
    return ath__books_flag(dyn, batch, moved, ATH__SLOT_FRESH, 0);
}
