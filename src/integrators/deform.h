/* deform.h - the cell as degrees of freedom of a minimizer: what fire, fire2 and lbfgs share.
 *
 * Vectors are rows: r = f h. With h0 the cell on entry to the stage, a symmetric matrix F (so no
 * rotation) deforms it: h = h0 F, r = y F. The minimizer moves the y of the atoms and nine numbers
 * c X, symmetric too, where
 *
 *     form frechet:  F = exp(X)     (Tadmor, Smith, Bernstein and Kaxiras, Phys. Rev. B 59 (1999)
 *                                    235 for the cell as variables)
 *     form unit:     F = 1 + X
 *
 * and c, the cell factor, is a length that gives a strain the weight of a displacement. X is kept
 * in the state of a system; h0 is not: h F^-1 gives it.
 *
 * Forces. With V = |det h|, the stress sigma and the target pressures P (a symmetric tensor, that
 * presses where it is positive), a change dF at fixed y is the strain F^-1 dF of r, so that energy
 * and work of the target change by tr(W F^-1 dF), W = V (sigma + P). Hence, with symmetric parts,
 *
 *     dH/dF = sym(F^-1 W) = G
 *     dH/dX = L(X, G) for frechet, L the Frechet derivative of exp; G for unit
 *     force on c X = -(dH/dX) / c;   force on y = f F^T
 *
 * For P = p 1 this is the gradient of H = E + p V. For other P there is no such function of F, and
 * what is integrated is the work of the true (Cauchy) stress -P; it vanishes where sigma = -P.
 *
 * Choice cell: full; iso, X is a multiple of 1; shape, fixed volume: tr X = 0. Choice mask: which
 * of the components xx yy zz yz xz xy of X may change, each with its mirror image. Forces and
 * changes of X are projected accordingly, orthogonally in the sense of sum X_ij X_ij. With form
 * unit, shape is F = D (1 + X) D, where D is s^(1/2) on the diagonal components that may change
 * and 1 on others, and s such that det F = 1; with m such components and Y = 1 + X,
 *
 *     dH/dX = D G D - (q / m) Y^-1,  q = sum of (F G)_aa over these a
 *
 * With shape and a mask, fixed volume is exact as well, and a masked component of X stays 0. With
 * frechet, a masked component of F stays as it is only if no shear couples it to others.
 *
 * A fixed component of an atom keeps its y: it does not move by itself, but rides with the cell.
 * Forces on it count as 0, in f and in f F^T, as they do for the criterion fmax.
 *
 * A system that is not periodic along all three vectors, has no volume or no atoms, keeps its cell.
 *
 * Shared by .c and .cu files. Internal units: pressures in eV/angstrom^3.
 */
#ifndef ATHANOR_INTEGRATORS_DEFORM_H
#define ATHANOR_INTEGRATORS_DEFORM_H

#include "base/matrix3.h"
#include "data/view.h"

enum { ATH__DEFORM_NONE, ATH__DEFORM_FULL, ATH__DEFORM_ISO, ATH__DEFORM_SHAPE };
enum { ATH__DEFORM_FRECHET, ATH__DEFORM_UNIT };

/* Cells of the state of a system: the pressure, what is added to it on xx yy zz yz xz xy, and X. */
enum { ATH__DEFORM_PRESSURE, ATH__DEFORM_EXTRA, ATH__DEFORM_X = 7, ATH__DEFORM_CELLS = 16 };

typedef struct ath__deform_parameters {
    double factor;     /* c, angstrom; 0: ath__deform_factor */
    double max_strain; /* largest sqrt(sum dX_ij^2) of a step */
    int32_t cell, form;
    int32_t free;  /* bit 3 i + j: X_ij may change; symmetric */
    int32_t first; /* number of the first of these cells in the state of a system */
} ath__deform_parameters;

/* A system in a step. */
typedef struct ath__deform {
    int32_t moves; /* 0: the cell is held, and nothing of the rest means anything */
    double c;
    double x[9], f[9], inverse[9]; /* X, F, F^-1 */
    double force[9];               /* on c X */
    /* what ath__deform_move makes: new X and F, and F^-1 F', with which r and h change */
    double next_x[9], next_f[9], ride[9];
} ath__deform;

/* The cell factor of a system of n atoms where none is given, angstrom. V C / c^2, the stiffness of
 * c X, is then that of the atoms, whatever their number (C, elastic constants, is about 1
 * eV/angstrom^3). ASE takes n. */
