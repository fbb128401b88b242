/* Tests of single points: forces and stress against slopes of the energy, and what must not change
 * when a structure is moved, turned, renumbered or wrapped.
 *
 * All of them start from the structures with every atom displaced by up to 0.05 angstrom, so that
 * nothing is zero by symmetry. All structures are computed in one batch, over and over.
 *
 * Rounding. E and F are computed at 17 points x + k delta d, delta = 1e-5 angstrom, d a random unit
 * vector for each atom. Over so short a way a smooth function is a cubic to far below one rounding,
 * so what is left of its fourth differences is noise: sigma^2 = mean((difference)^2) / 70 (J. J.
 * More, S. M. Wild, SIAM J. Sci. Comput. 33, 1292 (2011)). sigma is taken to be at least one
 * rounding of float64 in numbers of the size |E| + 10 eV per atom, or largest |F| + 30 eV/angstrom
 * (in a perfect crystal the terms cancel, their roundings do not), and at most one of float32 in
 * |E| + 1 eV per atom, or largest |F| + 10 eV/angstrom: what jumps farther is no rounding.
 *
 * Slopes. Central differences D_k at steps h 2^-k, k = 0 ... 10, h = 0.04 angstrom or 0.02 of
 * strain, are extrapolated, R_k = (4 D_k+1 - D_k) / 3. The error of R_k is estimated as t_k + 4
 * sigma / step: truncation and noise. t_k is |R_k - R_k-1|, which belongs to the poorer of the two,
 * but at least t_k-1 / 4: differences of a smooth function fall by 16, those across a kink by 2 and
 * at random, and two of them that agree by chance prove nothing. The R_k with the smallest estimate
 * is compared. It may differ by four times the estimate or 5e-5 of the scale, whichever is more,
 * but never by more than 1e-3 of it.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "validate.h"

enum { PROBE_POINTS = 17, PROBE_LEVELS = 11, PROBE_DIRECTIONS = 8 };

static const double probe_rattle = 0.05, probe_delta = 1e-5;  /* angstrom */
static const double probe_floor = 5e-5, probe_ceiling = 1e-3; /* of the scale of a slope */
static const double probe_roundings = 100.0;                  /* limit of the invariances */

/* Everything about all structures at one point. */
typedef struct probe_frame {
    double *x, *f;        /* [n_atoms][3] angstrom, eV/angstrom */
    double *cell, *s, *e; /* [n][9] angstrom, [n][9] eV/angstrom^3, [n] eV */
} probe_frame;

typedef struct probe {
    cli_validation *v;
    size_t n;
    int64_t n_atoms;
    ath_batch *batch;
    ath_dynamics *dynamics;
    double *memory;
    size_t n_memory;
    probe_frame base, now;
    double *aim;      /* [n_atoms][3] a direction, or what the forces should be */
    double *history;  /* [PROBE_POINTS][3 n_atoms + n] forces, then energies */
    double *slopes;   /* [n][PROBE_LEVELS] */
    int32_t *numbers; /* [n_atoms] as they are to be written; NULL: as they are */
} probe;

/* ---- computing ---- */

static double *probe_take(double **from, size_t n)
{
    double *at = *from;
    *from += n;
    return at;
}

static int probe_memory(probe *p)
{
    const size_t n = p->n, atoms = (size_t)p->n_atoms;
    const size_t history = PROBE_POINTS * (3 * atoms + n);
    p->n_memory = 15 * atoms + 38 * n + history + n * PROBE_LEVELS;
    const int code = cli_doubles(p->v->c, &p->memory, p->n_memory);
    double *at = p->memory;
    for (int k = 0; k < 2 && !code; k++) {
        probe_frame *f = k ? &p->now : &p->base;
        f->x = probe_take(&at, 3 * atoms);
        f->f = probe_take(&at, 3 * atoms);
        f->cell = probe_take(&at, 9 * n);
        f->s = probe_take(&at, 9 * n);
        f->e = probe_take(&at, n);
    }
    if (!code) {
        p->aim = probe_take(&at, 3 * atoms);
        p->history = probe_take(&at, history);
        p->slopes = probe_take(&at, n * PROBE_LEVELS);
    }
    return code;
}

