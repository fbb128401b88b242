/* Convergence: single criteria and their combination with known numbers, on the host; the same
 * measures on the device, in a step; what a system does that has converged.
 */
#include "dynamics/structures.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include <athanor/dynamics.h>

static ath_context *ctx;
static ath_device *host;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(ath_context_create(NULL, &ctx), ATH_OK);
    OK(ctx, ath_device_open(ctx, "host", &host));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ath_device_close(&host);
    ath_context_destroy(&ctx);
    return 0;
}

static ath_field_id field(const char *name, ath_level level, ath_dtype dtype, int32_t width)
{
    const ath_field_info info = {
        .name = name, .level = level, .dtype = dtype, .width = width, .unit = "", .help = ""};
    ath_field_id id = -1;
    OK(ctx, ath_field_register(ctx, &info, &id));
    return id;
}

/* A batch of n systems with sizes[i] atoms each, far apart. */
static ath_batch *batch_of(ath_device *device, const int32_t *sizes, int32_t n)
{
    ath_batch *batch = NULL;
    const ath_batch_config config = {.size = sizeof config, .device = device};
    OK(ctx, ath_batch_create(ctx, &config, &batch));
    for (int32_t i = 0; i < n; i++) {
        ath_system *s = structures_cluster(ctx, sizes[i], 18, 3.9, (uint32_t)i);
        OK(ctx, ath_batch_add(batch, s));
        ath_system_destroy(&s);
    }
    return batch;
}

static void put(ath_batch *batch, ath_field_id id, int32_t i, const void *values)
{
    if (!ath_batch_has_field(batch, id)) {
        OK(ctx, ath_batch_add_field(batch, id));
    }
    OK(ctx, ath_batch_write(batch, id, i, values));
}

/* Two systems of 2 and 3 atoms. */
static ath_batch *two_systems(void)
{
    const int32_t sizes[] = {2, 3};
    return batch_of(host, sizes, 2);
}

/* Forces along x of the five atoms. */
static void put_forces(ath_batch *batch, const double x[5])
{
    double rows[3][3] = {{x[0], 0, 0}, {x[1], 0, 0}};
    put(batch, ATH_FIELD_FORCES, 0, rows);
    for (int k = 0; k < 3; k++) {
        rows[k][0] = x[2 + k];
    }
    put(batch, ATH_FIELD_FORCES, 1, rows);
}

static unsigned evaluate(const ath_batch *batch, const ath_convergence *c)
{
    uint8_t met[8] = {0};
    unsigned bits = 0;
    OK(ctx, ath_convergence_evaluate(ctx, c, batch, met, NULL));
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        bits |= met[i] ? 1u << i : 0u;
    }
    return bits;
}

static unsigned one(const ath_batch *batch, ath_field_id id, ath_reduce reduce, int32_t dim,
                    double threshold)
{
    const ath_criterion c = {.field = id, .reduce = reduce, .dim = dim, .threshold = threshold};
    const ath_convergence all = {.size = sizeof all, .criteria = &c, .n_criteria = 1};
    return evaluate(batch, &all);
}

/* Forces, thresholds and who meets them: inclusive, per system, the largest atom. */
static void test_forces(void **state)
{
    (void)state;
    ath_batch *b = two_systems();
    const struct {
        double x[5], fmax;
        unsigned met;
    } rows[] = {
        {{.01, 0, .02, 0, 0}, .05, 3},       {{.01, 0, .1, 0, 0}, .05, 1},
        {{.1, 0, .2, 0, 0}, .05, 0},         {{.05, 0, .04, 0, 0}, .05, 3},
        {{.05, 0, .15, 0, 0}, .1, 1},        {{.01, .02, .01, .01, .1}, .05, 1},
        {{NAN, .02, .01, .01, .01}, .05, 2}, {{.01, .02, .01, NAN, .01}, .05, 1},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const ath_convergence c = {.size = sizeof c, .fmax = rows[k].fmax};
        put_forces(b, rows[k].x);
        assert_int_equal(evaluate(b, &c), rows[k].met);
        assert_int_equal(one(b, ATH_FIELD_FORCES, ATH_REDUCE_NORM, -1, rows[k].fmax), rows[k].met);
    }
    /* no reduction named: the largest component of the largest atom */
    const double x[5] = {.01, .02, .01, .01, .1};
    put_forces(b, x);
    assert_int_equal(one(b, ATH_FIELD_FORCES, ATH_REDUCE_NONE, -1, .05), 1);
    const double v[2][5][3] = {{{.01, .01, .01}, {.02, .02, .02}},
                               {{.01, 0, 0}, {.01, 0, 0}, {.08, 0, 0}}};
    put(b, ATH_FIELD_FORCES, 0, v[0]);
    put(b, ATH_FIELD_FORCES, 1, v[1]);
    assert_int_equal(one(b, ATH_FIELD_FORCES, ATH_REDUCE_NORM, -1, .05), 1);
    ath_batch_destroy(&b);
}

