/* The loop: the step, as the plan says. Read this file first.
 *
 * Between two steps at which a hook is due, every tile runs all its steps on its own, one member of
 * the team at a time, until each of its systems has made them or has left (loop_tile_span). A step
 * with hooks is made phase by phase for all tiles, with the hooks between (loop_hooked_step). On a
 * device that runs late the same launches are enqueued, and the host looks at the counters once per
 * span.
 *
 * A system whose neighbour list overflows is stalled: the kernels pass it over, the host grows the
 * list and the system makes up for the rest of its step; one in whose step a model has failed, too,
 * in the next run.
 */
#include "dynamics/phases.h"

/* One step where launches run late, with the entry of systems that come from another stage. */
static ath_status loop_step(ath__job *job, ath__member *member, const ath__tile *tile)
{
    if (job->dyn->n_parts > 1) {
        ATH__TRY(ath__phase_admit(job, member, tile, false));
    }
    return ath__phases(job, member, tile, ATH__PHASE_PRE, ATH__PHASE_ASSESS);
}

/* The steps of a span, for one tile. */
static ath_status loop_tile_span(ath__job *job, ath__member *member, const ath__tile *tile)
{
    const int32_t active = job->dyn->n_parts + ATH__LIST_ACTIVE;
    ATH__TRY(ath__phase_books(job, member, tile, ATH_K_SCHEDULE, -1, job->schedule));
    if (job->schedule == ATH__SCHEDULE_RESUME) {
        ATH__TRY(ath__phases(job, member, tile, ATH__PHASE_NEIGHBORS, ATH__PHASE_ASSESS));
        ATH__TRY(ath__phase_books(job, member, tile, ATH_K_SCHEDULE, -1, ATH__SCHEDULE_REWRITE));
    }
    if (!job->dyn->plan.device->immediate) {
        ATH__TRY(ath__phase_admit(job, member, tile, true));
        return ath__region_steps(job, member, tile, loop_step);
    }
    for (int64_t made = 0;; made++) {
        ATH__TRY(ath__phase_admit(job, member, tile, true));
        if (!tile->d_counts[active]) {
            member->longest = made > member->longest ? made : member->longest;
            return ATH_OK;
        }
        ath__phase_tally(job, member, tile);
        ATH__TRY(ath__phases(job, member, tile, ATH__PHASE_PRE, ATH__PHASE_ASSESS));
    }
}

/* Steps of the tile that made most in the region that has just been run. */
static int64_t loop_longest(ath_dynamics *dyn)
{
    int64_t longest = 0;
    for (int32_t m = 0; m < dyn->n_members; m++) {
        longest = dyn->members[m].longest > longest ? dyn->members[m].longest : longest;
        dyn->members[m].longest = 0;
    }
    return longest;
}

/* A span without hooks, and what its stalled systems have to make up for. *made is how many steps
 * were made, at most `steps`, which it is if a system could go on: one that had stalled makes them
 * in several regions, and the one in which it had stalled is done when the next one begins. */
static ath_status loop_span(ath_dynamics *dyn, ath_batch *batch, enum ath__schedule_mode begin,
                            int64_t steps, int64_t *made)
{
    ath__job job = ath__job_begin(dyn, batch);
    int64_t n_stalled = 0, n_left = 0;
    job.steps = steps;
    job.schedule = (int32_t)begin;
    *made = dyn->plan.device->immediate ? 0 : steps;
    (void)loop_longest(dyn);
    do {
        ATH__TRY(ath__region_run(&job, loop_tile_span));
        *made += loop_longest(dyn) + (job.schedule == ATH__SCHEDULE_RESUME);
        ATH__TRY(ath__region_grow(&job, batch, &n_stalled));
        ATH__TRY(ath__plan_length(dyn, dyn->n_parts + ATH__LIST_ACTIVE, &n_left));
        job.schedule = n_stalled ? ATH__SCHEDULE_RESUME : ATH__SCHEDULE_REWRITE;
    } while (n_stalled || n_left);
    *made = *made < steps ? *made : steps;
    return ATH_OK;
}

/* Calls the hooks of two neighbouring stages; after a failure in this step only what is needed. */
static ath_status loop_hooks(ath_dynamics *dyn, ath_batch *batch, ath_stage first, ath_stage second,
                             ath_status before)
{
    return ath__hooks_call(dyn, batch, second, ath__hooks_call(dyn, batch, first, before));
}

