/* See model_checks.h. */
#include "model_checks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/batch_private.h"
#include "neighbors/neighbors.h"

static void model_ok(const model_bench *bench, ath_status status)
{
    if (status < 0) {
        fail_msg("%s: %s", ath_status_text(status), ath_context_message(bench->ctx));
    }
}

static void *model_alloc(size_t n, size_t size)
{
    void *block = calloc(n ? n : 1, size);
    if (!block) {
        abort();
    }
    return block;
}

double model_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)(int64_t)(*state * UINT64_C(2685821657736338717)) * 0x1p-63;
}

double *model_field(ath_system *system, ath_field_id field)
{
    void *rows = NULL;
    assert_int_equal(ath_system_field(system, field, &rows), ATH_OK);
    return rows;
}

static int32_t *model_whole(ath_system *system, ath_field_id field)
{
    void *rows = NULL;
    assert_int_equal(ath_system_field(system, field, &rows), ATH_OK);
    return rows;
}

static ath_system *model_copy(const ath_system *system)
{
    ath_system *copy = NULL;
    assert_int_equal(ath_system_clone(system, &copy), ATH_OK);
    return copy;
}

bool model_bench_open(model_bench *bench, ath_context *ctx, const char *device,
                      const ath__model_ops *ops, const char *text)
{
    *bench = (model_bench){.skin = 0.3};
    if (!ctx) {
        assert_int_equal(ath_context_create(NULL, &bench->own), ATH_OK);
    }
    bench->ctx = ctx ? ctx : bench->own;
    if (ath_device_open(bench->ctx, device, &bench->device) == ATH_E_DEVICE) {
        ath_context_destroy(&bench->own);
        return false;
    }
    assert_non_null(bench->device);
    model_ok(bench, ops ? ath__model_create_from(bench->ctx, ops, text, &bench->model)
                        : ath_model_create(bench->ctx, text, &bench->model));
    return true;
}

void model_bench_close(model_bench *bench)
{
    ath_model_destroy(&bench->model);
    ath_device_close(&bench->device);
    ath_context_destroy(&bench->own);
}

/* ---- one call ---- */

/* A batch with what a call of the model on it needs. */
typedef struct model_call {
    const model_bench *bench;
    ath_batch *batch;
    ath__neighbors *neighbors; /* NULL: the model needs none */
    ath__stream stream;
    ath__team *team; /* NULL: none */
    ath__compute compute;
    void *params, *work, *list_work;
    int32_t *slots, *n_slots; /* on the device */
    size_t param_bytes, work_bytes, list_bytes, n_results;
    int32_t n, n_listed, most; /* most: atoms of the largest system */
} model_call;

static void model_call_params(model_call *c)
{
    const model_bench *b = c->bench;
    const ath__model_ops *ops = b->model->ops;
    model_ok(b, ops->params(b->model->state, NULL, &c->param_bytes));
    void *block = model_alloc(c->param_bytes, 1);
    model_ok(b, ops->params(b->model->state, block, &c->param_bytes));
    model_ok(b, ath__device_alloc(b->device, c->param_bytes, 1, &c->params));
    model_ok(b, ath__device_upload(b->device, c->params, block, c->param_bytes));
    free(block);
}

/* Lists the slots of the systems with index first, first + step, ... */
static void model_call_list(model_call *c, int32_t first, int32_t step, int32_t count)
{
    const model_bench *b = c->bench;
    int32_t *slots = model_alloc((size_t)count, sizeof *slots);
    for (int32_t k = 0; k < count; k++) {
        slots[k] = ath__batch_slot(c->batch, first + k * step);
    }
    model_ok(b, ath__device_upload(b->device, c->slots, slots, (size_t)count * sizeof *slots));
    model_ok(b, ath__device_upload(b->device, c->n_slots, &count, sizeof count));
    c->n_listed = count;
    free(slots);
}

/* Rows for the results of terms, if the model wants them. */
static void model_call_results(model_call *c)
{
    const size_t rows = (size_t)ath_batch_atom_capacity(c->batch);
    const size_t slots = (size_t)ath_batch_capacity(c->batch);
    double *at = NULL;
    c->n_results = c->bench->model->traits.results ? 3 * rows + 10 * slots : 0;
    model_ok(c->bench, ath__device_alloc(c->bench->device, c->n_results, sizeof *at, &at));
    if (at) {
        c->compute.results = (ath__model_results){at, at + 3 * rows, at + 3 * rows + slots};
    }
}

