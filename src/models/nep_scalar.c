/* The NEP oracle: see nep_scalar.h. Written for being read beside the formulas of nep.h, with
 * nothing shared with the fast kernel but the file, the tables of 4-body terms and of ZBL and the
 * functions of base/math.h: neighbours by trying all pairs and images, harmonics from the
 * polynomials of Legendre written out, sums in the order of the neighbours. Forces and virials are
 * scattered: F_i += f_ij, F_j -= f_ij, W_j -= r_ij f_ij^T with f_ij = dU_i/dr_ij.
 */
#include <math.h>
#include <string.h>

#include "base/math.h"
#include "data/cell.h"
#include "models/nep_scalar.h"
#include "models/nep_terms.h"
#include "models/nep_zbl.h"

enum { SCALAR_FUNCTIONS = ATH__NEP_FUNCTIONS, SCALAR_HARMONICS = ATH__NEP_HARMONICS };

typedef struct scalar_neighbor {
    int32_t atom, type;
    double d[3], r; /* r_ij, angstrom */
} scalar_neighbor;

typedef struct scalar_rows {
    scalar_neighbor *list;
    size_t n, max;
} scalar_rows;

/* One system, as far as its neighbours go. */
typedef struct scalar_box {
    int32_t n;
    const double *x; /* [n][3] */
    const int32_t *type;
    const int32_t *pbc;
    double h[9], g[9], heights[3];
} scalar_box;

/* ---- neighbours ---- */

static ath_status scalar_push(ath_context *ctx, scalar_rows *rows, const scalar_neighbor *p)
{
    if (rows->n == rows->max) {
        const size_t more = rows->max > 0 ? 2 * rows->max : 64;
        ATH__TRY(ath__resize(ctx, &rows->list, rows->max, more, sizeof *p));
        rows->max = more;
    }
    rows->list[rows->n++] = *p;
    return ATH_OK;
}

/* All images of j within the larger of the two cutoffs of the pair. */
static ath_status scalar_images(ath_context *ctx, const ath__nep_file *file, const scalar_box *box,
                                int32_t i, int32_t j, scalar_rows *rows)
{
    const double radial = ath__nep_cutoff(file, 0, box->type[i], box->type[j]);
    const double angular = ath__nep_cutoff(file, 1, box->type[i], box->type[j]);
    const double cutoff = radial > angular ? radial : angular;
    const double *xi = box->x + 3 * (int64_t)i, *xj = box->x + 3 * (int64_t)j;
    const double d[3] = {xj[0] - xi[0], xj[1] - xi[1], xj[2] - xi[2]};
    int low[3] = {0}, high[3] = {0};
    for (int k = 0; k < 3; k++) {
        if (box->pbc[k]) {
            const double *g = box->g + 3 * k;
            const double f = g[0] * d[0] + g[1] * d[1] + g[2] * d[2];
            low[k] = (int)ceil(-f - cutoff / box->heights[k]);
            high[k] = (int)floor(-f + cutoff / box->heights[k]);
        }
    }
    for (int a = low[0]; a <= high[0]; a++) {
        for (int b = low[1]; b <= high[1]; b++) {
            for (int c = low[2]; c <= high[2]; c++) {
                const int32_t s[3] = {a, b, c};
                scalar_neighbor p = {.atom = j, .type = box->type[j]};
                double t[3];
                ath__image_vector(s, box->h, t);
                for (int k = 0; k < 3; k++) {
                    p.d[k] = d[k] + t[k];
                }
                p.r = sqrt(p.d[0] * p.d[0] + p.d[1] * p.d[1] + p.d[2] * p.d[2]);
                if ((i == j && a == 0 && b == 0 && c == 0) || p.r >= cutoff) {
                    continue;
                }
                ATH__TRY(scalar_push(ctx, rows, &p));
            }
        }
    }
    return ATH_OK;
}

/* ---- radial functions ---- */