/* Systems ready for a step, and the hooks in front of it. */
static ath_status loop_begin_step(ath__job *job, ath_batch *batch, ath_status *hooks)
{
    ath_dynamics *dyn = job->dyn;
    const ath_stage first = ATH_STAGE_BEFORE_STEP, second = ATH_STAGE_BEFORE_PRE_UPDATE;
    ATH__TRY(ath__evaluate_newcomers(job, batch));
    if (ath__hooks_due(dyn, first, second, ATH_HOOK_READS_ENERGY)) {
        ATH__TRY(ath__evaluate_left_over(dyn, batch, ATH__SCHEDULE_STALE));
    }
    ATH__TRY(ath__books_note(dyn, batch));
    *hooks = loop_hooks(dyn, batch, first, second, ATH_OK);
    if (ath__hooks_due(dyn, first, second, ATH_HOOK_WRITES)) {
        ATH__TRY(ath__evaluate_newcomers(job, batch)); /* also a status may have been written */
        ATH__TRY(ath__books_note(dyn, batch));
    }
    job->schedule = ATH__SCHEDULE_REWRITE;
    return ATH_OK;
}

/* Forces of all that move, and the hooks around them. */
static ath_status loop_compute(ath__job *job, ath_batch *batch, ath_status *hooks)
{
    ath_dynamics *dyn = job->dyn;
    ATH__TRY(ath__job_settle(job, batch));
    job->want |=
        dyn->hooks.evaluation || ath__hooks_due(dyn, ATH_STAGE_BEFORE_STEP, ATH_STAGE_ON_CONVERGE,
                                                ATH_HOOK_READS_ENERGY)
            ? ATH__WANT_ENERGY | ATH__WANT_STRESS
            : 0u;
    const ath_status computed = ath__job_segment(job, ATH__PHASE_COMPUTE, ATH__PHASE_COMPUTE);
    for (int32_t t = 0; computed < 0 && t < dyn->plan.n_tiles; t++) {
        ath__phase_interrupt(job, &dyn->plan.tiles[t]); /* also where it went well */
    }
    ATH__TRY(computed);
    if (ath__hooks_due(dyn, ATH_STAGE_AFTER_PRE_UPDATE, ATH_STAGE_BEFORE_COMPUTE,
                       ATH_HOOK_WRITES)) {
        ATH__TRY(ath__evaluate_done(dyn, batch)); /* what they moved has been computed now */
    }
    *hooks = loop_hooks(dyn, batch, ATH_STAGE_AFTER_COMPUTE, ATH_STAGE_BEFORE_POST_UPDATE, *hooks);
    return ATH_OK;
}

/* One step with hooks between its phases. A hook that fails ends the run, but not the step: *hooks.
 */
static ath_status loop_hooked_step(ath_dynamics *dyn, ath_batch *batch, int64_t *n_converged,
                                   ath_status *hooks)
{
    const ath_stage last = ATH_STAGE_AFTER_STEP;
    ath__job job = ath__job_begin(dyn, batch);
    int64_t converged = 0;
    job.steps = 1;
    ATH__TRY(loop_begin_step(&job, batch, hooks));
    if (ath__hooks_due(dyn, ATH_STAGE_AFTER_PRE_UPDATE, ATH_STAGE_BEFORE_COMPUTE, 0)) {
        ATH__TRY(ath__job_segment(&job, ATH__PHASE_PRE, ATH__PHASE_PRE));
        job.schedule = ATH__SCHEDULE_CHANGED;
        *hooks =
            loop_hooks(dyn, batch, ATH_STAGE_AFTER_PRE_UPDATE, ATH_STAGE_BEFORE_COMPUTE, *hooks);
        ATH__TRY(ath__job_segment(&job, ATH__PHASE_NEIGHBORS, ATH__PHASE_NEIGHBORS));
    } else {
        ATH__TRY(ath__job_segment(&job, ATH__PHASE_PRE, ATH__PHASE_NEIGHBORS));
        job.schedule = ATH__SCHEDULE_CHANGED;
    }
    ATH__TRY(loop_compute(&job, batch, hooks));
    ATH__TRY(ath__job_segment(&job, ATH__PHASE_POST, ATH__PHASE_POST));
    *hooks = loop_hooks(dyn, batch, ATH_STAGE_AFTER_POST_UPDATE, last, *hooks);
    *hooks = *hooks < 0 ? *hooks : ath__convergence_custom(dyn, batch);
    ATH__TRY(ath__job_segment(&job, ATH__PHASE_ASSESS, ATH__PHASE_ASSESS));
    ATH__TRY(ath__plan_take(dyn, ATH__COUNT_CONVERGED, &converged));
    *n_converged += converged + job.n_met;
    if (converged && *hooks >= 0) {
        ATH__TRY(ath__books_look(dyn, batch));
        *hooks = ath__hooks_call(dyn, batch, ATH_STAGE_ON_CONVERGE, ATH_OK);
    }
    return ATH_OK;
}

