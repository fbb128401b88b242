/* rig.c - see rig.h. */
#include "integrators/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rig_ok(const test_rig *rig, ath_status status, const char *call, const char *file, int line)
{
    if (status != ATH_OK) {
        print_error("%s: %s: %s\n", call, ath_status_name(status), ath_context_message(rig->ctx));
    }
    _assert_true(status == ATH_OK, call, file, line);
}

double rig_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return ((double)(z >> 12) + 0.5) * 0x1p-52;
}

void rig_open(test_rig *rig, const char *device, const char *integrator)
{
    memset(rig, 0, sizeof *rig);
    assert_int_equal(ath_context_create(NULL, &rig->ctx), ATH_OK);
    rig->seed = 17;
    RIG_OK(rig, ath_device_open(rig->ctx, device, &rig->device));
    RIG_OK(rig, ath_integrator_create(rig->ctx, integrator, &rig->integrator));
    const ath_batch_config config = {.size = sizeof config, .device = rig->device};
    RIG_OK(rig, ath_batch_create(rig->ctx, &config, &rig->batch));
    RIG_OK(rig, ath__stream_open(rig->device, &rig->stream));
    RIG_OK(rig, ath__device_alloc(rig->device, RIG_MAX_SYSTEMS, sizeof(int32_t), &rig->d_slots));
    RIG_OK(rig, ath__device_alloc(rig->device, 1, sizeof(int32_t), &rig->d_n_slots));
}

void rig_close(test_rig *rig)
{
    ath__device_free(rig->device, rig->d_slots, RIG_MAX_SYSTEMS, sizeof(int32_t));
    ath__device_free(rig->device, rig->d_n_slots, 1, sizeof(int32_t));
    ath__stream_close(&rig->stream);
    ath_batch_destroy(&rig->batch);
    ath_integrator_destroy(&rig->integrator);
    ath_device_close(&rig->device);
    ath_context_destroy(&rig->ctx);
}

/* Field of a system as doubles. */
static double *rig_field(test_rig *rig, ath_system *system, ath_field_id field)
{
    void *rows = NULL;
    RIG_OK(rig, ath_system_field(system, field, &rows));
    return rows;
}

static void rig_fill(test_rig *rig, ath_system *system, const rig_spec *spec)
{
    uint64_t random = spec->content;
    double *r = rig_field(rig, system, ATH_FIELD_POSITIONS);
    double *v = rig_field(rig, system, ATH_FIELD_VELOCITIES);
    double *m = rig_field(rig, system, ATH_FIELD_MASSES);
    for (int32_t k = 0; k < 3 * spec->n; k++) {
        r[k] = 10.0 * rig_random(&random);
        v[k] = 0.2 * (rig_random(&random) - 0.5);
    }
    for (int32_t i = 0; i < spec->n; i++) {
        m[i] = 1.0 + 100.0 * rig_random(&random);
    }
    if (spec->n > 5) {
        m[5] = 0.0; /* a massless atom */
    }
    if (rig->integrator->ops->moves_cell) {
        double *cell = rig_field(rig, system, ATH_FIELD_CELL);
        void *pbc = NULL;
        RIG_OK(rig, ath_system_field(system, ATH_FIELD_PBC, &pbc));
        for (int32_t k = 0; k < 9; k++) {
            cell[k] = (k % 4 == 0 ? 10.0 : 0.0) + 1.5 * (rig_random(&random) - 0.5);
        }
        memcpy(pbc, (int32_t[]){1, 1, 1}, 3 * sizeof(int32_t));
    }
    if (spec->fixed) {
        void *rows = NULL;
        RIG_OK(rig, ath_system_field(system, ATH_FIELD_FIXED, &rows));
        uint8_t *fixed = rows;
        for (int32_t k = 0; k < 3 * spec->n; k++) {
            fixed[k] = rig_random(&random) < 0.3;
        }
    }
}

