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

enum { LOOP_LATE = 64 }; /* steps enqueued before the host looks, where launches run late */

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

/* Begins a step: lists, entry actions, first forces. */
static ath_status loop_tile_prepare(ath__job *job, ath__member *member, const ath__tile *tile)
{
    ATH__TRY(ath__phase_books(job, member, tile, ATH_K_SCHEDULE, -1, job->schedule));
    return ath__phase_admit(job, member, tile, true);
}

static ath_status loop_tile_segment(ath__job *job, ath__member *member, const ath__tile *tile)
{
    if (job->schedule != ATH__SCHEDULE_CHANGED) {
        ATH__TRY(ath__phase_books(job, member, tile, ATH_K_SCHEDULE, -1, job->schedule));
    }
    if (job->from == ATH__PHASE_PRE && job->dyn->plan.device->immediate) {
        ath__phase_tally(job, member, tile);
    }
    return ath__phases(job, member, tile, job->from, job->to);
}

static ath__job loop_begin(ath_dynamics *dyn, const ath_batch *batch)
{
    ath__job job = {.dyn = dyn, .steps = 0, .want = ATH__WANT_FORCES};
    ath__batch_view(batch, &job.view);
    return job;
}

/* A span without hooks, and what its stalled systems have to make up for. *made is how many steps
 * some system made, at most `steps`. */
static ath_status loop_span(ath_dynamics *dyn, ath_batch *batch, enum ath__schedule_mode begin,
                            int64_t steps, int64_t *made)
{
    ath__job job = loop_begin(dyn, batch);
    int64_t n_stalled = 0, n_left = 0;
    job.steps = steps;
    job.schedule = (int32_t)begin;
    *made = dyn->plan.device->immediate ? 0 : steps;
    for (int32_t m = 0; m < dyn->n_members; m++) {
        dyn->members[m].longest = 0;
    }
    do {
        ATH__TRY(ath__region_run(&job, loop_tile_span));
        ATH__TRY(ath__region_grow(&job, batch, &n_stalled));
        ATH__TRY(ath__plan_length(dyn, dyn->n_parts + ATH__LIST_ACTIVE, &n_left));
        job.schedule = n_stalled ? ATH__SCHEDULE_RESUME : ATH__SCHEDULE_REWRITE;
    } while (n_stalled || n_left);
    for (int32_t m = 0; m < dyn->n_members; m++) {
        *made = dyn->members[m].longest > *made ? dyn->members[m].longest : *made;
    }
    return ATH_OK;
}

/* The counter of stalled systems is kept by assess; inside a step the host looks at the flags. */
static ath_status loop_settle(ath__job *job, ath_batch *batch)
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
        job->from = job->to = ATH__PHASE_NEIGHBORS;
        ATH__TRY(ath__region_run(job, loop_tile_segment));
    }
}

static ath_status loop_segment(ath__job *job, enum ath__phase from, enum ath__phase to)
{
    job->from = from;
    job->to = to;
    return ath__region_run(job, loop_tile_segment);
}

/* Rewrites the lists of every tile, and does nothing else. */
static ath_status loop_rewrite(ath__job *job, enum ath__schedule_mode mode)
{
    job->schedule = (int32_t)mode;
    return loop_segment(job, ATH__PHASE_COMPUTE, ATH__PHASE_NEIGHBORS); /* no phase */
}

static ath_status loop_prepare(ath__job *job, ath_batch *batch)
{
    int64_t n_stalled = 0;
    job->schedule = ATH__SCHEDULE_BEGIN;
    do {
        ATH__TRY(ath__region_run(job, loop_tile_prepare));
        ATH__TRY(ath__region_grow(job, batch, &n_stalled));
    } while (n_stalled);
    return ATH_OK;
}

