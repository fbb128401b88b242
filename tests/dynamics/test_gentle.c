/* What a retry makes gentler, for every integrator that there is. */
#include "dynamics/retry_rig.h"

#include <math.h>

#include "data/batch_private.h"
#include "integrators/integrator.h"

/* Cell k of a system's state. */
static double cell_of(const fixture *f, const ath_batch *batch, int32_t i, int32_t k)
{
    ath__view view;
    double value = 0.0;
    ath__batch_view(batch, &view);
    const int64_t at = (int64_t)ath__batch_slot(batch, i) * ath__batch_n_system_state(batch) + k;
    OK(f->ctx, ath__device_download(f->device, &value, view.system_state + at, sizeof value));
    return value;
}

/* The item of state that is gentler, and the number of its first cell. */
static const ath__state_info *gentle_item(const ath_integrator *it, int32_t *cell)
{
    *cell = 0;
    for (const ath__state_info *s = it->ops->states; s->name; s++) {
        if (s->level == ATH_LEVEL_SYSTEM && s->gentle > 0.0) {
            return s;
        }
        *cell += s->level == ATH_LEVEL_SYSTEM ? ath__integrator_items(it, s) : 0;
    }
    return NULL;
}

/* A crystal that is pressed so hard that atoms move too far in a step; good states in each step, so
 * that only the setting can help. */
static void check_gentle(const char *device, const char *integrator, double most, double factor)
{
    fixture f;
    int32_t cell = 0;
    fixture_open(&f, device, integrator);
    const ath__state_info *item = gentle_item(f.integrator, &cell);
    assert_non_null(item);
    assert_true(item->gentle == factor);
    ath_system_destroy(&f.systems[MILD]);
    f.systems[MILD] = structures_crystal(f.ctx, 3, 18, 3.3, 77);
    ath_dynamics_config config = fixture_config(&f, true);
    config.max_force = 0.0;
    config.max_displacement = most;
    config.good_every = 1;
    const int32_t which[2] = {1, MILD};
    ath_batch *batch = batch_of(&f, which, 2);
    ath_dynamics *dyn = make(&f, &config);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 30));
    assert_int_equal(read_int(&f, batch, ATH_FIELD_RETRIES, 1), 1);
    if (factor == 0.1) { /* of the longest step is less than the limit: nothing more can happen */
        assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, 1), ATH_REASON_NONE);
        assert_int_equal(read_long(&f, batch, ATH_FIELD_STAGE_STEPS, 1), 29);
        assert_true(cell_of(&f, batch, 1, cell) == 0.1);
    } else {
        assert_int_equal(read_int(&f, batch, ATH_FIELD_RETRIES, 0), 0);
        assert_true(cell_of(&f, batch, 1, cell) == factor * cell_of(&f, batch, 0, cell));
    }
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
}

static void test_gentle(void **state)
{
    static const struct {
        const char *integrator;
        double most, factor;
    } cases[] = {{"nve:timestep=16", 0.07, 0.5},
                 {"nve:timestep=16,grid=true", 0.07, 0.5},
                 {"langevin:timestep=16,temperature=1,friction=1e-4", 0.07, 0.5},
                 {"nose_hoover:timestep=16,temperature=1,tau_t=1e5", 0.07, 0.5},
                 {"csvr:timestep=16,temperature=1,tau_t=1e5", 0.07, 0.5},
                 {"npt:timestep=16,tau_t=1e6,tau_p=1e5", 0.07, 0.5},
                 {"nph:timestep=16,tau_p=1e5", 0.07, 0.5},
                 {"crescale:timestep=16,tau_t=1e6,tau_p=1e6", 0.07, 0.5},
                 {"crescale:timestep=16,temperature=1,tau_p=1e6,thermostat=langevin,friction=1e-4",
                  0.07, 0.5},
                 {"fire:dt=40", 0.12, 0.1},
                 {"fire2:dt=8,t_max=9,max_step=0.2", 0.12, 0.1},
                 {"lbfgs", 0.12, 0.1}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        check_gentle("host", cases[k].integrator, cases[k].most, cases[k].factor);
        check_gentle("mock", cases[k].integrator, cases[k].most, cases[k].factor);
    }
}

