/* The plan of a dynamics: which systems form a tile, and the device memory that a step needs. Built
 * once, brought up to date when systems come or go. After that a step allocates nothing.
 *
 * A tile is as many systems, in public order, as fit the cache (tile_bytes), but small enough that
 * every member of the team gets several. A system of more than ATH__TEAM_ATOMS atoms is a tile that
 * the whole team computes. On a device that runs late there is one tile. How systems are tiled
 * never reaches their bits.
 */
#include <string.h>

#include "dynamics/dynamics_private.h"
#include "dynamics/motion.h"

enum { PLAN_LINE = 16 /* ints in a cache line */, PLAN_TILES_PER_MEMBER = 4 };

static size_t plan_round(size_t n)
{
    return (n + PLAN_LINE - 1) / PLAN_LINE * PLAN_LINE;
}

static int32_t plan_n_lists(const ath_dynamics *dyn)
{
    return dyn->n_parts + ATH__N_LISTS;
}

/* Bytes that a step touches for one atom: rows of the batch, and the list if there is one. Good
 * states are not touched. */
static int64_t plan_atom_bytes(const ath_dynamics *dyn)
{
    const ath__keeping *keeping = &dyn->keeping;
    const int64_t cells = keeping->n_atom + (keeping->before >= 0 ? 3 : 0);
    return 3 * 3 * 8 + 2 * 8 + cells * 8 + (dyn->plan.neighbors ? 640 : 0);
}

/* What a stage knows of the centre of mass, and does to velocities that it draws. */
static int32_t plan_motion(const ath_dynamics *dyn, int32_t p)
{
    const ath_dynamics_config *c = &dyn->parts[p].config;
    const ath_integrator *integrator = dyn->parts[p].integrator;
    const ath__integrator_ops *ops = integrator ? integrator->ops : NULL;
    const bool pushed = ops && (ops->moves_centre || ops->is_optimizer);
    const bool conserves =
        !pushed && !dyn->model->traits.external_field && !ath__hooks_push(dyn, p);
    return (conserves ? ATH__MOTION_CONSERVES : 0) |
           (ops && c->hold_centre ? ATH__MOTION_HOLDS : 0) |
           (ops && ops->scales_velocities ? ATH__MOTION_RESTS : 0) |
           (c->remove_momentum ? ATH__MOTION_NO_MOMENTUM : 0) |
           (c->remove_rotation ? ATH__MOTION_NO_ROTATION : 0) |
           (c->exact_temperature ? ATH__MOTION_EXACT : 0);
}

static ath_status plan_make_stages(ath_dynamics *dyn)
{
    ath__plan *plan = &dyn->plan;
    ath_context *ctx = dyn->ctx;
    const size_t n = (size_t)dyn->n_parts, cells = (size_t)plan->n_entry;
    ath__stage_params *params = NULL;
    double *rows = NULL;
    ath_status status = ath__alloc(ctx, n, sizeof *params, &params);
    status = status < 0 ? status : ath__alloc(ctx, n * (cells + 1), sizeof *rows, &rows);
    for (int32_t p = 0; p < dyn->n_parts && status >= 0; p++) {
        const ath__part *part = &dyn->parts[p];
        const ath_dynamics_config *c = &part->config;
        params[p] = (ath__stage_params){
            .temperature = c->temperature,
            .budget = dyn->budgeted ? c->n_steps : -1,
            .seed = c->seed,
            .next = p + 1,
            .last = p + 1 == dyn->n_parts,
            .velocities = (int32_t)c->velocities,
            .stop_at_limit = c->stop_at_limit,
            .assess_on_entry = c->assess_on_entry,
            .motion = plan_motion(dyn, p),
        };
        ath__guards_params(dyn, p, &params[p]);
        ath__convergence_rules(dyn, part, &params[p]);
        if (part->integrator) {
            ath__integrator_deform(part->integrator, &params[p].deform);
            ath__integrator_entry_row(part->integrator, rows + (size_t)p * cells);
        }
    }
    status =
        status < 0 ? status : ath__device_alloc(plan->device, n, sizeof *params, &plan->d_stages);
    status = status < 0 ? status
                        : ath__device_alloc(plan->device, n * (cells + 1), sizeof *rows,
                                            &plan->d_entry_rows);
    status = status < 0
                 ? status
                 : ath__device_upload(plan->device, plan->d_stages, params, n * sizeof *params);
    status = status < 0 ? status
                        : ath__device_upload(plan->device, plan->d_entry_rows, rows,
                                             n * (cells + 1) * sizeof *rows);
    ath__free(ctx, &params, n, sizeof *params);
    ath__free(ctx, &rows, n * (cells + 1), sizeof *rows);
    return status;
}