static void test_fields(void **state)
{
    (void)state;
    ath_batch *b = two_systems();
    const ath_field_id g = field("g", ATH_LEVEL_SYSTEM, ATH_F64, 1);
    const ath_field_id pair = field("pair", ATH_LEVEL_SYSTEM, ATH_F64, 2);
    const ath_field_id node = field("node", ATH_LEVEL_ATOM, ATH_F64, 2);
    const double scalars[][2] = {{.01, .02}, {.1, .2}, {.01, .1}};
    const unsigned met[] = {3, 0, 1};
    for (int k = 0; k < 3; k++) {
        put(b, g, 0, &scalars[k][0]);
        put(b, g, 1, &scalars[k][1]);
        assert_int_equal(one(b, g, ATH_REDUCE_NONE, -1, .05), met[k]);
    }
    const double n0[2][2] = {{.01, .02}, {.03, .01}}, n1[3][2] = {{.01, .01}, {.01, .01}, {.1, .2}};
    put(b, node, 0, n0);
    put(b, node, 1, n1);
    assert_int_equal(one(b, node, ATH_REDUCE_MAX, -1, .05), 1);
    const struct {
        double a[2], b[2];
        ath_reduce reduce;
        unsigned met;
    } rows[] = {{{.01, .1}, {.01, .02}, ATH_REDUCE_MIN, 3},
                {{.01, .03}, {.1, .2}, ATH_REDUCE_MEAN, 1},
                {{.01, .02}, {.1, .1}, ATH_REDUCE_SUM, 1},
                {{.01, -.2}, {.01, -.02}, ATH_REDUCE_MAXABS, 2}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        put(b, pair, 0, rows[k].a);
        put(b, pair, 1, rows[k].b);
        assert_int_equal(one(b, pair, rows[k].reduce, -1, .05), rows[k].met);
    }
    /* matrices, over columns, over rows, over all */
    const double sigma[9] = {1, 2, 2, 0, 0, 3, 6, 0, 0};
    put(b, ATH_FIELD_STRESS, 0, sigma);
    uint8_t m[2];
    double values[2][ATH_MAX_CRITERIA];
    const ath_criterion c[3] = {
        {.field = ATH_FIELD_STRESS, .reduce = ATH_REDUCE_NORM, .dim = -1, .threshold = 10},
        {.field = ATH_FIELD_STRESS, .reduce = ATH_REDUCE_SUM, .dim = -2, .threshold = 10},
        {.field = ATH_FIELD_STRESS, .reduce = ATH_REDUCE_SUM, .dim = 0, .threshold = 10}};
    const ath_convergence all = {.size = sizeof all, .criteria = c, .n_criteria = 3};
    OK(ctx, ath_convergence_evaluate(ctx, &all, b, m, &values[0][0]));
    assert_true(values[0][0] == 6 && values[0][1] == 7 && values[0][2] == 14 &&
                isnan(values[0][3]));
    assert_int_equal(m[0], 0);
    assert_int_equal(m[1], 1);
    ath_batch_destroy(&b);
}

/* The level of a field decides, also where every system has one atom. */
static void test_single_atoms(void **state)
{
    (void)state;
    const int32_t sizes[3] = {1, 1, 1};
    ath_batch *b = batch_of(host, sizes, 3);
    for (int32_t i = 0; i < 3; i++) {
        const double f[3] = {.01 * (i + 1), .04, 0};
        put(b, ATH_FIELD_FORCES, i, f);
    }
    assert_int_equal(one(b, ATH_FIELD_FORCES, ATH_REDUCE_NONE, -1, .04), 7);
    assert_int_equal(one(b, ATH_FIELD_FORCES, ATH_REDUCE_NORM, -1, .042), 1);
    ath_batch_destroy(&b);
}