/* f_k(r) and df_k/dr, k = 0 .. n - 1, at r < cutoff. */
static void scalar_basis(double r, double cutoff, int32_t n, double *f, double *df)
{
    const double t = r / cutoff, x = 2.0 * (t - 1.0) * (t - 1.0) - 1.0;
    const double dx = 4.0 * (t - 1.0) / cutoff;
    double s, c;
    ath__sincos(ATH__NEP_PI * t, &s, &c);
    const double fc = 0.5 * (1.0 + c), dfc = -0.5 * ATH__NEP_PI / cutoff * s;
    double chebyshev[SCALAR_FUNCTIONS + 1] = {1.0, x},
                                        second[SCALAR_FUNCTIONS + 1] = {1.0, 2.0 * x};
    for (int32_t k = 2; k < n; k++) {
        chebyshev[k] = 2.0 * x * chebyshev[k - 1] - chebyshev[k - 2];
        second[k] = 2.0 * x * second[k - 1] - second[k - 2];
    }
    for (int32_t k = 0; k < n; k++) {
        const double slope = k > 0 ? k * second[k - 1] * dx : 0.0; /* dT_k/dr */
        f[k] = 0.5 * (chebyshev[k] + 1.0) * fc;
        df[k] = 0.5 * slope * fc + 0.5 * (chebyshev[k] + 1.0) * dfc;
    }
    f[0] = fc;
    df[0] = dfc;
}

/* g_n(r) and dg_n/dr for a pair of types; 0 from the cutoff on. */
static void scalar_radial(const ath__nep_file *file, int angular, int32_t ti, int32_t tj, double r,
                          double *g, double *dg)
{
    const double cutoff = ath__nep_cutoff(file, angular, ti, tj);
    double f[SCALAR_FUNCTIONS] = {0.0}, df[SCALAR_FUNCTIONS] = {0.0};
    if (r < cutoff) {
        scalar_basis(r, cutoff, file->k[angular], f, df);
    }
    for (int32_t n = 0; n < file->n[angular]; n++) {
        g[n] = dg[n] = 0.0;
        for (int32_t k = 0; k < file->k[angular] && r < cutoff; k++) {
            const double c = ath__nep_c(file, angular, n, k, ti, tj);
            g[n] += c * f[k];
            dg[n] += c * df[k];
        }
    }
}

/* ---- harmonics ---- */

static double scalar_factorial(int n)
{
    double v = 1.0;
    for (int k = 2; k <= n; k++) {
        v *= k;
    }
    return v;
}

/* d^m P_l/dz^m at z, from P_l = 2^-l sum_k (-1)^k (2l - 2k)! / (k! (l - k)! (l - 2k)!) z^(l-2k). */
static double scalar_legendre(int l, int m, double z)
{
    double sum = 0.0;
    for (int k = 0; l - 2 * k >= m; k++) {
        double term =
            (k % 2 ? -1.0 : 1.0) * scalar_factorial(2 * l - 2 * k) /
            (scalar_factorial(k) * scalar_factorial(l - k) * scalar_factorial(l - 2 * k - m));
        for (int q = 0; q < l - 2 * k - m; q++) {
            term *= z;
        }
        sum += term;
    }
    return ldexp(sum, -l);
}

/* R_lm(u) and its gradient with respect to r_ij = r u. As a polynomial in u, R_l,+-m is a number
 * times d^m P_l/dz^m (u_z) times the real or imaginary part of (u_x + i u_y)^m. */
static void scalar_harmonics(int32_t l_top, const double u[3], double r, double *value,
                             double (*gradient)[3])
{
    for (int m = 0; m <= l_top; m++) {
        double re = 1.0, im = 0.0, re1 = 0.0, im1 = 0.0; /* powers m and m - 1 of u_x + i u_y */
        for (int q = 0; q < m; q++) {
            re1 = re, im1 = im;
            re = re1 * u[0] - im1 * u[1];
            im = re1 * u[1] + im1 * u[0];
        }
        for (int l = m > 1 ? m : 1; l <= l_top; l++) {
            const double norm = sqrt((m > 0 ? 2.0 : 1.0) * (2.0 * l + 1.0) / (4.0 * ATH__NEP_PI) *
                                     scalar_factorial(l - m) / scalar_factorial(l + m));
            const double p = norm * scalar_legendre(l, m, u[2]);
            const double dp = norm * scalar_legendre(l, m + 1, u[2]);
            for (int sine = 0; sine < (m > 0 ? 2 : 1); sine++) {
                const int32_t at = ath__nep_place(l, sine ? -m : m);
                const double q = sine ? im : re;
                const double d[3] = {p * m * (sine ? im1 : re1), p * m * (sine ? re1 : -im1),
                                     dp * q};
                const double along = u[0] * d[0] + u[1] * d[1] + u[2] * d[2];
                value[at] = p * q;
                for (int c = 0; c < 3; c++) {
                    gradient[at][c] = (d[c] - u[c] * along) / r;
                }
            }
        }
    }
}