/* The table of options that systems have of their own. */
static ath_status plan_make_own(ath_dynamics *dyn)
{
    const size_t n = (size_t)dyn->n_own;
    ath__plan *plan = &dyn->plan;
    ATH__TRY(ath__device_alloc(plan->device, n + 1, sizeof *plan->d_own, &plan->d_own));
    return n ? ath__device_upload(plan->device, plan->d_own, dyn->own, n * sizeof *dyn->own)
             : ATH_OK;
}

static ath_status plan_make_model(ath_dynamics *dyn)
{
    ath__plan *plan = &dyn->plan;
    const ath_model *model = dyn->model;
    void *block = NULL;
    size_t bytes = 0;
    ATH__TRY(model->ops->params(model->state, NULL, &bytes));
    ATH__TRY(ath__alloc(dyn->ctx, bytes, 1, &block));
    ath_status status = model->ops->params(model->state, block, &bytes);
    status = status < 0 ? status : ath__device_alloc(plan->device, bytes, 1, &plan->d_params);
    plan->param_bytes = bytes;
    status = status < 0 ? status : ath__device_upload(plan->device, plan->d_params, block, bytes);
    ath__free(dyn->ctx, &block, bytes, 1);
    ATH__TRY(status);
    ath__model_needs needs = {0};
    model->ops->needs(model->state, 1, &needs);
    if (needs.cutoff > 0.0) {
        const ath__neighbors_config config = {
            .device = plan->device,
            .cutoff = needs.cutoff,
            .skin = dyn->rebuild_always ? 0.0 : dyn->skin,
            .all_pairs_max = needs.all_pairs_max,
        };
        plan->cutoff = needs.cutoff;
        plan->all_pairs_max = needs.all_pairs_max;
        ATH__TRY(ath__neighbors_create(dyn->ctx, &config, &plan->neighbors));
    }
    return ATH_OK;
}

static void plan_free_tiles(ath_dynamics *dyn)
{
    ath__plan *plan = &dyn->plan;
    ath__device_free(plan->device, plan->d_ints, plan->n_ints, sizeof *plan->d_ints);
    plan->d_ints = NULL;
    plan->n_ints = 0;
    ath__free(dyn->ctx, &plan->tiles, (size_t)plan->max_tiles, sizeof *plan->tiles);
    plan->max_tiles = plan->n_tiles = 0;
}

static void plan_free_results(ath__plan *plan)
{
    ath__model_results *r = &plan->results;
    ath__device_free(plan->device, r->forces, plan->n_result_rows, 3 * sizeof *r->forces);
    ath__device_free(plan->device, r->energy, plan->n_result_slots, sizeof *r->energy);
    ath__device_free(plan->device, r->stress, plan->n_result_slots, 9 * sizeof *r->stress);
    *r = (ath__model_results){0};
    plan->n_result_rows = plan->n_result_slots = 0;
}

void ath__plan_drop(ath_dynamics *dyn)
{
    ath__plan *plan = &dyn->plan;
    if (!plan->device) {
        return;
    }
    for (int32_t m = 0; m < dyn->n_members; m++) {
        ath__member *member = &dyn->members[m];
        if (member->open) {
            ath__dynamics_count(dyn, member); /* what it has done stays counted */
            plan->device->ops->graph_free(plan->device, &member->graph);
            ath__device_free(plan->device, member->d_work, member->work_bytes, 1);
            ath__stream_close(&member->stream);
            *member = (ath__member){0};
        }
    }
    plan_free_tiles(dyn);
    plan_free_results(plan);
    ath__books_free(dyn);
    int64_t builds = 0;
    if (plan->neighbors && ath__neighbors_builds(plan->neighbors, &builds) == ATH_OK) {
        dyn->stats.list_builds += builds;
    }
    ath__neighbors_destroy(&plan->neighbors);
    const size_t n = (size_t)dyn->n_parts, cells = (size_t)plan->n_entry;
    ath__device_free(plan->device, plan->d_stages, n, sizeof *plan->d_stages);
    ath__device_free(plan->device, plan->d_entry_rows, n * (cells + 1), sizeof(double));
    ath__device_free(plan->device, plan->d_own, (size_t)dyn->n_own + 1, sizeof *plan->d_own);
    ath__device_free(plan->device, plan->d_params, plan->param_bytes, 1);
    *plan = (ath__plan){0};
}