typedef struct custom {
    int32_t n_calls;
    double least;
    ath_field_id id;
} custom;

static ath_status custom_met(void *user, const ath_batch *batch, const uint8_t *mask, uint8_t *met)
{
    custom *c = user;
    c->n_calls++;
    for (int32_t i = 0; i < ath_batch_n_systems(batch); i++) {
        double value = 0;
        if (mask[i]) {
            OK(ctx, ath_batch_read(batch, c->id, i, &value));
            met[i] = value > c->least;
        }
    }
    return ATH_OK;
}

static void test_all_of(void **state)
{
    (void)state;
    const int32_t sizes[4] = {2, 2, 3, 1};
    ath_batch *b = batch_of(host, sizes, 4);
    const ath_field_id change = field("change", ATH_LEVEL_SYSTEM, ATH_F64, 1);
    const ath_field_id step = field("step", ATH_LEVEL_SYSTEM, ATH_F32, 1);
    const ath_field_id g = field("g", ATH_LEVEL_SYSTEM, ATH_F64, 1);
    const double fmax[4] = {.01, .1, .01, .01}, dE[4] = {1e-7, 1e-7, 1e-5, 1e-7};
    const float moved[4] = {.001f, .001f, .001f, .01f};
    for (int32_t i = 0; i < 4; i++) {
        put(b, g, i, &fmax[i]);
        put(b, change, i, &dE[i]);
        put(b, step, i, &moved[i]);
    }
    ath_criterion c[3] = {{.field = g, .threshold = .05},
                          {.field = change, .threshold = 1e-6},
                          {.field = step, .threshold = .005}};
    ath_convergence all = {.size = sizeof all, .criteria = c, .n_criteria = 2};
    assert_int_equal(evaluate(b, &all), 9);
    all.n_criteria = 3;
    assert_int_equal(evaluate(b, &all), 1);
    custom own = {.least = 1e-6, .id = change};
    c[2] = (ath_criterion){.custom = custom_met, .user = &own};
    c[1] = (ath_criterion){.field = g, .threshold = .05};
    assert_int_equal(evaluate(b, &all), 4);
    assert_int_equal(own.n_calls, 1);
    ath_batch_destroy(&b);
}

static void test_refusals(void **state)
{
    (void)state;
    ath_batch *b = two_systems();
    const ath_field_id absent = field("absent", ATH_LEVEL_SYSTEM, ATH_F64, 1);
    uint8_t met[2];
    ath_criterion c = {.field = absent, .threshold = 1};
    ath_convergence all = {.size = sizeof all, .criteria = &c, .n_criteria = 1};
    assert_int_equal(ath_convergence_evaluate(ctx, &all, b, met, NULL), ATH_E_NOT_FOUND);
    assert_non_null(
        strstr(ath_context_message(ctx), "field for convergence check not found: 'absent'"));
    assert_non_null(strstr(ath_context_message(ctx), "forces"));
    const ath_criterion bad[] = {
        {.field = 63, .threshold = 1},
        {.field = ATH_FIELD_FORCES, .reduce = (ath_reduce)9, .threshold = 1},
        {.field = ATH_FIELD_FORCES, .dim = -2, .threshold = 1},
        {.field = ATH_FIELD_FORCES, .dim = 1, .threshold = 1},
        {.field = ATH_FIELD_FORCES, .threshold = NAN},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        c = bad[k];
        assert_int_equal(ath_convergence_evaluate(ctx, &all, b, met, NULL), ATH_E_ARGUMENT);
    }
    all.n_criteria = 9;
    assert_int_equal(ath_convergence_evaluate(ctx, &all, b, met, NULL), ATH_E_RANGE);
    all.size = 3;
    assert_int_equal(ath_convergence_evaluate(ctx, &all, b, met, NULL), ATH_E_ABI);
    static const char *const texts[] = {"",
                                        "fmax",
                                        "fmax=",
                                        "fmax=x",
                                        "fmax=-1",
                                        "forces:big=1",
                                        "=1",
                                        "fmax=1,",
                                        "nothing=1",
                                        "fmax=1 2",
                                        "forces:max=1,,energy=1"};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        ath_criterion out[ATH_MAX_CRITERIA];
        int32_t n = 0;
        assert_int_equal(ath_criteria_parse(ctx, texts[k], out, &n), ATH_E_OPTION);
    }
    ath_batch_destroy(&b);
}