/* ---- one atom ---- */

typedef struct scalar_atom {
    double q[ATH__NEP_DIMENSION], slope[ATH__NEP_DIMENSION]; /* descriptor, dU/dq */
    double a[SCALAR_FUNCTIONS][SCALAR_HARMONICS];
    double da[SCALAR_FUNCTIONS][SCALAR_HARMONICS]; /* dU/da */
} scalar_atom;

static void scalar_sums(const ath__nep_file *file, int32_t ti, const scalar_rows *rows,
                        scalar_atom *s)
{
    double g[SCALAR_FUNCTIONS] = {0.0}, dg[SCALAR_FUNCTIONS] = {0.0};
    double value[SCALAR_HARMONICS] = {0.0}, gradient[SCALAR_HARMONICS][3] = {{0.0}};
    const int32_t places = (file->l_top + 1) * (file->l_top + 1) - 1;
    memset(s, 0, sizeof *s);
    for (size_t p = 0; p < rows->n; p++) {
        const scalar_neighbor *nb = &rows->list[p];
        const double u[3] = {nb->d[0] / nb->r, nb->d[1] / nb->r, nb->d[2] / nb->r};
        scalar_radial(file, 0, ti, nb->type, nb->r, g, dg);
        for (int32_t n = 0; n < file->n[0]; n++) {
            s->q[n] += g[n];
        }
        scalar_radial(file, 1, ti, nb->type, nb->r, g, dg);
        scalar_harmonics(file->l_top, u, nb->r, value, gradient);
        for (int32_t n = 0; n < file->n[1]; n++) {
            for (int32_t at = 0; at < places; at++) {
                s->a[n][at] += g[n] * value[at];
            }
        }
    }
}

/* The q of a switch for one n, and with slope = dU/dq what it adds to dU/da. */
static double scalar_body(int body, const double *a, double slope, double *da)
{
    int n_terms = 0;
    const ath__nep_term *terms = ath__nep_terms(body, &n_terms);
    double q = 0.0;
    if (body == ATH__NEP_1111) {
        const double q1 = a[0] * a[0] + a[1] * a[1] + a[2] * a[2];
        for (int k = 0; k < 3; k++) {
            da[k] += slope * 28.0 / 15.0 * q1 * a[k];
        }
        return 7.0 / 15.0 * q1 * q1;
    }
    for (int k = 0; k < n_terms; k++) {
        const ath__nep_term *t = &terms[k];
        const double x = a[t->at[0]], y = a[t->at[1]], z = a[t->at[2]];
        q += t->c * x * y * z;
        da[t->at[0]] += slope * t->c * y * z;
        da[t->at[1]] += slope * t->c * x * z;
        da[t->at[2]] += slope * t->c * x * y;
    }
    return q;
}

/* The angular descriptors from a, or, second time round, dU/da from dU/dq. */
static void scalar_angular(const ath__nep_file *file, scalar_atom *s)
{
    for (int32_t n = 0; n < file->n[1]; n++) {
        int32_t d = file->n[0] + n;
        memset(s->da[n], 0, sizeof s->da[n]);
        for (int32_t l = 1; l <= file->l_max; l++, d += file->n[1]) {
            s->q[d] = 0.0;
            for (int32_t m = -l; m <= l; m++) {
                const int32_t at = ath__nep_place(l, m);
                s->q[d] += s->a[n][at] * s->a[n][at];
                s->da[n][at] += 2.0 * s->slope[d] * s->a[n][at];
            }
        }
        for (int body = 0; body < ATH__NEP_BODIES; body++) {
            if (file->body[body]) {
                s->q[d] = scalar_body(body, s->a[n], s->slope[d], s->da[n]);
                d += file->n[1];
            }
        }
    }
}