/* The tenth counts for the strain as well. */
static void test_gentle_cell(void **state)
{
    static const char *const texts[] = {"fire:dt=8,cell=full", "fire2:dt=8,t_max=9,cell=iso",
                                        "lbfgs:cell=full"};
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        fixture f;
        const int32_t which[1] = {MILD};
        double cell[2][9];
        fixture_open(&f, "host", texts[k]);
        ath_system_destroy(&f.systems[MILD]);
        f.systems[MILD] = structures_crystal(f.ctx, 3, 18, 3.2, 77);
        ath_dynamics_config config = fixture_config(&f, true);
        config.max_force = 0.0;
        config.max_volume_change = 1.01; /* max_strain is 0.05, of three axes together */
        ath_batch *batch = batch_of(&f, which, 1);
        ath_dynamics *dyn = make(&f, &config);
        int steps = 0;
        while (read_int(&f, batch, ATH_FIELD_RETRIES, 0) == 0 && steps++ < STEPS) {
            OK(f.ctx, ath_dynamics_run(dyn, batch, 1));
        }
        assert_int_equal(read_int(&f, batch, ATH_FIELD_RETRIES, 0), 1);
        OK(f.ctx, ath_batch_read(batch, ATH_FIELD_CELL, 0, cell[0]));
        OK(f.ctx, ath_dynamics_run(dyn, batch, 1));
        OK(f.ctx, ath_batch_read(batch, ATH_FIELD_CELL, 0, cell[1]));
        const double strain = fabs(cell[1][0] / cell[0][0] - 1.0);
        assert_true(strain > 0.0 && strain <= 0.005);
        ath_batch_destroy(&batch);
        ath_dynamics_destroy(&dyn);
        fixture_close(&f);
    }
}

/* Back in the good state everything is as it was then, and goes on as it did. */
static void check_rewound(const char *device, const char *integrator)
{
    fixture f;
    uint64_t digest[2][2];
    double cells[2][40];
    int32_t n_system = 0, n_atom = 0;
    fixture_open(&f, device, integrator);
    ath__integrator_cells(f.integrator, &n_system, &n_atom);
    ath_dynamics_config config = fixture_config(&f, true);
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 40.0;
    config.hold_centre = true;
    const int32_t which[2] = {1, 3};
    ath_batch *batch = batch_of(&f, which, 2);
    ath_dynamics *dyn = make(&f, &config);
    OK(f.ctx, ath_dynamics_run(dyn, batch, 2 * EVERY));
    for (int k = 0; k < 2; k++) {
        OK(f.ctx, ath_dynamics_run(dyn, batch, 0)); /* energies */
        digest[k][0] = structures_digest(f.ctx, batch, 1);
        for (int32_t c = 0; c < n_system && c < 40; c++) {
            cells[k][c] = cell_of(&f, batch, 1, c);
        }
        OK(f.ctx, ath_dynamics_run(dyn, batch, EVERY - 1));
        digest[k][1] = structures_digest(f.ctx, batch, 1);
        OK(f.ctx, ath_dynamics_rewind(dyn, batch, 1));
    }
    assert_true(digest[0][0] == digest[1][0] && digest[0][1] == digest[1][1]);
    assert_true(digest[0][0] != digest[0][1]);
    assert_memory_equal(cells[0], cells[1], (size_t)(n_system < 40 ? n_system : 40) * 8);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
}

static void test_rewound(void **state)
{
    static const char *const texts[] = {"nve",
                                        "langevin",
                                        "nose_hoover",
                                        "csvr",
                                        "npt:coupling=triclinic",
                                        "nph",
                                        "crescale:thermostat=langevin",
                                        "fire:cell=full",
                                        "fire2:cell=iso",
                                        "lbfgs",
                                        "lbfgs:cell=full"};
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        check_rewound("host", texts[k]);
        check_rewound("mock", texts[k]);
    }
}

/* Whoever adds an integrator has to think of it. */
static void test_every_integrator(void **state)
{
    fixture f;
    const char *name, *help;
    const ath_option *options;
    (void)state;
    fixture_open(&f, "host", COARSE);
    for (int32_t i = 0; ath_integrator_list(i, &name, &help, &options) == ATH_OK; i++) {
        ath_integrator *it = NULL;
        int32_t cell = 0;
        OK(f.ctx, ath_integrator_create(f.ctx, name, &it));
        assert_non_null(gentle_item(it, &cell));
        ath_integrator_destroy(&it);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gentle),
        cmocka_unit_test(test_gentle_cell),
        cmocka_unit_test(test_rewound),
        cmocka_unit_test(test_every_integrator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