ATH__FN double ath__deform_factor(int32_t n_atoms)
{
    return ath__sqrt((double)n_atoms);
}

/* Takes what may not change out of X, a change of it or a force on it. */
ATH__FN void ath__deform_project(const ath__deform_parameters *p, double a[9])
{
    double mean = 0.0;
    int32_t n = 0;
    for (int k = 0; k < 9; k++) {
        a[k] = p->free >> k & 1 ? a[k] : 0.0;
    }
    for (int k = 0; k < 9; k += 4) {
        mean += a[k];
        n += p->free >> k & 1;
    }
    mean = n > 0 ? mean / n : 0.0;
    if (p->cell == ATH__DEFORM_ISO) {
        ath__m3_diagonal(mean, a);
    } else if (p->cell == ATH__DEFORM_SHAPE) {
        for (int k = 0; k < 9; k += 4) {
            a[k] -= p->free >> k & 1 ? mean : 0.0;
        }
    }
}

/* The diagonal of D of form unit, and m. */
ATH__FN int32_t ath__deform_scales(const ath__deform_parameters *p, const double y[9], double d[3])
{
    int32_t m = 0;
    for (int k = 0; k < 9; k += 4) {
        m += p->free >> k & 1;
    }
    const double s = ath__exp(-0.5 * ath__ln(ath__m3_det(y)) / m);
    for (int i = 0; i < 3; i++) {
        d[i] = p->free >> 4 * i & 1 ? s : 1.0;
    }
    return m;
}

/* F of X. */
ATH__FN void ath__deform_of(const ath__deform_parameters *p, const double x[9], double f[9])
{
    double y[9], d[3];
    if (p->form == ATH__DEFORM_FRECHET) {
        ath__m3_exp(x, y);
        ath__m3_symmetric(y, f);
        return;
    }
    ath__m3_copy(x, f);
    f[0] += 1.0, f[4] += 1.0, f[8] += 1.0;
    if (p->cell == ATH__DEFORM_SHAPE) {
        ath__m3_copy(f, y);
        ath__deform_scales(p, y, d);
        for (int k = 0; k < 9; k++) {
            f[k] = d[k / 3] * d[k % 3] * y[k];
        }
    }
}

/* dH/dX, projected, from X, F, F^-1 and W. */
ATH__FN void ath__deform_gradient(const ath__deform_parameters *p, const double x[9],
                                  const double f[9], const double inverse[9], const double w[9],
                                  double out[9])
{
    double g[9], a[9], b[9], d[3];
    ath__m3_mul(inverse, w, a);
    ath__m3_symmetric(a, g);
    if (p->form == ATH__DEFORM_FRECHET) {
        ath__m3_exp_derivative(x, g, a, b);
        ath__m3_symmetric(b, out);
    } else if (p->cell == ATH__DEFORM_SHAPE) {
        double q = 0.0;
        ath__m3_mul(f, g, a);
        for (int k = 0; k < 9; k += 4) {
            q += p->free >> k & 1 ? a[k] : 0.0;
        }
        ath__m3_copy(x, a);
        a[0] += 1.0, a[4] += 1.0, a[8] += 1.0;
        const int32_t m = ath__deform_scales(p, a, d);
        ath__m3_inverse(a, b);
        for (int k = 0; k < 9; k++) {
            a[k] = d[k / 3] * d[k % 3] * g[k] - q / m * b[k];
        }
        ath__m3_symmetric(a, out);
    } else {
        ath__m3_copy(g, out);
    }
    ath__deform_project(p, out);
}

/* sigma + P, symmetric; `cells` are those of this header. */
ATH__FN void ath__deform_excess(const double *cells, const double stress[9], double out[9])
{
    const double p = cells[ATH__DEFORM_PRESSURE], *e = cells + ATH__DEFORM_EXTRA;
    const double target[9] = {p + e[0], e[5], e[4], e[5], p + e[1], e[3], e[4], e[3], p + e[2]};
    ath__m3_symmetric(stress, out);
    for (int k = 0; k < 9; k++) {
        out[k] += target[k];
    }
}