static void model_call_open(model_call *c, const model_bench *b, ath_system *const *systems,
                            int32_t n)
{
    ath__model_needs needs = {0};
    *c = (model_call){.bench = b, .n = n, .most = 1};
    model_ok(b, ath_batch_from_systems(b->ctx, b->device, systems, n, &c->batch));
    for (int32_t i = 0; i < n; i++) {
        const int32_t atoms = ath_batch_n_atoms_of(c->batch, i);
        c->most = atoms > c->most ? atoms : c->most;
    }
    model_call_params(c);
    b->model->ops->needs(b->model->state, c->most, &needs);
    c->work_bytes = needs.work_bytes;
    model_ok(b, ath__device_alloc(b->device, c->work_bytes, 1, &c->work));
    model_ok(b, ath__device_alloc(b->device, (size_t)n, sizeof *c->slots, &c->slots));
    model_ok(b, ath__device_alloc(b->device, 1, sizeof *c->n_slots, &c->n_slots));
    model_ok(b, ath__stream_open(b->device, &c->stream));
    model_call_list(c, 0, 1, n);
    model_call_results(c);
    ath__batch_view(c->batch, &c->compute.view);
    if (needs.cutoff > 0.0) {
        const ath__neighbors_config config = {.device = b->device,
                                              .cutoff = needs.cutoff,
                                              .skin = b->skin,
                                              .all_pairs_max = needs.all_pairs_max};
        model_ok(b, ath__neighbors_create(b->ctx, &config, &c->neighbors));
        model_ok(b, ath__neighbors_fit(c->neighbors, c->batch));
        c->list_bytes = ath__neighbors_work(c->neighbors, c->most, 1);
        model_ok(b, ath__device_alloc(b->device, c->list_bytes, 1, &c->list_work));
    }
}

static void model_call_close(model_call *c)
{
    ath_device *device = c->bench->device;
    ath__stream_close(&c->stream);
    ath__team_destroy(&c->team);
    ath__neighbors_destroy(&c->neighbors);
    ath__device_free(device, c->compute.results.forces, c->n_results, sizeof(double));
    ath__device_free(device, c->list_work, c->list_bytes, 1);
    ath__device_free(device, c->work, c->work_bytes, 1);
    ath__device_free(device, c->params, c->param_bytes, 1);
    ath__device_free(device, c->slots, (size_t)c->n, sizeof *c->slots);
    ath__device_free(device, c->n_slots, 1, sizeof *c->n_slots);
    ath_batch_destroy(&c->batch);
}

static void model_call_lists(model_call *c)
{
    for (int32_t grown = 1; c->neighbors && grown > 0;) {
        model_ok(c->bench,
                 ath__neighbors_update(c->neighbors, &c->stream, &c->compute.view, c->slots,
                                       c->n_slots, c->list_work, c->list_bytes));
        model_ok(c->bench, c->bench->device->ops->wait(&c->stream));
        model_ok(c->bench, ath__neighbors_grow(c->neighbors, c->batch, &grown));
        ath__neighbors_view(c->neighbors, &c->compute.list);
    }
}

static void model_call_compute(model_call *c, unsigned want)
{
    c->compute.stream = &c->stream;
    c->compute.d_slots = c->slots;
    c->compute.d_n_slots = c->n_slots;
    c->compute.d_params = c->params;
    c->compute.d_work = c->work;
    c->compute.work_bytes = c->work_bytes;
    c->compute.want = want;
    model_ok(c->bench, c->bench->model->ops->compute(c->bench->model->state, &c->compute));
    model_ok(c->bench, c->bench->device->ops->wait(&c->stream));
}

/* From now on compute runs on a team, with the work memory that it may expect and no more. */
static void model_call_join(model_call *c, int32_t members)
{
    const model_bench *b = c->bench;
    ath__model_needs needs = {0};
    b->model->ops->needs(b->model->state, c->most, &needs);
    ath__device_free(b->device, c->work, c->work_bytes, 1);
    c->work_bytes = needs.work_bytes + (size_t)(members - 1) * needs.member_bytes;
    model_ok(b, ath__device_alloc(b->device, c->work_bytes, 1, &c->work));
    ath__team_destroy(&c->team);
    model_ok(b, ath__team_create(b->ctx, members, &c->team));
    c->stream.team = c->team;
}

