/* Velocities by hand: those that a stage draws, system by system, whatever else is in the batch;
 * what is refused, and failing memory.
 */
#include "base/failing.h"
#include "dynamics/structures.h"

#include <math.h>

#include <athanor/dynamics.h>
#include <athanor/units.h>

enum { N = 6, MAX_ATOMS = 40 };

typedef struct fixture {
    failing memory;
    ath_context *ctx;
    ath_device *device;
    ath_system *systems[N];
    ath_batch *batch;
} fixture;

static void fixture_open(fixture *f, const char *device)
{
    memset(f, 0, sizeof *f);
    const ath_context_config config = failing_config(&f->memory);
    assert_int_equal(ath_context_create(&config, &f->ctx), ATH_OK);
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    for (int32_t i = 0; i < N; i++) {
        void *p = NULL;
        f->systems[i] = i % 2 ? structures_crystal(f->ctx, 2 + i / 3, 18, 4.0, (uint32_t)i)
                              : structures_cluster(f->ctx, 2 + 5 * i, 18, 4.0, (uint32_t)i);
        if (i == 3) {
            OK(f->ctx, ath_system_field(f->systems[i], ATH_FIELD_FIXED, &p));
            ((uint8_t *)p)[5] = 1;
        }
    }
    OK(f->ctx, ath_batch_from_systems(f->ctx, f->device, f->systems, N, &f->batch));
}

static void fixture_close(fixture *f)
{
    ath_batch_destroy(&f->batch);
    for (int32_t i = 0; i < N; i++) {
        ath_system_destroy(&f->systems[i]);
    }
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
    assert_true(f->memory.n_blocks == 0 && f->memory.n_wrong == 0);
}

static void read_velocities(const fixture *f, const ath_batch *batch, int32_t index, double *v)
{
    memset(v, 0, 3 * MAX_ATOMS * sizeof *v);
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_VELOCITIES, index, v));
}

/* Kelvin of a system, by its dof; and these. */
static double kelvin(const fixture *f, const ath_batch *batch, int32_t index, double *dof)
{
    double v[3 * MAX_ATOMS], m[MAX_ATOMS], twice = 0.0;
    read_velocities(f, batch, index, v);
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_MASSES, index, m));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_DOF, index, dof));
    for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(batch, index); k++) {
        twice += m[k / 3] * v[k] * v[k];
    }
    return twice / (*dof * ATH_BOLTZMANN);
}

/* Nothing moves: what a stage draws on entry is what is there after a half step of this. */
static void half(void *user, const ath_integrator_view *view)
{
    (void)user;
    (void)view;
}

static void draw_by_stage(const fixture *f, ath_batch *batch, const ath_velocities_config *c)
{
    const ath_integrator_callback_config quiet = {.size = sizeof quiet, .pre_update = half};
    ath_dynamics_config config = ath_dynamics_defaults();
    ath_dynamics *dyn = NULL;
    OK(f->ctx, ath_model_create(f->ctx, "lj:epsilon=0.01,sigma=3.4,cutoff=8", &config.model));
    OK(f->ctx, ath_integrator_callback(f->ctx, &quiet, &config.integrator));
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = c->temperature;
    config.seed = c->seed;
    config.remove_momentum = c->remove_momentum;
    config.remove_rotation = c->remove_rotation;
    config.exact_temperature = c->exact_temperature;
    OK(f->ctx, ath_dynamics_create(f->ctx, &config, &dyn));
    OK(f->ctx, ath_dynamics_pre_update(dyn, batch));
    ath_dynamics_destroy(&dyn);
    ath_integrator_destroy(&config.integrator);
    ath_model_destroy(&config.model);
}

static void test_as_a_stage(void **state)
{
    (void)state;
    for (int which = 0; which < 8; which++) {
        fixture f;
        ath_batch *twin = NULL;
        ath_velocities_config c = ath_velocities_defaults();
        assert_true(c.remove_momentum && c.exact_temperature && !c.remove_rotation);
        c.temperature = 80.0;
        c.seed = 11;
        c.remove_momentum = which & 1;
        c.remove_rotation = (which & 2) != 0;
        c.exact_temperature = (which & 4) != 0;
        fixture_open(&f, "host");
        OK(f.ctx, ath_batch_from_systems(f.ctx, f.device, f.systems, N, &twin));
        OK(f.ctx, ath_velocities_draw(f.ctx, f.batch, &c));
        draw_by_stage(&f, twin, &c);
        for (int32_t i = 0; i < N; i++) {
            double a[3 * MAX_ATOMS], b[3 * MAX_ATOMS], dof[2];
            read_velocities(&f, f.batch, i, a);
            read_velocities(&f, twin, i, b);
            assert_memory_equal(a, b, sizeof a);
            const double t = kelvin(&f, f.batch, i, &dof[0]);
            assert_true(t == kelvin(&f, twin, i, &dof[1]) && dof[0] == dof[1]);
            assert_true(!(which & 4) || fabs(t - 80.0) < 1e-11);
        }
        ath_batch_destroy(&twin);
        fixture_close(&f);
    }
}

