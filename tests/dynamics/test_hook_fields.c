/* The built-in hooks that write: clamp, bias, freeze, wrap, align. */
#include "dynamics/hook_checks.h"

#include <athanor/units.h>

#include "data/cell.h"

enum { MAX_ATOMS = 64 };

static const uint8_t everybody[CHECKS_SYSTEMS] = {1, 1, 1, 1, 1, 1, 1};

/* A batch of one system: n atoms of argon at these places in this cell. */
static void one_system(checks *c, int32_t n, const double *r, const double cell[9],
                       const int32_t pbc[3])
{
    ath_system *s = NULL;
    OK(c->ctx, ath_system_create(c->ctx, n, &s));
    int32_t *numbers = checks_rows(c, s, ATH_FIELD_NUMBERS);
    for (int32_t i = 0; i < n; i++) {
        numbers[i] = 18;
    }
    memcpy(checks_rows(c, s, ATH_FIELD_POSITIONS), r, 3 * (size_t)n * sizeof *r);
    memcpy(checks_rows(c, s, ATH_FIELD_CELL), cell, 9 * sizeof *cell);
    memcpy(checks_rows(c, s, ATH_FIELD_PBC), pbc, 3 * sizeof *pbc);
    ath_batch_destroy(&c->batch);
    OK(c->ctx, ath_batch_from_systems(c->ctx, c->device, &s, 1, &c->batch));
    ath_system_destroy(&s);
}

static double largest_difference(const double *a, const double *b, int32_t n)
{
    double largest = 0.0;
    for (int32_t k = 0; k < n; k++) {
        const double d = fabs(a[k] - b[k]);
        largest = d > largest || d != d ? d : largest;
    }
    return largest;
}

static const double no_cell[9] = {0};
static const double cube[9] = {10, 0, 0, 0, 10, 0, 0, 0, 10};
static const double sheared[9] = {10, 0, 0, 3, 10, 0, 0, 0, 10};
static const int32_t open_pbc[3] = {0, 0, 0}, full_pbc[3] = {1, 1, 1}, slab_pbc[3] = {1, 1, 0};

/* ---- clamp ---- */

static void check_clamp(const char *device)
{
    static const double r[24] = {0, 0, 0, 5, 0, 0, 10, 0, 0, 15, 0, 0, 20, 0, 0, 25, 0, 0, 30};
    static const double f[24] = {30,  40,  0, 3,         4,   0, 1e200, 0, 0, -1e308, 1e308, 1e308,
                                 NAN, 1e9, 0, -INFINITY, 1e9, 0, 0,     0, 0, 0,      0.5,   0};
    const double expected[12] = {3, 4, 0, 3, 4, 0, 5, 0, 0, -5 / sqrt(3), 5 / sqrt(3), 5 / sqrt(3)};
    double out[24];
    checks c;
    ath_hook hook;
    checks_open(&c, device);
    OK(c.ctx, ath_hook_clamp_forces(c.ctx, 5.0, &hook));
    one_system(&c, 8, r, no_cell, open_pbc);
    checks_write(&c, ATH_FIELD_FORCES, 0, f);
    OK(c.ctx, checks_call(&c, &hook, everybody));
    checks_read(&c, ATH_FIELD_FORCES, 0, out);
    assert_true(largest_difference(out, expected, 12) < 1e-13);
    assert_memory_equal(out + 3, f + 3, 3 * sizeof *f);    /* at the limit: every bit */
    assert_memory_equal(out + 12, f + 12, 12 * sizeof *f); /* not finite, zero, small */
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_clamp(void **state)
{
    (void)state;
    check_clamp("host");
    check_clamp("mock");
}

/* In a run, every evaluation is clamped, first forces included, and what is not finite still
 * quarantines. */
static void test_clamp_run(void **state)
{
    static const double close[9] = {0, 0, 0, 1.0, 0, 0, 0, 3.8, 0};
    static const double same[9] = {0, 0, 0, 0, 0, 0, 0, 3.8, 0};
    (void)state;
    for (int bad = 0; bad < 2; bad++) {
        checks c;
        ath_hook hook;
        double f[9];
        int32_t reason = 0;
        checks_open(&c, "host");
        OK(c.ctx, ath_hook_clamp_forces(c.ctx, 0.5, &hook));
        one_system(&c, 3, bad ? same : close, no_cell, open_pbc);
        checks_dynamics(&c, &hook, 1);
        OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, bad ? 2 : 0));
        OK(c.ctx, bad ? ATH_OK : ath_dynamics_compute(c.dyn, c.batch));
        checks_read(&c, ATH_FIELD_FORCES, 0, f);
        checks_read(&c, ATH_FIELD_REASON, 0, &reason);
        if (bad) {
            assert_true(reason != ATH_REASON_NONE);
        } else {
            assert_true(fabs(sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2]) - 0.5) < 1e-12);
        }
        ath_dynamics_destroy(&c.dyn);
        ath_hook_free(&hook);
        checks_close(&c);
    }
}

