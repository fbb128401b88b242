/* Guards: each is met by a system that is made to, at the step that the test has computed from a
 * run without it, and by nobody else; the others have the bits of a run without that system, and
 * everything is the same alone, in any company, tile, on any number of threads, on host and mock.
 */
#include "dynamics/structures.h"

#include <math.h>

#include <athanor/dynamics.h>
#include <athanor/units.h>

enum { GOOD = 5, ALL = GOOD + 1, STEPS = 40, MOST_ATOMS = 64 };

static const char *const LJ = "lj:epsilon=0.0104,sigma=3.4,cutoff=8.5";
static const char *const NVE = "nve:timestep=4";

typedef struct fixture {
    ath_context *ctx;
    ath_device *device;
    ath_model *model;
    ath_integrator *integrator;
    ath_system *systems[ALL]; /* the last one is the bad one */
    ath_dynamics_config config;
    double drawn; /* K, of the velocities; 0: those of the systems */
} fixture;

static void fixture_open(fixture *f, const char *device, const char *model, const char *integrator)
{
    memset(f, 0, sizeof *f);
    OK(NULL, ath_context_create(NULL, &f->ctx));
    OK(f->ctx, ath_device_open(f->ctx, device, &f->device));
    if (model) {
        OK(f->ctx, ath_model_create(f->ctx, model, &f->model));
    }
    if (integrator) {
        OK(f->ctx, ath_integrator_create(f->ctx, integrator, &f->integrator));
    }
    for (int32_t i = 0; i < GOOD; i++) {
        f->systems[i] = i % 2 ? structures_crystal(f->ctx, 3, 18, 3.9, (uint32_t)i)
                              : structures_cluster(f->ctx, 8 + 7 * i, 18, 3.9, (uint32_t)i);
    }
    f->config = ath_dynamics_defaults();
    f->config.velocities = ATH_VELOCITIES_MISSING;
    f->config.temperature = 30.0;
    f->config.n_threads = 1;
}

static void fixture_close(fixture *f)
{
    for (int32_t i = 0; i < ALL; i++) {
        ath_system_destroy(&f->systems[i]);
    }
    ath_integrator_destroy(&f->integrator);
    ath_model_destroy(&f->model);
    ath_device_close(&f->device);
    ath_context_destroy(&f->ctx);
}

static ath_dynamics *fixture_dynamics(const fixture *f)
{
    ath_dynamics *dyn = NULL;
    ath_dynamics_config config = f->config;
    config.model = f->model;
    config.integrator = f->integrator;
    OK(f->ctx, ath_dynamics_create(f->ctx, &config, &dyn));
    return dyn;
}

static ath_batch *fixture_batch(const fixture *f, const int32_t *which, int32_t n)
{
    ath_batch *batch = NULL;
    const ath_batch_config config = {.size = sizeof config, .device = f->device};
    OK(f->ctx, ath_batch_create(f->ctx, &config, &batch));
    for (int32_t i = 0; i < n; i++) {
        OK(f->ctx, ath_batch_add(batch, f->systems[which[i]]));
    }
    return batch;
}

static int32_t read_int(const fixture *f, const ath_batch *batch, ath_field_id field, int32_t i)
{
    int32_t value = -1;
    OK(f->ctx, ath_batch_read(batch, field, i, &value));
    return value;
}

static int64_t read_steps(const fixture *f, const ath_batch *batch, int32_t i)
{
    int64_t value = -1;
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_STAGE_STEPS, i, &value));
    return value;
}

/* ---- what the test computes by itself ---- */

enum value { FORCE, WAY, HEAT, VOLUME, NEAREST, N_VALUES };

typedef struct series {
    double of[N_VALUES][ALL][STEPS + 1]; /* after so many steps */
    uint64_t digest[ALL];
} series;

typedef struct picture {
    int32_t n, pbc[3];
    double cell[9], dof;
    double x[3 * MOST_ATOMS], v[3 * MOST_ATOMS], f[3 * MOST_ATOMS], m[MOST_ATOMS];
} picture;