int32_t rig_add(test_rig *rig, const rig_spec *specs, int32_t n)
{
    const int32_t first = ath_batch_n_systems(rig->batch);
    assert_true(first + n <= RIG_MAX_SYSTEMS);
    for (int32_t s = 0; s < n; s++) {
        ath_system *system = NULL;
        RIG_OK(rig, ath_system_create(rig->ctx, specs[s].n, &system));
        rig_fill(rig, system, &specs[s]);
        ath_system_set_uid(system, (ath_uid){specs[s].uid, 1});
        RIG_OK(rig, ath_batch_add(rig->batch, system));
        ath_system_destroy(&system);
    }
    return first;
}

int32_t rig_add_atoms(test_rig *rig, int32_t n, const double *r, const double *v, const double *m)
{
    const int32_t index = ath_batch_n_systems(rig->batch);
    ath_system *system = NULL;
    RIG_OK(rig, ath_system_create(rig->ctx, n, &system));
    memcpy(rig_field(rig, system, ATH_FIELD_POSITIONS), r, 3 * (size_t)n * sizeof *r);
    double *velocities = rig_field(rig, system, ATH_FIELD_VELOCITIES);
    if (v) {
        memcpy(velocities, v, 3 * (size_t)n * sizeof *v);
    }
    memcpy(rig_field(rig, system, ATH_FIELD_MASSES), m, (size_t)n * sizeof *m);
    ath_system_set_uid(system, (ath_uid){(uint64_t)index + 1, 0});
    RIG_OK(rig, ath_batch_add(rig->batch, system));
    ath_system_destroy(&system);
    return index;
}

void rig_enter(test_rig *rig)
{
    ath__integrator_cells(rig->integrator, &rig->n_system, &rig->n_atom);
    rig->n_system++;
    RIG_OK(rig, ath__batch_state(rig->batch, rig->n_system, rig->n_atom));
    ath__view view;
    ath__batch_view(rig->batch, &view);
    double row[RIG_MAX_CELLS] = {0};
    assert_true(rig->n_system <= RIG_MAX_CELLS);
    ath__integrator_entry_row(rig->integrator, row);
    row[rig->n_system - 1] = 12345.0; /* belongs to another stage: must stay */
    for (int32_t i = 0; i < ath_batch_n_systems(rig->batch); i++) {
        const int64_t slot = ath__batch_slot(rig->batch, i);
        RIG_OK(rig, ath__device_upload(rig->device, view.system_state + slot * rig->n_system, row,
                                       (size_t)rig->n_system * sizeof *row));
    }
}

void rig_read(const test_rig *rig, ath_field_id field, int32_t index, void *out)
{
    RIG_OK(rig, ath_batch_read(rig->batch, field, index, out));
}

void rig_write(test_rig *rig, ath_field_id field, int32_t index, const void *values)
{
    RIG_OK(rig, ath_batch_write(rig->batch, field, index, values));
}

void rig_forces(test_rig *rig, rig_force force, const void *arg)
{
    for (int32_t i = 0; i < ath_batch_n_systems(rig->batch); i++) {
        const int32_t n = ath_batch_n_atoms_of(rig->batch, i);
        double *r = calloc(6 * (size_t)n + 1, sizeof *r), *f = r + 3 * n;
        assert_non_null(r);
        rig_read(rig, ATH_FIELD_POSITIONS, i, r);
        force(n, r, f, arg);
        rig_write(rig, ATH_FIELD_FORCES, i, f);
        free(r);
        if (rig->integrator->ops->moves_cell) {
            double cell[9], stress[9];
            rig_read(rig, ATH_FIELD_CELL, i, cell);
            for (int k = 0; k < 9; k++) {
                const double strain = 0.05 * (cell[k] + cell[3 * (k % 3) + k / 3]);
                stress[k] = 0.5 * (strain - (k % 4 == 0 ? 1.0 : 0.0));
            }
            rig_write(rig, ATH_FIELD_STRESS, i, stress);
        }
    }
}

