/* Cells that change in every step, as a hook sees to: trajectories have the same bits whether
 * neighbour lists are built in every step or kept for as long as the strain allows, with any skin,
 * on any device; and with a skin they are kept for most steps.
 *
 * The systems are crystals smaller and larger than the cutoff, skewed ones, slabs, wires with
 * meaningless vectors along their free axes, clusters, crystals with atoms many cells away, and
 * some in which the cutoff passes half of the cell on the way, so that lists come and go.
 */
#include "dynamics/structures.h"

#include <athanor/dynamics.h>

#include <math.h>
#include <stdio.h>

/* Sanitizers are slow: they see fewer steps. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SYSTEMS = 21, STEPS = 40 };
#else
enum { SYSTEMS = 21, STEPS = 120 };
#endif

typedef struct subject {
    const char *model, *integrator;
    int32_t number;
    double spacing;   /* angstrom */
    double threshold; /* edge of cubes that are twice the cutoff, angstrom; 0: none */
} subject;

static const subject subjects[] = {
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", "nve:timestep=4", 18, 3.8, 17.0},
    {"lj:epsilon=0.0104,sigma=3.4,cutoff=8.5,precision=mixed", "nve:timestep=4", 18, 3.8, 17.0},
    {"emt", "langevin:timestep=2,temperature=600,friction=0.01", 29, 2.5, 0.0},
    {"sw", "nve:timestep=1", 14, 2.6, 0.0},
};

typedef struct setting {
    const char *device;
    double skin;
    bool rebuild_always;
} setting;

static const setting settings[] = {{"host", 0.5, true},
                                   {"host", 0.5, false},
                                   {"host", 1.5, false},
                                   {"host:isa=base", 0.3, false},
                                   {"mock", 0.5, false}};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* ---- cells that change ---- */

/* v [n][3] to v (1 + e) */
static void stretch(double *v, int32_t n, const double e[9])
{
    for (int32_t i = 0; i < n; i++) {
        const double x = v[3 * i], y = v[3 * i + 1], z = v[3 * i + 2];
        for (int c = 0; c < 3; c++) {
            v[3 * i + c] += x * e[c] + y * e[3 + c] + z * e[6 + c];
        }
    }
}

/* The strain of one step: each system has its own, which turns round every 30 steps. */
static void strain_of(int64_t step, int32_t index, double e[9])
{
    const double size = (step / 30 % 2 ? -1.0 : 1.0) * (index % 3 == 2 ? 3e-3 : 1e-4);
    for (int k = 0; k < 9; k++) {
        const int64_t word = (k + 1) * (index + 3) * (INT64_C(7919) + step / 60) % 17;
        e[k] = index % 2 ? size * ((double)word / 8.0 - 1.0) : (k % 4 ? 0.0 : -size);
    }
}

static ath_status change_cells(void *user, const ath_hook_context *context)
{
    (void)user;
    for (int32_t i = 0; i < ath_batch_n_systems(context->batch); i++) {
        const int32_t n = ath_batch_n_atoms_of(context->batch, i);
        double cell[9], e[9], *x = malloc(3 * (size_t)n * sizeof *x);
        ath_status s = ath_batch_read(context->batch, ATH_FIELD_CELL, i, cell);
        s = s < 0 ? s : ath_batch_read(context->batch, ATH_FIELD_POSITIONS, i, x);
        strain_of(context->step_count, i, e);
        stretch(cell, 3, e);
        stretch(x, n, e);
        s = s < 0 ? s : ath_batch_write(context->batch, ATH_FIELD_CELL, i, cell);
        s = s < 0 ? s : ath_batch_write(context->batch, ATH_FIELD_POSITIONS, i, x);
        free(x);
        if (s < 0) {
            return s;
        }
    }
    return ATH_OK;
}

/* ---- systems ---- */

static ath_system *make_system(ath_context *ctx, const subject *s, int32_t k)
{
    const int32_t side = 3 + k / 7;
    const bool passing = k % 7 == 5 && s->threshold > 0.0;
    const double a = passing ? (s->threshold + 0.01) / 4.0 : s->spacing;
    ath_system *system =
        k % 7 == 6 ? structures_cluster(ctx, 20 + 9 * k, s->number, a, 1 + k)
                   : structures_crystal(ctx, passing ? 4 : side, s->number, a, 1 + (uint32_t)k);
    void *p = NULL;
    double *cell, *x;
    int32_t *pbc;
    OK(ctx, ath_system_field(system, ATH_FIELD_CELL, &p));
    cell = p;
    OK(ctx, ath_system_field(system, ATH_FIELD_PBC, &p));
    pbc = p;
    OK(ctx, ath_system_field(system, ATH_FIELD_POSITIONS, &p));
    x = p;
    switch (k % 7) {
    case 1: /* skewed: planes of the lattice on top of each other, by whole spacings */
        cell[3] += a, cell[6] -= a, cell[7] += a;
        break;
    case 2: /* a slab */
        pbc[2] = 0;
        break;
    case 3: /* a wire */
        pbc[0] = pbc[1] = 0;
        for (int c = 0; c < 6; c++) {
            cell[c] = c == 4 ? 0.0 : 3.0 * c;
        }
        break;
    case 4: /* the same crystal in pieces */
        for (int32_t i = 0; i < ath_system_n_atoms(system); i++) {
            x[3 * i + i % 3] += (i * 7 % 400 - 200) * cell[4 * (i % 3)];
        }
        break;
    default:
        break;
    }
    return system;
}