static void picture_take(const fixture *f, const ath_batch *batch, int32_t i, picture *p)
{
    p->n = ath_batch_n_atoms_of(batch, i);
    assert_true(p->n <= MOST_ATOMS);
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_POSITIONS, i, p->x));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_VELOCITIES, i, p->v));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_FORCES, i, p->f));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_MASSES, i, p->m));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_CELL, i, p->cell));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_PBC, i, p->pbc));
    OK(f->ctx, ath_batch_read(batch, ATH_FIELD_DOF, i, &p->dof));
}

static double norm(const double a[3])
{
    return sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]);
}

/* Over all pairs and two images on either side. */
static double nearest(const picture *p)
{
    double best = INFINITY;
    for (int32_t i = 0; i < p->n; i++) {
        for (int32_t j = 0; j < p->n; j++) {
            for (int s = 0; s < 125; s++) {
                const int shift[3] = {s % 5 - 2, s / 5 % 5 - 2, s / 25 - 2};
                double d[3];
                bool none = true, skip = false;
                for (int k = 0; k < 3; k++) {
                    none = none && shift[k] == 0;
                    skip = skip || (shift[k] && !p->pbc[k]);
                    d[k] = p->x[3 * j + k] - p->x[3 * i + k] + shift[0] * p->cell[k] +
                           shift[1] * p->cell[3 + k] + shift[2] * p->cell[6 + k];
                }
                const double r = norm(d);
                best = !skip && !(none && i == j) && r < best ? r : best;
            }
        }
    }
    return best;
}

static double volume(const picture *p)
{
    const double *h = p->cell;
    return h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
           h[2] * (h[3] * h[7] - h[4] * h[6]);
}

static void series_add(series *s, int32_t i, int step, const picture *old, const picture *now,
                       double first_volume)
{
    double force = 0.0, way = 0.0, heat = 0.0;
    for (int32_t a = 0; a < now->n; a++) {
        double d[3];
        for (int k = 0; k < 3; k++) {
            d[k] = now->x[3 * a + k] - old->x[3 * a + k];
            heat += now->m[a] * now->v[3 * a + k] * now->v[3 * a + k];
        }
        force = fmax(force, norm(now->f + 3 * a));
        way = fmax(way, norm(d));
    }
    s->of[FORCE][i][step] = force;
    s->of[WAY][i][step] = way;
    s->of[HEAT][i][step] = heat / (now->dof * ATH_BOLTZMANN);
    s->of[VOLUME][i][step] = first_volume != 0.0 ? volume(now) / first_volume : 1.0;
    s->of[NEAREST][i][step] = nearest(now);
}

/* A run without guards, step by step. */
static void series_make(const fixture *f, series *s)
{
    static picture old[ALL], now;
    const int32_t all[ALL] = {0, 1, 2, 3, 4, 5};
    ath_batch *batch = fixture_batch(f, all, ALL);
    ath_dynamics *dyn = fixture_dynamics(f);
    double first[ALL];
    OK(f->ctx, ath_dynamics_run(dyn, batch, 0));
    for (int step = 0; step <= STEPS; step++) {
        if (step > 0) {
            assert_true(ath_dynamics_step(dyn, batch, NULL) >= 0);
        }
        for (int32_t i = 0; i < ALL; i++) {
            picture_take(f, batch, i, &now);
            first[i] = step == 0 ? volume(&now) : first[i];
            old[i] = step == 0 ? now : old[i];
            series_add(s, i, step, &old[i], &now, first[i]);
            old[i] = now;
        }
    }
    for (int32_t i = 0; i < ALL; i++) {
        s->digest[i] = structures_digest(f->ctx, batch, i);
    }
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
}