static ath_status probe_put(probe *p, size_t s)
{
    const int32_t index = (int32_t)s;
    const int64_t first = p->v->first[s];
    ath_status status = ath_batch_write(p->batch, ATH_FIELD_POSITIONS, index, p->now.x + 3 * first);
    if (status >= 0) {
        status = ath_batch_write(p->batch, ATH_FIELD_CELL, index, p->now.cell + 9 * s);
    }
    if (status >= 0 && p->numbers) {
        status = ath_batch_write(p->batch, ATH_FIELD_NUMBERS, index, p->numbers + first);
    }
    return status;
}

static ath_status probe_get(probe *p, size_t s)
{
    const int32_t index = (int32_t)s;
    ath_status status =
        ath_batch_read(p->batch, ATH_FIELD_FORCES, index, p->now.f + 3 * p->v->first[s]);
    if (status >= 0) {
        status = ath_batch_read(p->batch, ATH_FIELD_STRESS, index, p->now.s + 9 * s);
    }
    return status < 0 ? status : ath_batch_read(p->batch, ATH_FIELD_ENERGY, index, p->now.e + s);
}

/* Energy, forces and stress at now.x and now.cell. */
static int probe_compute(probe *p)
{
    ath_status status = ATH_OK;
    for (size_t s = 0; s < p->n && status >= 0; s++) {
        status = probe_put(p, s);
    }
    status = status < 0 ? status : ath_dynamics_compute(p->dynamics, p->batch);
    for (size_t s = 0; s < p->n && status >= 0; s++) {
        status = probe_get(p, s);
    }
    return status < 0 ? cli_fail_status(p->v->c, status) : cli_validation_stopped(p->v);
}

/* now = base. */
static void probe_reset(probe *p)
{
    memcpy(p->now.x, p->base.x, 3 * (size_t)p->n_atoms * sizeof *p->now.x);
    memcpy(p->now.cell, p->base.cell, 9 * p->n * sizeof *p->now.cell);
}

static int probe_open(probe *p)
{
    cli_validation *v = p->v;
    ath_dynamics_config config = ath_dynamics_defaults();
    int code = probe_memory(p);
    if (code) {
        return code;
    }
    config.model = v->model;
    config.n_threads = v->n_threads;
    ath_status status = ath_dynamics_create(v->c->ctx, &config, &p->dynamics);
    status = status < 0 ? status
                        : ath_batch_from_systems(v->c->ctx, v->device, v->systems, (int32_t)p->n,
                                                 &p->batch);
    status = status < 0 ? status : ath_dynamics_open(p->dynamics);
    if (status < 0) {
        return cli_fail_status(v->c, status);
    }
    for (size_t s = 0; s < p->n; s++) {
        const double *x = ath_system_peek(v->systems[s], ATH_FIELD_POSITIONS);
        cli_random r = cli_validation_random(v, s, 1);
        for (int64_t i = 0; i < 3 * (v->first[s + 1] - v->first[s]); i++) {
            p->base.x[3 * v->first[s] + i] =
                x[i] + probe_rattle * (2.0 * cli_random_uniform(&r) - 1.0);
        }
        memcpy(p->base.cell + 9 * s, ath_system_peek(v->systems[s], ATH_FIELD_CELL),
               9 * sizeof(double));
    }
    probe_reset(p);
    code = probe_compute(p);
    memcpy(p->base.f, p->now.f, 3 * (size_t)p->n_atoms * sizeof *p->base.f);
    memcpy(p->base.s, p->now.s, 9 * p->n * sizeof *p->base.s);
    memcpy(p->base.e, p->now.e, p->n * sizeof *p->base.e);
    return code;
}

static void probe_close(probe *p)
{
    ath_dynamics_destroy(&p->dynamics);
    ath_batch_destroy(&p->batch);
    cli_doubles_free(p->v->c, &p->memory, p->n_memory);
    (void)cli_resize(p->v->c, &p->numbers, (size_t)p->n_atoms * sizeof *p->numbers, 0);
}

/* ---- rounding ---- */