/* Whether the whole team computes a system of n atoms. */
static bool plan_together(const ath_dynamics *dyn, int32_t n)
{
    return dyn->plan.device->immediate && dyn->n_members > 1 && n > ATH__TEAM_ATOMS &&
           !dyn->model->traits.whole_batch;
}

/* Bytes of work memory for systems of at most max_atoms atoms, n_members sharing in each. */
static size_t plan_work(const ath_dynamics *dyn, int32_t max_atoms, int32_t n_members)
{
    ath__model_needs needs = {0};
    dyn->model->ops->needs(dyn->model->state, max_atoms, &needs);
    const size_t compute = needs.work_bytes + (size_t)(n_members - 1) * needs.member_bytes;
    size_t update = 0;
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const size_t own = ath__integrator_work(dyn->parts[p].integrator, max_atoms);
        update = own > update ? own : update;
    }
    const size_t bytes = compute > update ? compute : update;
    const size_t list =
        dyn->plan.neighbors ? ath__neighbors_work(dyn->plan.neighbors, max_atoms, n_members) : 0;
    return list > bytes ? list : bytes;
}

/* Rows for results of parts of the model, as many as the batch has. */
static ath_status plan_fit_results(ath__plan *plan, const ath_batch *batch)
{
    const size_t rows = (size_t)ath_batch_atom_capacity(batch);
    const size_t slots = (size_t)ath_batch_capacity(batch);
    ath__model_results *r = &plan->results;
    if (rows <= plan->n_result_rows && slots <= plan->n_result_slots) {
        return ATH_OK;
    }
    plan_free_results(plan);
    plan->n_result_rows = rows;
    plan->n_result_slots = slots;
    ath_status status = ath__device_alloc(plan->device, rows, 3 * sizeof *r->forces, &r->forces);
    status =
        status < 0 ? status : ath__device_alloc(plan->device, slots, sizeof *r->energy, &r->energy);
    status = status < 0 ? status
                        : ath__device_alloc(plan->device, slots, 9 * sizeof *r->stress, &r->stress);
    if (status < 0) {
        plan_free_results(plan); /* all or none: the next run asks again */
    }
    return status;
}

/* Streams and work memory of the members that this device and this batch can use. */
static ath_status plan_fit_members(ath_dynamics *dyn)
{
    ath__plan *plan = &dyn->plan;
    const int32_t n = plan->device->immediate ? dyn->n_members : 1;
    for (int32_t m = 0; m < n; m++) {
        ath__member *member = &dyn->members[m];
        const bool first = m == 0 && plan->n_together > 0;
        const size_t bytes =
            plan_work(dyn, first ? plan->max_atoms : plan->max_alone, first ? n : 1);
        if (!member->open) {
            ATH__TRY(ath__stream_open(plan->device, &member->stream));
            member->open = true;
        }
        if (member->work_bytes < bytes) {
            void *d_work = NULL;
            ATH__TRY(ath__device_alloc(plan->device, bytes, 1, &d_work));
            ath__device_free(plan->device, member->d_work, member->work_bytes, 1);
            member->d_work = d_work;
            member->work_bytes = bytes;
        }
    }
    return ATH_OK;
}

/* Ints of a tile of n systems: slots, their number, counts, lists; each part begins a cache line.
 */
static size_t plan_tile_ints(const ath_dynamics *dyn, int32_t n)
{
    const size_t lists = (size_t)plan_n_lists(dyn), stride = plan_round((size_t)n);
    return stride + PLAN_LINE + plan_round(lists + ATH__N_COUNTS) + lists * stride;
}