/* First step at which a value is beyond a limit, STEPS + 1 if never. */
static int series_first(const series *s, enum value v, int32_t i, double limit)
{
    for (int step = v == WAY ? 1 : 0; step <= STEPS; step++) {
        const double x = s->of[v][i][step];
        if (v == NEAREST ? x < limit : v == VOLUME ? x > limit || x < 1.0 / limit : x > limit) {
            return step;
        }
    }
    return STEPS + 1;
}

/* ---- guards that look at series ---- */

typedef struct guard {
    enum value value;
    ath_reason reason;
} guard;

static void guard_set(fixture *f, const guard *g, double limit)
{
    f->config.max_force = g->value == FORCE ? limit : 0.0;
    f->config.max_displacement = g->value == WAY ? limit : 0.0;
    f->config.max_temperature = g->value == HEAT ? limit : 0.0;
    f->config.max_volume_change = g->value == VOLUME ? limit : 0.0;
    f->config.min_distance = g->value == NEAREST ? limit : 0.0;
}

/* Runs some of the systems; what becomes of each is what the series says. */
static void guard_run(const fixture *f, const series *s, const guard *g, double limit,
                      const int32_t *which, int32_t n, int64_t piece)
{
    ath_batch *batch = fixture_batch(f, which, n);
    ath_dynamics *dyn = fixture_dynamics(f);
    uint64_t digest = 0;
    for (int64_t made = 0; made < STEPS; made += piece) {
        assert_true(ath_dynamics_run(dyn, batch, piece) >= 0);
    }
    for (int32_t i = 0; i < n; i++) {
        const int step = series_first(s, g->value, which[i], limit);
        const bool met = step <= STEPS;
        assert_int_equal(read_int(f, batch, ATH_FIELD_REASON, i), met ? (int)g->reason : 0);
        assert_int_equal(read_int(f, batch, ATH_FIELD_STATUS, i), met);
        assert_int_equal(read_steps(f, batch, i), met ? step : STEPS);
        assert_int_equal(read_int(f, batch, ATH_FIELD_RETRIES, i), 0);
        digest = structures_digest(f->ctx, batch, i);
        assert_true(met || digest == s->digest[which[i]]);
    }
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
}

/* A step, not the first, at which the bad system goes beyond all that was before and all that the
 * others do. */
static int guard_record(const series *s, enum value v, double sign)
{
    double best = -INFINITY;
    int found = 0;
    for (int32_t i = 0; i < GOOD; i++) {
        for (int step = 0; step <= STEPS; step++) {
            best = fmax(best, sign * s->of[v][i][step]);
        }
    }
    best = fmax(best, sign * s->of[v][GOOD][0]);
    for (int step = 1; step <= STEPS && found < 3; step++) {
        if (sign * s->of[v][GOOD][step] > best + 1e-6 * fabs(best)) {
            best = sign * s->of[v][GOOD][step];
            found++;
            if (found == 3 || step > STEPS / 2) {
                return step;
            }
        }
    }
    fail_msg("the bad system is not bad");
    return 0;
}

static void guard_check(fixture *f, enum value v, ath_reason reason, double sign)
{
    static series s;
    const guard g = {v, reason};
    const int32_t good[GOOD] = {0, 1, 2, 3, 4}, bad[1] = {GOOD};
    const int32_t all[ALL] = {0, 1, 2, 3, 4, 5}, mixed[4] = {5, 3, 0, 2};
    guard_set(f, &g, 0.0);
    series_make(f, &s);
    const int step = guard_record(&s, v, sign);
    const double value = s.of[v][GOOD][step];
    for (int k = 0; k < 2; k++) { /* just met, just not met */
        const double limit = value * (1.0 + (k == 0 ? -1e-9 : 1e-9) * sign);
        const int expected = series_first(&s, v, GOOD, limit);
        assert_true(k == 0 ? expected == step : expected > step);
        guard_set(f, &g, limit);
        guard_run(f, &s, &g, limit, good, GOOD, STEPS);
        guard_run(f, &s, &g, limit, all, ALL, STEPS);
        guard_run(f, &s, &g, limit, bad, 1, STEPS);
        guard_run(f, &s, &g, limit, all, ALL, 1);
        f->config.tile_bytes = 1;
        f->config.n_threads = 2;
        guard_run(f, &s, &g, limit, mixed, 4, STEPS);
        f->config.tile_bytes = 0;
        f->config.n_threads = 1;
    }
}