/* A random unit vector for each atom. */
static void probe_aim_all(probe *p, int variant)
{
    for (size_t s = 0; s < p->n; s++) {
        cli_random r = cli_validation_random(p->v, s, 100 + (uint64_t)variant);
        for (int64_t i = p->v->first[s]; i < p->v->first[s + 1]; i++) {
            double *d = p->aim + 3 * i, square = 0.0;
            for (int k = 0; k < 3; k++) {
                d[k] = cli_random_normal(&r);
                square += d[k] * d[k];
            }
            for (int k = 0; k < 3; k++) {
                d[k] /= sqrt(square);
            }
        }
    }
}

static double probe_largest_force(const probe *p, size_t s)
{
    double largest = 0.0;
    for (int64_t i = 3 * p->v->first[s]; i < 3 * p->v->first[s + 1]; i++) {
        largest = fmax(largest, fabs(p->base.f[i]));
    }
    return largest;
}

/* Sum of squared fourth differences of one of the values of the history. */
static double probe_differences(const probe *p, size_t at)
{
    const size_t row = 3 * (size_t)p->n_atoms + p->n;
    const double *h = p->history + at;
    double sum = 0.0;
    for (size_t k = 0; k + 4 < PROBE_POINTS; k++) {
        const double d = h[k * row] - 4.0 * h[(k + 1) * row] + 6.0 * h[(k + 2) * row] -
                         4.0 * h[(k + 3) * row] + h[(k + 4) * row];
        sum += d * d;
    }
    return sum;
}

/* least, most: what one rounding of float64 and of float32 belongs to. */
static double probe_noise_of(double squares, double n, double least, double most)
{
    const double noise = sqrt(squares / (70.0 * (PROBE_POINTS - 4) * n));
    return fmin(fmax(noise, DBL_EPSILON * least), (double)FLT_EPSILON * most);
}

static int probe_noise(probe *p)
{
    cli_validation *v = p->v;
    const size_t values = 3 * (size_t)p->n_atoms, row = values + p->n;
    int code = CLI_OK;
    probe_aim_all(p, -1);
    for (int k = 0; k < PROBE_POINTS && !code; k++) {
        const double shift = probe_delta * (k - 0.5 * (PROBE_POINTS - 1));
        for (size_t i = 0; i < values; i++) {
            p->now.x[i] = p->base.x[i] + shift * p->aim[i];
        }
        code = probe_compute(p);
        memcpy(p->history + (size_t)k * row, p->now.f, values * sizeof(double));
        memcpy(p->history + (size_t)k * row + values, p->now.e, p->n * sizeof(double));
    }
    for (size_t s = 0; s < p->n; s++) {
        const double n = (double)(v->first[s + 1] - v->first[s]);
        double squares = 0.0;
        for (int64_t i = 3 * v->first[s]; i < 3 * v->first[s + 1]; i++) {
            squares += probe_differences(p, (size_t)i);
        }
        const double force = probe_largest_force(p, s), energy = fabs(p->base.e[s]);
        v->noise_force[s] = probe_noise_of(squares, 3.0 * n, force + 30.0, force + 10.0);
        v->noise_energy[s] =
            probe_noise_of(probe_differences(p, values + s), 1.0, energy + 10.0 * n, energy + n);
    }
    return code;
}

/* ---- slopes ---- */

/* A way to change all structures by one number, and the slope that the energy should have. */
typedef struct probe_way {
    cli_test test;
    int n_variants;
    double step; /* the largest one */
    void (*aim)(probe *p, int variant);
    void (*go)(probe *p, int variant, double amplitude);
    double (*slope)(const probe *p, size_t s, int variant);
    double (*scale)(const probe *p, size_t s, int variant); /* > 0 */
} probe_way;

static void probe_judge(probe *p, const probe_way *way, int variant, size_t s)
{
    const double *d = p->slopes + s * PROBE_LEVELS;
    const double scale = way->scale(p, s, variant), noise = p->v->noise_energy[s];
    double best = (double)NAN, error = INFINITY, before = (4.0 * d[1] - d[0]) / 3.0;
    double truncation = 0.0;
    for (int k = 1; k + 1 < PROBE_LEVELS; k++) {
        const double r = (4.0 * d[k + 1] - d[k]) / 3.0;
        truncation = fmax(fabs(r - before), 0.25 * truncation);
        const double e = truncation + 4.0 * noise / ldexp(way->step, -k - 1);
        if (e < error) {
            error = e;
            best = r;
        }
        before = r;
    }
    const double limit = fmin(fmax(4.0 * error / scale, probe_floor), probe_ceiling);
    const double value = fabs(best - way->slope(p, s, variant)) / scale;
    const cli_outcome outcome = {
        .value = value,
        .limit = limit,
        .excess = value / limit,
        .more = log2(fabs((d[0] - d[1]) / (d[1] - d[2]))),
        .why = value <= limit           ? NULL
               : limit >= probe_ceiling ? "does not converge"
                                        : "converges to another value",
    };
    cli_validation_note(p->v, s, way->test, &outcome);
}