static model_result *model_call_read(model_call *c)
{
    model_result *r = model_alloc((size_t)c->n, sizeof *r);
    for (int32_t i = 0; i < c->n; i++) {
        r[i].n_atoms = ath_batch_n_atoms_of(c->batch, i);
        r[i].forces = model_alloc((size_t)r[i].n_atoms, 3 * sizeof(double));
        model_ok(c->bench, ath_batch_read(c->batch, ATH_FIELD_ENERGY, i, &r[i].energy));
        model_ok(c->bench, ath_batch_read(c->batch, ATH_FIELD_STRESS, i, r[i].stress));
        model_ok(c->bench, ath_batch_read(c->batch, ATH_FIELD_FORCES, i, r[i].forces));
    }
    return r;
}

model_result *model_results(const model_bench *bench, ath_system *const *systems, int32_t n,
                            unsigned want)
{
    model_call c;
    model_call_open(&c, bench, systems, n);
    model_call_lists(&c);
    model_call_compute(&c, want);
    model_result *r = model_call_read(&c);
    model_call_close(&c);
    return r;
}

model_result *model_results_backwards(const model_bench *bench, ath_system *const *systems,
                                      int32_t n, unsigned want)
{
    model_call c;
    model_call_open(&c, bench, systems, n);
    model_call_list(&c, n - 1, -1, n);
    model_call_lists(&c);
    model_call_compute(&c, want);
    model_result *r = model_call_read(&c);
    model_call_close(&c);
    return r;
}

model_result *model_results_moved(const model_bench *bench, ath_system *const *systems, int32_t n,
                                  double move)
{
    model_call c;
    uint64_t seed = 77;
    model_call_open(&c, bench, systems, n);
    for (int32_t i = 0; i < n; i++) {
        ath_system *off = model_copy(systems[i]);
        double *x = model_field(off, ATH_FIELD_POSITIONS);
        for (int32_t k = 0; k < 3 * ath_system_n_atoms(off); k++) {
            x[k] += move * model_random(&seed);
        }
        model_ok(bench, ath_batch_write(c.batch, ATH_FIELD_POSITIONS, i, x));
        ath_system_destroy(&off);
    }
    model_call_lists(&c);
    for (int32_t i = 0; i < n; i++) {
        model_ok(bench, ath_batch_write(c.batch, ATH_FIELD_POSITIONS, i,
                                        ath_system_peek(systems[i], ATH_FIELD_POSITIONS)));
    }
    model_call_lists(&c);
    model_call_compute(&c, MODEL_ALL);
    model_result *r = model_call_read(&c);
    model_call_close(&c);
    return r;
}

void model_results_free(model_result *results, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        free(results[i].forces);
    }
    free(results);
}

bool model_same_bits(const model_result *a, const model_result *b)
{
    return a->n_atoms == b->n_atoms && !memcmp(&a->energy, &b->energy, sizeof a->energy) &&
           !memcmp(a->stress, b->stress, sizeof a->stress) &&
           !memcmp(a->forces, b->forces, (size_t)a->n_atoms * 3 * sizeof(double));
}

/* Where symmetry makes all forces vanish, what is left is rounding: relative to this, eV/angstrom.
 */
#define MODEL_SMALL_FORCE 1e-6

double model_rms_force(const model_result *result)
{
    double sum = 0.0;
    for (int32_t k = 0; k < 3 * result->n_atoms; k++) {
        sum += result->forces[k] * result->forces[k];
    }
    return fmax(sqrt(sum / (3.0 * result->n_atoms)), MODEL_SMALL_FORCE);
}

/* ---- systems ---- */

/* x <- x (1 + e) for n rows, e 3x3. */
static void model_deform(double *x, int32_t n, const double e[9])
{
    for (int32_t i = 0; i < n; i++) {
        const double r[3] = {x[3 * i], x[3 * i + 1], x[3 * i + 2]};
        for (int c = 0; c < 3; c++) {
            x[3 * i + c] = r[c] + (r[0] * e[c] + r[1] * e[3 + c] + r[2] * e[6 + c]);
        }
    }
}