/* Runs all systems; returns the number of lists that were built, -1 if there is no such device. */
static int64_t run(ath_context *ctx, const subject *s, const setting *how, uint64_t *digest)
{
    ath_device *device = NULL;
    ath_model *model = NULL;
    ath_integrator *integrator = NULL;
    ath_batch *batch = NULL;
    ath_dynamics *dyn = NULL;
    ath_dynamics_stats stats;
    ath_dynamics_config config = ath_dynamics_defaults();
    const ath_hook hook = {.size = sizeof hook,
                           .name = "change cells",
                           .stage = ATH_STAGE_AFTER_PRE_UPDATE,
                           .frequency = 1,
                           .access = ATH_HOOK_WRITES,
                           .call = change_cells};
    if (ath_device_open(ctx, how->device, &device) != ATH_OK) {
        return -1;
    }
    OK(ctx, ath_model_create(ctx, s->model, &model));
    OK(ctx, ath_integrator_create(ctx, s->integrator, &integrator));
    const ath_batch_config b = {.size = sizeof b, .device = device};
    OK(ctx, ath_batch_create(ctx, &b, &batch));
    for (int32_t k = 0; k < SYSTEMS; k++) {
        ath_system *system = make_system(ctx, s, k);
        OK(ctx, ath_batch_add(batch, system));
        ath_system_destroy(&system);
    }
    config.model = model;
    config.integrator = integrator;
    config.skin = how->skin;
    config.rebuild_always = how->rebuild_always;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = s->number == 18 ? 40.0 : 300.0;
    config.seed = 5;
    OK(ctx, ath_dynamics_create(ctx, &config, &dyn));
    OK(ctx, ath_dynamics_register_hook(dyn, &hook));
    OK(ctx, ath_dynamics_run(dyn, batch, STEPS));
    for (int32_t k = 0; k < SYSTEMS; k++) {
        int32_t reason = -1;
        OK(ctx, ath_batch_read(batch, ATH_FIELD_REASON, k, &reason));
        assert_int_equal(reason, 0);
        digest[k] = structures_digest(ctx, batch, k);
    }
    OK(ctx, ath_dynamics_get_stats(dyn, &stats));
    ath_dynamics_destroy(&dyn);
    ath_batch_destroy(&batch);
    ath_integrator_destroy(&integrator);
    ath_model_destroy(&model);
    ath_device_close(&device);
    return stats.list_builds;
}

static void check_subject(const subject *s)
{
    ath_context *ctx = NULL;
    uint64_t digest[SYSTEMS], reference[SYSTEMS];
    int64_t always = 0;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    for (int k = 0; k < N_SETTINGS; k++) {
        int32_t different = 0;
        const int64_t builds = run(ctx, s, &settings[k], k ? digest : reference);
        if (builds < 0) {
            print_message("not on this machine: %s\n", settings[k].device);
            continue;
        }
        always = k ? always : builds;
        for (int32_t i = 0; k && i < SYSTEMS; i++) {
            different += digest[i] != reference[i];
        }
        print_message("%-55s %-14s skin %g%s: %lld lists built, %d of %d differ\n", s->model,
                      settings[k].device, settings[k].skin,
                      settings[k].rebuild_always ? " (not used)" : "", (long long)builds, different,
                      SYSTEMS);
        assert_int_equal(different, 0);
        assert_true(k == 0 || (builds >= SYSTEMS / 2 && builds < always / 5));
    }
    ath_context_destroy(&ctx);
}

static void test_lj(void **state)
{
    (void)state;
    check_subject(&subjects[0]);
}

static void test_lj_mixed(void **state)
{
    (void)state;
    check_subject(&subjects[1]);
}

static void test_emt(void **state)
{
    (void)state;
    check_subject(&subjects[2]);
}

static void test_sw(void **state)
{
    (void)state;
    check_subject(&subjects[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lj),
        cmocka_unit_test(test_lj_mixed),
        cmocka_unit_test(test_emt),
        cmocka_unit_test(test_sw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