/* ---- bias ---- */

static ath_status bias_constant(void *user, ath_bias_view *view)
{
    *(int32_t *)user += 1;
    assert_int_equal(view->size, sizeof *view);
    assert_int_equal(view->numbers[0], 18);
    view->energy = 0.5;
    for (int32_t k = 0; k < 3 * view->n_atoms; k++) {
        assert_true(view->forces[k] == 0.0);
        view->forces[k] = 0.1;
    }
    return ATH_OK;
}

static void check_bias(const char *device)
{
    checks c;
    ath_hook hook;
    int32_t n_calls = 0;
    double plain[2][3 * MAX_ATOMS], energy[2], stress[2][9];
    checks_open(&c, device);
    OK(c.ctx, ath_hook_bias(c.ctx, bias_constant, &n_calls, &hook));
    c.batch = checks_all(&c);
    for (int with = 0; with < 2; with++) {
        checks_dynamics(&c, &hook, with);
        OK(c.ctx, ath_dynamics_compute(c.dyn, c.batch));
        checks_read(&c, ATH_FIELD_FORCES, 3, plain[with]);
        checks_read(&c, ATH_FIELD_ENERGY, 3, &energy[with]);
        checks_read(&c, ATH_FIELD_STRESS, 3, stress[with]);
    }
    assert_int_equal(n_calls, CHECKS_SYSTEMS);
    assert_true(energy[1] == energy[0] + 0.5);
    for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(c.batch, 3); k++) {
        assert_true(plain[1][k] == plain[0][k] + 0.1);
    }
    assert_memory_equal(stress[0], stress[1], sizeof stress[0]);
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_bias(void **state)
{
    (void)state;
    check_bias("host");
    check_bias("mock");
}

/* Finite differences of the total energy are the total forces. */
static void test_bias_forces(void **state)
{
    (void)state;
    checks c;
    ath_hook hook;
    double r[3 * MAX_ATOMS], f[3 * MAX_ATOMS], e[2];
    double k = 0.3;
    checks_open(&c, "host");
    OK(c.ctx, ath_hook_bias(c.ctx, checks_well, &k, &hook));
    c.batch = checks_all(&c);
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, ath_dynamics_compute(c.dyn, c.batch));
    checks_read(&c, ATH_FIELD_POSITIONS, 1, r);
    checks_read(&c, ATH_FIELD_FORCES, 1, f);
    for (int32_t at = 0; at < 3 * ath_batch_n_atoms_of(c.batch, 1); at++) {
        const double x = r[at], h = 1e-4;
        for (int side = 0; side < 2; side++) {
            r[at] = x + (side ? h : -h);
            checks_write(&c, ATH_FIELD_POSITIONS, 1, r);
            OK(c.ctx, ath_dynamics_compute(c.dyn, c.batch));
            checks_read(&c, ATH_FIELD_ENERGY, 1, &e[side]);
        }
        r[at] = x;
        assert_true(fabs(-(e[1] - e[0]) / (2 * h) - f[at]) < 1e-6 * (1.0 + fabs(f[at])));
    }
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static double total_energy(checks *c, int32_t index)
{
    double energy = 0.0, masses[MAX_ATOMS], v[3 * MAX_ATOMS];
    checks_read(c, ATH_FIELD_ENERGY, index, &energy);
    checks_read(c, ATH_FIELD_MASSES, index, masses);
    checks_read(c, ATH_FIELD_VELOCITIES, index, v);
    for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(c->batch, index); k++) {
        energy += 0.5 * masses[k / 3] * v[k] * v[k];
    }
    return energy;
}

