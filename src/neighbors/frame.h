/* Frame: cell of one system, and its atoms wrapped into it. Private, host only.
 *
 * Atoms are wrapped along periodic vectors, x - floor(x . g) h, and told relative to one of them in
 * float32 (tree.h). What is found out on the way (extents, largest numbers) is maxima and minima,
 * so that members of a team may each wrap a range of atoms and combine what they found.
 *
 * Refuses what is not finite or absurdly far away, and cells with more images than can be counted.
 */
#ifndef ATHANOR_NEIGHBORS_FRAME_H
#define ATHANOR_NEIGHBORS_FRAME_H

#include <athanor/status.h>

#include "neighbors/tree.h"

#define FRAME_MAX_COORDINATE 0x1p40 /* angstrom */
#define FRAME_MAX_WRAP 0x1p20       /* cells */
enum { FRAME_MAX_IMAGE = 510, FRAME_MAX_S = 511, FRAME_MAX_DENSITY = 1 << 20 };

/* Geometry of one system, and what wrapping finds out. */
typedef struct frame {
    double h[9], g[9]; /* completed cell and its reciprocal */
    double heights[3];
    int32_t pbc[3];
    double centre[3];        /* origin of the float32 coordinates */
    double f_lo[3], f_hi[3]; /* fractional, wrapped along periodic vectors */
    double x_max;            /* largest |coordinate| */
    double wrap_max;         /* largest |wrap| */
    double extent;           /* largest |float32 coordinate| */
} frame;

/* Fills all that depends on the cell only; a reason if it cannot serve. */
static int32_t frame_cell(const double cell[9], const int32_t pbc[3], frame *f)
{
    memset(f, 0, sizeof *f);
    for (int k = 0; k < 3; k++) {
        f->pbc[k] = pbc[k] != 0;
        for (int c = 0; c < 3; c++) {
            if (f->pbc[k] && !(fabs(cell[3 * k + c]) <= FRAME_MAX_COORDINATE)) {
                return ATH_REASON_NON_FINITE;
            }
        }
    }
    if (!ath__cell_complete(cell, f->pbc, f->h) || !ath__cell_reciprocal(f->h, f->g)) {
        return ATH_REASON_CELL_COLLAPSED;
    }
    ath__cell_heights(f->g, f->heights);
    for (int k = 0; k < 3; k++) {
        if (!(f->heights[k] > 0.0)) {
            return ATH_REASON_CELL_COLLAPSED;
        }
    }
    return ATH_REASON_NONE;
}

enum { FRAME_BLOCK = 8 };

/* Fractional coordinate k of a block, wrapped if periodic. Returns whether all could be. */
static inline bool frame_wrap_axis(frame *f, int k, const double *x, const double *y,
                                   const double *z, double *cells)
{
    double lo[FRAME_BLOCK], hi[FRAME_BLOCK];
    int64_t bad = 0;
    for (int l = 0; l < FRAME_BLOCK; l++) {
        const double u = f->g[3 * k] * x[l] + f->g[3 * k + 1] * y[l] + f->g[3 * k + 2] * z[l];
        const double down = floor(u);
        bad |= !(fabs(down) <= FRAME_MAX_WRAP);
        cells[l] = down;
        lo[l] = hi[l] = u - down;
    }
    for (int l = 0; l < FRAME_BLOCK; l++) {
        f->f_lo[k] = lo[l] < f->f_lo[k] ? lo[l] : f->f_lo[k];
        f->f_hi[k] = hi[l] > f->f_hi[k] ? hi[l] : f->f_hi[k];
        const double a = fabs(cells[l]);
        f->wrap_max = a > f->wrap_max ? a : f->wrap_max;
    }
    return bad == 0;
}

/* Wraps the atoms first .. first + m, m <= 8: their cells to wrap, their coordinates relative to
 * the centre to `to` (if it has arrays). False if one is not finite or too far away. */
static bool frame_wrap_block(frame *f, const double *positions, int32_t first, int32_t m,
                             int32_t *wrap, tree_points *to)
{
    double x[3][FRAME_BLOCK], cells[3][FRAME_BLOCK] = {{0}}, w[3][FRAME_BLOCK];
    int64_t bad = 0;
    for (int l = 0; l < FRAME_BLOCK; l++) {
        const double *p = positions + 3 * ((int64_t)first + (l < m ? l : 0));
        x[0][l] = p[0], x[1][l] = p[1], x[2][l] = p[2];
    }
    for (int k = 0; k < 3; k++) {
        double largest = 0.0;
        for (int l = 0; l < FRAME_BLOCK; l++) {
            const double a = fabs(x[k][l]);
            bad |= !(a <= FRAME_MAX_COORDINATE);
            largest = a > largest ? a : largest;
        }
        f->x_max = largest > f->x_max ? largest : f->x_max;
    }
    if (bad) {
        return false;
    }
    for (int k = 0; k < 3; k++) {
        if (f->pbc[k] && !frame_wrap_axis(f, k, x[0], x[1], x[2], cells[k])) {
            return false;
        }
    }
    for (int c = 0; c < 3; c++) {
        double largest = 0.0;
        for (int l = 0; l < FRAME_BLOCK; l++) {
            const double t =
                (cells[0][l] * f->h[c] + cells[1][l] * f->h[3 + c]) + cells[2][l] * f->h[6 + c];
            w[c][l] = (x[c][l] - t) - f->centre[c];
            const double a = fabs(w[c][l]);
            largest = a > largest ? a : largest;
        }
        f->extent = largest > f->extent ? largest : f->extent;
    }
    for (int l = 0; l < m; l++) {
        for (int k = 0; k < 3; k++) {
            wrap[3 * ((int64_t)first + l) + k] = (int32_t)cells[k][l];
        }
        if (to) {
            to->x[first + l] = (float)w[0][l];
            to->y[first + l] = (float)w[1][l];
            to->z[first + l] = (float)w[2][l];
            to->i[first + l] = first + l;
        }
    }
    return true;
}

