/* centre.h - holding the centre of mass of a system: a constraint that the engine adds to any
 * integrator.
 *
 *     before the first half step   note where the centre is
 *     after it                     r <- r - (R - R noted),  v <- v - V
 *     after the second             v <- v - V
 *
 * along every axis along which no atom with mass is fixed; atoms without mass are left alone. The
 * half steps of velocity Verlet and BAOAB are linear in positions and velocities, with the same
 * coefficients for all atoms but for the forces and the noise, whose sums are all that the centre
 * feels: so they commute with this projection, and what comes out is the scheme for the motion
 * about the centre, exactly.
 *
 * The place is that at the beginning of the step, not one that was noted when the system entered:
 * between steps hooks may wrap atoms, or move a system, and the centre then is held where it is.
 * Rounding is all that moves it. Where the integrator moves the cell, the fractional coordinates of
 * the centre are held, as a strain of the whole system keeps them.
 *
 * The energy that is taken out with V goes into the bath, which is that of the thermostat that put
 * it in. Sums over atoms: atom i goes to lane i mod 32, the lanes are folded by halves, so that a
 * warp has the same bits. Shared by .c and .cu files.
 */
#ifndef ATHANOR_DYNAMICS_CENTRE_H
#define ATHANOR_DYNAMICS_CENTRE_H

#include <stdbool.h>

#include "base/matrix3.h"
#include "data/view.h"

enum { ATH__CENTRE_CELLS = 3, ATH__CENTRE_LANES = 32 };
enum ath__centre_mode { ATH__CENTRE_NOTE, ATH__CENTRE_FIRST, ATH__CENTRE_SECOND };

typedef struct ath__centre_args {
    ath__view view;
    const int32_t *slots;
    const int32_t *n_slots;
    int32_t mode;  /* enum ath__centre_mode; first scalar */
    int32_t skips; /* flags of slots that the half step has left alone */
    int32_t cells; /* the first of three in the rows of state */
    int32_t n_system_state;
    int32_t strains; /* the cell moves: the place is fractional */
    int32_t bath;    /* the energy is that of a bath */
} ath__centre_args;

ATH__CHECK_ARGS(CENTRE, ath__centre_args, mode);

/* sum m, m r, m v */
typedef struct ath__centre {
    double s[7];
    int32_t anchored; /* bit k: some atom with mass is fixed along axis k */
} ath__centre;

/* What is taken from positions and velocities, axis by axis. */
typedef struct ath__centre_shift {
    double r[3], v[3];
    int32_t held; /* bit k: axis k */
} ath__centre_shift;

ATH__FN const uint8_t *ath__centre_fixed(const ath__view *v, int32_t slot)
{
    return v->flags[slot] & ATH__SLOT_HAS_FIXED ? v->fixed + 3 * v->first[slot] : 0;
}

ATH__FN void ath__centre_add(const ath__view *v, int64_t row, const uint8_t *fixed, ath__centre *c)
{
    const double m = v->masses[row];
    if (!(m > 0.0)) {
        return;
    }
    c->s[0] += m;
    for (int k = 0; k < 3; k++) {
        c->s[1 + k] += m * v->positions[3 * row + k];
        c->s[4 + k] += m * v->velocities[3 * row + k];
        c->anchored |= (fixed && fixed[k] ? 1 : 0) << k;
    }
}

ATH__FN void ath__centre_apply(const ath__view *v, int64_t row, const ath__centre_shift *shift,
                               bool positions)
{
    if (!(v->masses[row] > 0.0)) {
        return;
    }
    for (int k = 0; k < 3; k++) {
        if (shift->held >> k & 1) {
            v->velocities[3 * row + k] -= shift->v[k];
            if (positions) {
                v->positions[3 * row + k] -= shift->r[k];
            }
        }
    }
}

/* Whether places are fractional: the cell moves, and there is one. */
ATH__FN bool ath__centre_strains(const ath__centre_args *a, const double *h)
{
    const double det = ath__m3_det(h);
    return a->strains && (det > 0.0 || det < 0.0);
}

/* x h, for a row vector. */
ATH__FN void ath__centre_times(const double x[3], const double h[9], double out[3])
{
    for (int k = 0; k < 3; k++) {
        out[k] = (x[0] * h[k] + x[1] * h[3 + k]) + x[2] * h[6 + k];
    }
}

/* Notes where the centre is. */
ATH__FN void ath__centre_note(const ath__centre_args *a, int32_t slot, const ath__centre *c)
{
    const double *h = a->view.cell + 9 * (int64_t)slot;
    double *place = a->view.system_state + (int64_t)slot * a->n_system_state + a->cells;
    double r[3], inverse[9];
    for (int k = 0; k < 3; k++) {
        r[k] = place[k] = c->s[0] > 0.0 ? c->s[1 + k] / c->s[0] : 0.0;
    }
    if (ath__centre_strains(a, h)) {
        ath__m3_inverse(h, inverse);
        ath__centre_times(r, inverse, place);
    }
}

/* What is to be taken from the atoms of a system. The energy goes to the bath. */
ATH__FN ath__centre_shift ath__centre_decide(const ath__centre_args *a, int32_t slot,
                                             const ath__centre *c)
{
    const double *h = a->view.cell + 9 * (int64_t)slot;
    const double *place = a->view.system_state + (int64_t)slot * a->n_system_state + a->cells;
    ath__centre_shift shift = {{0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}, 0};
    double to[3] = {place[0], place[1], place[2]}, twice = 0.0;
    if (ath__centre_strains(a, h)) {
        ath__centre_times(place, h, to);
    }
    for (int k = 0; k < 3 && c->s[0] > 0.0; k++) {
        if (!(c->anchored >> k & 1)) {
            shift.held |= 1 << k;
            shift.r[k] = c->s[1 + k] / c->s[0] - to[k];
            shift.v[k] = c->s[4 + k] / c->s[0];
            twice += c->s[0] * (shift.v[k] * shift.v[k]);
        }
    }
    if (a->bath && a->mode != ATH__CENTRE_NOTE) {
        a->view.bath[slot] += 0.5 * twice;
    }
    return shift;
}

#endif