/* A biased cluster keeps its total energy as well as a free one, and newcomers are biased from
 * their first half step on: with a strong well a first step without it would show. */
static void test_bias_energy(void **state)
{
    static const int32_t three = 3;
    (void)state;
    double drift[2];
    for (int with = 0; with < 2; with++) {
        checks c;
        ath_hook hook;
        double k = 0.05;
        checks_open(&c, "host");
        ath_model_destroy(&c.model); /* no pair crosses the cutoff */
        OK(c.ctx, ath_model_create(c.ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=60", &c.model));
        OK(c.ctx, ath_hook_bias(c.ctx, checks_well, &k, &hook));
        c.batch = checks_batch(&c, &three, 1);
        checks_dynamics(&c, &hook, with);
        OK(c.ctx, ath_dynamics_compute(c.dyn, c.batch));
        const double before = total_energy(&c, 0);
        drift[with] = 0.0;
        for (int n = 0; n < 20; n++) {
            OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 10));
            const double d = fabs(total_energy(&c, 0) - before);
            drift[with] = d > drift[with] ? d : drift[with];
        }
        ath_dynamics_destroy(&c.dyn);
        ath_hook_free(&hook);
        checks_close(&c);
    }
    assert_true(drift[0] < 1e-4); /* eV */
    assert_true(drift[1] < 5e-3); /* of 30 eV that go to and fro in the well */
}

static ath_status bias_fails(void *user, ath_bias_view *view)
{
    (void)user, (void)view;
    return ATH_E_NOT_FOUND;
}

static void test_bias_failure(void **state)
{
    (void)state;
    checks c;
    ath_hook hook;
    checks_open(&c, "host");
    OK(c.ctx, ath_hook_bias(c.ctx, bias_fails, NULL, &hook));
    c.batch = checks_all(&c);
    checks_dynamics(&c, &hook, 1);
    assert_int_equal(ath_dynamics_run(c.dyn, c.batch, 2), ATH_E_NOT_FOUND);
    assert_non_null(strstr(ath_context_message(c.ctx), "bias"));
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

/* ---- failures around the evaluation ---- */

typedef struct trouble {
    int32_t n, fail_at; /* calls, and which of them fails (0: none) */
} trouble;

static bool trouble_now(trouble *t)
{
    return ++t->n == t->fail_at;
}

/* A model: every atom on a spring to the origin. */
static ath_status trouble_spring(void *user, const ath_model_view *view)
{
    if (trouble_now(user)) {
        return ATH_E_IO;
    }
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        const int64_t from = 3 * view->first[slot], to = from + 3 * (int64_t)view->n_atoms[slot];
        view->energy[slot] = 0.0;
        for (int64_t i = from; i < to; i++) {
            view->forces[i] = -0.01 * view->positions[i];
            view->energy[slot] += 0.005 * view->positions[i] * view->positions[i];
        }
        memset(view->stress + 9 * (int64_t)slot, 0, 9 * sizeof *view->stress);
    }
    return ATH_OK;
}

static ath_status trouble_hook(void *user, const ath_hook_context *context)
{
    (void)context;
    return trouble_now(user) ? ATH_E_IO : ATH_OK;
}

/* Ten steps with a bias; a failing call of the model or of the hook before the bias ends a run in
 * the middle. */
static void trouble_run(int32_t model_fails, int32_t hook_fails, uint64_t bits[CHECKS_SYSTEMS])
{
    checks c;
    trouble model = {.fail_at = model_fails}, hook = {.fail_at = hook_fails};
    ath_hook hooks[2] = {{.size = sizeof(ath_hook),
                          .name = "trouble",
                          .stage = ATH_STAGE_AFTER_COMPUTE,
                          .frequency = 1,
                          .call = trouble_hook,
                          .user = &hook}};
    ath_callback_config callback = {.size = sizeof callback, .name = "spring", .user = &model};
    checks_open(&c, "host");
    ath_model_destroy(&c.model);
    callback.batch_invariant = true;
    callback.compute = trouble_spring;
    OK(c.ctx, ath_model_callback(c.ctx, &callback, &c.model));
    OK(c.ctx, ath_hook_bias(c.ctx, checks_well, NULL, &hooks[1]));
    c.batch = checks_all(&c);
    checks_dynamics(&c, hooks, 2);
    int64_t age = 0;
    int n_failed = 0;
    for (int64_t steps = 10; age < 10; steps = model_fails ? 1 : 10 - age) {
        const ath_status status = ath_dynamics_run(c.dyn, c.batch, steps);
        n_failed += status == ATH_E_IO;
        assert_true(status == ATH_OK || status == ATH_E_IO);
        checks_read(&c, ATH_FIELD_AGE, 0, &age);
    }
    assert_int_equal(n_failed, model_fails > 0 || hook_fails > 0);
    for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
        bits[i] = checks_digest(&c, c.batch, i);
    }
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hooks[1]);
    checks_close(&c);
}