/* ---- on the device ---- */

enum { SYSTEMS = 5, FIELDS = 6 };
static const ath_dtype types[FIELDS] = {ATH_F64, ATH_F32, ATH_I64, ATH_I32, ATH_F64, ATH_F64};
static const int32_t widths[FIELDS] = {2, 3, 1, 4, 9, 9};
static const ath_level levels[FIELDS] = {ATH_LEVEL_ATOM, ATH_LEVEL_ATOM,   ATH_LEVEL_SYSTEM,
                                         ATH_LEVEL_ATOM, ATH_LEVEL_SYSTEM, ATH_LEVEL_ATOM};

/* Any numbers, the same for every device. */
static void fill(ath_batch *b, ath_field_id id, int32_t k)
{
    uint64_t x = 77 + (uint64_t)k;
    if (!ath_batch_has_field(b, id)) {
        OK(ctx, ath_batch_add_field(b, id));
    }
    for (int32_t i = 0; i < SYSTEMS; i++) {
        const int32_t rows = levels[k] == ATH_LEVEL_ATOM ? ath_batch_n_atoms_of(b, i) : 1;
        unsigned char data[9 * 8 * 64];
        for (int32_t v = 0; v < rows * widths[k]; v++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            const double value = (double)(x >> 11) / 4503599627370496.0 - 1.0;
            switch (types[k]) {
            case ATH_F64:
                ((double *)(void *)data)[v] = value;
                break;
            case ATH_F32:
                ((float *)(void *)data)[v] = (float)value;
                break;
            case ATH_I64:
                ((int64_t *)(void *)data)[v] = (int64_t)(1000 * value);
                break;
            default:
                ((int32_t *)(void *)data)[v] = (int32_t)(1000 * value);
                break;
            }
        }
        OK(ctx, ath_batch_write(b, id, i, data));
    }
}

/* The values that a step writes are those that the host measures, and so is who has converged. */
static void check_device(const char *name)
{
    const int32_t sizes[SYSTEMS] = {1, 2, 7, 33, 64};
    ath_device *device = NULL;
    ath_model *lj = NULL;
    int32_t n_met = 0, n_not = 0;
    OK(ctx, ath_device_open(ctx, name, &device));
    OK(ctx, ath_model_create(ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &lj));
    for (int32_t k = 0; k < FIELDS; k++) {
        char label[16];
        snprintf(label, sizeof label, "field%d", (int)k);
        const ath_field_id id = field(label, levels[k], types[k], widths[k]);
        for (int32_t reduce = 0; reduce <= ATH_REDUCE_MAXABS; reduce++) {
            ath_criterion c[2];
            for (int32_t d = 0; d < 2; d++) {
                c[d] = (ath_criterion){.field = id,
                                       .reduce = (ath_reduce)reduce,
                                       .dim = widths[k] == 9 && d ? -2
                                              : d                 ? -1
                                                                  : 0,
                                       .threshold = types[k] < ATH_I64 ? 1.0 : 900.0};
            }
            const ath_convergence all = {
                .size = sizeof all, .fmax = 1e3, .criteria = c, .n_criteria = 2};
            ath_dynamics_config config = ath_dynamics_defaults();
            ath_dynamics *dyn = NULL;
            ath_batch *b = batch_of(device, sizes, SYSTEMS);
            uint8_t met[SYSTEMS];
            double values[SYSTEMS][ATH_MAX_CRITERIA], written[ATH_MAX_CRITERIA];
            fill(b, id, k);
            config.model = lj;
            config.convergence_hook = &all;
            config.n_threads = 2;
            OK(ctx, ath_dynamics_create(ctx, &config, &dyn));
            OK(ctx, ath_dynamics_run(dyn, b, 1));
            OK(ctx, ath_convergence_evaluate(ctx, &all, b, met, &values[0][0]));
            for (int32_t i = 0; i < SYSTEMS; i++) {
                int32_t converged = -1;
                OK(ctx, ath_batch_read(b, ATH_FIELD_CONVERGED, i, &converged));
                OK(ctx, ath_batch_read(b, ATH_FIELD_CRITERIA, i, written));
                assert_int_equal(converged, met[i]);
                for (int32_t v = 0; v < ATH_MAX_CRITERIA; v++) {
                    assert_true(written[v] == values[i][v] ||
                                (isnan(written[v]) && isnan(values[i][v])));
                }
                n_met += met[i];
                n_not += !met[i];
            }
            ath_dynamics_destroy(&dyn);
            ath_batch_destroy(&b);
        }
    }
    assert_true(n_met > 40 && n_not > 40);
    ath_model_destroy(&lj);
    ath_device_close(&device);
}