/* A cluster that flies apart. */
static void hot(fixture *f)
{
    f->systems[GOOD] = structures_cluster(f->ctx, 27, 18, 3.3, 9);
}

static void check_hot(const char *device)
{
    fixture f;
    fixture_open(&f, device, LJ, NVE);
    hot(&f);
    guard_check(&f, WAY, ATH_REASON_MAX_DISPLACEMENT, 1.0);
    guard_check(&f, HEAT, ATH_REASON_MAX_TEMPERATURE, 1.0);
    fixture_close(&f);
}

static void test_hot(void **state)
{
    (void)state;
    check_hot("host");
    check_hot("mock");
}

/* Two atoms that meet, through the wall of a box of this size; or in a small, skewed cell. */
static ath_system *meeting(ath_context *ctx, double box, double gap, double speed)
{
    ath_system *s = NULL;
    void *p = NULL;
    OK(ctx, ath_system_create(ctx, 2, &s));
    OK(ctx, ath_system_field(s, ATH_FIELD_NUMBERS, &p));
    ((int32_t *)p)[0] = ((int32_t *)p)[1] = 18;
    OK(ctx, ath_system_field(s, ATH_FIELD_POSITIONS, &p));
    const double x[6] = {0.5 * gap, 1, 2, box - 0.5 * gap, 1.1, 2};
    memcpy(p, x, sizeof x);
    OK(ctx, ath_system_field(s, ATH_FIELD_VELOCITIES, &p));
    const double v[6] = {-speed, 0, 0, speed, 0, 0};
    memcpy(p, v, sizeof v);
    OK(ctx, ath_system_field(s, ATH_FIELD_CELL, &p));
    const double wide[9] = {box, 0, 0, 0, 21, 0, 0, 0, 22};
    const double skewed[9] = {box, 0, 0, 0.49 * box, 2.6, 0, 0.47 * box, 1.1, 2.4};
    memcpy(p, box < 10.0 ? skewed : wide, sizeof wide);
    OK(ctx, ath_system_field(s, ATH_FIELD_PBC, &p));
    ((int32_t *)p)[0] = ((int32_t *)p)[1] = ((int32_t *)p)[2] = 1;
    ath_system_set_uid(s, ath_uid_of_text("meeting"));
    return s;
}

/* From rows of a list; from all pairs, where the model needs no list; beyond the model's cutoff. */
static void check_near(const char *device)
{
    const struct {
        const char *model;
        double box, gap, speed;
    } cases[] = {{LJ, 12.0, 4.5, 0.05},
                 {LJ, 20.0, 4.5, 0.05},
                 {"lj:epsilon=0.0104,sigma=2,cutoff=2.3", 12.0, 3.6, 0.05},
                 {"lj:epsilon=1e-9,sigma=2,cutoff=2.1", 2.9, 1.2, 0.01}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        fixture f;
        fixture_open(&f, device, cases[k].model, NVE);
        f.systems[GOOD] = meeting(f.ctx, cases[k].box, cases[k].gap, cases[k].speed);
        guard_check(&f, NEAREST, ATH_REASON_TOO_CLOSE, -1.0);
        fixture_close(&f);
    }
}

static void test_near(void **state)
{
    (void)state;
    check_near("host");
    check_near("mock");
}

static void check_force(const char *device)
{
    fixture f;
    fixture_open(&f, device, LJ, NVE);
    f.systems[GOOD] = meeting(f.ctx, 20.0, 4.0, 0.2);
    guard_check(&f, FORCE, ATH_REASON_MAX_FORCE, 1.0);
    fixture_close(&f);
}

static void test_force(void **state)
{
    (void)state;
    check_force("host");
    check_force("mock");
}