/* A step that is completed, at once or by the next run, has its bias. */
static void test_bias_completed(void **state)
{
    uint64_t plain[CHECKS_SYSTEMS], other[CHECKS_SYSTEMS];
    (void)state;
    trouble_run(0, 0, plain);
    for (int32_t at = 2; at < 7; at++) {
        trouble_run(at, 0, other);
        assert_memory_equal(plain, other, sizeof plain);
        trouble_run(0, at, other);
        assert_memory_equal(plain, other, sizeof plain);
    }
}

/* ---- freeze ---- */

static void check_freeze(const char *device, const uint8_t components[3])
{
    const bool all = !components[0] && !components[1] && !components[2];
    checks c;
    ath_hook hook;
    double before[3 * MAX_ATOMS], after[3 * MAX_ATOMS], v[3 * MAX_ATOMS], dof = 0.0;
    uint8_t fixed[3 * MAX_ATOMS];
    int32_t categories[MAX_ATOMS];
    ath_hook_freeze_config config = {.size = sizeof config, .category = -1};
    memcpy(config.components, components, 3);
    checks_open(&c, device);
    OK(c.ctx, ath_hook_freeze(c.ctx, &config, &hook));
    c.batch = checks_all(&c);
    checks_read(&c, ATH_FIELD_POSITIONS, 5, before);
    checks_dynamics(&c, &hook, 1);
    OK(c.ctx, hook.admit(hook.user, c.dyn, c.batch, 5)); /* again does nothing more */
    checks_read(&c, ATH_FIELD_VELOCITIES, 5, v);
    checks_read(&c, ATH_FIELD_FIXED, 5, fixed);
    for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(c.batch, 5); k++) {
        assert_true(!fixed[k] == (v[k] != 0.0)); /* at rest before the first step */
    }
    OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 15));
    checks_read(&c, ATH_FIELD_POSITIONS, 5, after);
    checks_read(&c, ATH_FIELD_VELOCITIES, 5, v);
    checks_read(&c, ATH_FIELD_FIXED, 5, fixed);
    checks_read(&c, c.categories, 5, categories);
    checks_read(&c, ATH_FIELD_DOF, 5, &dof);
    const int32_t n = ath_batch_n_atoms_of(c.batch, 5);
    int32_t n_fixed = 0;
    for (int32_t k = 0; k < 3 * n; k++) {
        const bool held = categories[k / 3] == -1 && (all || components[k % 3]);
        n_fixed += held;
        assert_int_equal(fixed[k], held);
        assert_true(held ? after[k] == before[k] && v[k] == 0.0 : after[k] != before[k]);
    }
    assert_true(n_fixed > 0 && n_fixed < 3 * n);
    assert_true(dof == (double)(3 * n - n_fixed));
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_freeze(void **state)
{
    static const uint8_t whole[3] = {0, 0, 0}, plane[3] = {1, 0, 1};
    (void)state;
    check_freeze("host", whole);
    check_freeze("mock", whole);
    check_freeze("host", plane);
}