static int probe_slopes(probe *p, const probe_way *way)
{
    int code = CLI_OK;
    for (int variant = 0; variant < way->n_variants && !code; variant++) {
        way->aim(p, variant);
        for (int k = 0; k < PROBE_LEVELS && !code; k++) {
            const double h = ldexp(way->step, -k);
            for (int side = 0; side < 2 && !code; side++) {
                way->go(p, variant, side ? -h : h);
                code = probe_compute(p);
                for (size_t s = 0; s < p->n; s++) {
                    double *d = p->slopes + s * PROBE_LEVELS + k;
                    *d = side ? (*d - p->now.e[s]) / (2.0 * h) : p->now.e[s];
                }
            }
        }
        for (size_t s = 0; s < p->n && !code; s++) {
            if (p->v->outcomes[s][way->test].verdict != CLI_VERDICT_NOT_APPLICABLE) {
                probe_judge(p, way, variant, s);
            }
        }
    }
    return code;
}

/* The first half of the variants move all atoms, the others one component of one. */
static void probe_aim_forces(probe *p, int variant)
{
    if (variant < PROBE_DIRECTIONS / 2) {
        probe_aim_all(p, variant);
        return;
    }
    memset(p->aim, 0, 3 * (size_t)p->n_atoms * sizeof *p->aim);
    for (size_t s = 0; s < p->n; s++) {
        cli_random r = cli_validation_random(p->v, s, 200 + (uint64_t)variant);
        const int64_t n = 3 * (p->v->first[s + 1] - p->v->first[s]);
        p->aim[3 * p->v->first[s] + (int64_t)((double)n * cli_random_uniform(&r))] = 1.0;
    }
}

static void probe_go_forces(probe *p, int variant, double amplitude)
{
    (void)variant;
    for (int64_t i = 0; i < 3 * p->n_atoms; i++) {
        p->now.x[i] = p->base.x[i] + amplitude * p->aim[i];
    }
}

static double probe_slope_forces(const probe *p, size_t s, int variant)
{
    double sum = 0.0;
    (void)variant;
    for (int64_t i = 3 * p->v->first[s]; i < 3 * p->v->first[s + 1]; i++) {
        sum -= p->base.f[i] * p->aim[i];
    }
    return sum;
}

/* Root mean square of a component of the forces, at least 1e-3 eV/angstrom, times |direction|. */
static double probe_scale_forces(const probe *p, size_t s, int variant)
{
    const int64_t n = p->v->first[s + 1] - p->v->first[s];
    double sum = 0.0;
    for (int64_t i = 3 * p->v->first[s]; i < 3 * p->v->first[s + 1]; i++) {
        sum += p->base.f[i] * p->base.f[i];
    }
    return fmax(sqrt(sum / (3.0 * (double)n)), 1e-3) *
           sqrt(variant < PROBE_DIRECTIONS / 2 ? (double)n : 1.0);
}

static double probe_volume(const double h[9])
{
    return fabs(h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
                h[2] * (h[3] * h[7] - h[4] * h[6]));
}

static void probe_aim_stress(probe *p, int variant)
{
    (void)p;
    (void)variant;
}

static const int probe_pair[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};

/* row <- row (1 + e), e symmetric with e_ab + e_ba = 2 amplitude off the diagonal */
static void probe_strain(const double *from, double *to, int variant, double amplitude)
{
    const int a = probe_pair[variant][0], b = probe_pair[variant][1];
    memcpy(to, from, 3 * sizeof *to);
    to[b] += amplitude * from[a];
    if (a != b) {
        to[a] += amplitude * from[b];
    }
}