static void test_device(void **state)
{
    (void)state;
    check_device("host");
    check_device("mock");
}

/* ---- what follows ---- */

typedef struct run {
    ath_model *lj;
    ath_integrator *fire;
    ath_batch *batch;
    ath_dynamics *dyn;
} run;

static run run_open(const ath_convergence *c, int64_t n_steps, bool fused)
{
    const int32_t sizes[SYSTEMS] = {1, 2, 7, 33, 64};
    run r = {0};
    ath_dynamics_config config = ath_dynamics_defaults();
    OK(ctx, ath_model_create(ctx, "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5", &r.lj));
    OK(ctx, ath_integrator_create(ctx, "fire", &r.fire));
    config.model = r.lj;
    config.integrator = r.fire;
    config.convergence_hook = c;
    config.velocities = ATH_VELOCITIES_ZERO;
    config.n_steps = n_steps;
    config.n_threads = 2;
    OK(ctx, ath_dynamics_create(ctx, &config, &r.dyn));
    if (fused) {
        ath_dynamics *part = r.dyn;
        OK(ctx, ath_fuse(ctx, &part, 1, &r.dyn));
        ath_dynamics_destroy(&part);
    }
    r.batch = batch_of(host, sizes, SYSTEMS);
    return r;
}

static void run_close(run *r)
{
    ath_dynamics_destroy(&r->dyn);
    ath_batch_destroy(&r->batch);
    ath_integrator_destroy(&r->fire);
    ath_model_destroy(&r->lj);
}

static int64_t whole(const run *r, ath_field_id id, int32_t i)
{
    int64_t value = 0;
    int32_t small = 0;
    const bool is_long = ath_field_describe(ctx, id)->dtype == ATH_I64;
    OK(ctx, ath_batch_read(r->batch, id, i, is_long ? (void *)&value : (void *)&small));
    return is_long ? value : small;
}

/* A status for who converges: only from the source, and a system elsewhere keeps its own. */
static void test_migration(void **state)
{
    (void)state;
    ath_convergence c = {.size = sizeof c, .fmax = 1e6, .migrates = true, .source = 0, .target = 5};
    run r = run_open(&c, ATH_UNSET, false);
    const int32_t status[SYSTEMS] = {0, 2, 0, -3, 0};
    /* exit_status 1: systems of status 2 are done with; -3 is active, but not the source */
    for (int32_t i = 0; i < SYSTEMS; i++) {
        put(r.batch, ATH_FIELD_STATUS, i, &status[i]);
    }
    OK(ctx, ath_dynamics_run(r.dyn, r.batch, 1));
    const int32_t after[SYSTEMS] = {5, 2, 5, -3, 5};
    for (int32_t i = 0; i < SYSTEMS; i++) {
        assert_int_equal(whole(&r, ATH_FIELD_STATUS, i), after[i]);
        assert_int_equal(whole(&r, ATH_FIELD_REASON, i),
                         after[i] == 5 ? ATH_REASON_CONVERGED : ATH_REASON_NONE);
    }
    run_close(&r);
}

/* Assessed at every 10th step of a system, and at its last one. */
static void test_frequency(void **state)
{
    (void)state;
    const ath_convergence often = {.size = sizeof often, .fmax = .002};
    const ath_convergence seldom = {.size = sizeof seldom, .fmax = .002, .frequency = 10};
    run a = run_open(&often, 3000, true), b = run_open(&seldom, 3000, true);
    OK(ctx, ath_dynamics_run(a.dyn, a.batch, ATH_UNSET));
    OK(ctx, ath_dynamics_run(b.dyn, b.batch, ATH_UNSET));
    for (int32_t i = 0; i < SYSTEMS; i++) {
        const int64_t n = whole(&a, ATH_FIELD_AGE, i), m = whole(&b, ATH_FIELD_AGE, i);
        assert_true(m >= n && m % 10 == 0);
        assert_int_equal(whole(&b, ATH_FIELD_REASON, i), ATH_REASON_CONVERGED);
    }
    run_close(&a);
    run_close(&b);
    a = run_open(&seldom, 7, true); /* the single atom has converged by then */
    OK(ctx, ath_dynamics_run(a.dyn, a.batch, ATH_UNSET));
    assert_int_equal(whole(&a, ATH_FIELD_REASON, 0), ATH_REASON_CONVERGED);
    assert_int_equal(whole(&a, ATH_FIELD_REASON, 4), ATH_REASON_STEP_LIMIT);
    assert_int_equal(whole(&a, ATH_FIELD_CONVERGED, 4), 0);
    run_close(&a);
}