/* Frozen before the entry action: thermal velocities are drawn for what is free. */
static void test_freeze_thermal(void **state)
{
    (void)state;
    checks c;
    ath_hook hook;
    const ath_hook_freeze_config freeze = {.size = sizeof freeze, .category = -1};
    checks_open(&c, "host");
    OK(c.ctx, ath_hook_freeze(c.ctx, &freeze, &hook));
    c.batch = checks_all(&c);
    ath_dynamics_config config = checks_config(&c);
    config.velocities = ATH_VELOCITIES_THERMAL;
    config.temperature = 50.0;
    config.hooks = &hook;
    config.n_hooks = 1;
    OK(c.ctx, ath_dynamics_create(c.ctx, &config, &c.dyn));
    OK(c.ctx, ath_dynamics_pre_update(c.dyn, c.batch));
    for (int32_t i = 0; i < CHECKS_SYSTEMS; i++) {
        double dof = 0.0, v[3 * MAX_ATOMS];
        uint8_t fixed[3 * MAX_ATOMS];
        int32_t n_free = 0;
        checks_read(&c, ATH_FIELD_DOF, i, &dof);
        checks_read(&c, ATH_FIELD_VELOCITIES, i, v);
        checks_read(&c, ATH_FIELD_FIXED, i, fixed);
        for (int32_t k = 0; k < 3 * ath_batch_n_atoms_of(c.batch, i); k++) {
            n_free += !fixed[k];
            assert_true(fixed[k] ? v[k] == 0.0 : v[k] != 0.0);
        }
        assert_true(dof == (double)n_free);
    }
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

/* A column of the file does as well as a field; systems without are left alone; a category that
 * means "none given", or labels that are no integers, are refused. */
static void test_freeze_labels(void **state)
{
    static const double r[6] = {0, 0, 0, 4, 0, 0};
    static const int64_t labels[2] = {7, 3};
    static const double reals[2] = {7.0, 3.0};
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        checks c;
        ath_hook hook;
        ath_system *s = NULL;
        uint8_t fixed[6];
        static const uint8_t expected[4][6] = {{0}, {1, 1, 1}, {0}, {0}};
        checks_open(&c, "host");
        const ath_hook_freeze_config config = {.size = sizeof config,
                                               .field = kind == 3 ? "atom_categories" : "label",
                                               .category = kind == 3 ? 0 : 7};
        OK(c.ctx, ath_hook_freeze(c.ctx, &config, &hook));
        one_system(&c, 2, r, no_cell, open_pbc);
        OK(c.ctx, ath_batch_get(c.batch, 0, &s));
        const ath_extra extra = {.name = "label",
                                 .level = ATH_LEVEL_ATOM,
                                 .type = kind == 2 ? ATH_EXTRA_REAL : ATH_EXTRA_INT,
                                 .width = 1,
                                 .values = kind == 2 ? (const void *)reals : labels};
        OK(c.ctx, kind == 1 || kind == 2 ? ath_system_set_extra(s, &extra) : ATH_OK);
        (void)(kind == 3 ? checks_rows(&c, s, c.categories) : NULL);
        ath_batch_destroy(&c.batch);
        OK(c.ctx, ath_batch_from_systems(c.ctx, c.device, &s, 1, &c.batch));
        ath_system_destroy(&s);
        checks_dynamics(&c, &hook, 1);
        const ath_status status = ath_dynamics_run(c.dyn, c.batch, 1);
        assert_int_equal(status, kind < 2 ? ATH_OK : ATH_E_ARGUMENT);
        checks_read(&c, ATH_FIELD_FIXED, 0, fixed);
        assert_memory_equal(fixed, expected[kind], 6);
        ath_dynamics_destroy(&c.dyn);
        ath_hook_free(&hook);
        checks_close(&c);
    }
}

/* ---- wrap ---- */

static void check_wrap(const char *device)
{
    static const struct {
        const double *cell;
        const int32_t *pbc;
        double from[3], to[3];
    } rows[] = {
        {cube, full_pbc, {12, -3, 25}, {2, 7, 5}},
        {cube, full_pbc, {-1, 10, 0}, {9, 0, 0}},
        {cube, slab_pbc, {12, -3, 25}, {2, 7, 25}},
        {cube, slab_pbc, {5, 5, -5}, {5, 5, -5}},
        {cube, open_pbc, {12, -3, 25}, {12, -3, 25}},
        {sheared, full_pbc, {16.5, 5, 5}, {6.5, 5, 5}},
        {sheared, slab_pbc, {4, 12, 33}, {1, 2, 33}},
        {no_cell, full_pbc, {12, -3, 25}, {12, -3, 25}},
        {cube, full_pbc, {1e12, 1, 1}, {1e12, 1, 1}},
    };
    checks c;
    ath_hook hook;
    checks_open(&c, device);
    OK(c.ctx, ath_hook_wrap(c.ctx, false, &hook));
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        double out[3];
        one_system(&c, 1, rows[k].from, rows[k].cell, rows[k].pbc);
        OK(c.ctx, checks_call(&c, &hook, everybody));
        checks_read(&c, ATH_FIELD_POSITIONS, 0, out);
        assert_true(largest_difference(out, rows[k].to, 3) < 1e-12);
    }
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_wrap(void **state)
{
    (void)state;
    check_wrap("host");
    check_wrap("mock");
}