static void model_lattice(const model_recipe *recipe, int32_t n, double *x)
{
    static const double site[4][3] = {{0, 0, 0}, {0.5, 0.5, 0}, {0.5, 0, 0.5}, {0, 0.5, 0.5}};
    const int32_t basis = recipe->fcc ? 4 : 1;
    for (int32_t i = 0; i < n; i++) {
        int32_t cell = i / basis;
        for (int k = 2; k >= 0; k--) {
            x[3 * i + k] = recipe->spacing * (cell % recipe->cells[k] + site[i % basis][k]);
            cell /= recipe->cells[k];
        }
    }
}

ath_system *model_system(ath_context *ctx, const model_recipe *recipe)
{
    uint64_t seed = recipe->seed * 2 + 1;
    double e[9];
    int32_t kinds = 0;
    ath_system *system = NULL;
    const int32_t n =
        recipe->cells[0] * recipe->cells[1] * recipe->cells[2] * (recipe->fcc ? 4 : 1) -
        recipe->remove;
    assert_int_equal(ath_system_create(ctx, n, &system), ATH_OK);
    double *x = model_field(system, ATH_FIELD_POSITIONS), *h = model_field(system, ATH_FIELD_CELL);
    int32_t *number = model_whole(system, ATH_FIELD_NUMBERS);
    memcpy(model_whole(system, ATH_FIELD_PBC), recipe->pbc, sizeof recipe->pbc);
    model_lattice(recipe, n, x);
    while (kinds < 4 && recipe->numbers[kinds]) {
        kinds++;
    }
    for (int32_t i = 0; i < n; i++) {
        const int32_t kind = (int32_t)((model_random(&seed) + 1.0) * 0.5 * kinds);
        number[i] = recipe->numbers[kind < kinds ? kind : 0];
    }
    for (int k = 0; k < 3; k++) {
        h[4 * k] = recipe->spacing * recipe->cells[k];
    }
    for (int k = 0; k < 9; k++) {
        e[k] = recipe->strain * model_random(&seed);
    }
    for (int32_t k = 0; k < 3 * n; k++) {
        x[k] += recipe->rattle * model_random(&seed);
    }
    model_deform(x, n, e);
    model_deform(h, 3, e);
    for (int32_t i = 0; i < n; i++) {
        for (int k = 0; k < 3; k++) {
            const double far = recipe->pbc[k] ? rint(recipe->far * model_random(&seed)) : 0.0;
            for (int c = 0; c < 3; c++) {
                x[3 * i + c] += far * h[3 * k + c];
            }
        }
    }
    return system;
}

/* ---- derivatives ---- */

enum { MODEL_POINTS = 4 };
static const double model_point[MODEL_POINTS] = {-2.0, -1.0, 1.0, 2.0};
static const double model_weight[MODEL_POINTS] = {1.0, -8.0, 8.0, -1.0}; /* / 12 step */

/* Derivatives of the energy, systems in groups of four points. */
static void model_derivatives(const model_bench *bench, ath_system **systems, int32_t n,
                              double step, double *out)
{
    model_result *r = model_results(bench, systems, MODEL_POINTS * n, MODEL_ALL);
    for (int32_t k = 0; k < n; k++) {
        double sum = 0.0;
        for (int p = 0; p < MODEL_POINTS; p++) {
            sum += model_weight[p] * (r[MODEL_POINTS * k + p].energy - r[0].energy);
        }
        out[k] = sum / (12.0 * step);
    }
    model_results_free(r, MODEL_POINTS * n);
    for (int32_t k = 0; k < MODEL_POINTS * n; k++) {
        ath_system_destroy(&systems[k]);
    }
}

