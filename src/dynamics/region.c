/* Regions: one function over all tiles, on the team, and what the host does between two of them.
 *
 * On the host every member takes the next tile by ticket; a system that is large enough for the
 * whole team is gone through by the caller alone, while every launch calls all members (kernel.h).
 * On a device that runs late the caller enqueues everything and waits.
 */
#include "dynamics/phases.h"

enum { REGION_CAPTURE = 8 }; /* steps from which capturing a graph pays */

typedef struct region {
    ath__job *job;
    ath__tile_fn body;
    atomic_int ticket; /* next tile */
} region_work;

static void region_member(void *arg, int32_t m)
{
    region_work *work = arg;
    ath_dynamics *dyn = work->job->dyn;
    ath__member *member = &dyn->members[m];
    for (;;) {
        const int32_t t = atomic_fetch_add(&work->ticket, 1);
        if (t >= dyn->plan.n_tiles || member->status < 0) {
            return;
        }
        if (!dyn->plan.tiles[t].together) {
            member->status = work->body(work->job, member, &dyn->plan.tiles[t]);
        }
    }
}

/* The tiles that the whole team computes, one after another: the caller goes through the phases,
 * and every launch calls all members. */
static void region_together(region_work *work)
{
    ath_dynamics *dyn = work->job->dyn;
    ath__member *member = &dyn->members[0];
    member->stream.team = dyn->team;
    for (int32_t t = 0; t < dyn->plan.n_tiles && member->status >= 0; t++) {
        if (dyn->plan.tiles[t].together) {
            member->status = work->body(work->job, member, &dyn->plan.tiles[t]);
        }
    }
    member->stream.team = NULL;
}

/* Runs `body` on every tile; the caller returns when all are done (late devices: are enqueued). */
ath_status ath__region_run(ath__job *job, ath__tile_fn body)
{
    ath_dynamics *dyn = job->dyn;
    region_work work = {.job = job, .body = body};
    const int32_t n_rest = dyn->plan.n_tiles - dyn->plan.n_together;
    const bool team = dyn->plan.device->immediate && dyn->team && n_rest > 1;
    atomic_store(&work.ticket, 0);
    for (int32_t m = 0; m < dyn->n_members; m++) {
        dyn->members[m].status = ATH_OK;
    }
    if (dyn->plan.neighbors) {
        ath__neighbors_view(dyn->plan.neighbors, &job->list);
    }
    if (dyn->plan.n_together > 0) {
        region_together(&work);
    }
    if (team) {
        ath__team_run(dyn->team, region_member, &work);
    } else if (n_rest > 0) {
        region_member(&work, 0);
    }
    for (int32_t m = 0; m < dyn->n_members; m++) {
        ATH__TRY(dyn->members[m].status);
    }
    return dyn->plan.device->immediate ? ATH_OK
                                       : dyn->plan.device->ops->wait(&dyn->members[0].stream);
}

/* Grows the lists that overflowed; *n_stalled is how many systems had been waiting. */
ath_status ath__region_grow(ath__job *job, ath_batch *batch, int64_t *n_stalled)
{
    ath_dynamics *dyn = job->dyn;
    int32_t n_grown = 0;
    ATH__TRY(ath__plan_take(dyn, ATH__COUNT_STALLED, n_stalled));
    if (*n_stalled == 0 || !dyn->plan.neighbors) {
        return ATH_OK;
    }
    ATH__TRY(ath__neighbors_grow(dyn->plan.neighbors, batch, &n_grown));
    dyn->plan.generation++;
    return n_grown > 0 ? ATH_OK
                       : ath__fail(dyn->ctx, ATH_E_INTERNAL, "systems stalled without an overflow");
}

/* The mark is the system's own, so it is seen whatever the dynamics has run in between. Models fail
 * on the host only. */
bool ath__region_interrupted(const ath_dynamics *dyn, const ath_batch *batch)
{
    ath__view view;
    ath__batch_view(batch, &view);
    for (int32_t i = 0; dyn->plan.device->shared && i < ath_batch_n_systems(batch); i++) {
        if (view.flags[ath__batch_slot(batch, i)] & ATH__SLOT_RESUME) {
            return true;
        }
    }
    return false;
}

/* Adds `sign` times age, and atoms x age, of all systems to what has been counted. */
ath_status ath__region_tally(ath_dynamics *dyn, const ath_batch *batch, int64_t sign)
{
    if (dyn->plan.device->immediate) {
        return ATH_OK;
    }
    ATH__TRY(ath__books_look(dyn, batch));
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        const int64_t age = sign * dyn->plan.books.age[ath__batch_slot(batch, i)];
        dyn->members[0].system_steps += age;
        dyn->members[0].atom_steps += age * ath_batch_n_atoms_of(batch, i);
    }
    return ATH_OK;
}

/* The steps of a span where launches run late: one step is captured and replayed. */
ath_status ath__region_steps(ath__job *job, ath__member *member, const ath__tile *tile,
                             ath__tile_fn step)
{
    const ath__plan *plan = &job->dyn->plan;
    const ath__device_ops *ops = plan->device->ops;
    if (job->steps < REGION_CAPTURE || !job->dyn->model->traits.capturable) {
        for (int64_t k = 0; k < job->steps; k++) {
            ATH__TRY(step(job, member, tile));
        }
        return ATH_OK;
    }
    if (!member->graph || member->captured != plan->generation) {
        ops->graph_free(plan->device, &member->graph);
        ATH__TRY(ops->capture_begin(&member->stream));
        const ath_status status = step(job, member, tile);
        ATH__TRY(ops->capture_end(&member->stream, &member->graph));
        ATH__TRY(status);
        member->captured = plan->generation;
    }
    for (int64_t k = 0; k < job->steps; k++) {
        ATH__TRY(ops->graph_launch(&member->stream, member->graph));
    }
    return ATH_OK;
}