/* A crystal that swells, and, pressed, one that shrinks. */
static void check_volume(const char *device, const char *integrator, double spacing, double sign)
{
    fixture f;
    fixture_open(&f, device, LJ, integrator);
    for (int32_t i = 0; i < GOOD; i++) {
        ath_system_destroy(&f.systems[i]);
        f.systems[i] = structures_crystal(f.ctx, 3, 18, sign > 0.0 ? 3.9 : 3.65, (uint32_t)i);
    }
    f.systems[GOOD] = structures_crystal(f.ctx, 3, 18, spacing, 9);
    if (sign > 0.0) {
        guard_check(&f, VOLUME, ATH_REASON_VOLUME_CHANGE, sign);
    } else { /* shrinking: as a factor */
        static series s;
        const guard g = {VOLUME, ATH_REASON_VOLUME_CHANGE};
        const int32_t all[ALL] = {0, 1, 2, 3, 4, 5};
        series_make(&f, &s);
        const double limit = 1.0 / s.of[VOLUME][GOOD][STEPS / 2] * (1.0 - 1e-9);
        assert_int_equal(series_first(&s, VOLUME, GOOD, limit), STEPS / 2);
        for (int32_t i = 0; i < GOOD; i++) {
            assert_int_equal(series_first(&s, VOLUME, i, limit), STEPS + 1);
        }
        guard_set(&f, &g, limit);
        guard_run(&f, &s, &g, limit, all, ALL, STEPS);
    }
    fixture_close(&f);
}

static void test_volume(void **state)
{
    (void)state;
    static const char *const NPH = "nph:timestep=4,tau_p=200,temperature=30";
    static const char *const PRESSED = "nph:timestep=4,tau_p=1500,temperature=30,pressure=0.02";
    check_volume("host", NPH, 3.5, 1.0);
    check_volume("mock", NPH, 3.5, 1.0);
    check_volume("host", PRESSED, 4.3, -1.0);
    check_volume("mock", PRESSED, 4.3, -1.0);
}

/* ---- cells that turn over, forces that are none ---- */

enum { ODD_ATOMS = 3, ODD_STEP = 7 };

static void odd_pre(void *user, const ath_integrator_view *view)
{
    const double *how = user; /* factor of the first vector of the odd one, at its step */
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        double *cell = view->cell + 9 * (int64_t)slot;
        for (int c = 0; c < 3; c++) {
            cell[c] *= view->n_atoms[slot] == ODD_ATOMS && view->stage_steps[slot] == ODD_STEP
                           ? *how
                           : 1.0 + 1e-4;
        }
        for (int32_t i = 0; i < view->n_atoms[slot]; i++) {
            view->positions[3 * (view->first[slot] + i) + 2] += 1e-3;
        }
    }
}

static ath_system *odd(ath_context *ctx)
{
    ath_system *s = structures_cluster(ctx, ODD_ATOMS, 18, 3.9, 5);
    void *p = NULL;
    OK(ctx, ath_system_field(s, ATH_FIELD_CELL, &p));
    ((double *)p)[0] = -19.0, ((double *)p)[4] = 20.0, ((double *)p)[8] = 21.0; /* left-handed */
    OK(ctx, ath_system_field(s, ATH_FIELD_PBC, &p));
    ((int32_t *)p)[0] = ((int32_t *)p)[1] = ((int32_t *)p)[2] = 1;
    return s;
}

