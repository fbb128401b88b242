/* What the loop asks of every tile: the phases of a step, over the lists of slots that the books
 * keep. Everything here enqueues launches and returns; on the host they have then happened.
 */
#include <string.h>
#include <time.h>

#include "dynamics/centre.h"
#include "dynamics/guard.h"
#include "dynamics/phases.h"
#include "integrators/nve.h"

static int64_t phases_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static const int32_t *phases_slots(const ath__tile *tile, int32_t list)
{
    return tile->d_lists + (int64_t)list * tile->stride;
}

/* Length of a list, where the host can see it now; else "perhaps some". */
static int32_t phases_count(const ath__job *job, const ath__tile *tile, int32_t list)
{
    return job->dyn->plan.device->immediate ? tile->d_counts[list] : 1;
}

ath_status ath__phase_books(const ath__job *job, ath__member *member, const ath__tile *tile,
                            ath__kernel kernel, int32_t list, int32_t mode)
{
    const ath__plan *plan = &job->dyn->plan;
    ath__stage_args args = {
        .view = job->view,
        .slots = list < 0 ? tile->d_slots : phases_slots(tile, list),
        .n_slots = list < 0 ? tile->d_n_slots : tile->d_counts + list,
        .stages = plan->d_stages,
        .entry_rows = plan->d_entry_rows,
        .own = plan->d_own,
        .n_own = job->dyn->n_own,
        .lists = tile->d_lists,
        .counts = tile->d_counts,
        .steps = job->steps,
        .cutoff = plan->cutoff,
        .all_pairs_max = plan->all_pairs_max,
        .waits = job->waits,
        .tells = job->tells,
        .mode = mode,
        .n_parts = job->dyn->n_parts,
        .plain_exit = job->dyn->fused ? -1 : job->dyn->exit_status,
        .stride = tile->stride,
        .n_system_state = plan->n_system_state,
        .n_atom_state = plan->n_atom_state,
        .n_entry = plan->n_entry,
        .computed_all = (job->want & ATH__WANT_ENERGY) != 0,
    };
    if (job->dyn->near && kernel != ATH_K_SCHEDULE) {
        args.list = job->list;
    }
    memcpy(args.sources, plan->sources, sizeof args.sources);
    memcpy(args.own_rows, plan->own_rows, sizeof args.own_rows);
    return ath__launch(&member->stream, kernel, &args);
}

/* Holds the centres of mass of the systems of a part that asks for it. */
static ath_status phases_centre(const ath__job *job, ath__member *member, const ath__tile *tile,
                                int32_t p, enum ath__centre_mode mode)
{
    const ath__part *part = &job->dyn->parts[p];
    int32_t n_system = 0, n_atom = 0;
    if (!part->config.hold_centre) {
        return ATH_OK;
    }
    ath__integrator_cells(part->integrator, &n_system, &n_atom);
    const ath__centre_args args = {
        .view = job->view,
        .slots = phases_slots(tile, p),
        .n_slots = tile->d_counts + p,
        .mode = (int32_t)mode,
        .skips = mode == ATH__CENTRE_SECOND ? (int32_t)ATH__POST_SKIPS : (int32_t)ATH__PRE_SKIPS,
        .cells = n_system, /* behind those of the integrator */
        .n_system_state = job->dyn->plan.n_system_state,
        .strains = part->integrator->ops->moves_cell,
        .bath = !part->integrator->ops->is_optimizer,
    };
    return ath__launch(&member->stream, ATH_K_CENTRE, &args);
}

/* How far a first half step takes atoms, of the systems of a part that has a limit. */
static ath_status phases_guard(const ath__job *job, ath__member *member, const ath__tile *tile,
                               int32_t p, enum ath__guard_mode mode)
{
    if (!(job->dyn->parts[p].config.max_displacement > 0.0) &&
        !(job->tells && ath__guards_tell(job->dyn, p))) {
        return ATH_OK;
    }
    const ath__guard_args args = {
        .view = job->view,
        .slots = phases_slots(tile, p),
        .n_slots = tile->d_counts + p,
        .mode = (int32_t)mode,
        .skips = ATH__PRE_SKIPS,
        .keeping = job->dyn->keeping,
        .n_system_state = job->dyn->plan.n_system_state,
        .n_atom_state = job->dyn->plan.n_atom_state,
    };
    return ath__launch(&member->stream, ATH_K_GUARD, &args);
}

/* First or second half step of every part, over its own systems. */
static ath_status phases_update(const ath__job *job, ath__member *member, const ath__tile *tile,
                                bool post)
{
    const ath_dynamics *dyn = job->dyn;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath_integrator *integrator = dyn->parts[p].integrator;
        if (!integrator || !phases_count(job, tile, p) || (post && !integrator->ops->post_update)) {
            continue;
        }
        const ath__update u = {
            .stream = &member->stream,
            .args = {.view = job->view,
                     .slots = phases_slots(tile, p),
                     .n_slots = tile->d_counts + p,
                     .work = member->d_work,
                     .seed = dyn->parts[p].config.seed,
                     .n_system_state = dyn->plan.n_system_state,
                     .n_atom_state = dyn->plan.n_atom_state},
        };
        ATH__TRY(post ? ATH_OK : phases_guard(job, member, tile, p, ATH__GUARD_NOTE));
        ATH__TRY(post ? ATH_OK : phases_centre(job, member, tile, p, ATH__CENTRE_NOTE));
        ATH__TRY(post ? integrator->ops->post_update(integrator->state, &u)
                      : integrator->ops->pre_update(integrator->state, &u));
        ATH__TRY(
            phases_centre(job, member, tile, p, post ? ATH__CENTRE_SECOND : ATH__CENTRE_FIRST));
        ATH__TRY(post ? ATH_OK : phases_guard(job, member, tile, p, ATH__GUARD_MOVED));
    }
    return ATH_OK;
}