/* Whatever the rounding, the result is inside, what is inside keeps its bits, and positions with
 * their counts give the place back. Random cells of any shape, and places on and beside faces. */
static void test_wrap_rounding(void **state)
{
    static const double eps[] = {0.0, 1e-17, -1e-17, 1e-300, -1e-300, 1.2e-16, -1.2e-16};
    (void)state;
    checks c;
    ath_hook hook;
    ath_field_id field;
    uint64_t x = 5;
    checks_open(&c, "host");
    OK(c.ctx, ath_hook_wrap(c.ctx, true, &hook));
    OK(c.ctx, ath_field_find(c.ctx, "image_counts", &field));
    for (int trial = 0; trial < 400; trial++) {
        double h[9], g[9], r[3 * MAX_ATOMS], out[3 * MAX_ATOMS], again[3 * MAX_ATOMS];
        int32_t images[3 * MAX_ATOMS];
        for (int k = 0; k < 9; k++) {
            h[k] = 8.0 * checks_random(&x) - 4.0 + (k % 4 ? 0.0 : 9.0);
        }
        assert_true(ath__cell_reciprocal(h, g));
        for (int32_t i = 0; i < MAX_ATOMS; i++) {
            r[3 * i] = r[3 * i + 1] = r[3 * i + 2] = 0.0;
            for (int k = 0; k < 3; k++) {
                const double f = i < 40 ? floor(8.0 * checks_random(&x) - 4.0) + eps[(i + k) % 7]
                                        : 8.0 * checks_random(&x) - 4.0;
                for (int m = 0; m < 3; m++) {
                    r[3 * i + m] += f * h[3 * k + m];
                }
            }
        }
        one_system(&c, MAX_ATOMS, r, h, full_pbc);
        OK(c.ctx, checks_call(&c, &hook, everybody));
        checks_read(&c, ATH_FIELD_POSITIONS, 0, out);
        checks_read(&c, field, 0, images);
        for (int32_t i = 0; i < MAX_ATOMS; i++) {
            bool was = true;
            for (int k = 0; k < 3; k++) {
                const double *p = out + 3 * i, *q = r + 3 * i, *w = g + 3 * k;
                const double f = w[0] * p[0] + w[1] * p[1] + w[2] * p[2];
                const double f0 = w[0] * q[0] + w[1] * q[1] + w[2] * q[2];
                assert_true(f >= 0.0 && f < 1.0);
                was = was && f0 >= 0.0 && f0 < 1.0;
            }
            for (int m = 0; m < 3; m++) {
                double back = out[3 * i + m];
                for (int k = 0; k < 3; k++) {
                    back += images[3 * i + k] * h[3 * k + m];
                }
                assert_true(fabs(back - r[3 * i + m]) < 1e-12);
                assert_true(!was || out[3 * i + m] == r[3 * i + m]);
            }
        }
        OK(c.ctx, checks_call(&c, &hook, everybody));
        checks_read(&c, ATH_FIELD_POSITIONS, 0, again);
        assert_memory_equal(out, again, sizeof out);
    }
    ath_hook_free(&hook);
    checks_close(&c);
}

/* A wrapped run is the run without, to rounding, seen through the image counts; and atoms do
 * cross. */