void model_checks_forces(const model_bench *bench, ath_system *system, int32_t atoms, double step,
                         double tolerance)
{
    model_result *at = model_results(bench, &system, 1, MODEL_ALL);
    const double rms = model_rms_force(at);
    const int32_t n = ath_system_n_atoms(system);
    const int32_t m = 3 * (atoms < n ? atoms : n), stride = atoms < n ? n / atoms : 1;
    ath_system **moved = model_alloc((size_t)(MODEL_POINTS * m), sizeof(ath_system *));
    double *slope = model_alloc((size_t)m, sizeof *slope);
    for (int32_t k = 0; k < m; k++) {
        for (int p = 0; p < MODEL_POINTS; p++) {
            ath_system *s = moved[MODEL_POINTS * k + p] = model_copy(system);
            model_field(s, ATH_FIELD_POSITIONS)[3 * (k / 3 * stride) + k % 3] +=
                model_point[p] * step;
        }
    }
    model_derivatives(bench, moved, m, step, slope);
    assert_true(rms > MODEL_SMALL_FORCE);
    for (int32_t k = 0; k < m; k++) {
        const double force = at->forces[3 * (k / 3 * stride) + k % 3];
        if (!(fabs(force + slope[k]) <= tolerance * rms)) {
            fail_msg("atom %d: force %.17g, difference of energies %.17g, rms %.3g",
                     (int)(k / 3 * stride), force, -slope[k], rms);
        }
    }
    free(slope);
    free(moved);
    model_results_free(at, 1);
}

static double model_volume(ath_system *system)
{
    const double *h = model_field(system, ATH_FIELD_CELL);
    return fabs(h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
                h[2] * (h[3] * h[7] - h[4] * h[6]));
}

void model_checks_stress(const model_bench *bench, ath_system *system, double step,
                         double tolerance)
{
    model_result *at = model_results(bench, &system, 1, MODEL_ALL);
    ath_system *strained[9 * MODEL_POINTS];
    double slope[9], largest = 0.0;
    const double volume = model_volume(system);
    for (int k = 0; k < 9; k++) {
        for (int p = 0; p < MODEL_POINTS; p++) {
            double e[9] = {0.0};
            ath_system *s = strained[MODEL_POINTS * k + p] = model_copy(system);
            e[k] += 0.5 * model_point[p] * step;
            e[k % 3 * 3 + k / 3] += 0.5 * model_point[p] * step;
            model_deform(model_field(s, ATH_FIELD_POSITIONS), ath_system_n_atoms(s), e);
            model_deform(model_field(s, ATH_FIELD_CELL), 3, e);
        }
    }
    model_derivatives(bench, strained, 9, step, slope);
    for (int k = 0; k < 9; k++) {
        largest = fmax(largest, fabs(at->stress[k] * volume));
    }
    assert_true(largest > 0.0);
    for (int k = 0; k < 9; k++) {
        if (!(fabs(at->stress[k] * volume - slope[k]) <= tolerance * largest)) {
            fail_msg("component %d: V stress %.17g eV, difference of energies %.17g eV", k,
                     at->stress[k] * volume, slope[k]);
        }
    }
    model_results_free(at, 1);
}

void model_checks_stress_form(const model_bench *bench, ath_system *system)
{
    ath_system *copy = model_copy(system);
    int32_t *pbc = model_whole(copy, ATH_FIELD_PBC);
    for (int k = 0; k < 4; k++) {
        for (int c = 0; c < 3; c++) {
            pbc[c] = c != k;
        }
        model_result *r = model_results(bench, &copy, 1, MODEL_ALL);
        for (int q = 0; q < 9; q++) {
            assert_true(r->stress[q] == r->stress[q % 3 * 3 + q / 3]);
            assert_true(k == 3 || r->stress[q] == 0.0);
        }
        model_results_free(r, 1);
    }
    ath_system_destroy(&copy);
}

/* ---- symmetries ---- */

/* A rotation about an axis that is none of the lattice's, as e = R - 1. */
static void model_rotation(double e[9])
{
    const double q[4] = {0.8, 0.36, -0.288, 0.384}; /* a unit quaternion */
    const double w = q[0], x = q[1], y = q[2], z = q[3];
    const double norm = w * w + x * x + y * y + z * z;
    const double r[9] = {1 - 2 * (y * y + z * z) / norm, 2 * (x * y + w * z) / norm,
                         2 * (x * z - w * y) / norm,     2 * (x * y - w * z) / norm,
                         1 - 2 * (x * x + z * z) / norm, 2 * (y * z + w * x) / norm,
                         2 * (x * z + w * y) / norm,     2 * (y * z - w * x) / norm,
                         1 - 2 * (x * x + y * y) / norm};
    for (int k = 0; k < 9; k++) {
        e[k] = r[k] - (k % 4 == 0);
    }
}