/* Makes the origin: an atom, not the middle of all, so that float32 stays sharp around most atoms
 * even if a few have flown off. False if that atom is not finite or too far away. */
static bool frame_centre(frame *f, const double *positions, int32_t n)
{
    const double *x = positions + 3 * (int64_t)(n / 2);
    int32_t cells[3];
    double t[3];
    if (!frame_wrap_block(f, x, 0, 1, cells, NULL)) {
        return false;
    }
    ath__image_vector(cells, f->h, t);
    for (int k = 0; k < 3; k++) {
        f->centre[k] = x[k] - t[k];
        f->f_lo[k] = 1.0;
        f->f_hi[k] = 0.0;
    }
    f->extent = 0.0;
    return true;
}

/* Wraps the atoms begin ... end - 1. `to` NULL: no float32 coordinates are wanted. */
static bool frame_wrap(frame *f, const double *positions, int32_t begin, int32_t end, int32_t *wrap,
                       tree_points *to)
{
    for (int32_t a = begin; a < end; a += FRAME_BLOCK) {
        const int32_t m = end - a < FRAME_BLOCK ? end - a : FRAME_BLOCK;
        if (!frame_wrap_block(f, positions, a, m, wrap, to)) {
            return false;
        }
    }
    return true;
}

/* Adds what was found out about other atoms of the system. */
static void frame_combine(frame *f, const frame *other)
{
    for (int k = 0; k < 3; k++) {
        f->f_lo[k] = other->f_lo[k] < f->f_lo[k] ? other->f_lo[k] : f->f_lo[k];
        f->f_hi[k] = other->f_hi[k] > f->f_hi[k] ? other->f_hi[k] : f->f_hi[k];
    }
    f->x_max = other->x_max > f->x_max ? other->x_max : f->x_max;
    f->wrap_max = other->wrap_max > f->wrap_max ? other->wrap_max : f->wrap_max;
    f->extent = other->extent > f->extent ? other->extent : f->extent;
}

/* Range of images that can be within reach along each periodic vector, in s->images; a reason if
 * there are too many to be taken seriously. */
static int32_t frame_images(const frame *f, tree_search *s)
{
    static const double ball[4] = {1.0, 2.0, 3.15, 4.19}; /* of radius 1, in n dimensions */
    double per_atom = 1.0;
    int n_periodic = 0;
    for (int k = 0; k < 3; k++) {
        s->images[k] = 0;
        if (!f->pbc[k]) {
            continue;
        }
        const double m = s->reach / f->heights[k] + (f->f_hi[k] - f->f_lo[k]) + 1e-6;
        if (!(m < FRAME_MAX_IMAGE + 1)) {
            return ATH_REASON_CELL_COLLAPSED;
        }
        s->images[k] = (int32_t)m;
        per_atom *= s->reach;
        n_periodic++;
    }
    per_atom = per_atom * ball[n_periodic] / fabs(ath__cell_det(f->h));
    if (n_periodic > 0 && !(per_atom <= FRAME_MAX_DENSITY)) {
        return ATH_REASON_CELL_COLLAPSED;
    }
    if (n_periodic == 3 && (double)s->n * (double)s->n * per_atom > 0x1p32) {
        return ATH_REASON_TOO_LARGE; /* 2^31 for certain: do not even count */
    }
    return ATH_REASON_NONE;
}

/* Brings what is known of all atoms to the search; a reason if there are too many images. */
static int32_t frame_finish(const frame *f, tree_search *s)
{
    double longest = 0.0;
    memcpy(s->h, f->h, sizeof s->h);
    for (int k = 0; k < 9; k++) {
        longest += fabs(f->h[k]);
    }
    s->x_max = f->x_max + f->wrap_max * longest;
    s->extent = (float)(f->extent * (1.0 + 0x1p-20));
    const int32_t reason = frame_images(f, s);
    for (int k = 0; k < 3; k++) {
        s->path |= 2.0 * f->wrap_max + s->images[k] > FRAME_MAX_S ? ATH__PATH_FAR : 0;
    }
    return reason;
}

#endif