/* |E - E one step before|, and the values at that moment. */
static void test_energy_change(void **state)
{
    (void)state;
    ath_criterion c[ATH_MAX_CRITERIA];
    int32_t n = 0;
    OK(ctx, ath_criteria_parse(ctx, "energy_change=1e-7,fmax=0.02", c, &n));
    const ath_convergence all = {.size = sizeof all, .criteria = c, .n_criteria = n};
    run r = run_open(&all, 5000, true), twin = run_open(&all, 5000, true);
    OK(ctx, ath_dynamics_run(r.dyn, r.batch, ATH_UNSET));
    for (int32_t i = 0; i < SYSTEMS; i++) {
        double values[ATH_MAX_CRITERIA], change = 0, fmax = 0;
        assert_int_equal(whole(&r, ATH_FIELD_REASON, i), ATH_REASON_CONVERGED);
        OK(ctx, ath_batch_read(r.batch, ATH_FIELD_CRITERIA, i, values));
        OK(ctx, ath_batch_read(r.batch, ATH_FIELD_ENERGY_CHANGE, i, &change));
        OK(ctx, ath_batch_read(r.batch, ATH_FIELD_FMAX, i, &fmax));
        assert_true(values[0] == change && change <= 1e-7 && isnan(values[2]));
        assert_true(values[1] == fmax && fmax <= .02);
    }
    /* the change is that between two steps, step by step */
    double before[SYSTEMS], after[SYSTEMS], change = 0;
    OK(ctx, ath_dynamics_compute(twin.dyn, twin.batch));
    for (int32_t i = 0; i < SYSTEMS; i++) {
        OK(ctx, ath_batch_read(twin.batch, ATH_FIELD_ENERGY, i, &before[i]));
    }
    for (int k = 0; k < 4; k++) {
        OK(ctx, ath_dynamics_step(twin.dyn, twin.batch, NULL));
        for (int32_t i = 1; i < SYSTEMS; i++) {
            if (whole(&twin, ATH_FIELD_STATUS, i) == 0) {
                OK(ctx, ath_batch_read(twin.batch, ATH_FIELD_ENERGY, i, &after[i]));
                OK(ctx, ath_batch_read(twin.batch, ATH_FIELD_ENERGY_CHANGE, i, &change));
                assert_true(change == fabs(after[i] - before[i]));
                before[i] = after[i];
            }
        }
    }
    run_close(&r);
    run_close(&twin);
}

/* A function of the user decides, every third step of a system; the run is that of the same
 * criterion on the device. */
static void test_custom(void **state)
{
    (void)state;
    custom own = {.least = -DBL_MAX, .id = ATH_FIELD_FMAX};
    const ath_criterion c = {.custom = custom_met, .user = &own};
    const ath_convergence all = {
        .size = sizeof all, .criteria = &c, .n_criteria = 1, .frequency = 3};
    run r = run_open(&all, 100, true);
    OK(ctx, ath_dynamics_run(r.dyn, r.batch, ATH_UNSET));
    for (int32_t i = 0; i < SYSTEMS; i++) {
        assert_int_equal(whole(&r, ATH_FIELD_AGE, i), 3);
        assert_int_equal(whole(&r, ATH_FIELD_REASON, i), ATH_REASON_CONVERGED);
    }
    assert_int_equal(own.n_calls, 1);
    run_close(&r);
}

static const char *named; /* a device on the command line */

static void test_named(void **state)
{
    (void)state;
    check_device(named);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest on_named[] = {
        cmocka_unit_test_setup_teardown(test_named, setup, teardown)};
    if (argc == 2) {
        named = argv[1];
        return cmocka_run_group_tests(on_named, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_single_atoms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_of, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_migration, setup, teardown),
        cmocka_unit_test_setup_teardown(test_frequency, setup, teardown),
        cmocka_unit_test_setup_teardown(test_energy_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_custom, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