static void probe_go_stress(probe *p, int variant, double amplitude)
{
    for (int64_t i = 0; i < p->n_atoms; i++) {
        probe_strain(p->base.x + 3 * i, p->now.x + 3 * i, variant, amplitude);
    }
    for (size_t i = 0; i < 3 * p->n; i++) {
        probe_strain(p->base.cell + 3 * i, p->now.cell + 3 * i, variant, amplitude);
    }
}

static double probe_slope_stress(const probe *p, size_t s, int variant)
{
    const int a = probe_pair[variant][0], b = probe_pair[variant][1];
    const double *stress = p->base.s + 9 * s;
    return probe_volume(p->base.cell + 9 * s) *
           (a == b ? stress[4 * a] : stress[3 * a + b] + stress[3 * b + a]);
}

/* Volume times root mean square of the stress, at least 1e-5 eV/angstrom^3. */
static double probe_scale_stress(const probe *p, size_t s, int variant)
{
    double sum = 0.0;
    (void)variant;
    for (int k = 0; k < 9; k++) {
        sum += p->base.s[9 * s + (size_t)k] * p->base.s[9 * s + (size_t)k];
    }
    return fmax(sqrt(sum / 9.0), 1e-5) * probe_volume(p->base.cell + 9 * s);
}

static const probe_way probe_ways[2] = {
    {CLI_TEST_FORCES, PROBE_DIRECTIONS, 0.04, probe_aim_forces, probe_go_forces, probe_slope_forces,
     probe_scale_forces},
    {CLI_TEST_STRESS, 6, 0.02, probe_aim_stress, probe_go_stress, probe_slope_stress,
     probe_scale_stress},
};

/* The antisymmetric part may be what rounding makes of it: 1e-9 eV for each atom, or, where the
 * energy is less sure than that, ten times the noise of the energy. */
static void probe_symmetry(probe *p, size_t s)
{
    const double *t = p->base.s + 9 * s;
    const double n = (double)(p->v->first[s + 1] - p->v->first[s]);
    const double value = fmax(fabs(t[1] - t[3]), fmax(fabs(t[2] - t[6]), fabs(t[5] - t[7]))) * 0.5;
    const double limit =
        (1e-9 * n + 10.0 * p->v->noise_energy[s]) / probe_volume(p->base.cell + 9 * s);
    const cli_outcome outcome = {.value = value, .limit = limit, .excess = value / limit};
    cli_validation_note(p->v, s, CLI_TEST_SYMMETRY, &outcome);
}

/* ---- what must not change ---- */

static int32_t probe_pbc(const probe *p, size_t s, int k)
{
    const int32_t *pbc = ath_system_peek(p->v->systems[s], ATH_FIELD_PBC);
    return pbc[k] != 0;
}

/* The largest change in roundings: of the energy, and of forces against those in `aim`. */
static void probe_compare(probe *p, cli_test test)
{
    cli_validation *v = p->v;
    for (size_t s = 0; s < p->n; s++) {
        const double energy = fabs(p->now.e[s] - p->base.e[s]) / v->noise_energy[s];
        double force = 0.0;
        if (v->outcomes[s][test].verdict == CLI_VERDICT_NOT_APPLICABLE) {
            continue;
        }
        for (int64_t i = 3 * v->first[s]; i < 3 * v->first[s + 1]; i++) {
            force = cli_larger(force, fabs(p->now.f[i] - p->aim[i]));
        }
        force /= v->noise_force[s];
        const double value = cli_larger(energy, force);
        const cli_outcome outcome = {
            .value = value,
            .limit = probe_roundings,
            .excess = value / probe_roundings,
            .why = value <= probe_roundings    ? NULL
                   : energy <= probe_roundings ? "forces change"
                                               : "the energy changes",
        };
        cli_validation_note(v, s, test, &outcome);
    }
}

/* All atoms by the same vector, up to 5 angstrom long in each direction. */
static int probe_translation(probe *p)
{
    probe_reset(p);
    memcpy(p->aim, p->base.f, 3 * (size_t)p->n_atoms * sizeof *p->aim);
    for (size_t s = 0; s < p->n; s++) {
        cli_random r = cli_validation_random(p->v, s, 3);
        for (int k = 0; k < 3; k++) {
            const double by = 10.0 * cli_random_uniform(&r) - 5.0;
            for (int64_t i = p->v->first[s]; i < p->v->first[s + 1]; i++) {
                p->now.x[3 * i + k] += by;
            }
        }
    }
    const int code = probe_compute(p);
    probe_compare(p, CLI_TEST_TRANSLATION);
    return code;
}