/* No limit is set: this is always looked at where an integrator moves the cell. */
static void test_collapse(void **state)
{
    double factors[3] = {-1.0, 0.0, INFINITY};
    (void)state;
    for (int k = 0; k < 3; k++) {
        fixture f;
        const int32_t all[ALL] = {0, 1, 2, 3, 4, 5};
        const ath_integrator_callback_config config = {
            .size = sizeof config, .moves_cell = true, .user = &factors[k], .pre_update = odd_pre};
        fixture_open(&f, "host", LJ, NULL);
        OK(f.ctx, ath_integrator_callback(f.ctx, &config, &f.integrator));
        f.systems[GOOD] = odd(f.ctx);
        f.config.good_every = 2;
        f.config.retries = 1; /* nobody has said what is gentler: as if it were 0 */
        ath_batch *batch = fixture_batch(&f, all, ALL);
        ath_dynamics *dyn = fixture_dynamics(&f);
        OK(f.ctx, ath_dynamics_run(dyn, batch, STEPS));
        for (int32_t i = 0; i < ALL; i++) {
            const int32_t reason = read_int(&f, batch, ATH_FIELD_REASON, i);
            assert_int_equal(reason, i < GOOD ? 0
                                     : k < 2  ? (int)ATH_REASON_CELL_COLLAPSED
                                              : (int)ATH_REASON_NON_FINITE);
            assert_int_equal(read_steps(&f, batch, i), i < GOOD ? STEPS : ODD_STEP + 1);
            assert_int_equal(read_int(&f, batch, ATH_FIELD_RETRIES, i), 0);
        }
        ath_batch_destroy(&batch);
        ath_dynamics_destroy(&dyn);
        fixture_close(&f);
    }
}

/* Springs to the origin; no number where an atom is farther out than the limit. */
static ath_status springs(void *user, const ath_model_view *view)
{
    const double limit = *(const double *)user;
    for (int32_t k = 0; k < view->n_systems; k++) {
        const int32_t slot = view->slots[k];
        double energy = 0.0;
        for (int64_t i = 3 * view->first[slot]; i < 3 * (view->first[slot] + view->n_atoms[slot]);
             i++) {
            const double x = view->positions[i];
            view->forces[i] = x > limit ? (double)NAN : -0.01 * x;
            energy += 0.005 * x * x;
        }
        if (view->want_energy) {
            view->energy[slot] = energy;
        }
        for (int c = 0; view->want_stress && c < 9; c++) {
            view->stress[9 * (int64_t)slot + c] = 0.0;
        }
    }
    return ATH_OK;
}

static void test_non_finite(void **state)
{
    double limit = INFINITY;
    fixture f;
    (void)state;
    fixture_open(&f, "host", NULL, NVE);
    const ath_callback_config config = {.size = sizeof config,
                                        .name = "springs",
                                        .batch_invariant = true,
                                        .user = &limit,
                                        .compute = springs};
    OK(f.ctx, ath_model_callback(f.ctx, &config, &f.model));
    f.systems[GOOD] = meeting(f.ctx, 40.0, 6.0, 0.05);
    const int32_t all[ALL] = {0, 1, 2, 3, 4, 5};
    static series s;
    series_make(&f, &s);
    /* the second atom of the bad one begins at 37 and goes outwards first */
    limit = 37.1;
    ath_batch *batch = fixture_batch(&f, all, ALL);
    ath_dynamics *dyn = fixture_dynamics(&f);
    int expected = 0;
    OK(f.ctx, ath_dynamics_run(dyn, batch, STEPS));
    assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, GOOD), ATH_REASON_NON_FINITE);
    double x = 37.0, v = 0.05;
    const double dt = 4.0 / ATH_FS_PER_TIME, m = ath_element_mass(18);
    for (double a = -0.01 * x / m; x <= limit && expected < STEPS; expected++) {
        v += 0.5 * dt * a;
        x += dt * v;
        a = -0.01 * x / m;
        v += 0.5 * dt * a;
    }
    assert_true(expected > 3 && expected < STEPS);
    assert_int_equal(read_steps(&f, batch, GOOD), expected);
    for (int32_t i = 0; i < GOOD; i++) {
        assert_int_equal(read_steps(&f, batch, i), STEPS);
        assert_true(structures_digest(f.ctx, batch, i) == s.digest[i]);
    }
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    fixture_close(&f);
}

/* ---- atoms that a hook moves ---- */

enum { SHOVE_STEP = 9 };