/* Atoms from last to first. */
static void model_reverse(ath_system *system)
{
    const int32_t n = ath_system_n_atoms(system);
    double *x = model_field(system, ATH_FIELD_POSITIONS);
    int32_t *number = model_whole(system, ATH_FIELD_NUMBERS);
    for (int32_t i = 0, j = n - 1; i < j; i++, j--) {
        const int32_t z = number[i];
        number[i] = number[j];
        number[j] = z;
        for (int c = 0; c < 3; c++) {
            const double r = x[3 * i + c];
            x[3 * i + c] = x[3 * j + c];
            x[3 * j + c] = r;
        }
    }
}

enum { MODEL_AS_IT_IS, MODEL_SHIFTED, MODEL_TURNED, MODEL_REVERSED, MODEL_WRAPPED, MODEL_VARIANTS };

static ath_system *model_variant(const ath_system *system, int variant)
{
    ath_system *s = model_copy(system);
    const int32_t n = ath_system_n_atoms(s);
    double *x = model_field(s, ATH_FIELD_POSITIONS), *h = model_field(s, ATH_FIELD_CELL), e[9];
    const int32_t *pbc = model_whole(s, ATH_FIELD_PBC);
    uint64_t seed = 3;
    for (int32_t i = 0; i < n && variant == MODEL_SHIFTED; i++) {
        x[3 * i] += 1.234, x[3 * i + 1] -= 4.321, x[3 * i + 2] += 0.987;
    }
    if (variant == MODEL_TURNED) {
        model_rotation(e);
        model_deform(x, n, e);
        model_deform(h, 3, e);
    }
    if (variant == MODEL_REVERSED) {
        model_reverse(s);
    }
    for (int32_t i = 0; i < n && variant == MODEL_WRAPPED; i++) {
        for (int k = 0; k < 3; k++) {
            const double cells = pbc[k] ? rint(2.0 * model_random(&seed)) : 0.0;
            for (int c = 0; c < 3; c++) {
                x[3 * i + c] += cells * h[3 * k + c];
            }
        }
    }
    return s;
}

/* Undoes the variant on the forces. */
static void model_bring_back(model_result *r, int variant)
{
    if (variant == MODEL_TURNED) {
        double e[9], back[9];
        model_rotation(e);
        for (int k = 0; k < 9; k++) {
            back[k] = e[k % 3 * 3 + k / 3];
        }
        model_deform(r->forces, r->n_atoms, back);
    }
    if (variant == MODEL_REVERSED) {
        for (int32_t i = 0, j = r->n_atoms - 1; i < j; i++, j--) {
            for (int c = 0; c < 3; c++) {
                const double f = r->forces[3 * i + c];
                r->forces[3 * i + c] = r->forces[3 * j + c];
                r->forces[3 * j + c] = f;
            }
        }
    }
}

void model_checks_invariances(const model_bench *bench, ath_system *system, double tolerance)
{
    static const char *const name[MODEL_VARIANTS] = {"itself", "translation", "rotation",
                                                     "permutation", "shift by cell vectors"};
    ath_system *variants[MODEL_VARIANTS];
    for (int v = 0; v < MODEL_VARIANTS; v++) {
        variants[v] = model_variant(system, v);
    }
    model_result *r = model_results(bench, variants, MODEL_VARIANTS, MODEL_ALL);
    const double rms = model_rms_force(r);
    for (int v = 1; v < MODEL_VARIANTS; v++) {
        model_bring_back(&r[v], v);
        if (!(fabs(r[v].energy - r[0].energy) <= tolerance * fabs(r[0].energy))) {
            fail_msg("%s: energy %.17g, was %.17g", name[v], r[v].energy, r[0].energy);
        }
        for (int32_t k = 0; k < 3 * r->n_atoms; k++) {
            if (!(fabs(r[v].forces[k] - r[0].forces[k]) <= tolerance * rms)) {
                fail_msg("%s: force %.17g, was %.17g, rms %.3g", name[v], r[v].forces[k],
                         r[0].forces[k], rms);
            }
        }
    }
    model_results_free(r, MODEL_VARIANTS);
    for (int v = 0; v < MODEL_VARIANTS; v++) {
        ath_system_destroy(&variants[v]);
    }
}

