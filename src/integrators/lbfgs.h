/* lbfgs.h - limited-memory BFGS (Liu and Nocedal, Math. Program. 45 (1989) 503) without line
 * search, in the vector-free form of Chen, Wang and Zhou (NeurIPS 27 (2014) 1332).
 *
 * A system remembers its last changes of place s and of gradient y, at most `memory` pairs. With F
 * the force, g = -F, a step needs the inner products of these 2m vectors and F with one another.
 * Those of two pairs that were there before are known; so one pass over the atoms completes the
 * newest y and finds the products of F and of the newest pair with all others, and the two-loop
 * recursion runs over numbers:
 *
 *     q = g;  newest to oldest: a_i = (s_i q) / (s_i y_i), q <- q - a_i y_i
 *     r = q / h, with h = (y y) / (s y) of the newest pair, or `curvature` where there is none
 *     oldest to newest: b = (y_i r) / (s_i y_i), r <- r + (a_i - b) s_i;  d = -r
 *
 * where s_i q and y_i r are sums over the coefficients that q and r have by then. A second pass
 * forms d, and the longest displacement in it; a third moves the atoms by c d,
 *
 *     c = min(1, max_step / max |d_i|, max_strain / |change of X|)
 *
 * What keeps it safe, with forces alone:
 *   - a pair counts only if s y > 1e-8 |s| |y|. Otherwise the surface is not convex along s, and
 *     all pairs are forgotten.
 *   - if d does not go downhill, F d > 0, all pairs are forgotten, and d = F / curvature.
 *   - the surface can be steeper than the history knows: see ath__lbfgs_radius.
 *
 * Atom cells: for each component x, y, z first s, then y, of each of the m places of the memory:
 * place k of s at component * 2m + k, of y at component * 2m + m + k. A pair whose y is not known
 * yet holds F instead. System cells: those of the enum; with a moving cell (deform.h; the vectors
 * are then those of y and c X) those of deform.h and nine components of the pairs, laid out like
 * the atoms'; then s_i y_j, [m][m], and y_i y_j, [m][m]; last the leeway.
 *
 * Sums: atoms in order within a block of 256, blocks in order, then the nine components of the
 * cell. Internal units. Shared by .c and .cu files.
 */
#ifndef ATHANOR_INTEGRATORS_LBFGS_H
#define ATHANOR_INTEGRATORS_LBFGS_H

#include "integrators/deform.h"
#include "integrators/integrator.h"

enum { ATH__LBFGS_MEMORY = 50, ATH__LBFGS_WIDTH = 2 * ATH__LBFGS_MEMORY };

/* Cells of a system. */
enum {
    ATH__LBFGS_STORED,  /* pairs that count */
    ATH__LBFGS_HEAD,    /* place of the newest */
    ATH__LBFGS_PENDING, /* 1: that one has no y yet */
    ATH__LBFGS_SLOPE,   /* F s at the beginning of the last step */
    ATH__LBFGS_RADIUS,  /* share of max_step and max_strain that may be used; 0: all */
    ATH__LBFGS_CELLS
};
/* With a moving cell. */
enum {
    ATH__LBFGS_DEFORM = ATH__LBFGS_CELLS,
    ATH__LBFGS_CELL_PAIRS = ATH__LBFGS_DEFORM + ATH__DEFORM_CELLS
};

/* Doubles that a block leaves in the work memory of a team: products, F F, longest square; whole
 * cache lines. */
static inline size_t ath__lbfgs_block(int32_t memory)
{
    return (6 * (size_t)memory + 2 + 7) / 8 * 8;
}

typedef struct ath__lbfgs_parameters {
    double curvature; /* eV/angstrom^2 */
    double max_step;  /* angstrom */
    int32_t memory;   /* m */
    int32_t gram;     /* number of the first cell of s_i y_j */
    int32_t leeway;   /* and of that of the leeway */
    int32_t padding;
} ath__lbfgs_parameters;

typedef struct ath__lbfgs_args {
    ath__update_args update;
    ath__lbfgs_parameters parameters;
    ath__deform_parameters deform;
} ath__lbfgs_args;
ATH__CHECK_ARGS(LBFGS_PRE, ath__lbfgs_args, update.seed);

/* Inner products with all 2m vectors of the memory, s before y: of F, the newest s and y. */
typedef struct ath__lbfgs_sums {
    double f[ATH__LBFGS_WIDTH], s[ATH__LBFGS_WIDTH], y[ATH__LBFGS_WIDTH];
    double ff;
} ath__lbfgs_sums;

/* d = of_f F + sum of[k] (vector k of the memory); `used`: whether there are any. */
typedef struct ath__lbfgs_direction {
    double of[ATH__LBFGS_WIDTH];
    double of_f, slope;  /* F d */
    int32_t used, place; /* where the pair goes that the step begins */
} ath__lbfgs_direction;

/* Adds the newest pair to the known products, if it is sound; returns how many pairs count. */
ATH__FN int32_t ath__lbfgs_accept(const ath__lbfgs_parameters *p, const ath__lbfgs_sums *t,
                                  double *cells)
{
    const int32_t m = p->memory, head = (int32_t)cells[ATH__LBFGS_HEAD];
    int32_t stored = (int32_t)cells[ATH__LBFGS_STORED];
    double *sy = cells + p->gram, *yy = sy + m * m;
    if (cells[ATH__LBFGS_PENDING] == 0.0) {
        return stored;
    }
    const double curvature = t->s[m + head], limit = t->s[head] * t->y[m + head];
    if (!(curvature > 1e-8 * ath__sqrt(limit))) {
        return 0;
    }
    for (int32_t k = 0; k < m; k++) {
        /* NOLINTBEGIN(clang-analyzer-core.uninitialized.Assign): 2 m sums of each are there */
        sy[head * m + k] = t->s[m + k];
        sy[k * m + head] = t->y[k];
        yy[head * m + k] = yy[k * m + head] = t->y[m + k];
        /* NOLINTEND(clang-analyzer-core.uninitialized.Assign) */
    }
    return stored < m ? stored + 1 : m;
}