/* Puts the second atom of the last system beside the first one, once. */
static ath_status shove(void *user, const ath_hook_context *context)
{
    const fixture *f = user;
    double x[6];
    if (context->step_count != SHOVE_STEP || !context->mask[GOOD]) {
        return ATH_OK;
    }
    OK(f->ctx, ath_batch_read(context->batch, ATH_FIELD_POSITIONS, GOOD, x));
    x[3] = x[0] + 1.0, x[4] = x[1], x[5] = x[2];
    OK(f->ctx, ath_batch_write(context->batch, ATH_FIELD_POSITIONS, GOOD, x));
    return ATH_OK;
}

/* Whatever integrators tell of ways, distances are looked at after that. */
static void test_shoved(void **state)
{
    static const ath_stage stages[] = {ATH_STAGE_BEFORE_STEP, ATH_STAGE_AFTER_PRE_UPDATE,
                                       ATH_STAGE_BEFORE_COMPUTE, ATH_STAGE_AFTER_STEP};
    (void)state;
    for (size_t k = 0; k < 2 * sizeof stages / sizeof *stages; k++) {
        fixture f;
        const int32_t all[ALL] = {0, 1, 2, 3, 4, 5};
        fixture_open(&f, k % 2 ? "mock" : "host", "lj:epsilon=1e-9,sigma=2,cutoff=8.5", NVE);
        f.systems[GOOD] = meeting(f.ctx, 30.0, 8.0, 0.0);
        const ath_hook hook = {.size = sizeof hook,
                               .name = "shove",
                               .stage = stages[k / 2],
                               .frequency = 1,
                               .access = ATH_HOOK_WRITES,
                               .user = &f,
                               .call = shove};
        f.config.min_distance = 1.2;
        f.config.hooks = &hook;
        f.config.n_hooks = 1;
        ath_batch *batch = fixture_batch(&f, all, ALL);
        ath_dynamics *dyn = fixture_dynamics(&f);
        OK(f.ctx, ath_dynamics_run(dyn, batch, STEPS));
        for (int32_t i = 0; i < ALL; i++) {
            assert_int_equal(read_int(&f, batch, ATH_FIELD_REASON, i),
                             i < GOOD ? ATH_REASON_NONE : ATH_REASON_TOO_CLOSE);
            /* what is moved before a step, on the entry that follows */
            assert_int_equal(read_steps(&f, batch, i), i < GOOD    ? STEPS
                                                       : k / 2 < 1 ? SHOVE_STEP
                                                                   : SHOVE_STEP + 1);
        }
        ath_batch_destroy(&batch);
        ath_dynamics_destroy(&dyn);
        fixture_close(&f);
    }
}

/* ---- a system that a team computes ---- */

static uint64_t large_run(fixture *f, int32_t threads, bool guarded, double nearest)
{
    const int32_t which[1] = {GOOD};
    f->config.n_threads = threads;
    f->config.max_displacement = guarded ? 1.0 : 0.0;
    f->config.max_temperature = guarded ? 1e4 : 0.0;
    f->config.max_force = guarded ? 10.0 : 0.0;
    f->config.min_distance = nearest;
    f->config.good_every = guarded ? 2 : 0;
    f->config.retries = guarded;
    ath_batch *batch = fixture_batch(f, which, 1);
    ath_dynamics *dyn = fixture_dynamics(f);
    OK(f->ctx, ath_dynamics_run(dyn, batch, 5));
    assert_int_equal(read_steps(f, batch, 0), nearest > 3.7 ? 0 : 5);
    const uint64_t digest = structures_digest(f->ctx, batch, 0);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    return digest;
}

static void test_large(void **state)
{
    fixture f;
    (void)state;
    fixture_open(&f, "host", "lj:epsilon=0.0104,sigma=3.4,cutoff=5", NVE);
    f.systems[GOOD] = structures_crystal(f.ctx, 28, 18, 3.8, 3);
    const uint64_t free = large_run(&f, 2, false, 0.0);
    assert_true(large_run(&f, 1, true, 1.0) == free);
    assert_true(large_run(&f, 2, true, 1.0) == free);
    const uint64_t aside = large_run(&f, 1, true, 3.75);
    assert_true(large_run(&f, 2, true, 3.75) == aside && aside != free);
    fixture_close(&f);
}

