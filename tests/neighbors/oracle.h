/* Neighbours the slow way, for comparison: all pairs of atoms and all images that can matter, found
 * from the dual of the periodic vectors in long double. Nothing is wrapped, nothing is binned, and
 * no code is shared with the library but the order of operations that defines r_ij
 * (neighbors/list.h): r = (x_j - x_i) + ((S0 h0 + S1 h1) + S2 h2), |r|^2 = (rx rx + ry ry) + rz rz,
 * all in double.
 *
 * Also here: random numbers and random structures of every kind that the lists must survive.
 */
#ifndef TESTS_NEIGHBORS_ORACLE_H
#define TESTS_NEIGHBORS_ORACLE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct structure {
    int32_t n;
    double *x; /* [n][3] */
    double cell[9];
    int32_t pbc[3];
} structure;

typedef struct oracle_pair {
    int32_t j, s[3];
    double r[3];
} oracle_pair;

typedef struct oracle_list {
    int64_t *begin; /* [n + 1] */
    oracle_pair *pair;
    int64_t n_pairs, room;
} oracle_list;

/* ---- random numbers (splitmix64) ---- */

static inline uint64_t random_bits(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static inline double random_unit(uint64_t *state)
{
    return (double)(random_bits(state) >> 11) * 0x1p-53;
}
static inline double random_in(uint64_t *state, double lo, double hi)
{
    return lo + (hi - lo) * random_unit(state);
}
static inline int32_t random_int(uint64_t *state, int32_t lo, int32_t hi) /* both included */
{
    return lo + (int32_t)(random_bits(state) % (uint64_t)(hi - lo + 1));
}

/* ---- the oracle ---- */

/* dual[k] . h[l] = (k == l) for periodic k, l; zero for others. */
static inline void oracle_dual(const structure *st, long double dual[3][3])
{
    const double *h = st->cell;
    int p[3], n = 0;
    memset(dual, 0, 9 * sizeof dual[0][0]);
    for (int k = 0; k < 3; k++) {
        if (st->pbc[k]) {
            p[n++] = k;
        }
    }
    long double g[3][6] = {{0}}; /* Gram matrix, and the unit matrix that becomes its inverse */
    for (int a = 0; a < n; a++) {
        for (int b = 0; b < n; b++) {
            for (int c = 0; c < 3; c++) {
                g[a][b] += (long double)h[3 * p[a] + c] * h[3 * p[b] + c];
            }
        }
        g[a][3 + a] = 1.0L;
    }
    for (int a = 0; a < n; a++) { /* positive definite: no pivoting */
        const long double d = 1.0L / g[a][a];
        for (int c = 0; c < 6; c++) {
            g[a][c] *= d;
        }
        for (int b = 0; b < n; b++) {
            const long double f = g[b][a];
            for (int c = 0; b != a && c < 6; c++) {
                g[b][c] -= f * g[a][c];
            }
        }
    }
    for (int a = 0; a < n; a++) {
        for (int b = 0; b < n; b++) {
            for (int c = 0; c < 3; c++) {
                dual[p[a]][c] += g[a][3 + b] * h[3 * p[b] + c];
            }
        }
    }
}

static inline void oracle_push(oracle_list *list, int32_t j, const int32_t s[3], const double r[3])
{
    if (list->n_pairs == list->room) {
        list->room = list->room ? 2 * list->room : 4096;
        list->pair = realloc(list->pair, (size_t)list->room * sizeof *list->pair);
    }
    oracle_pair *p = &list->pair[list->n_pairs++];
    p->j = j;
    memcpy(p->s, s, sizeof p->s);
    memcpy(p->r, r, sizeof p->r);
}

static inline int32_t oracle_floor(double x)
{
    const int32_t i = (int32_t)x;
    return i - (x < i);
}

/* All images of j within reach of i; u: x . dual, q: reach in cells. */
static inline void oracle_images(const structure *st, int32_t i, int32_t j, const double *u,
                                 const double q[3], double reach2, oracle_list *out)
{
    const double *h = st->cell, *xi = st->x + 3 * (int64_t)i, *xj = st->x + 3 * (int64_t)j;
    int32_t lo[3] = {0, 0, 0}, hi[3] = {0, 0, 0};
    for (int k = 0; k < 3; k++) {
        if (st->pbc[k]) {
            const double d = u[3 * (int64_t)j + k] - u[3 * (int64_t)i + k];
            lo[k] = -oracle_floor(q[k] + d);
            hi[k] = oracle_floor(q[k] - d);
            if (lo[k] > hi[k]) {
                return;
            }
        }
    }
    int32_t s[3];
    for (s[0] = lo[0]; s[0] <= hi[0]; s[0]++) {
        for (s[1] = lo[1]; s[1] <= hi[1]; s[1]++) {
            for (s[2] = lo[2]; s[2] <= hi[2]; s[2]++) {
                double r[3];
                for (int c = 0; c < 3; c++) {
                    double t = st->pbc[0] ? s[0] * h[c] : 0.0;
                    t = t + (st->pbc[1] ? s[1] * h[3 + c] : 0.0);
                    t = t + (st->pbc[2] ? s[2] * h[6 + c] : 0.0);
                    r[c] = (xj[c] - xi[c]) + t;
                }
                if ((r[0] * r[0] + r[1] * r[1]) + r[2] * r[2] < reach2 &&
                    (i != j || s[0] || s[1] || s[2])) {
                    oracle_push(out, j, s, r);
                }
            }
        }
    }
}

/* Fills `out`, whose memory is reused. */
static inline void oracle_build(const structure *st, double reach, oracle_list *out)
{
    long double dual[3][3];
    double q[3], *u = malloc((size_t)st->n * 3 * sizeof *u + 8);
    oracle_dual(st, dual);
    for (int k = 0; k < 3; k++) {
        const long double d2 =
            dual[k][0] * dual[k][0] + dual[k][1] * dual[k][1] + dual[k][2] * dual[k][2];
        q[k] = (double)(reach * sqrtl(d2)) + 1e-6;
        for (int32_t i = 0; i < st->n; i++) {
            const double *x = st->x + 3 * (int64_t)i;
            u[3 * (int64_t)i + k] =
                (double)(dual[k][0] * x[0] + dual[k][1] * x[1] + dual[k][2] * x[2]);
        }
    }
    out->begin = realloc(out->begin, ((size_t)st->n + 1) * sizeof *out->begin);
    out->n_pairs = 0;
    for (int32_t i = 0; i < st->n; i++) {
        out->begin[i] = out->n_pairs;
        for (int32_t j = 0; j < st->n; j++) {
            oracle_images(st, i, j, u, q, reach * reach, out);
        }
    }
    out->begin[st->n] = out->n_pairs;
    free(u);
}

static inline void oracle_free(oracle_list *list)
{
    free(list->begin);
    free(list->pair);
    memset(list, 0, sizeof *list);
}

/* ---- random structures ---- */

typedef struct structure_spec {
    int32_t min_atoms, max_atoms;
    double length[2]; /* of the vectors, relative to n^(1/3) */
    double skew;      /* multiples of other vectors that are added to each */
    int32_t far;      /* atoms are moved by up to so many cells */
} structure_spec;

static inline void structure_rotate(double cell[9], uint64_t *rng)
{
    double q[4], n = 0.0;
    for (int k = 0; k < 4; k++) {
        q[k] = random_in(rng, -1.0, 1.0);
        n += q[k] * q[k];
    }
    n = sqrt(n);
    const double w = q[0] / n, x = q[1] / n, y = q[2] / n, z = q[3] / n;
    const double m[9] = {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
                         2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
                         2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
    double out[9];
    for (int a = 0; a < 3; a++) {
        for (int c = 0; c < 3; c++) {
            out[3 * a + c] =
                cell[3 * a] * m[c] + cell[3 * a + 1] * m[3 + c] + cell[3 * a + 2] * m[6 + c];
        }
    }
    memcpy(cell, out, sizeof out);
}

/* A cell of any handedness, orientation and skew. */
static inline void structure_cell(structure *st, const structure_spec *spec, uint64_t *rng)
{
    const double edge = cbrt((double)st->n);
    memset(st->cell, 0, sizeof st->cell);
    for (int k = 0; k < 3; k++) {
        st->cell[4 * k] = edge * exp(random_in(rng, log(spec->length[0]), log(spec->length[1])));
        if (random_int(rng, 0, 3) == 0) {
            st->cell[4 * k] = -st->cell[4 * k];
        }
    }
    for (int k = 0; k < 3 && spec->skew > 0.0; k++) {
        const int from = random_int(rng, 0, 2);
        const double f = random_in(rng, -spec->skew, spec->skew);
        for (int c = 0; from != k && c < 3; c++) {
            st->cell[3 * k + c] += f * st->cell[3 * from + c];
        }
    }
    if (random_int(rng, 0, 1)) {
        structure_rotate(st->cell, rng);
    }
}

/* Fractional coordinates: uniform, on faces and quarters, on a jittered grid, or in clumps. */
static inline void structure_place(const structure *st, int kind, int32_t i, uint64_t *rng,
                                   double f[3])
{
    const int32_t m = (int32_t)ceil(cbrt((double)st->n));
    const int32_t at[3] = {i % m, i / m % m, i / m / m};
    for (int k = 0; k < 3; k++) {
        switch (kind) {
        case 0:
            f[k] = random_unit(rng);
            break;
        case 1:
            f[k] = random_int(rng, 0, 4) / 4.0;
            break;
        case 2:
            f[k] = (at[k] + 0.1 * random_unit(rng)) / m;
            break;
        default:
            f[k] = 0.25 * (i % 3) + 0.2 * random_unit(rng) * random_unit(rng);
            break;
        }
    }
}

/* Along vectors that are not periodic the atoms are placed as if they were; afterwards the cell has
 * anything there, or nothing. */
static inline void structure_make(structure *st, const structure_spec *spec, uint64_t *rng)
{
    const int kind = random_int(rng, 0, 9);
    st->n = random_int(rng, spec->min_atoms, spec->max_atoms);
    st->x = malloc((size_t)st->n * 3 * sizeof *st->x + 8);
    structure_cell(st, spec, rng);
    const int mask = random_int(rng, 0, 3) ? 7 : random_int(rng, 0, 7);
    for (int k = 0; k < 3; k++) {
        st->pbc[k] = mask >> k & 1;
    }
    for (int32_t i = 0; i < st->n; i++) {
        double f[3];
        structure_place(st, kind < 6 ? 0 : kind - 6, i, rng, f);
        for (int k = 0; k < 3; k++) {
            f[k] += spec->far && st->pbc[k] ? random_int(rng, -spec->far, spec->far) : 0;
        }
        for (int c = 0; c < 3; c++) {
            st->x[3 * (int64_t)i + c] =
                f[0] * st->cell[c] + f[1] * st->cell[3 + c] + f[2] * st->cell[6 + c];
        }
    }
    for (int k = 0; k < 9; k++) {
        if (!st->pbc[k / 3]) {
            static const double dummy[4] = {0.0, 1.0, -3e5, NAN};
            st->cell[k] = dummy[random_int(rng, 0, 3)];
        }
    }
}

/* A reach that gives about so many neighbours if all vectors are periodic. */
static inline double structure_reach(const structure_spec *spec, double neighbors)
{
    double volume = 1.0;
    for (int k = 0; k < 3; k++) {
        volume *= sqrt(spec->length[0] * spec->length[1]);
    }
    return cbrt(neighbors * volume * 3.0 / (4.0 * 3.14159265358979));
}

#endif