/* The energy of the network of type t, and dU/dq. */
static double scalar_network(const ath__nep_file *file, int32_t t, scalar_atom *s)
{
    const double *w0 = ath__nep_network(file, t), *scaler = ath__nep_scalers(file);
    const double *b0 = w0 + (int64_t)file->neurons * file->dimension, *w1 = b0 + file->neurons;
    double energy = 0.0;
    memset(s->slope, 0, sizeof s->slope);
    for (int32_t h = 0; h < file->neurons; h++) {
        double x = 0.0;
        for (int32_t d = 0; d < file->dimension; d++) {
            x += w0[h * file->dimension + d] * (scaler[d] * s->q[d]);
        }
        const double y = ath__tanh(x - b0[h]);
        energy += w1[h] * y;
        for (int32_t d = 0; d < file->dimension; d++) {
            s->slope[d] += scaler[d] * (w1[h] * (1.0 - y * y) * w0[h * file->dimension + d]);
        }
    }
    energy -= ath__nep_bias(file);
    return file->version == 5 ? energy - w1[file->neurons] : energy;
}

/* dU_i/dr_ij of a neighbour. */
static void scalar_pair(const ath__nep_file *file, int32_t ti, const scalar_neighbor *nb,
                        const scalar_atom *s, double f[3])
{
    double g[SCALAR_FUNCTIONS] = {0.0}, dg[SCALAR_FUNCTIONS] = {0.0};
    double value[SCALAR_HARMONICS] = {0.0}, gradient[SCALAR_HARMONICS][3] = {{0.0}};
    const int32_t places = (file->l_top + 1) * (file->l_top + 1) - 1;
    const double u[3] = {nb->d[0] / nb->r, nb->d[1] / nb->r, nb->d[2] / nb->r};
    double along = 0.0; /* the part along u */
    f[0] = f[1] = f[2] = 0.0;
    scalar_radial(file, 0, ti, nb->type, nb->r, g, dg);
    for (int32_t n = 0; n < file->n[0]; n++) {
        along += s->slope[n] * dg[n];
    }
    scalar_radial(file, 1, ti, nb->type, nb->r, g, dg);
    scalar_harmonics(file->l_top, u, nb->r, value, gradient);
    for (int32_t n = 0; n < file->n[1]; n++) {
        for (int32_t at = 0; at < places; at++) {
            along += dg[n] * s->da[n][at] * value[at];
            for (int c = 0; c < 3; c++) {
                f[c] += g[n] * s->da[n][at] * gradient[at][c];
            }
        }
    }
    for (int c = 0; c < 3; c++) {
        f[c] += along * u[c];
    }
}

/* Half of the ZBL energy of a pair, and its derivative by r; zero where there is none. */
static void scalar_zbl(const ath__nep_file *file, int32_t ti, int32_t tj, double r, double *v,
                       double *slope)
{
    const double zi = file->numbers[ti], zj = file->numbers[tj];
    ath__nep_repulsion p = {.inner = file->zbl_inner,
                            .outer = file->zbl_outer,
                            .charges = ATH__NEP_COULOMB * zi * zj,
                            .inverse =
                                ATH__NEP_SCREENING * (ath__pow(zi, 0.23) + ath__pow(zj, 0.23)),
                            .c = ATH__NEP_PHI_C,
                            .b = ATH__NEP_PHI_B};
    *v = *slope = 0.0;
    if (file->zbl == ATH__NEP_TYPEWISE) {
        const double sum = file->zbl_factor * (ath__nep_radius[file->numbers[ti] - 1] +
                                               ath__nep_radius[file->numbers[tj] - 1]);
        p.inner = 0.0;
        p.outer = sum < p.outer ? sum : p.outer;
    } else if (file->zbl == ATH__NEP_FLEXIBLE) {
        const double *own = ath__nep_pair(file, ti, tj);
        p.inner = own[0];
        p.outer = own[1];
        for (int k = 0; k < 4; k++) {
            p.c[k] = own[2 + 2 * k];
            p.b[k] = own[3 + 2 * k];
        }
    }
    if (file->zbl != ATH__NEP_NO_ZBL && r < p.outer && r < ath__nep_cutoff(file, 1, ti, tj)) {
        ath__nep_repel(&p, r, v, slope);
        *v *= 0.5;
        *slope *= 0.5;
    }
}