void rig_half(test_rig *rig, bool second, const int32_t *indices, int32_t n)
{
    int32_t slots[RIG_MAX_SYSTEMS] = {0};
    for (int32_t i = 0; i < n; i++) {
        slots[i] = ath__batch_slot(rig->batch, indices[i]);
    }
    RIG_OK(rig, ath__device_upload(rig->device, rig->d_slots, slots, sizeof slots));
    RIG_OK(rig, ath__device_upload(rig->device, rig->d_n_slots, &n, sizeof n));
    ath__update u = {.stream = &rig->stream,
                     .args = {.slots = rig->d_slots,
                              .n_slots = rig->d_n_slots,
                              .seed = rig->seed,
                              .n_system_state = rig->n_system,
                              .n_atom_state = rig->n_atom}};
    ath__batch_view(rig->batch, &u.args.view);
    const ath__integrator_ops *ops = rig->integrator->ops;
    if (!second) {
        RIG_OK(rig, ops->pre_update(rig->integrator->state, &u));
    } else if (ops->post_update) {
        RIG_OK(rig, ops->post_update(rig->integrator->state, &u));
    }
    RIG_OK(rig, rig->device->ops->wait(&rig->stream));
}

void rig_steps(test_rig *rig, int64_t n, rig_force force, const void *arg)
{
    int32_t all[RIG_MAX_SYSTEMS];
    const int32_t n_systems = ath_batch_n_systems(rig->batch);
    for (int32_t i = 0; i < n_systems; i++) {
        all[i] = i;
    }
    for (int64_t step = 0; step < n; step++) {
        rig_half(rig, false, all, n_systems);
        rig_forces(rig, force, arg);
        rig_half(rig, true, all, n_systems);
        for (int32_t i = 0; i < n_systems; i++) {
            int64_t done;
            rig_read(rig, ATH_FIELD_STAGE_STEPS, i, &done);
            done++;
            rig_write(rig, ATH_FIELD_STAGE_STEPS, i, &done);
        }
    }
}

void rig_cells(const test_rig *rig, int32_t index, double *out)
{
    ath__view view;
    ath__batch_view(rig->batch, &view);
    const int64_t slot = ath__batch_slot(rig->batch, index);
    RIG_OK(rig, ath__device_download(rig->device, out, view.system_state + slot * rig->n_system,
                                     (size_t)rig->n_system * sizeof *out));
}

int32_t rig_flags(const test_rig *rig, int32_t index)
{
    ath__view view;
    int32_t flags;
    ath__batch_view(rig->batch, &view);
    const int32_t *at = view.flags + ath__batch_slot(rig->batch, index);
    RIG_OK(rig, ath__device_download(rig->device, &flags, at, sizeof flags));
    return flags;
}

void rig_set_flags(test_rig *rig, int32_t index, int32_t flags)
{
    ath__view view;
    ath__batch_view(rig->batch, &view);
    int32_t *at = view.flags + ath__batch_slot(rig->batch, index);
    RIG_OK(rig, ath__device_upload(rig->device, at, &flags, sizeof flags));
}

/* Copies positions, velocities, cell and integrator state of a system, to or from. */
static int64_t rig_copy(const test_rig *rig, int32_t index, double *saved, bool back)
{
    const int64_t n = ath_batch_n_atoms_of(rig->batch, index);
    const int64_t slot = ath__batch_slot(rig->batch, index);
    ath__view view;
    ath__batch_view(rig->batch, &view);
    const int64_t first = ath__batch_first_row(rig->batch, (int32_t)slot);
    double *const from[] = {view.positions + 3 * first, view.velocities + 3 * first,
                            view.cell + 9 * slot, view.system_state + slot * rig->n_system,
                            rig->n_atom > 0 ? view.atom_state + first * rig->n_atom : NULL};
    const int64_t counts[] = {3 * n, 3 * n, 9, rig->n_system, n * rig->n_atom};
    int64_t at = 0;
    for (int k = 0; k < 5; at += counts[k++]) {
        const size_t bytes = (size_t)counts[k] * sizeof(double);
        if (saved && bytes > 0) {
            RIG_OK(rig, back ? ath__device_upload(rig->device, from[k], saved + at, bytes)
                             : ath__device_download(rig->device, saved + at, from[k], bytes));
        }
    }
    return at;
}