/* A random rotation from a random quaternion. */
static void probe_turn(cli_random *r, double q[9])
{
    double w[4], square = 0.0;
    for (int k = 0; k < 4; k++) {
        w[k] = cli_random_normal(r);
        square += w[k] * w[k];
    }
    for (int k = 0; k < 4; k++) {
        w[k] /= sqrt(square);
    }
    const double a = w[0], b = w[1], c = w[2], d = w[3];
    const double turn[9] = {
        a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d),         2.0 * (b * d + a * c),
        2.0 * (b * c + a * d),         a * a - b * b + c * c - d * d, 2.0 * (c * d - a * b),
        2.0 * (b * d - a * c),         2.0 * (c * d + a * b),         a * a - b * b - c * c + d * d,
    };
    memcpy(q, turn, sizeof turn);
}

static void probe_rotate(const double q[9], const double *from, double *to)
{
    for (int k = 0; k < 3; k++) {
        to[k] = q[3 * k] * from[0] + q[3 * k + 1] * from[1] + q[3 * k + 2] * from[2];
    }
}

static int probe_rotation(probe *p)
{
    for (size_t s = 0; s < p->n; s++) {
        cli_random r = cli_validation_random(p->v, s, 4);
        double q[9];
        probe_turn(&r, q);
        for (int64_t i = p->v->first[s]; i < p->v->first[s + 1]; i++) {
            probe_rotate(q, p->base.x + 3 * i, p->now.x + 3 * i);
            probe_rotate(q, p->base.f + 3 * i, p->aim + 3 * i);
        }
        for (size_t k = 3 * s; k < 3 * s + 3; k++) {
            probe_rotate(q, p->base.cell + 3 * k, p->now.cell + 3 * k);
        }
    }
    const int code = probe_compute(p);
    probe_compare(p, CLI_TEST_ROTATION);
    return code;
}

/* Atom i goes to place n - 1 - i, or to a random one: a transposition chain (Fisher and Yates). */
static void probe_shuffle(probe *p, size_t s)
{
    cli_random r = cli_validation_random(p->v, s, 5);
    const int64_t first = p->v->first[s];
    const int64_t n = p->v->first[s + 1] - first;
    for (int64_t i = first + n - 1; i > first; i--) {
        const int64_t j = first + (int64_t)((double)(i - first + 1) * cli_random_uniform(&r));
        const int32_t number = p->numbers[i];
        p->numbers[i] = p->numbers[j];
        p->numbers[j] = number;
        for (int k = 0; k < 3; k++) {
            const double x = p->now.x[3 * i + k], f = p->aim[3 * i + k];
            p->now.x[3 * i + k] = p->now.x[3 * j + k];
            p->now.x[3 * j + k] = x;
            p->aim[3 * i + k] = p->aim[3 * j + k];
            p->aim[3 * j + k] = f;
        }
    }
}

static void probe_numbers(probe *p)
{
    for (size_t s = 0; s < p->n; s++) {
        const int64_t first = p->v->first[s];
        memcpy(p->numbers + first, ath_system_peek(p->v->systems[s], ATH_FIELD_NUMBERS),
               (size_t)(p->v->first[s + 1] - first) * sizeof *p->numbers);
    }
}

static int probe_permutation(probe *p)
{
    cli *c = p->v->c;
    const size_t bytes = (size_t)p->n_atoms * sizeof *p->numbers;
    if (!cli_resize(c, &p->numbers, 0, bytes)) {
        return cli_fail(c, CLI_INTERNAL, "out of memory");
    }
    probe_reset(p);
    probe_numbers(p);
    memcpy(p->aim, p->base.f, 3 * (size_t)p->n_atoms * sizeof *p->aim);
    for (size_t s = 0; s < p->n; s++) {
        probe_shuffle(p, s);
    }
    int code = probe_compute(p);
    probe_compare(p, CLI_TEST_PERMUTATION);
    probe_numbers(p);
    probe_reset(p);
    code = code ? code : probe_compute(p); /* writes the numbers back */
    (void)cli_resize(c, &p->numbers, bytes, 0);
    return code;
}