void model_checks_sum(const model_bench *bench, ath_system *system, double tolerance)
{
    model_result *r = model_results(bench, &system, 1, ATH__WANT_FORCES);
    const double rms = model_rms_force(r);
    for (int c = 0; c < 3; c++) {
        double sum = 0.0;
        for (int32_t i = 0; i < r->n_atoms; i++) {
            sum += r->forces[3 * i + c];
        }
        if (!(fabs(sum) <= tolerance * rms * r->n_atoms)) {
            fail_msg("sum of forces %.3g, rms %.3g, %d atoms", sum, rms, (int)r->n_atoms);
        }
    }
    model_results_free(r, 1);
}

/* ---- bits ---- */

static void model_expect_same(const model_result *a, const model_result *b, int32_t n,
                              const char *what)
{
    for (int32_t i = 0; i < n; i++) {
        if (!model_same_bits(&a[i], &b[i])) {
            fail_msg("system %d (%d atoms): other bits %s: energy %.17g and %.17g", (int)i,
                     (int)a[i].n_atoms, what, a[i].energy, b[i].energy);
        }
    }
}

/* The forces of all but the last system, which is not listed, and the last but one, which is
 * stalled; marks stand in everything else. */
static void model_check_untouched(const model_bench *bench, ath_system *const *systems, int32_t n,
                                  unsigned want, const model_result *expected)
{
    const double mark = 1234.5;
    model_call c;
    model_call_open(&c, bench, systems, n);
    model_call_lists(&c);
    for (int32_t i = 0; i < n; i++) {
        const int32_t atoms = ath_batch_n_atoms_of(c.batch, i), slot = ath__batch_slot(c.batch, i);
        const int32_t flags = i == n - 2 ? ATH__SLOT_STALLED : 0;
        double *rows = model_alloc((size_t)atoms + 3, 3 * sizeof *rows);
        for (int32_t k = 0; k < 3 * atoms + 9; k++) {
            rows[k] = mark;
        }
        model_ok(bench, ath_batch_write(c.batch, ATH_FIELD_FORCES, i, rows));
        model_ok(bench, ath_batch_write(c.batch, ATH_FIELD_ENERGY, i, rows));
        model_ok(bench, ath_batch_write(c.batch, ATH_FIELD_STRESS, i, rows));
        model_ok(bench, ath__device_upload(bench->device, c.compute.view.flags + slot, &flags,
                                           sizeof flags));
        free(rows);
    }
    model_call_list(&c, 0, 1, n - 1);
    model_call_compute(&c, want);
    model_result *r = model_call_read(&c);
    for (int32_t i = 0; i < n; i++) {
        const bool idle = i >= n - 2;
        for (int32_t k = 0; k < 3 * r[i].n_atoms; k++) {
            assert_true(r[i].forces[k] == (idle ? mark : expected[i].forces[k]));
        }
        const bool energy = !idle && (want & ATH__WANT_ENERGY),
                   stress = !idle && (want & ATH__WANT_STRESS);
        assert_true(r[i].energy == (energy ? expected[i].energy : mark));
        for (int k = 0; k < 9; k++) {
            assert_true(r[i].stress[k] == (stress ? expected[i].stress[k] : mark));
        }
    }
    model_results_free(r, n);
    model_call_close(&c);
}

void model_checks_want(const model_bench *bench, ath_system *const *systems, int32_t n)
{
    assert_true(n >= 3);
    model_result *all = model_results(bench, systems, n, MODEL_ALL);
    model_check_untouched(bench, systems, n, ATH__WANT_FORCES, all);
    model_check_untouched(bench, systems, n, ATH__WANT_FORCES | ATH__WANT_ENERGY, all);
    model_check_untouched(bench, systems, n, ATH__WANT_FORCES | ATH__WANT_STRESS, all);
    model_results_free(all, n);
}

void model_checks_company(const model_bench *bench, ath_system *const *systems, int32_t n)
{
    model_result *together = model_results(bench, systems, n, MODEL_ALL);
    model_result *backwards = model_results_backwards(bench, systems, n, MODEL_ALL);
    model_expect_same(together, backwards, n, "in another order");
    for (int32_t i = 0; i < n; i++) {
        model_result *alone = model_results(bench, &systems[i], 1, MODEL_ALL);
        model_expect_same(&together[i], alone, 1, "alone");
        model_results_free(alone, 1);
    }
    model_results_free(backwards, n);
    model_results_free(together, n);
}