void ath__phase_interrupt(const ath__job *job, const ath__tile *tile)
{
    const int32_t active = job->dyn->n_parts + ATH__LIST_ACTIVE;
    const int32_t *slots = phases_slots(tile, active);
    for (int32_t i = 0; job->dyn->plan.device->immediate && i < tile->d_counts[active]; i++) {
        job->view.flags[slots[i]] |= ATH__SLOT_RESUME;
    }
}

/* One phase over one list of one tile. */
static ath_status phases_one(const ath__job *job, ath__member *member, const ath__tile *tile,
                             enum ath__phase phase, int32_t list)
{
    const ath_dynamics *dyn = job->dyn;
    const int32_t *slots = phases_slots(tile, list), *n_slots = tile->d_counts + list;
    switch (phase) {
    case ATH__PHASE_PRE:
        return phases_update(job, member, tile, false);
    case ATH__PHASE_NEIGHBORS:
        return dyn->plan.neighbors
                   ? ath__neighbors_update(dyn->plan.neighbors, &member->stream, &job->view, slots,
                                           n_slots, member->d_work, member->work_bytes)
                   : ATH_OK;
    case ATH__PHASE_COMPUTE: {
        const ath__compute c = {
            .stream = &member->stream,
            .view = job->view,
            .list = job->list,
            .d_slots = slots,
            .d_n_slots = n_slots,
            .d_params = dyn->plan.d_params,
            .d_work = member->d_work,
            .work_bytes = member->work_bytes,
            .want = job->want,
            .results = dyn->plan.results,
        };
        const ath_status status = dyn->model->ops->compute(dyn->model->state, &c);
        if (status < 0 && job->assess == ATH__ASSESS_STEP) {
            ath__phase_interrupt(job, tile);
        }
        return status;
    }
    case ATH__PHASE_POST:
        return phases_update(job, member, tile, true);
    default:
        ATH__TRY(ath__phase_books(job, member, tile, ATH_K_ASSESS, list, job->assess));
        return ath__phase_books(job, member, tile, ATH_K_SCHEDULE, -1, ATH__SCHEDULE_CHANGED);
    }
}

ath_status ath__phases(const ath__job *job, ath__member *member, const ath__tile *tile,
                       enum ath__phase from, enum ath__phase to)
{
    const int32_t active = job->dyn->n_parts + ATH__LIST_ACTIVE;
    for (int32_t phase = (int32_t)from; phase <= (int32_t)to; phase++) {
        const int64_t start = job->dyn->timing ? phases_now() : 0;
        ATH__TRY(phases_one(job, member, tile, (enum ath__phase)phase, active));
        if (job->dyn->timing) {
            member->ticks[phase] += phases_now() - start;
        }
    }
    return ATH_OK;
}

ath_status ath__phase_prime(const ath__job *job, ath__member *member, const ath__tile *tile,
                            enum ath__phase from, enum ath__phase to)
{
    const int32_t fresh = job->dyn->n_parts + ATH__LIST_FRESH;
    ath__job prime = *job;
    prime.assess = ATH__ASSESS_ENTRY;
    for (int32_t phase = (int32_t)from; phase <= (int32_t)to; phase++) {
        if (phase == ATH__PHASE_NEIGHBORS || phase == ATH__PHASE_COMPUTE ||
            phase == ATH__PHASE_ASSESS) {
            ATH__TRY(phases_one(&prime, member, tile, (enum ath__phase)phase, fresh));
        }
    }
    return ATH_OK;
}

/* Entry actions, and first forces of newcomers. */
ath_status ath__phase_admit(ath__job *job, ath__member *member, const ath__tile *tile,
                            bool newcomers)
{
    const int32_t enter = job->dyn->n_parts + ATH__LIST_ENTER;
    const int32_t fresh = job->dyn->n_parts + ATH__LIST_FRESH;
    const bool now = job->dyn->plan.device->immediate;
    do {
        if (phases_count(job, tile, enter)) {
            ATH__TRY(ath__phase_books(job, member, tile, ATH_K_ENTER, enter, 0));
            ATH__TRY(
                ath__phase_books(job, member, tile, ATH_K_SCHEDULE, -1, ATH__SCHEDULE_CHANGED));
        }
        if (newcomers && phases_count(job, tile, fresh)) {
            ATH__TRY(ath__phase_prime(job, member, tile, ATH__PHASE_NEIGHBORS, ATH__PHASE_ASSESS));
        }
    } while (now && !job->one_stage &&
             (tile->d_counts[enter] || (newcomers && tile->d_counts[fresh])));
    return ATH_OK;
}

void ath__phase_tally(const ath__job *job, ath__member *member, const ath__tile *tile)
{
    const int32_t active = job->dyn->n_parts + ATH__LIST_ACTIVE, n = tile->d_counts[active];
    const int32_t *slots = phases_slots(tile, active);
    member->system_steps += n;
    for (int32_t i = 0; i < n; i++) {
        member->atom_steps += job->view.n_atoms[slots[i]];
    }
}