static void scalar_add(int32_t i, const scalar_neighbor *nb, const double f[3],
                       ath__nep_result *out)
{
    for (int c = 0; c < 3; c++) {
        out->forces[3 * (int64_t)i + c] += f[c];
        out->forces[3 * (int64_t)nb->atom + c] -= f[c];
        for (int b = 0; b < 3; b++) {
            out->virials[9 * (int64_t)nb->atom + 3 * c + b] -= nb->d[c] * f[b];
        }
    }
}

static void scalar_one(const ath__nep_file *file, const scalar_box *box, int32_t i,
                       const scalar_rows *rows, scalar_atom *s, ath__nep_result *out)
{
    const int32_t ti = box->type[i];
    scalar_sums(file, ti, rows, s);
    scalar_angular(file, s);
    out->energies[i] = scalar_network(file, ti, s);
    scalar_angular(file, s);
    for (size_t p = 0; p < rows->n; p++) {
        const scalar_neighbor *nb = &rows->list[p];
        double f[3], v, slope;
        scalar_pair(file, ti, nb, s, f);
        scalar_zbl(file, ti, nb->type, nb->r, &v, &slope);
        out->energies[i] += v;
        for (int c = 0; c < 3; c++) {
            f[c] += slope * nb->d[c] / nb->r;
        }
        scalar_add(i, nb, f, out);
    }
}

/* ---- the system ---- */

static ath_status scalar_types(ath_context *ctx, const ath__nep_file *file, int32_t n,
                               const int32_t *numbers, int32_t *type)
{
    for (int32_t i = 0; i < n; i++) {
        type[i] = -1;
        for (int32_t t = 0; t < file->n_types; t++) {
            type[i] = file->numbers[t] == numbers[i] ? t : type[i];
        }
        if (type[i] < 0) {
            return ath__fail(ctx, ATH_E_UNSUPPORTED, "nep: the file lacks %s",
                             ath_element_symbol(numbers[i]));
        }
    }
    return ATH_OK;
}

static ath_status scalar_box_of(ath_context *ctx, const ath_system *system, scalar_box *box)
{
    static const int32_t open[3];
    static const double none[9];
    const double *cell = ath_system_peek(system, ATH_FIELD_CELL);
    const int32_t *pbc = ath_system_peek(system, ATH_FIELD_PBC);
    box->n = ath_system_n_atoms(system);
    box->x = ath_system_peek(system, ATH_FIELD_POSITIONS);
    box->pbc = pbc ? pbc : open;
    if (!ath__cell_complete(cell ? cell : none, box->pbc, box->h) ||
        !ath__cell_reciprocal(box->h, box->g)) {
        return ath__fail(ctx, ATH_E_UNSUPPORTED, "nep: a cell without volume");
    }
    ath__cell_heights(box->g, box->heights);
    return ATH_OK;
}

ath_status ath__nep_scalar(ath_context *ctx, const ath__nep_file *file, const ath_system *system,
                           ath__nep_result *out)
{
    scalar_box box = {0};
    scalar_rows rows = {0};
    scalar_atom *atom = NULL;
    int32_t *type = NULL;
    ATH__TRY(scalar_box_of(ctx, system, &box));
    const size_t n = (size_t)box.n;
    ath_status status = ath__alloc(ctx, n, sizeof *type, &type);
    if (status == ATH_OK) {
        status = scalar_types(ctx, file, box.n, ath_system_peek(system, ATH_FIELD_NUMBERS), type);
    }
    if (status == ATH_OK) {
        status = ath__alloc(ctx, 1, sizeof *atom, &atom);
    }
    box.type = type;
    memset(out->energies, 0, n * sizeof(double));
    memset(out->forces, 0, 3 * n * sizeof(double));
    memset(out->virials, 0, 9 * n * sizeof(double));
    for (int32_t i = 0; i < box.n && status == ATH_OK; i++) {
        rows.n = 0;
        for (int32_t j = 0; j < box.n && status == ATH_OK; j++) {
            status = scalar_images(ctx, file, &box, i, j, &rows);
        }
        if (status == ATH_OK) {
            scalar_one(file, &box, i, &rows, atom, out);
        }
    }
    ath__free(ctx, &rows.list, rows.max, sizeof *rows.list);
    ath__free(ctx, &atom, 1, sizeof *atom);
    ath__free(ctx, &type, n, sizeof *type);
    return status;
}
