/* The first promise for every registered model with every registered integrator: small systems, 40
 * steps, alone, together, shuffled, with other threads and on the mock device; the bits are the
 * same. A new entry of a registry is covered without a change here, unless it needs options. Those
 * of the table `more` are covered besides.
 */
#include "dynamics/structures.h"

#include <stdio.h>

#include <athanor/dynamics.h>

enum { N = 9, STEPS = 40 };

/* A model that needs options or other atoms than argon. */
typedef struct need {
    const char *name, *text;
    int32_t number;
    double spacing;
} need;

static const need needs[] = {
    {"emt", "emt", 29, 2.7},
    {"lj", "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", 18, 3.9},
    {"nep", "nep:file=" ATH_REFERENCE_DATA "/nep/models/UNEP-v1-Song2024.txt", 29, 2.7},
    {"sw", "sw", 14, 2.6},
    {"harmonic", "harmonic:k=0.5", 18, 3.0},
    {"sum", "sum:0.7*emt+0.3*lj:epsilon=0.1,sigma=2.3,cutoff=6", 29, 2.7},
};

static const need *need_of(const char *name)
{
    for (size_t k = 0; k < sizeof needs / sizeof *needs; k++) {
        if (!strcmp(needs[k].name, name)) {
            return &needs[k];
        }
    }
    fail_msg("model '%s' is not in the table of this test", name);
    return NULL;
}

/* Options that make an integrator another one. */
static const char *const variants[] = {
    "nve:grid=true",
    "fire:cell=full",
    "fire2:cell=shape,form=unit",
    "lbfgs:cell=full,pressure=2,memory=3",
    "nose_hoover:chain=1,yoshida=7,substeps=2",
    "npt:coupling=aniso,tau_p=200",
    "npt:coupling=triclinic,pressure_xy=0.1,temperature_change=100,ramp=20",
    "nph:coupling=triclinic,pressure_change=1,ramp=30",
    "crescale:coupling=triclinic,thermostat=langevin,tau_p=200",
};
enum { VARIANTS = sizeof variants / sizeof *variants };

/* Whether it is for systems with a volume only: dynamics with a pressure is, optimizers, which have
 * an option for the cell, are not. */
static bool wants_volume(const ath_option *options)
{
    bool pressure = false, cell = false;
    for (const ath_option *o = options; o && o->type != ATH_OPTION_END; o++) {
        pressure = pressure || !strcmp(o->name, "pressure");
        cell = cell || !strcmp(o->name, "cell");
    }
    return pressure && !cell;
}

/* The text of the i-th integrator, NULL behind the last; *bulk: whether it wants a volume. */
static const char *integrator_of(int32_t i, bool *bulk)
{
    const char *name = NULL, *text = NULL;
    const ath_option *options = NULL;
    if (i < VARIANTS) {
        text = variants[i];
        const size_t n = strcspn(text, ":");
        for (int32_t k = 0; ath_integrator_list(k, &name, NULL, &options) == ATH_OK; k++) {
            if (strlen(name) == n && !strncmp(name, text, n)) {
                break;
            }
        }
    } else if (ath_integrator_list(i - VARIANTS, &text, NULL, &options) != ATH_OK) {
        return NULL;
    }
    *bulk = wants_volume(options);
    return text;
}

static ath_system *make(ath_context *ctx, const need *model, int32_t i, bool bulk)
{
    static const int32_t sizes[N] = {1, 2, 3, 5, 8, 8, 12, 16, 16};
    if (bulk) {
        return structures_crystal(ctx, i % 3 == 0 ? 3 : 2, model->number, model->spacing,
                                  (uint32_t)i);
    }
    return i == 4 || i == 5
               ? structures_crystal(ctx, 2, model->number, model->spacing, (uint32_t)i)
               : structures_cluster(ctx, sizes[i], model->number, model->spacing, (uint32_t)i);
}

typedef struct setting {
    const char *device;
    int32_t threads, per_batch;
    bool backwards;
    double skin;
} setting;

static const setting settings[] = {
    {"host", 1, N, false, 0.5}, {"host", 1, 1, false, 0.5}, {"host", 2, 2, true, 0.5},
    {"host", 3, 4, true, 0.0},  {"host", 7, N, true, 1.3},  {"mock", 1, N, false, 0.5},
};

static void run(ath_context *ctx, const need *model, const char *integrator, bool bulk,
                const setting *how, uint64_t digest[N])
{
    ath_device *device = NULL;
    ath_model *m = NULL;
    ath_integrator *it = NULL;
    ath_dynamics *dyn = NULL;
    ath_dynamics_config config = ath_dynamics_defaults();
    OK(ctx, ath_device_open(ctx, how->device, &device));
    OK(ctx, ath_model_create(ctx, model->text, &m));
    OK(ctx, ath_integrator_create(ctx, integrator, &it));
    config.model = m;
    config.integrator = it;
    config.n_threads = how->threads;
    config.skin = how->skin;
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 300;
    config.seed = 4;
    OK(ctx, ath_dynamics_create(ctx, &config, &dyn));
    for (int32_t first = 0; first < N; first += how->per_batch) {
        const ath_batch_config shape = {.size = sizeof shape, .device = device};
        ath_batch *batch = NULL;
        OK(ctx, ath_batch_create(ctx, &shape, &batch));
        for (int32_t k = first; k < N && k < first + how->per_batch; k++) {
            ath_system *s = make(ctx, model, how->backwards ? N - 1 - k : k, bulk);
            OK(ctx, ath_batch_add(batch, s));
            ath_system_destroy(&s);
        }
        OK(ctx, ath_dynamics_run(dyn, batch, STEPS));
        for (int32_t k = 0; k < ath_batch_n_systems(batch); k++) {
            int64_t age = 0;
            OK(ctx, ath_batch_read(batch, ATH_FIELD_AGE, k, &age));
            assert_int_equal(age, STEPS);
            digest[how->backwards ? N - 1 - first - k : first + k] =
                structures_digest(ctx, batch, k);
        }
        ath_batch_destroy(&batch);
    }
    ath_dynamics_destroy(&dyn);
    ath_integrator_destroy(&it);
    ath_model_destroy(&m);
    ath_device_close(&device);
}

static void test_cross(void **state)
{
    (void)state;
    ath_context *ctx = NULL;
    const char *model = NULL, *integrator = NULL, *help = NULL;
    const ath_option *options = NULL;
    int32_t n_pairs = 0;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    for (int32_t m = 0; ath_model_list(m, &model, &help, &options) == ATH_OK; m++) {
        const need *with = need_of(model);
        ath_model *probe = NULL;
        if (ath_model_create(ctx, with->text, &probe) != ATH_OK) {
            print_message("skipped %s: no reference data\n", model);
            continue;
        }
        ath_model_destroy(&probe);
        bool bulk = false;
        for (int32_t i = 0; (integrator = integrator_of(i, &bulk)); i++) {
            uint64_t reference[N], digest[N];
            for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
                run(ctx, with, integrator, bulk, &settings[k], k ? digest : reference);
                for (int32_t s = 0; k && s < N; s++) {
                    if (digest[s] != reference[s]) {
                        fail_msg("%s, %s, setting %d: system %d differs", model, integrator, (int)k,
                                 (int)s);
                    }
                }
            }
            n_pairs++;
        }
    }
    print_message("%d pairs of model and integrator\n", (int)n_pairs);
    assert_true(n_pairs >= 15);
    ath_context_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cross)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