/* Other company, another order, another device; a mask; a temperature for each. */
static void test_company(void **state)
{
    static const char *const devices[2] = {"host", "mock"};
    static const int32_t order[3] = {4, 0, 3};
    static const double temperatures[3] = {100.0, 20.0, 0.0};
    static const uint8_t mask[3] = {1, 0, 1};
    fixture f;
    (void)state;
    fixture_open(&f, "host");
    ath_velocities_config c = ath_velocities_defaults();
    c.temperature = 100.0;
    OK(f.ctx, ath_velocities_draw(f.ctx, f.batch, &c));
    for (int d = 0; d < 2; d++) {
        ath_device *device = NULL;
        ath_batch *few = NULL;
        ath_velocities_config each = c;
        double a[3 * MAX_ATOMS], b[3 * MAX_ATOMS], dof;
        OK(f.ctx, ath_device_open(f.ctx, devices[d], &device));
        OK(f.ctx, ath_batch_select(f.batch, order, 3, &few)); /* with velocities, not used */
        each.mask = mask;
        each.temperature = NAN;
        each.temperatures = temperatures;
        OK(f.ctx, ath_velocities_draw(f.ctx, few, &each));
        read_velocities(&f, f.batch, 4, a);
        read_velocities(&f, few, 0, b);
        assert_memory_equal(a, b, sizeof a);
        read_velocities(&f, f.batch, 0, a); /* not chosen */
        read_velocities(&f, few, 1, b);
        assert_memory_equal(a, b, sizeof a);
        assert_true(kelvin(&f, few, 2, &dof) == 0.0 && dof > 0.0);
        each.mask = NULL;
        OK(f.ctx, ath_velocities_draw(f.ctx, few, &each));
        assert_true(fabs(kelvin(&f, few, 1, &dof) - 20.0) < 1e-11);
        ath_batch_destroy(&few);
        OK(f.ctx, ath_batch_from_systems(f.ctx, device, f.systems, N, &few));
        OK(f.ctx, ath_velocities_draw(f.ctx, few, &c));
        for (int32_t i = 0; i < N; i++) {
            read_velocities(&f, f.batch, i, a);
            read_velocities(&f, few, i, b);
            assert_memory_equal(a, b, sizeof a);
        }
        ath_batch_destroy(&few);
        ath_device_close(&device);
    }
    fixture_close(&f);
}

static void test_refused(void **state)
{
    fixture f;
    double temperatures[N] = {1, 1, 1, -1, 1, 1}, before[3 * MAX_ATOMS], after[3 * MAX_ATOMS];
    uint8_t mask[N] = {1, 1, 1, 0, 1, 1};
    (void)state;
    fixture_open(&f, "host");
    ath_velocities_config c = ath_velocities_defaults();
    assert_int_equal(ath_velocities_draw(f.ctx, NULL, &c), ATH_E_ARGUMENT);
    assert_int_equal(ath_velocities_draw(f.ctx, f.batch, NULL), ATH_E_ARGUMENT);
    c.temperatures = temperatures;
    read_velocities(&f, f.batch, 0, before);
    assert_int_equal(ath_velocities_draw(f.ctx, f.batch, &c), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(f.ctx), "system 3 is -1"));
    read_velocities(&f, f.batch, 0, after);
    assert_memory_equal(before, after, sizeof before);
    c.mask = mask; /* who is not meant needs none */
    OK(f.ctx, ath_velocities_draw(f.ctx, f.batch, &c));
    temperatures[0] = INFINITY;
    assert_int_equal(ath_velocities_draw(f.ctx, f.batch, &c), ATH_E_ARGUMENT);
    c.size = 8;
    assert_int_equal(ath_velocities_draw(f.ctx, f.batch, &c), ATH_E_ABI);
    fixture_close(&f);
}

static void test_memory(void **state)
{
    static const char *const devices[2] = {"host", "mock"};
    (void)state;
    for (int d = 0; d < 2; d++) {
        fixture f;
        fixture_open(&f, devices[d]);
        ath_velocities_config c = ath_velocities_defaults();
        c.temperature = 50.0;
        int64_t k = 0;
        ath_status status;
        do {
            f.memory.n_calls = 0;
            f.memory.fail_at = ++k;
            status = ath_velocities_draw(f.ctx, f.batch, &c);
            assert_true(status == ATH_OK || status == ATH_E_NO_MEMORY);
        } while (status < 0);
        assert_true(k > 2);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_a_stage),
        cmocka_unit_test(test_company),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