/* Each atom by up to two periods along each vector that is one. */
static int probe_images(probe *p)
{
    probe_reset(p);
    memcpy(p->aim, p->base.f, 3 * (size_t)p->n_atoms * sizeof *p->aim);
    for (size_t s = 0; s < p->n; s++) {
        cli_random r = cli_validation_random(p->v, s, 6);
        for (int64_t i = p->v->first[s]; i < p->v->first[s + 1]; i++) {
            for (int k = 0; k < 3; k++) {
                const double by = probe_pbc(p, s, k) * floor(5.0 * cli_random_uniform(&r) - 2.0);
                const double *vector = p->base.cell + 9 * s + 3 * (size_t)k;
                for (int m = 0; m < 3; m++) {
                    p->now.x[3 * i + m] += by * vector[m];
                }
            }
        }
    }
    const int code = probe_compute(p);
    probe_compare(p, CLI_TEST_IMAGES);
    return code;
}

/* A sum of N forces, each off by one rounding: sqrt(N) roundings. */
static void probe_net_force(probe *p, size_t s)
{
    cli_validation *v = p->v;
    double sum[3] = {0.0}, value = 0.0;
    for (int64_t i = v->first[s]; i < v->first[s + 1]; i++) {
        for (int k = 0; k < 3; k++) {
            sum[k] += p->base.f[3 * i + k];
        }
    }
    for (int k = 0; k < 3; k++) {
        value = cli_larger(value, fabs(sum[k]));
    }
    value /= v->noise_force[s] * sqrt((double)(v->first[s + 1] - v->first[s]));
    const cli_outcome outcome = {
        .value = value, .limit = probe_roundings, .excess = value / probe_roundings};
    cli_validation_note(v, s, CLI_TEST_NET_FORCE, &outcome);
}

/* ---- all of them ---- */

static void probe_applies(probe *p, size_t s)
{
    cli_validation *v = p->v;
    int periods = 0;
    for (int k = 0; k < 3; k++) {
        periods += probe_pbc(p, s, k);
    }
    const char *stress = periods < 3      ? "not periodic in three directions"
                         : !v->has_stress ? "the model has no stress"
                                          : NULL;
    if (stress) {
        cli_validation_not_applicable(v, s, CLI_TEST_SYMMETRY, stress);
    }
    stress = stress ? stress : v->conservative ? NULL : "the model is not conservative";
    if (stress) {
        cli_validation_not_applicable(v, s, CLI_TEST_STRESS, stress);
    }
    if (!v->conservative) {
        cli_validation_not_applicable(v, s, CLI_TEST_FORCES, "the model is not conservative");
    }
    if (v->first[s + 1] - v->first[s] < 2) {
        cli_validation_not_applicable(v, s, CLI_TEST_PERMUTATION, "one atom");
    }
    if (periods == 0) {
        cli_validation_not_applicable(v, s, CLI_TEST_IMAGES, "not periodic");
    }
}

static int probe_all(probe *p)
{
    cli_validation *v = p->v;
    int code = probe_noise(p);
    for (size_t s = 0; s < p->n && !code; s++) {
        probe_applies(p, s);
        probe_net_force(p, s);
        if (v->outcomes[s][CLI_TEST_SYMMETRY].verdict != CLI_VERDICT_NOT_APPLICABLE) {
            probe_symmetry(p, s);
        }
    }
    for (int k = 0; k < 2 && !code; k++) {
        if (cli_validation_wants(v, probe_ways[k].test)) {
            code = probe_slopes(p, &probe_ways[k]);
        }
    }
    code = code ? code : probe_translation(p);
    code = code ? code : probe_rotation(p);
    code = code ? code : probe_permutation(p);
    return code ? code : probe_images(p);
}

int cli_validate_still(cli_validation *v)
{
    probe p = {.v = v, .n = v->n, .n_atoms = cli_validation_atoms(v)};
    int code = probe_open(&p);
    code = code ? code : probe_all(&p);
    probe_close(&p);
    return code;
}