static void test_wrap_run(void **state)
{
    (void)state;
    double r[2][3 * MAX_ATOMS], cell[9], energy[2];
    int32_t images[3 * MAX_ATOMS] = {0}, n = 0, n_wrapped = 0;
    for (int with = 0; with < 2; with++) {
        checks c;
        ath_hook hook;
        ath_field_id field;
        checks_open(&c, "host");
        OK(c.ctx, ath_hook_wrap(c.ctx, true, &hook));
        c.batch = checks_all(&c);
        checks_dynamics(&c, &hook, with);
        OK(c.ctx, ath_dynamics_run(c.dyn, c.batch, 100));
        checks_read(&c, ATH_FIELD_POSITIONS, 4, r[with]);
        checks_read(&c, ATH_FIELD_CELL, 4, cell);
        checks_read(&c, ATH_FIELD_ENERGY, 4, &energy[with]);
        n = ath_batch_n_atoms_of(c.batch, 4);
        if (with) {
            OK(c.ctx, ath_field_find(c.ctx, "image_counts", &field));
            checks_read(&c, field, 4, images);
        }
        ath_dynamics_destroy(&c.dyn);
        ath_hook_free(&hook);
        checks_close(&c);
    }
    for (int32_t i = 0; i < n; i++) {
        n_wrapped += images[3 * i] != 0 || images[3 * i + 2] != 0;
        assert_int_equal(images[3 * i + 1], 0); /* not periodic */
        for (int m = 0; m < 3; m++) {
            double back = r[1][3 * i + m];
            for (int k = 0; k < 3; k++) {
                back += images[3 * i + k] * cell[3 * k + m];
            }
            assert_true(fabs(back - r[0][3 * i + m]) < 1e-8);
        }
    }
    assert_true(n_wrapped >= 5);
    assert_true(fabs(energy[1] - energy[0]) < 1e-9);
}

/* ---- align ---- */

static double pair_distance(const double *r, int32_t i, int32_t j)
{
    double sum = 0.0;
    for (int m = 0; m < 3; m++) {
        sum += (r[3 * i + m] - r[3 * j + m]) * (r[3 * i + m] - r[3 * j + m]);
    }
    return sqrt(sum);
}

typedef struct picture {
    double r[3 * MAX_ATOMS], v[3 * MAX_ATOMS], f[3 * MAX_ATOMS], cell[9], stress[9], energy;
} picture;

static void take_picture(checks *c, int32_t index, picture *p)
{
    checks_read(c, ATH_FIELD_POSITIONS, index, p->r);
    checks_read(c, ATH_FIELD_VELOCITIES, index, p->v);
    checks_read(c, ATH_FIELD_FORCES, index, p->f);
    checks_read(c, ATH_FIELD_CELL, index, p->cell);
    checks_read(c, ATH_FIELD_STRESS, index, p->stress);
    checks_read(c, ATH_FIELD_ENERGY, index, &p->energy);
}

/* Everything that was turned is what the model gives for the turned system, and distances, lengths,
 * energies and the kinetic energy stay. */
static void check_align(const char *device)
{
    checks c;
    ath_hook hook;
    checks_open(&c, device);
    OK(c.ctx, ath_hook_align_cell(c.ctx, &hook));
    c.batch = checks_all(&c);
    checks_dynamics(&c, NULL, 0);
    OK(c.ctx, ath_dynamics_compute(c.dyn, c.batch));
    for (int32_t i = 0; i < CHECKS_SYSTEMS; i += 2) {
        uint8_t mask[CHECKS_SYSTEMS] = {0};
        picture before, turned, computed;
        const int32_t n = ath_batch_n_atoms_of(c.batch, i);
        const double kinetic = total_energy(&c, i);
        mask[i] = 1;
        take_picture(&c, i, &before);
        OK(c.ctx, checks_call(&c, &hook, mask));
        take_picture(&c, i, &turned);
        const double *h = turned.cell;
        assert_true(h[1] == 0.0 && h[2] == 0.0 && h[5] == 0.0);
        assert_true(h[0] > 0.0 && h[4] > 0.0 && h[8] > 0.0);
        assert_true(fabs(ath__cell_det(h) / ath__cell_det(before.cell) - 1.0) < 1e-12);
        assert_true(before.cell[1] != 0.0);
        for (int32_t a = 1; a < n; a++) {
            assert_true(fabs(pair_distance(turned.r, 0, a) - pair_distance(before.r, 0, a)) <
                        1e-10);
        }
        assert_true(fabs(total_energy(&c, i) - kinetic) < 1e-12);
        OK(c.ctx, ath_dynamics_compute(c.dyn, c.batch));
        take_picture(&c, i, &computed);
        assert_true(fabs(computed.energy - before.energy) < 1e-10);
        assert_true(largest_difference(computed.f, turned.f, 3 * n) < 1e-10);
        assert_true(largest_difference(computed.stress, turned.stress, 9) < 1e-12);
        assert_true(largest_difference(before.f, turned.f, 3 * n) > 1e-6);
        OK(c.ctx, checks_call(&c, &hook, mask)); /* and once more: every bit stays */
        take_picture(&c, i, &turned);
        assert_memory_equal(&turned.r, &computed.r, 3 * (size_t)n * sizeof(double));
        assert_memory_equal(&turned.cell, &computed.cell, sizeof turned.cell);
    }
    ath_dynamics_destroy(&c.dyn);
    ath_hook_free(&hook);
    checks_close(&c);
}

