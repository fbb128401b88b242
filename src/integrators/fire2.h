/* fire2.h - the second fast inertial relaxation engine (Guenole, Noehring, Vaid, Houlle, Xie,
 * Prakash and Bitzek, Comput. Mater. Sci. 175 (2020) 109584): a semi-implicit Euler step without
 * masses, half a step back when the motion has gone uphill, and one factor for all displacements of
 * a system where the longest would be too long.
 *
 * Of a system, over its free components, with u = v + F dt: vf = sum u F, vv = sum u u, ff = sum F
 * F.
 *
 *     vf > 0:  n <- n + 1; if n > delay_step: dt' = min(dt dt_grow, t_max), a <- a alpha_shrink
 *              else dt' = dt
 *     else:    n <- 0; a <- alpha0; dt' = max(dt dt_shrink, t_min)
 *     both:    v <- (1 - a) u + a sqrt(vv / ff) F, with the new a (the ratio is 0 if ff is)
 *              d = dt' v, or -dt' v / 2 if not vf > 0, in which case v <- 0 afterwards
 *              c = min(1, max_step / max |d|);  r <- r + c d;  dt <- max(c dt', t_min)
 *
 * The last maximum is ours: without it dt could fall far below t_min by one long displacement, and
 * grow back only after delay_step steps. Sums have the order of fire.h; the maximum has none.
 *
 * With a moving cell (deform.h) the v, F and r of atoms are those of y, velocities included that
 * the field keeps, and nine components follow the atoms: those of c X, whose velocity is in the
 * state. c is then the least of 1, max_step / max |d| and max_strain / |change of X|.
 *
 * Internal units, with 1 amu for every atom. Shared by .c and .cu files.
 */
#ifndef ATHANOR_INTEGRATORS_FIRE2_H
#define ATHANOR_INTEGRATORS_FIRE2_H

#include "integrators/fire.h"

/* Cells of the state: time step, mixing parameter, steps downhill in a row. With a moving cell also
 * those of deform.h and the velocity of c X. Last the leeway. */
enum { ATH__FIRE2_DT, ATH__FIRE2_ALPHA, ATH__FIRE2_N_POSITIVE, ATH__FIRE2_CELLS };
enum {
    ATH__FIRE2_DEFORM = ATH__FIRE2_CELLS,
    ATH__FIRE2_CELL_VELOCITY = ATH__FIRE2_DEFORM + ATH__DEFORM_CELLS
};

typedef struct ath__fire2_parameters {
    double t_min, t_max; /* internal units of time */
    double max_step;     /* angstrom */
    double delay_step, dt_grow, dt_shrink, alpha_shrink, alpha0;
    int32_t leeway; /* number of its cell */
    int32_t padding;
} ath__fire2_parameters;

typedef struct ath__fire2_args {
    ath__update_args update;
    ath__fire2_parameters parameters;
    ath__deform_parameters deform;
} ath__fire2_args;
ATH__CHECK_ARGS(FIRE2_PRE, ath__fire2_args, update.seed);

/* What the atoms of a system need: v <- keep u + pull F, d = step v, and v <- 0 if uphill. */
typedef struct ath__fire2_mix {
    double dt, keep, pull, step; /* dt: the one that u is made with */
    double next;                 /* dt' */
    int downhill;
} ath__fire2_mix;

/* Decides on a step and updates the cells of the system, but for dt. */
ATH__FN ath__fire2_mix ath__fire2_control(const ath__fire2_parameters *p, ath__fire_sums s,
                                          double cells[ATH__FIRE2_CELLS])
{
    double next = cells[ATH__FIRE2_DT], alpha = cells[ATH__FIRE2_ALPHA];
    double n = cells[ATH__FIRE2_N_POSITIVE];
    ath__fire2_mix mix = {next, 0.0, 0.0, 0.0, 0.0, s.vf > 0.0};
    if (mix.downhill) {
        n += 1.0;
        if (n > p->delay_step) {
            next = next * p->dt_grow < p->t_max ? next * p->dt_grow : p->t_max;
            alpha = alpha * p->alpha_shrink;
        }
    } else {
        n = 0.0;
        alpha = p->alpha0;
        next = next * p->dt_shrink > p->t_min ? next * p->dt_shrink : p->t_min;
    }
    mix.keep = 1.0 - alpha;
    mix.pull = s.ff > 0.0 ? alpha * ath__sqrt(s.vv / s.ff) : 0.0;
    mix.step = mix.downhill ? next : -0.5 * next;
    mix.next = next;
    cells[ATH__FIRE2_ALPHA] = alpha;
    cells[ATH__FIRE2_N_POSITIVE] = n;
    return mix;
}

/* The velocity that the sums are made of. */
ATH__FN double ath__fire2_kicked(double v, double force, double dt)
{
    return v + force * dt;
}

/* The factor of all displacements, from the largest square of one, and the time step of the next
 * step. */
ATH__FN double ath__fire2_shorten(const ath__fire2_parameters *p, const ath__fire2_mix *mix,
                                  double square, double cells[ATH__FIRE2_CELLS])
{
    const double c = square > p->max_step * p->max_step ? p->max_step / ath__sqrt(square) : 1.0;
    const double dt = c * mix->next;
    cells[ATH__FIRE2_DT] = dt > p->t_min ? dt : p->t_min;
    return c;
}

#endif