/* Divides the systems over tiles; sets n_slots and n_atoms of each and returns their number. */
static int32_t plan_divide(const ath_dynamics *dyn, const ath_batch *batch, ath__tile *tiles)
{
    const int32_t n = ath_batch_n_systems(batch);
    const int64_t bytes = plan_atom_bytes(dyn);
    int64_t most = dyn->tile_bytes / bytes;
    const int64_t share =
        dyn->plan.atoms_alone / ((int64_t)dyn->n_members * PLAN_TILES_PER_MEMBER) + 1;
    if (dyn->n_members > 1 && share < most) {
        most = share;
    }
    if (!dyn->plan.device->immediate || dyn->model->traits.whole_batch) {
        most = INT64_MAX;
    }
    if (dyn->one_by_one) {
        most = 0;
    }
    int32_t t = 0;
    tiles[0].n_slots = 0;
    tiles[0].n_atoms = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t atoms = ath_batch_n_atoms_of(batch, i);
        if (tiles[t].n_slots > 0 &&
            (tiles[t].n_atoms + atoms > most || tiles[t].together || plan_together(dyn, atoms))) {
            t++;
            tiles[t].n_slots = 0;
            tiles[t].n_atoms = 0;
        }
        tiles[t].together = plan_together(dyn, atoms);
        tiles[t].n_slots++;
        tiles[t].n_atoms += atoms;
    }
    return n > 0 ? t + 1 : 0;
}

/* Writes the slots of every tile into `ints` and points the tiles into the device block. */
static void plan_lay_out(ath_dynamics *dyn, const ath_batch *batch, int32_t *ints)
{
    ath__plan *plan = &dyn->plan;
    const int32_t *order = ath__batch_order(batch);
    size_t at = 0;
    int32_t i = 0;
    for (int32_t t = 0; t < plan->n_tiles; t++) {
        ath__tile *tile = &plan->tiles[t];
        tile->stride = (int32_t)plan_round((size_t)tile->n_slots);
        tile->d_slots = plan->d_ints + at;
        for (int32_t k = 0; k < tile->n_slots; k++) {
            ints[at + (size_t)k] = order[i++];
        }
        at += (size_t)tile->stride;
        tile->d_n_slots = plan->d_ints + at;
        ints[at] = tile->n_slots;
        at += PLAN_LINE;
        tile->d_counts = plan->d_ints + at;
        at += plan_round((size_t)plan_n_lists(dyn) + ATH__N_COUNTS);
        tile->d_lists = plan->d_ints + at;
        at += (size_t)plan_n_lists(dyn) * (size_t)tile->stride;
    }
}

static ath_status plan_fit_tiles(ath_dynamics *dyn, const ath_batch *batch)
{
    ath__plan *plan = &dyn->plan;
    const int32_t n = ath_batch_n_systems(batch);
    if (plan->max_tiles < n + 1) {
        const int32_t more = 2 * n + 1;
        ATH__TRY(ath__resize(dyn->ctx, &plan->tiles, (size_t)plan->max_tiles, (size_t)more,
                             sizeof *plan->tiles));
        plan->max_tiles = more;
    }
    plan->n_tiles = plan_divide(dyn, batch, plan->tiles);
    size_t ints = 0;
    for (int32_t t = 0; t < plan->n_tiles; t++) {
        ints += plan_tile_ints(dyn, plan->tiles[t].n_slots);
    }
    if (plan->n_ints < ints) {
        int32_t *d_ints = NULL;
        ATH__TRY(ath__device_alloc(plan->device, 2 * ints, sizeof *d_ints, &d_ints));
        ath__device_free(plan->device, plan->d_ints, plan->n_ints, sizeof *plan->d_ints);
        plan->d_ints = d_ints;
        plan->n_ints = 2 * ints;
    }
    int32_t *host = NULL;
    ATH__TRY(ath__alloc(dyn->ctx, ints, sizeof *host, &host));
    plan_lay_out(dyn, batch, host);
    const ath_status status =
        ints ? ath__device_upload(plan->device, plan->d_ints, host, ints * sizeof *host) : ATH_OK;
    ath__free(dyn->ctx, &host, ints, sizeof *host);
    return status;
}

/* Refuses a device that some integrator cannot serve, before anything moves there. */
static ath_status plan_check_device(const ath_dynamics *dyn, const ath_device *device)
{
    for (int32_t p = 0; p < dyn->n_parts; p++) {
        const ath_integrator *integrator = dyn->parts[p].integrator;
        if (integrator && integrator->ops->host_only && !device->immediate) {
            return ath__fail(dyn->ctx, ATH_E_UNSUPPORTED,
                             "%s: a callback moves systems on the host, not on %s",
                             integrator->ops->name, device->name);
        }
    }
    return ATH_OK;
}