/* The rest of a step that was cut off in the model, where hooks are part of the evaluation. Those
 * in front of the model have been called already. */
static ath_status loop_complete_evaluation(ath__job *job, ath_batch *batch)
{
    ath_dynamics *dyn = job->dyn;
    uint8_t *which = dyn->plan.books.met;
    int32_t n = 0;
    job->want |= ATH__WANT_ENERGY | ATH__WANT_STRESS;
    job->schedule = ATH__SCHEDULE_RESUME;
    ATH__TRY(ath__job_segment(job, ATH__PHASE_NEIGHBORS, ATH__PHASE_NEIGHBORS));
    ATH__TRY(ath__job_settle(job, batch));
    ATH__TRY(ath__job_segment(job, ATH__PHASE_COMPUTE, ATH__PHASE_COMPUTE));
    ATH__TRY(ath__books_mask(dyn, batch, ATH__SLOT_RESUME, 1, which, &n));
    ATH__TRY(ath__hooks_evaluate(dyn, batch, ATH_STAGE_AFTER_COMPUTE, which));
    ATH__TRY(ath__job_segment(job, ATH__PHASE_POST, ATH__PHASE_ASSESS));
    return ath__job_rewrite(job, ATH__SCHEDULE_REWRITE);
}

/* Completes the steps that an earlier run was cut off in. */
static ath_status loop_complete(ath_dynamics *dyn, ath_batch *batch)
{
    ath__job job = ath__job_begin(dyn, batch); /* of no step beyond */
    int64_t made = 0;
    ATH__TRY(ath__job_rewrite(&job, ATH__SCHEDULE_BEGIN));
    if (dyn->hooks.evaluation) {
        return loop_complete_evaluation(&job, batch);
    }
    return loop_span(dyn, batch, ATH__SCHEDULE_RESUME, 0, &made);
}

/* Counts `span` steps and looks who would go on if there were more. */
static ath_status loop_count(ath_dynamics *dyn, ath_batch *batch, int64_t span, int64_t *n_active)
{
    ath__job job = ath__job_begin(dyn, batch);
    job.steps = 1;
    dyn->step_count += span;
    dyn->stats.steps += span;
    ATH__TRY(ath__guards_tally(dyn));
    ATH__TRY(ath__job_rewrite(&job, ATH__SCHEDULE_BEGIN));
    ATH__TRY(ath__plan_due(dyn, n_active));
    if (dyn->debug_mode) {
        ath__log(dyn->ctx, ATH_LOG_DEBUG, "dynamics", "step %lld: %lld of %d systems active",
                 (long long)dyn->step_count, (long long)*n_active, ath_batch_n_systems(batch));
    }
    return ATH_OK;
}

ath_status ath__loop_steps(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps, int64_t *n_active,
                           int64_t *n_converged)
{
    int64_t converged = 0, left = n_steps;
    if (ath__region_interrupted(dyn, batch)) {
        ATH__TRY(loop_complete(dyn, batch));
    }
    ATH__TRY(ath__hooks_admit(dyn, batch)); /* newcomers of steps without hooks, too */
    ATH__TRY(ath__region_tally(dyn, batch, -1));
    *n_converged = 0;
    ATH__TRY(loop_count(dyn, batch, 0, n_active));
    while (left > 0 && *n_active > 0 && !ath__pace_stops(dyn)) {
        const double start = dyn->stop ? ath__dynamics_clock() : 0.0;
        int64_t span = 0;
        ath_status hooks = ATH_OK;
        ATH__TRY(ath__hooks_span(dyn, batch, ath__pace_most(dyn, left), &span));
        if (span > 0) {
            ATH__TRY(loop_span(dyn, batch, ATH__SCHEDULE_BEGIN, span, &span));
            ATH__TRY(ath__plan_take(dyn, ATH__COUNT_CONVERGED, &converged));
            *n_converged += converged;
        } else {
            span = 1;
            ATH__TRY(loop_hooked_step(dyn, batch, n_converged, &hooks));
        }
        left -= span;
        ath__pace_keep(dyn, span, start);
        ATH__TRY(loop_count(dyn, batch, span, n_active));
        ATH__TRY(hooks);
    }
    ATH__TRY(ath__region_tally(dyn, batch, 1));
    dyn->stats.n_active = (int32_t)*n_active;
    return left > 0 && *n_active > 0 ? ATH_AGAIN : ATH_OK;
}
