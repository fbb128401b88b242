/* fire.h - the fast inertial relaxation engine (Bitzek, Koskinen, Gahler, Moseler and Gumbsch,
 * Phys. Rev. Lett. 97 (2006) 170201), with a mass-weighted kick and displacements clamped per atom.
 *
 * Of a system, over its free components: vf = sum v F, vv = sum v v, ff = sum F F. Then, with d0 =
 * dt:
 *
 *     vf > 0:  n <- n + 1; if n >= n_min: dt <- min(dt f_inc, dt_max), a <- a f_alpha;
 *              v <- (1 - a) v + a sqrt(vv / ff) F, with the new a (the ratio is 0 if ff is)
 *     else:    n <- 0; dt <- max(dt f_dec, dt_min); a <- alpha_start; v <- 0
 *     both:    v <- v + d0 F/m;  d = d0 v, shortened to max_step if longer;  r <- r + d
 *
 * The sums have one order, a function of the number of atoms alone: blocks of 256 atoms; in a block
 * component k goes to lane k mod 8; the lanes are added as ((0+4)+(2+6))+((1+5)+(3+7)); block sums
 * are added in order. All scalars are decided from the sums before any atom is touched.
 *
 * With a moving cell (deform.h) the v, F and r of atoms are those of y, velocities included that
 * the field keeps, and nine components follow the atoms: those of c X, with a mass that is the mean
 * of the atoms' and a velocity in the state. Their displacement is shortened to c max_strain.
 *
 * Internal units. Shared by .c and .cu files. Energies are not looked at, so no step is taken back.
 */
#ifndef ATHANOR_INTEGRATORS_FIRE_H
#define ATHANOR_INTEGRATORS_FIRE_H

#include "integrators/deform.h"
#include "integrators/integrator.h"
#include "integrators/nve.h"

/* Cells of the state: time step, mixing parameter, steps downhill in a row. With a moving cell also
 * those of deform.h, the velocity of c X and the mean mass (0: not known yet). Last the leeway. */
enum { ATH__FIRE_DT, ATH__FIRE_ALPHA, ATH__FIRE_N_POSITIVE, ATH__FIRE_CELLS };
enum {
    ATH__FIRE_DEFORM = ATH__FIRE_CELLS,
    ATH__FIRE_CELL_VELOCITY = ATH__FIRE_DEFORM + ATH__DEFORM_CELLS,
    ATH__FIRE_MASS = ATH__FIRE_CELL_VELOCITY + 9
};

typedef struct ath__fire_parameters {
    double dt_min, dt_max; /* internal units of time */
    double max_step;       /* angstrom */
    double n_min, f_dec, f_inc, alpha_start, f_alpha;
    int32_t leeway; /* number of its cell */
    int32_t padding;
} ath__fire_parameters;

typedef struct ath__fire_args {
    ath__update_args update;
    ath__fire_parameters parameters;
    ath__deform_parameters deform;
} ath__fire_args;
ATH__CHECK_ARGS(FIRE_PRE, ath__fire_args, update.seed);

typedef struct ath__fire_sums {
    double vf, vv, ff;
} ath__fire_sums;

/* What the atoms of a system need: v <- keep v + pull F (or 0 if not downhill), then a step of d0.
 */
typedef struct ath__fire_mix {
    double d0, keep, pull;
    int downhill;
} ath__fire_mix;

/* Decides on a step and updates the cells of the system. */
ATH__FN ath__fire_mix ath__fire_control(const ath__fire_parameters *p, ath__fire_sums s,
                                        double cells[ATH__FIRE_CELLS])
{
    double dt = cells[ATH__FIRE_DT], alpha = cells[ATH__FIRE_ALPHA];
    double n = cells[ATH__FIRE_N_POSITIVE];
    ath__fire_mix mix = {dt, 0.0, 0.0, s.vf > 0.0};
    if (mix.downhill) {
        n += 1.0;
        if (n >= p->n_min) {
            dt = dt * p->f_inc < p->dt_max ? dt * p->f_inc : p->dt_max;
            alpha = alpha * p->f_alpha;
        }
        mix.keep = 1.0 - alpha;
        mix.pull = s.ff > 0.0 ? alpha * ath__sqrt(s.vv / s.ff) : 0.0;
    } else {
        n = 0.0;
        dt = dt * p->f_dec > p->dt_min ? dt * p->f_dec : p->dt_min;
        alpha = p->alpha_start;
    }
    cells[ATH__FIRE_DT] = dt;
    cells[ATH__FIRE_ALPHA] = alpha;
    cells[ATH__FIRE_N_POSITIVE] = n;
    return mix;
}

/* New velocity of one component. */
ATH__FN double ath__fire_velocity(const ath__fire_mix *mix, double v, double force,
                                  double inverse_mass)
{
    double mixed = ath__select(mix->downhill, mix->keep * v + mix->pull * force, 0.0);
    return ath__kick(mixed, force, inverse_mass, mix->d0);
}

/* Factor for the displacement of an atom that has the given square, above max_step^2. */
ATH__FN double ath__fire_shorten(double square, double max_step)
{
    return max_step / ath__sqrt(square);
}

#endif