/* Whether the cell of a system may change. */
ATH__FN int32_t ath__deform_moves(const ath__deform_parameters *p, const double cell[9],
                                  const int32_t pbc[3], int32_t n_atoms)
{
    const double volume = ath__abs(ath__m3_det(cell));
    return p->cell != ATH__DEFORM_NONE && n_atoms > 0 && pbc[0] && pbc[1] && pbc[2] &&
           volume > 0.0 && volume < 1e300;
}

/* How far the stress is from its target, over what may still change: the largest component of
 * sigma + P, of its mean pressure (iso) or of its deviator (shape); where components are masked, of
 * the projected dH/dX per volume, which is what goes to 0. 0 where the cell is held. */
ATH__FN double ath__deform_residual(const ath__deform_parameters *p, const double *cells,
                                    const double stress[9], const double cell[9],
                                    const int32_t pbc[3], int32_t n_atoms)
{
    double excess[9], f[9], inverse[9], g[9], largest = 0.0;
    if (!ath__deform_moves(p, cell, pbc, n_atoms)) {
        return 0.0;
    }
    ath__deform_excess(cells, stress, excess);
    if (p->free == 0x1ff) {
        ath__m3_copy(excess, g);
        ath__deform_project(p, g);
    } else {
        ath__deform_of(p, cells + ATH__DEFORM_X, f);
        ath__m3_inverse(f, inverse);
        ath__deform_gradient(p, cells + ATH__DEFORM_X, f, inverse, excess, g);
    }
    for (int k = 0; k < 9; k++) {
        const double a = ath__abs(g[k]);
        largest = largest != largest || a <= largest ? largest : a; /* NaN stays */
    }
    return largest;
}

/* Looks at a system before a step, and in a team before its members meet. `state`: its cells of
 * integrator state. Of a cell that is held only `moves` is set. */
ATH__FN void ath__deform_begin(const ath__deform_parameters *p, const ath__view *view, int32_t slot,
                               const double *state, ath__deform *out)
{
    double w[9], g[9];
    const double *cell = view->cell + 9 * (int64_t)slot, *cells = state + p->first;
    out->moves = ath__deform_moves(p, cell, view->pbc + 3 * (int64_t)slot, view->n_atoms[slot]);
    if (!out->moves) {
        return;
    }
    const double volume = ath__abs(ath__m3_det(cell));
    out->c = p->factor > 0.0 ? p->factor : ath__deform_factor(view->n_atoms[slot]);
    ath__m3_copy(cells + ATH__DEFORM_X, out->x);
    ath__deform_of(p, out->x, out->f);
    ath__m3_inverse(out->f, out->inverse);
    ath__deform_excess(cells, view->stress + 9 * (int64_t)slot, g);
    ath__m3_scale(volume, g, w);
    ath__deform_gradient(p, out->x, out->f, out->inverse, w, g);
    ath__m3_scale(-1.0 / out->c, g, out->force);
}

/* The factor that keeps a change of c X within max_strain, 1 if it is. */
ATH__FN double ath__deform_shorten(const ath__deform_parameters *p, const ath__deform *it,
                                   const double change[9])
{
    const double limit = it->c * p->max_strain, square = ath__m3_dot(change, change);
    return square > limit * limit ? limit / ath__sqrt(square) : 1.0;
}

/* Changes c X. */
ATH__FN void ath__deform_move(const ath__deform_parameters *p, const double change[9],
                              ath__deform *it)
{
    for (int k = 0; k < 9; k++) {
        it->next_x[k] = it->x[k] + change[k] / it->c;
    }
    ath__deform_project(p, it->next_x);
    ath__deform_of(p, it->next_x, it->next_f);
    ath__m3_mul(it->inverse, it->next_f, it->ride);
}

/* Writes the new cell and X. */
ATH__FN void ath__deform_end(const ath__deform_parameters *p, const ath__view *view, int32_t slot,
                             double *state, const ath__deform *it)
{
    double *cell = view->cell + 9 * (int64_t)slot, h[9];
    ath__m3_mul(cell, it->ride, h);
    ath__m3_copy(h, cell);
    ath__m3_copy(it->next_x, state + p->first + ATH__DEFORM_X);
}

/* out = a m, for one row. */
ATH__FN void ath__deform_row(const double a[3], const double m[9], double out[3])
{
    for (int c = 0; c < 3; c++) {
        out[c] = (a[0] * m[c] + a[1] * m[3 + c]) + a[2] * m[6 + c];
    }
}

#endif
