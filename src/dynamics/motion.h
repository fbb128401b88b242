/* motion.h - the degrees of freedom of a system's motion, and its motion as a whole.
 *
 * Every Cartesian component of an atom with mass that is not fixed is one degree of freedom. Of
 * these, the motion loses what can never take part in the exchange of energy:
 *
 *   - one along each axis where the momentum is a constant of the motion, and 0. It is a constant
 *     where no atom with mass is fixed along the axis, the model has no external field and the
 *     integrator does not move the centre of mass; or where the engine holds the centre.
 *   - three (two if all atoms are on a line, none of one atom) if the angular momentum about the
 *     centre of mass is a constant of the motion, and 0. It is one where that is so of the momentum
 *     by itself, nothing is fixed and no axis is periodic.
 *
 * 0 means that it has just been removed, or that its share in the kinetic energy is below 1e-12:
 * then it was removed before, or never was. So a stage that keeps velocities counts what the stage
 * before it has left, and a lone atom at rest in free space has none at all.
 *
 *     v <- v - P / M                       momentum, axis by axis
 *     v <- v - omega x (r - R),  I omega = L   angular momentum: least squares where the tensor of
 *                                          inertia I is singular, from its eigenvectors
 *
 * Sums run over the atoms in order. Massless atoms are taken not to act on others: they are left
 * alone and do not count. Positions are those of one connected picture, never wrapped; where no
 * axis is periodic there is no other. Shared by .c and .cu files.
 */
#ifndef ATHANOR_DYNAMICS_MOTION_H
#define ATHANOR_DYNAMICS_MOTION_H

#include "base/eigen3.h"
#include "data/view.h"

enum ath__motion_rules {
    ATH__MOTION_CONSERVES = 1, /* neither model nor integrator act on the centre of mass */
    ATH__MOTION_HOLDS = 2,     /* the engine holds it */
    ATH__MOTION_RESTS = 4,     /* it must be at rest, since velocities are only scaled from here */
    ATH__MOTION_NO_MOMENTUM = 8, /* drawn velocities: remove the momentum, the rotation, and make */
    ATH__MOTION_NO_ROTATION = 16, /* the kinetic energy exact */
    ATH__MOTION_EXACT = 32
};

typedef struct ath__motion {
    double *velocities;      /* [n][3] */
    const double *positions; /* [n][3] */
    const double *masses;    /* [n], amu */
    const uint8_t *fixed;    /* [n][3]; NULL if no component is fixed */
    int64_t n;
    int periodic; /* along some axis */
    int rules;    /* enum ath__motion_rules */
} ath__motion;

/* The centre of mass and what moves about it. */
typedef struct ath__motion_sums {
    double mass, p[3], twice[3]; /* sum m, m v, m v v */
    int anchored[3];             /* some atom with mass is fixed along this axis */
    int64_t moving, n_massive;
} ath__motion_sums;

ATH__FN int ath__motion_moves(const ath__motion *m, int64_t atom, int component)
{
    return m->masses[atom] > 0.0 && !(m->fixed && m->fixed[3 * atom + component]);
}

ATH__FN ath__motion_sums ath__motion_measure(const ath__motion *m)
{
    ath__motion_sums s = {0.0, {0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}, {0, 0, 0}, 0, 0};
    for (int64_t i = 0; i < m->n; i++) {
        if (!(m->masses[i] > 0.0)) {
            continue;
        }
        s.mass += m->masses[i];
        s.n_massive++;
        for (int k = 0; k < 3; k++) {
            const double v = m->velocities[3 * i + k];
            const int moves = ath__motion_moves(m, i, k);
            s.moving += moves;
            s.anchored[k] |= !moves;
            s.p[k] += m->masses[i] * v;
            s.twice[k] += m->masses[i] * (v * v);
        }
    }
    return s;
}

/* Whether a share of the kinetic energy is one of rounding alone. */
ATH__FN int ath__motion_none(double share, double all)
{
    return share <= 1e-12 * all;
}

/* Takes the velocity of the centre of mass from every atom that has mass, along one axis. */
ATH__FN void ath__motion_rest(const ath__motion *m, const ath__motion_sums *s, int axis)
{
    const double velocity = s->p[axis] / s->mass;
    for (int64_t i = 0; i < m->n; i++) {
        if (m->masses[i] > 0.0) {
            m->velocities[3 * i + axis] -= velocity;
        }
    }
}

/* ---- rotation ---- */

typedef struct ath__motion_spin {
    double centre[3], drift[3]; /* of mass: where it is, and its velocity */
    double omega[3];
    double twice; /* L omega: twice the energy of the rotation */
    int rank;     /* axes about which the atoms can turn as a whole */
} ath__motion_spin;

ATH__FN void ath__motion_cross(const double a[3], const double b[3], double out[3])
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