ath_status ath__plan_fit(ath_dynamics *dyn, ath_batch *batch)
{
    ath__plan *plan = &dyn->plan;
    if (plan->device && plan->device != ath_batch_device(batch)) {
        ath__plan_drop(dyn);
    }
    if (!plan->device) {
        ATH__TRY(plan_check_device(dyn, ath_batch_device(batch)));
        plan->device = ath_batch_device(batch);
        plan->n_entry = dyn->keeping.n_system;
        ath_status status = plan_make_stages(dyn);
        status = status < 0 ? status : plan_make_own(dyn);
        status = status < 0 ? status : plan_make_model(dyn);
        status = status < 0 ? status : ath__rehearse(dyn, plan->device);
        if (status < 0) {
            ath__plan_drop(dyn);
            return status;
        }
    }
    int32_t n_system = 0, n_atom = 0;
    ATH__TRY(ath__guards_tally(dyn)); /* before counters are laid out anew */
    ath__guards_cells(dyn, &n_system, &n_atom);
    if (ath__batch_n_system_state(batch) < n_system || ath__batch_n_atom_state(batch) < n_atom) {
        ATH__TRY(ath__batch_state(batch, n_system, n_atom));
    }
    plan->n_system_state = ath__batch_n_system_state(batch);
    plan->n_atom_state = ath__batch_n_atom_state(batch);
    plan->max_atoms = plan->max_alone = plan->n_together = 0;
    plan->atoms_alone = 0;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        const int32_t n = ath_batch_n_atoms_of(batch, i);
        const bool together = plan_together(dyn, n);
        plan->max_atoms = n > plan->max_atoms ? n : plan->max_atoms;
        plan->max_alone = !together && n > plan->max_alone ? n : plan->max_alone;
        plan->n_together += together;
        plan->atoms_alone += together ? 0 : n;
    }
    if (plan->neighbors) {
        ATH__TRY(ath__neighbors_fit(plan->neighbors, batch));
    }
    if (dyn->model->traits.results) {
        ATH__TRY(plan_fit_results(plan, batch));
    }
    ATH__TRY(ath__books_fit(dyn, batch));
    ATH__TRY(ath__convergence_look(dyn, batch, plan->sources));
    ath__own_look(dyn, batch, plan->own_rows);
    ATH__TRY(plan_fit_members(dyn));
    ATH__TRY(plan_fit_tiles(dyn, batch));
    plan->generation++;
    return ATH_OK;
}

/* Adds up one of the ints of every tile's counts, and zeroes it there if asked to. */
static ath_status plan_sum(ath_dynamics *dyn, int32_t index, bool clear, int64_t *out)
{
    ath__plan *plan = &dyn->plan;
    int64_t sum = 0;
    for (int32_t t = 0; t < plan->n_tiles; t++) {
        int32_t *d_count = plan->tiles[t].d_counts + index, value = 0;
        const int32_t zero = 0;
        if (plan->device->shared) {
            value = *d_count;
        } else {
            ATH__TRY(ath__device_download(plan->device, &value, d_count, sizeof value));
        }
        if (clear && value) {
            if (plan->device->shared) {
                *d_count = 0;
            } else {
                ATH__TRY(ath__device_upload(plan->device, d_count, &zero, sizeof zero));
            }
        }
        sum += value;
    }
    *out = sum;
    return ATH_OK;
}

ath_status ath__plan_take(ath_dynamics *dyn, int32_t counter, int64_t *out)
{
    return plan_sum(dyn, plan_n_lists(dyn) + counter, true, out);
}

ath_status ath__plan_length(ath_dynamics *dyn, int32_t list, int64_t *out)
{
    return plan_sum(dyn, list, false, out);
}

ath_status ath__plan_due(ath_dynamics *dyn, int64_t *out)
{
    *out = 0;
    for (int32_t list = 0; list < ATH__N_LISTS; list++) {
        int64_t n = 0;
        ATH__TRY(ath__plan_length(dyn, dyn->n_parts + list, &n));
        *out += n;
    }
    return ATH_OK;
}