double *rig_save(const test_rig *rig, int32_t index, int64_t *n)
{
    *n = rig_copy(rig, index, NULL, false);
    double *saved = calloc((size_t)*n, sizeof *saved);
    assert_non_null(saved);
    rig_copy(rig, index, saved, false);
    return saved;
}

void rig_restore(test_rig *rig, int32_t index, double *saved)
{
    rig_copy(rig, index, saved, true);
    free(saved);
}

/* Adds rows of a field to a hash. */
static void rig_hash_field(const test_rig *rig, int32_t index, ath_field_id field, ath__hash *h)
{
    const ath_field_info *info = ath_field_describe(rig->ctx, field);
    const size_t rows =
        info->level == ATH_LEVEL_ATOM ? (size_t)ath_batch_n_atoms_of(rig->batch, index) : 1;
    const size_t bytes = rows * (size_t)info->width * (size_t)ath_dtype_bytes(info->dtype);
    void *values = calloc(bytes + 1, 1);
    assert_non_null(values);
    rig_read(rig, field, index, values);
    ath__hash_update(h, values, bytes);
    free(values);
}

uint64_t rig_hash(const test_rig *rig, int32_t index)
{
    ath__hash h;
    uint64_t out[2];
    ath__hash_begin(&h, 1, 2);
    for (ath_field_id field = 0; field < ATH_N_CORE_FIELDS; field++) {
        if (ath_batch_has_field(rig->batch, field)) {
            rig_hash_field(rig, index, field, &h);
        }
    }
    const int32_t flags = rig_flags(rig, index);
    int64_t n = 0;
    double *state = rig_save(rig, index, &n);
    ath__hash_update(&h, &flags, sizeof flags);
    ath__hash_update(&h, state, (size_t)n * sizeof *state);
    free(state);
    ath__hash_end(&h, out);
    return out[0];
}

/* Cells of a system that steps change: the leeway of optimizers, their last one, stays 1. */
static int32_t rig_n_moving(const test_rig *rig, const double *cells)
{
    const ath__state_info *s = rig->integrator->ops->states;
    int32_t n = rig->n_system - 1;
    for (; s->name; s++) {
        if (!strcmp(s->name, "leeway")) {
            assert_true(cells[--n] == 1.0);
        }
    }
    return n;
}

uint64_t rig_hash_motion(const test_rig *rig, int32_t index)
{
    ath__hash h;
    uint64_t out[2];
    double cells[RIG_MAX_CELLS];
    ath__hash_begin(&h, 3, 4);
    rig_hash_field(rig, index, ATH_FIELD_POSITIONS, &h);
    rig_hash_field(rig, index, ATH_FIELD_VELOCITIES, &h);
    if (rig->integrator->ops->moves_cell) {
        rig_hash_field(rig, index, ATH_FIELD_CELL, &h);
    }
    rig_cells(rig, index, cells);
    ath__hash_update(&h, cells, (size_t)rig_n_moving(rig, cells) * sizeof *cells);
    ath__hash_end(&h, out);
    return out[0];
}

void rig_wells(int32_t n, const double *r, double *f, const void *arg)
{
    (void)arg;
    for (int32_t k = 0; k < 3 * n; k++) {
        const double stiffness = 1.0 + (k % 5) * 0.25, place = 5.0 + (k % 7) * 0.125;
        f[k] = -stiffness * (r[k] - place);
    }
}