/* Adds m r x v and the tensor of inertia of one atom. */
ATH__FN void ath__motion_turn(double mass, const double r[3], const double v[3], double l[3],
                              double inertia[9])
{
    double c[3];
    const double square = (r[0] * r[0] + r[1] * r[1]) + r[2] * r[2];
    ath__motion_cross(r, v, c);
    for (int a = 0; a < 3; a++) {
        l[a] += mass * c[a];
        for (int b = 0; b < 3; b++) {
            inertia[3 * a + b] += mass * ((a == b ? square : 0.0) - r[a] * r[b]);
        }
    }
}

/* omega = I^+ L. A direction counts if its moment is above 1e-9 of the largest: atoms that are off
 * a line by 3e-5 of its length are on it, as coordinates of a file are. */
ATH__FN void ath__motion_solve(const double inertia[9], const double l[3], double least,
                               ath__motion_spin *spin)
{
    double w[3], v[9];
    ath__eigen3(inertia, w, v);
    double largest = w[0] > w[1] ? w[0] : w[1];
    largest = w[2] > largest ? w[2] : largest;
    for (int k = 0; k < 3; k++) {
        const double *e = v + 3 * k;
        if (w[k] > 1e-9 * largest && w[k] > least) {
            const double along = (e[0] * l[0] + e[1] * l[1]) + e[2] * l[2];
            for (int c = 0; c < 3; c++) {
                spin->omega[c] += along / w[k] * e[c];
            }
            spin->twice += along * along / w[k];
            spin->rank++;
        }
    }
}

/* The rotation about the centre of mass. */
ATH__FN ath__motion_spin ath__motion_rotation(const ath__motion *m)
{
    ath__motion_spin spin = {{0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}, 0.0, 0};
    const ath__motion_sums s = ath__motion_measure(m);
    double l[3] = {0.0, 0.0, 0.0}, inertia[9] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    double size = 0.0;
    for (int64_t i = 0; i < m->n; i++) {
        for (int k = 0; k < 3; k++) {
            const double r = m->positions[3 * i + k];
            spin.centre[k] += m->masses[i] > 0.0 ? m->masses[i] * r : 0.0;
            size += m->masses[i] > 0.0 ? m->masses[i] * (r * r) : 0.0;
        }
    }
    for (int k = 0; k < 3; k++) {
        spin.centre[k] /= s.mass;
        spin.drift[k] = s.p[k] / s.mass;
    }
    for (int64_t i = 0; i < m->n; i++) {
        if (m->masses[i] > 0.0) {
            double r[3], v[3];
            for (int k = 0; k < 3; k++) {
                r[k] = m->positions[3 * i + k] - spin.centre[k];
                v[k] = m->velocities[3 * i + k] - spin.drift[k];
            }
            ath__motion_turn(m->masses[i], r, v, l, inertia);
        }
    }
    ath__motion_solve(inertia, l, 1e-24 * size, &spin); /* of one atom: rounding, no moment */
    return spin;
}

ATH__FN void ath__motion_still(const ath__motion *m, const ath__motion_spin *spin)
{
    for (int64_t i = 0; i < m->n; i++) {
        if (m->masses[i] > 0.0) {
            double r[3], v[3];
            for (int k = 0; k < 3; k++) {
                r[k] = m->positions[3 * i + k] - spin->centre[k];
            }
            ath__motion_cross(spin->omega, r, v);
            for (int k = 0; k < 3; k++) {
                m->velocities[3 * i + k] -= v[k];
            }
        }
    }
}

/* Removes the rotation if asked to, and returns the degrees of freedom that it is not. */
ATH__FN int ath__motion_settle_rotation(const ath__motion *m, double twice, int remove)
{
    const ath__motion_spin spin = ath__motion_rotation(m);
    if (remove && spin.rank > 0) {
        ath__motion_still(m, &spin);
    }
    return remove || ath__motion_none(spin.twice, twice) ? spin.rank : 0;
}

/* ---- together ---- */

/* Removes what is to be removed, where it is a constant of the motion, and returns the degrees of
 * freedom of the rest. */
ATH__FN double ath__motion_settle(const ath__motion *m, int no_momentum, int no_rotation)
{
    const ath__motion_sums s = ath__motion_measure(m);
    const int steady = m->rules & (ATH__MOTION_CONSERVES | ATH__MOTION_HOLDS);
    const int remove = no_momentum || (m->rules & (ATH__MOTION_HOLDS | ATH__MOTION_RESTS));
    int64_t dof = s.moving;
    double twice = 0.0;
    for (int k = 0; k < 3 && s.n_massive > 0; k++) {
        const double share = s.p[k] * s.p[k] / s.mass;
        int lost = steady && !s.anchored[k];
        if (lost && remove) {
            ath__motion_rest(m, &s, k);
        }
        lost = lost && (remove || ath__motion_none(share, s.twice[k]));
        dof -= lost;
        twice += s.twice[k] - share;
    }
    if ((m->rules & ATH__MOTION_CONSERVES) && s.n_massive > 1 && !m->periodic && !s.anchored[0] &&
        !s.anchored[1] && !s.anchored[2]) {
        dof -= ath__motion_settle_rotation(m, twice, no_rotation);
    }
    return (double)dof;
}

#endif
