/* What a dynamics says of itself. */
#include "dynamics/dynamics_private.h"

ath_model *ath_dynamics_model(const ath_dynamics *dynamics)
{
    return dynamics->model;
}

int64_t ath_dynamics_step_count(const ath_dynamics *dynamics)
{
    return dynamics->step_count;
}

int64_t ath_dynamics_n_steps(const ath_dynamics *dynamics)
{
    return dynamics->n_steps;
}

int32_t ath_dynamics_exit_status(const ath_dynamics *dynamics)
{
    return dynamics->exit_status;
}

int32_t ath_dynamics_n_parts(const ath_dynamics *dynamics)
{
    return dynamics->n_parts;
}

const char *ath_dynamics_part_name(const ath_dynamics *dynamics, int32_t part)
{
    return part >= 0 && part < dynamics->n_parts ? dynamics->parts[part].name : NULL;
}

int32_t ath_dynamics_n_threads(const ath_dynamics *dynamics)
{
    return dynamics->n_members;
}

bool ath_dynamics_model_is_conservative(const ath_dynamics *dynamics)
{
    return !dynamics->model->traits.not_conservative;
}

const ath_convergence *ath_dynamics_convergence_hook(const ath_dynamics *dynamics, int32_t part)
{
    const bool has = part >= 0 && part < dynamics->n_parts && dynamics->parts[part].assessed;
    return has ? &dynamics->parts[part].convergence : NULL;
}

ath_status ath_dynamics_hooks(const ath_dynamics *dynamics, ath_stage stage, const ath_hook **hooks,
                              int32_t max, int32_t *n)
{
    *n = 0;
    for (int32_t i = 0; i < dynamics->hooks.n; i++) {
        const ath__entry *e = &dynamics->hooks.entries[i];
        if (stage == ATH_STAGE_ANY ||
            (stage >= 0 && stage < ATH_N_STAGES && (e->stages >> stage & 1u))) {
            if (*n < max) {
                hooks[*n] = &e->hook;
            }
            (*n)++;
        }
    }
    return ATH_OK;
}

/* Adds to a set of fields those of a list closed by -1. */
static void getters_unite(const ath_field_id *from, ath_field_id *set, int32_t *n)
{
    for (; from && *from >= 0; from++) {
        bool known = false;
        for (int32_t i = 0; i < *n; i++) {
            known = known || set[i] == *from;
        }
        if (!known && *n < ATH_MAX_FIELDS) {
            set[(*n)++] = *from;
        }
    }
}

static ath_status getters_keys(const ath_dynamics *dyn, bool needs, ath_field_id *fields,
                               int32_t max, int32_t *n)
{
    ath_field_id set[ATH_MAX_FIELDS];
    *n = 0;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath_integrator *integrator = dyn->parts[p].integrator;
        if (integrator) {
            getters_unite(needs ? integrator->ops->needs : integrator->ops->provides, set, n);
        }
    }
    for (int32_t i = 0; i < *n && i < max; i++) {
        fields[i] = set[i];
    }
    return ATH_OK;
}

ath_status ath_dynamics_needs_keys(const ath_dynamics *dynamics, ath_field_id *fields, int32_t max,
                                   int32_t *n)
{
    return getters_keys(dynamics, true, fields, max, n);
}

ath_status ath_dynamics_provides_keys(const ath_dynamics *dynamics, ath_field_id *fields,
                                      int32_t max, int32_t *n)
{
    return getters_keys(dynamics, false, fields, max, n);
}

/* ---- in-flight batching ---- */

ath_batch *ath_dynamics_active_batch(const ath_dynamics *dynamics)
{
    return dynamics->inflight.batch;
}

int32_t ath_dynamics_active_batch_size(const ath_dynamics *dynamics)
{
    return dynamics->inflight.batch ? ath_batch_n_systems(dynamics->inflight.batch) : 0;
}

bool ath_dynamics_active_batch_has_room(const ath_dynamics *dynamics)
{
    return ath_dynamics_active_batch_size(dynamics) < dynamics->max_batch_size;
}

int32_t ath_dynamics_room_in_active_batch(const ath_dynamics *dynamics)
{
    const int32_t room = dynamics->max_batch_size - ath_dynamics_active_batch_size(dynamics);
    return room > 0 ? room : 0;
}

int32_t ath_dynamics_max_batch_size(const ath_dynamics *dynamics)
{
    return dynamics->max_batch_size;
}

bool ath_dynamics_inflight_mode(const ath_dynamics *dynamics)
{
    return dynamics->inflight.sampler != NULL;
}

bool ath_dynamics_done(const ath_dynamics *dynamics)
{
    return dynamics->inflight.done;
}

/* ---- device and ranks ---- */

ath_device *ath_dynamics_device(const ath_dynamics *dynamics)
{
    return dynamics->device ? dynamics->device : dynamics->plan.device;
}

void *ath_dynamics_stream(const ath_dynamics *dynamics)
{
    return dynamics->has_stream ? dynamics->stream.handle : NULL;
}

int32_t ath_dynamics_global_rank(const ath_dynamics *dynamics)
{
    (void)dynamics;
    return 0; /* one process */
}

int32_t ath_dynamics_local_rank(const ath_dynamics *dynamics)
{
    (void)dynamics;
    return 0;
}

int32_t ath_dynamics_prior_rank(const ath_dynamics *dynamics)
{
    return dynamics->prior_rank;
}

int32_t ath_dynamics_next_rank(const ath_dynamics *dynamics)
{
    return dynamics->next_rank;
}

bool ath_dynamics_has_neighbor(const ath_dynamics *dynamics)
{
    return dynamics->prior_rank >= 0 || dynamics->next_rank >= 0;
}

bool ath_dynamics_is_first_stage(const ath_dynamics *dynamics)
{
    return dynamics->prior_rank == ATH_RANK_NONE;
}

bool ath_dynamics_is_final_stage(const ath_dynamics *dynamics)
{
    return dynamics->next_rank == ATH_RANK_NONE;
}

/* ---- statistics ---- */

static void getters_add(ath_dynamics_stats *stats, const ath__member *member)
{
    double *seconds[ATH__N_PHASES] = {&stats->seconds_pre, &stats->seconds_neighbors,
                                      &stats->seconds_compute, &stats->seconds_post,
                                      &stats->seconds_assess};
    stats->system_steps += member->system_steps;
    stats->atom_steps += member->atom_steps;
    for (int32_t k = 0; k < ATH__N_PHASES; k++) {
        *seconds[k] += 1e-9 * (double)member->ticks[k];
    }
}

void ath__dynamics_count(ath_dynamics *dyn, const ath__member *member)
{
    getters_add(&dyn->stats, member);
}

ath_status ath_dynamics_get_stats(const ath_dynamics *dynamics, ath_dynamics_stats *out)
{
    int64_t builds = 0;
    *out = dynamics->stats;
    for (int32_t m = 0; m < dynamics->n_members; m++) {
        getters_add(out, &dynamics->members[m]);
    }
    if (dynamics->plan.neighbors) {
        ATH__TRY(ath__neighbors_builds(dynamics->plan.neighbors, &builds));
    }
    out->list_builds += builds;
    return ATH_OK;
}