/* ---- the order of reasons, and what is refused ---- */

static ath_reason first_reason(fixture *f)
{
    const int32_t bad[1] = {GOOD};
    ath_batch *batch = fixture_batch(f, bad, 1);
    ath_dynamics *dyn = fixture_dynamics(f);
    OK(f->ctx, ath_dynamics_run(dyn, batch, 1));
    const ath_reason reason = (ath_reason)read_int(f, batch, ATH_FIELD_REASON, 0);
    ath_batch_destroy(&batch);
    ath_dynamics_destroy(&dyn);
    return reason;
}

/* Everything is wrong after the first step; one limit after the other is taken away. */
static void test_order(void **state)
{
    fixture f;
    (void)state;
    fixture_open(&f, "host", LJ, "nph:timestep=4,tau_p=10,temperature=30");
    f.systems[GOOD] = structures_crystal(f.ctx, 3, 18, 3.4, 9);
    f.config.max_displacement = f.config.max_temperature = 1e-9;
    assert_int_equal(first_reason(&f), ATH_REASON_MAX_TEMPERATURE); /* on entry */
    f.config.max_temperature = 0.0;
    f.config.velocities = ATH_VELOCITIES_ZERO;
    assert_int_equal(first_reason(&f), ATH_REASON_MAX_DISPLACEMENT);
    f.config.max_temperature = 1e-12;
    assert_int_equal(first_reason(&f), ATH_REASON_MAX_DISPLACEMENT);
    f.config.max_volume_change = 1.0 + 1e-12;
    assert_int_equal(first_reason(&f), ATH_REASON_VOLUME_CHANGE);
    f.config.max_force = 1e-9;
    assert_int_equal(first_reason(&f), ATH_REASON_MAX_FORCE); /* on entry */
    f.config.min_distance = 20.0;
    assert_int_equal(first_reason(&f), ATH_REASON_TOO_CLOSE); /* on entry */
    fixture_close(&f);
}

static void refused(fixture *f, double *limit, double value, const char *word)
{
    ath_dynamics *dyn = NULL;
    const double before = *limit;
    *limit = value;
    f->config.model = f->model;
    assert_int_equal(ath_dynamics_create(f->ctx, &f->config, &dyn), ATH_E_ARGUMENT);
    assert_non_null(strstr(ath_context_message(f->ctx), word));
    assert_null(dyn);
    *limit = before;
}

static void test_refused(void **state)
{
    fixture f;
    ath_dynamics *dyn = NULL;
    (void)state;
    fixture_open(&f, "host", LJ, NVE);
    refused(&f, &f.config.max_force, -1.0, "max_force");
    refused(&f, &f.config.max_displacement, NAN, "max_displacement");
    refused(&f, &f.config.max_temperature, -1.0, "max_temperature");
    refused(&f, &f.config.min_distance, -1e-9, "min_distance");
    refused(&f, &f.config.max_volume_change, 1.0, "max_volume_change");
    refused(&f, &f.config.max_volume_change, NAN, "max_volume_change");
    f.config.retries = 2;
    assert_int_equal(ath_dynamics_create(f.ctx, &f.config, &dyn), ATH_E_ARGUMENT);
    f.config.retries = 0;
    f.config.good_every = -1;
    assert_int_equal(ath_dynamics_create(f.ctx, &f.config, &dyn), ATH_E_ARGUMENT);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hot),      cmocka_unit_test(test_near),
        cmocka_unit_test(test_force),    cmocka_unit_test(test_volume),
        cmocka_unit_test(test_collapse), cmocka_unit_test(test_non_finite),
        cmocka_unit_test(test_shoved),   cmocka_unit_test(test_order),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