/* The two-loop recursion over coefficients: d of r, from the `stored` pairs that end at `head`. */
ATH__FN void ath__lbfgs_recursion(const ath__lbfgs_parameters *p, const ath__lbfgs_sums *t,
                                  const double *cells, int32_t stored, int32_t head,
                                  ath__lbfgs_direction *d)
{
    const int32_t m = p->memory;
    const double *sy = cells + p->gram, *yy = sy + m * m;
    double a[ATH__LBFGS_MEMORY], *of_s = d->of, *of_y = d->of + m;
    for (int32_t k = 0; k < 2 * m; k++) {
        d->of[k] = 0.0;
    }
    for (int32_t n = 0; n < stored; n++) { /* q = -F + sum of_y y */
        const int32_t i = (head - n + m) % m;
        double sq = -t->f[i];
        for (int32_t l = 0; l < n; l++) {
            const int32_t j = (head - l + m) % m;
            sq += of_y[j] * sy[i * m + j];
        }
        a[i] = sq / sy[i * m + i];
        of_y[i] = -a[i];
    }
    const double scale = sy[head * m + head] / yy[head * m + head];
    for (int32_t k = 0; k < m; k++) {
        of_y[k] *= scale;
    }
    for (int32_t n = stored - 1; n >= 0; n--) { /* r = -scale F + sum of_y y + sum of_s s */
        const int32_t i = (head - n + m) % m;
        double yr = -scale * t->f[m + i];
        for (int32_t l = 0; l < stored; l++) {
            const int32_t j = (head - l + m) % m;
            yr += of_y[j] * yy[i * m + j];
            yr += of_s[j] * sy[j * m + i]; /* 0 for those that are yet to come */
        }
        of_s[i] = a[i] - yr / sy[i * m + i];
    }
    d->of_f = scale;
    d->slope = scale * t->ff;
    for (int32_t k = 0; k < 2 * m; k++) {
        d->of[k] = -d->of[k];
        d->slope += d->of[k] * t->f[k];
    }
}

/* How long the next step may be, from how the last one ended. F s, the slope along it, has fallen
 * from `before` to `after`; where it has nearly turned round, the step went far beyond the minimum
 * and the limits are halved, down to a twentieth. They grow back by half in every other step. */
ATH__FN void ath__lbfgs_radius(const ath__lbfgs_sums *t, double *cells)
{
    const double radius = cells[ATH__LBFGS_RADIUS] > 0.0 ? cells[ATH__LBFGS_RADIUS] : 1.0;
    if (cells[ATH__LBFGS_PENDING] == 0.0) {
        return;
    }
    const double after = t->f[(int32_t)cells[ATH__LBFGS_HEAD]];
    const double before = cells[ATH__LBFGS_SLOPE];
    if (!(after > -0.9 * before)) {
        cells[ATH__LBFGS_RADIUS] = 0.5 * radius > 0.05 ? 0.5 * radius : 0.05;
    } else if (radius < 1.0) {
        cells[ATH__LBFGS_RADIUS] = 1.5 * radius < 1.0 ? 1.5 * radius : 1.0;
    }
}

/* Decides on a step: from the sums its direction, and what is remembered. */
ATH__FN void ath__lbfgs_control(const ath__lbfgs_parameters *p, const ath__lbfgs_sums *t,
                                double *cells, ath__lbfgs_direction *d)
{
    const int32_t m = p->memory, head = (int32_t)cells[ATH__LBFGS_HEAD];
    ath__lbfgs_radius(t, cells);
    int32_t stored = ath__lbfgs_accept(p, t, cells);
    if (stored > 0) {
        ath__lbfgs_recursion(p, t, cells, stored, head, d);
        stored = d->slope > 0.0 ? stored : 0;
    }
    if (stored == 0) {
        for (int32_t k = 0; k < 2 * m; k++) {
            d->of[k] = 0.0;
        }
        d->of_f = 1.0 / p->curvature;
        d->slope = t->ff / p->curvature;
    }
    d->used = stored > 0;
    d->place = stored > 0 ? (head + 1) % m : 0;
    cells[ATH__LBFGS_STORED] = stored;
    cells[ATH__LBFGS_HEAD] = d->place;
    cells[ATH__LBFGS_PENDING] = 1.0;
}

/* c, from the largest square of a displacement and that of the change of c X, and what the next
 * step wants to know of this one. */
ATH__FN double ath__lbfgs_shorten(const ath__lbfgs_args *a, const ath__lbfgs_direction *d,
                                  double square, const ath__deform *deform, const double change[9],
                                  double *cells)
{
    const double radius = cells[ATH__LBFGS_RADIUS] > 0.0 ? cells[ATH__LBFGS_RADIUS] : 1.0;
    double most = radius * a->parameters.max_step;
    double c = square > most * most ? most / ath__sqrt(square) : 1.0;
    if (deform->moves) {
        ath__deform_parameters p = a->deform;
        p.max_strain *= radius;
        const double own = ath__deform_shorten(&p, deform, change);
        c = own < c ? own : c;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): set by the direction */
    cells[ATH__LBFGS_SLOPE] = c * d->slope;
    return c;
}

#endif