/* One step with hooks between its phases. */
static ath_status loop_hooked_step(ath_dynamics *dyn, ath_batch *batch, int64_t *n_converged)
{
    ath__job job = loop_begin(dyn, batch);
    int64_t converged = 0;
    job.steps = 1;
    ATH__TRY(loop_prepare(&job, batch));
    if (ath__hooks_due(dyn, ATH_STAGE_BEFORE_STEP, ATH_STAGE_BEFORE_PRE_UPDATE, 0) &&
        ath__hooks_read_energy(dyn)) {
        ATH__TRY(ath__loop_refresh(dyn, batch, ATH__SCHEDULE_STALE));
    }
    ATH__TRY(ath__hooks_call(dyn, batch, ATH_STAGE_BEFORE_STEP, 0));
    ATH__TRY(ath__hooks_call(dyn, batch, ATH_STAGE_BEFORE_PRE_UPDATE, 0));
    job.schedule = ATH__SCHEDULE_REWRITE; /* a hook may have written a status */
    ATH__TRY(loop_segment(&job, ATH__PHASE_PRE, ATH__PHASE_PRE));
    job.schedule = ATH__SCHEDULE_CHANGED;
    ATH__TRY(ath__hooks_call(dyn, batch, ATH_STAGE_AFTER_PRE_UPDATE, 0));
    ATH__TRY(ath__hooks_call(dyn, batch, ATH_STAGE_BEFORE_COMPUTE, 0));
    ATH__TRY(loop_segment(&job, ATH__PHASE_NEIGHBORS, ATH__PHASE_NEIGHBORS));
    ATH__TRY(loop_settle(&job, batch));
    job.want |= ath__hooks_read_energy(dyn) ? ATH__WANT_ENERGY | ATH__WANT_STRESS : 0u;
    const ath_status computed = loop_segment(&job, ATH__PHASE_COMPUTE, ATH__PHASE_COMPUTE);
    for (int32_t t = 0; computed < 0 && t < dyn->plan.n_tiles; t++) {
        ath__phase_interrupt(&job, &dyn->plan.tiles[t]); /* also where it went well */
    }
    ATH__TRY(computed);
    ATH__TRY(ath__hooks_call(dyn, batch, ATH_STAGE_AFTER_COMPUTE, 0));
    ATH__TRY(ath__hooks_call(dyn, batch, ATH_STAGE_BEFORE_POST_UPDATE, 0));
    ATH__TRY(loop_segment(&job, ATH__PHASE_POST, ATH__PHASE_POST));
    ATH__TRY(ath__hooks_call(dyn, batch, ATH_STAGE_AFTER_POST_UPDATE, 0));
    ATH__TRY(ath__hooks_call(dyn, batch, ATH_STAGE_AFTER_STEP, 0));
    ATH__TRY(loop_segment(&job, ATH__PHASE_ASSESS, ATH__PHASE_ASSESS));
    ATH__TRY(ath__plan_take(dyn, ATH__COUNT_CONVERGED, &converged));
    *n_converged += converged;
    return converged ? ath__hooks_call(dyn, batch, ATH_STAGE_ON_CONVERGE, (int32_t)converged)
                     : ATH_OK;
}

ath_status ath__loop_refresh(ath_dynamics *dyn, ath_batch *batch, enum ath__schedule_mode which)
{
    ath__job job = loop_begin(dyn, batch);
    int64_t n_stalled = 0;
    job.want = ATH__WANT_FORCES | ATH__WANT_ENERGY | ATH__WANT_STRESS;
    job.assess = ATH__ASSESS_FLAGS;
    do {
        job.schedule = (int32_t)which;
        ATH__TRY(loop_segment(&job, ATH__PHASE_NEIGHBORS, ATH__PHASE_COMPUTE));
        job.schedule = ATH__SCHEDULE_CHANGED;
        ATH__TRY(loop_segment(&job, ATH__PHASE_ASSESS, ATH__PHASE_ASSESS));
        ATH__TRY(ath__region_grow(&job, batch, &n_stalled));
    } while (n_stalled);
    return loop_rewrite(&job, ATH__SCHEDULE_REWRITE);
}

ath_status ath__loop_adopt(ath_dynamics *dyn, ath_batch *batch)
{
    ath__job job = loop_begin(dyn, batch);
    return loop_rewrite(&job, ATH__SCHEDULE_ADOPT);
}

/* Completes the steps that an earlier run was cut off in. */
static ath_status loop_complete(ath_dynamics *dyn, ath_batch *batch)
{
    ath__job job = loop_begin(dyn, batch); /* of no step beyond */
    int64_t made = 0;
    ATH__TRY(loop_rewrite(&job, ATH__SCHEDULE_BEGIN));
    return loop_span(dyn, batch, ATH__SCHEDULE_RESUME, 0, &made);
}

ath_status ath__loop_steps(ath_dynamics *dyn, ath_batch *batch, int64_t n_steps, int64_t *n_active,
                           int64_t *n_converged)
{
    int64_t converged = 0, left = n_steps;
    const int64_t most = dyn->plan.device->immediate ? INT64_MAX : LOOP_LATE;
    if (ath__region_interrupted(dyn, batch)) {
        ATH__TRY(loop_complete(dyn, batch));
    }
    ATH__TRY(ath__region_tally(dyn, batch, -1));
    *n_converged = 0;
    *n_active = ath_batch_n_systems(batch);
    while (left > 0 && *n_active > 0) {
        int64_t span = ath__hooks_span(dyn, left < most ? left : most);
        if (span > 0) {
            ATH__TRY(loop_span(dyn, batch, ATH__SCHEDULE_BEGIN, span, &span));
            ATH__TRY(ath__plan_take(dyn, ATH__COUNT_CONVERGED, &converged));
            *n_converged += converged;
        } else {
            span = 1;
            ATH__TRY(loop_hooked_step(dyn, batch, n_converged));
        }
        left -= span;
        dyn->step_count += span;
        for (int32_t p = 0; p < dyn->n_parts; p++) {
            dyn->parts[p].step_count += span;
        }
        dyn->stats.steps += span;
        ath__job job = loop_begin(dyn, batch);
        job.steps = 1; /* who would go on if there were more steps */
        ATH__TRY(loop_rewrite(&job, ATH__SCHEDULE_BEGIN));
        ATH__TRY(ath__plan_due(dyn, n_active));
    }
    ATH__TRY(ath__region_tally(dyn, batch, 1));
    dyn->stats.n_active = (int32_t)*n_active;
    return ATH_OK;
}