void model_checks_skin(const model_bench *bench, ath_system *const *systems, int32_t n)
{
    static const double skins[] = {0.0, 0.1, 0.7, 2.0};
    model_result *usual = model_results(bench, systems, n, MODEL_ALL);
    for (size_t k = 0; k < sizeof skins / sizeof *skins; k++) {
        model_bench other = *bench;
        other.skin = skins[k];
        model_result *r = model_results(&other, systems, n, MODEL_ALL);
        model_expect_same(usual, r, n, "with another skin");
        model_results_free(r, n);
        r = model_results_moved(&other, systems, n, 0.28 * skins[k]);
        model_expect_same(usual, r, n, "with a list built for other positions");
        model_results_free(r, n);
    }
    model_results_free(usual, n);
}

/* Compares the forces, and of energy and stress what is wanted; the rest has to be zero. */
static void model_expect_wanted(const model_result *expected, const model_result *r, int32_t n,
                                unsigned want, int32_t members)
{
    char what[64];
    snprintf(what, sizeof what, "with a team of %d", (int)members);
    for (int32_t i = 0; i < n; i++) {
        model_result masked = expected[i];
        masked.energy = want & ATH__WANT_ENERGY ? masked.energy : 0.0;
        for (int k = 0; k < 9; k++) {
            masked.stress[k] = want & ATH__WANT_STRESS ? masked.stress[k] : 0.0;
        }
        model_expect_same(&masked, &r[i], 1, what);
    }
}

void model_checks_together(const model_bench *bench, ath_system *const *systems, int32_t n)
{
    static const int32_t members[] = {1, 2, 3, 7};
    static const unsigned wants[] = {ATH__WANT_FORCES, MODEL_ALL & ~ATH__WANT_STRESS, MODEL_ALL};
    assert_true(bench->device->immediate && bench->device->shared);
    model_result *alone = model_results(bench, systems, n, MODEL_ALL);
    for (size_t m = 0; m < sizeof members / sizeof *members; m++) {
        model_call c;
        model_call_open(&c, bench, systems, n);
        model_call_lists(&c);
        model_call_join(&c, members[m]);
        for (size_t w = 0; w < sizeof wants / sizeof *wants; w++) {
            memset(c.work, w ? 0xff : 0, c.work_bytes); /* not a number, if it is read */
            for (int32_t i = 0; i < n; i++) {
                const int64_t row = c.compute.view.first[ath__batch_slot(c.batch, i)];
                memset(c.compute.view.forces + 3 * row, 0xff,
                       (size_t)alone[i].n_atoms * 3 * sizeof(double));
            }
            model_call_list(&c, w % 2 ? n - 1 : 0, w % 2 ? -1 : 1, n);
            model_call_compute(&c, wants[w]);
            model_result *r = model_call_read(&c);
            model_expect_wanted(alone, r, n, wants[w], members[m]);
            model_results_free(r, n);
        }
        model_call_close(&c);
    }
    model_results_free(alone, n);
}

void model_checks_device(const model_bench *bench, const char *device, const ath__model_ops *ops,
                         const char *text, ath_system *const *systems, int32_t n)
{
    model_bench other;
    if (!model_bench_open(&other, bench->ctx, device, ops, text)) {
        print_message("no %s here: not compared\n", device);
        return;
    }
    model_result *here = model_results(bench, systems, n, MODEL_ALL);
    model_result *there = model_results(&other, systems, n, MODEL_ALL);
    model_expect_same(here, there, n, device);
    model_results_free(here, n);
    model_results_free(there, n);
    model_bench_close(&other);
}

void model_checks_nan(const model_bench *bench, ath_system *system)
{
    model_call c;
    ath_system *broken = model_copy(system);
    double *x = model_field(broken, ATH_FIELD_POSITIONS);
    x[1] = nan("");
    model_call_open(&c, bench, &system, 1);
    model_call_lists(&c);
    model_ok(bench, ath_batch_write(c.batch, ATH_FIELD_POSITIONS, 0, x));
    model_call_compute(&c, MODEL_ALL);
    model_result *r = model_call_read(&c);
    assert_true(isnan(r->forces[1]));
    model_results_free(r, 1);
    model_call_close(&c);
    ath_system_destroy(&broken);
}