static void test_align(void **state)
{
    (void)state;
    check_align("host");
    check_align("mock");
}

/* The matrix by lengths and angles, from the formula; and what is left alone. */
static void test_align_form(void **state)
{
    static const double r[6] = {1, 2, 3, 4, 5, 6}, flat[9] = {1, 2, 3, 2, 4, 6, 0, 0, 5};
    static const double left[9] = {0, 10, 0, 10, 0, 0, 0, 0, 10};
    static const double turned[9] = {0, 10, 0, 0, 0, 10, 10, 0, 0};
    static const uint8_t held[6] = {0, 0, 0, 1, 0, 0};
    const double rad = acos(-1.0) / 180.0, ca = cos(80 * rad), cb = cos(85 * rad),
                 cg = cos(75 * rad), sg = sin(75 * rad), cy = 7 * (ca - cb * cg) / sg;
    const double form[9] = {
        5, 0, 0, 6 * cg, 6 * sg, 0, 7 * cb, cy, sqrt(49 - 49 * cb * cb - cy * cy)};
    double skewed[9], out[9];
    (void)state;
    checks c;
    ath_hook hook;
    checks_open(&c, "host");
    OK(c.ctx, ath_hook_align_cell(c.ctx, &hook));
    for (int k = 0; k < 9; k += 3) { /* 37 degrees about z, then 20 about x */
        const double co = cos(37 * rad), si = sin(37 * rad), c2 = cos(20 * rad), s2 = sin(20 * rad);
        const double x = co * form[k] - si * form[k + 1], y = si * form[k] + co * form[k + 1];
        skewed[k] = x;
        skewed[k + 1] = c2 * y - s2 * form[k + 2];
        skewed[k + 2] = s2 * y + c2 * form[k + 2];
    }
    one_system(&c, 2, r, skewed, full_pbc);
    OK(c.ctx, checks_call(&c, &hook, everybody));
    checks_read(&c, ATH_FIELD_CELL, 0, out);
    assert_true(largest_difference(out, form, 9) < 1e-13);
    const double *alone[] = {flat, left, no_cell, turned, turned, cube};
    for (int k = 0; k < 6; k++) { /* turned: once not periodic, once with a held component */
        double r_out[6];
        one_system(&c, 2, r, alone[k], k == 3 ? open_pbc : full_pbc);
        if (k == 4) {
            checks_write(&c, ATH_FIELD_FIXED, 0, held);
        }
        OK(c.ctx, checks_call(&c, &hook, everybody));
        checks_read(&c, ATH_FIELD_CELL, 0, out);
        checks_read(&c, ATH_FIELD_POSITIONS, 0, r_out);
        assert_memory_equal(out, alone[k], sizeof out);
        assert_memory_equal(r_out, r, sizeof r_out);
    }
    one_system(&c, 2, r, turned, slab_pbc);
    OK(c.ctx, checks_call(&c, &hook, everybody));
    checks_read(&c, ATH_FIELD_CELL, 0, out);
    assert_true(largest_difference(out, cube, 9) == 0.0);
    ath_hook_free(&hook);
    checks_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clamp),          cmocka_unit_test(test_clamp_run),
        cmocka_unit_test(test_bias),           cmocka_unit_test(test_bias_forces),
        cmocka_unit_test(test_bias_energy),    cmocka_unit_test(test_bias_failure),
        cmocka_unit_test(test_bias_completed), cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_freeze_thermal), cmocka_unit_test(test_freeze_labels),
        cmocka_unit_test(test_wrap),           cmocka_unit_test(test_wrap_rounding),
        cmocka_unit_test(test_wrap_run),       cmocka_unit_test(test_align),
        cmocka_unit_test(test_align_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
