/* nve.h - velocity Verlet (Swope, Andersen, Berens and Wilson, J. Chem. Phys. 76 (1982) 637), for
 * one Cartesian component of one atom.
 *
 *     first half:  v <- v + (dt/2) F/m,  r <- r + dt v     (= r + v dt + (dt^2/2) F/m)
 *     second half: v <- v + (dt/2) F/m                     with the forces of the new positions
 *
 * 1/m is 0 for a massless atom: it drifts, but no force moves it. Times are internal units.
 * Shared by .c and .cu files. The kick is also that of other integrators (langevin.h, fire.h).
 *
 * With the option `grid` it runs backwards to the bit (Levesque and Verlet, J. Stat. Phys. 72
 * (1993) 519): positions are multiples of 2^-39 angstrom and velocities of 2^-43 sqrt(eV/amu), and
 * what is added to them is rounded to the same grid first,
 *
 *     first half:  r <- R(r), v <- V(v),  v <- v + V((dt/2) F/m),  r <- r + R(dt v)
 *     second half: v <- v + V((dt/2) F/m)
 *
 * Rounding to nearest, ties to even, is odd, and a sum of two multiples of the grid is exact, so
 * that with reversed velocities each addition takes back one that was made. The first two roundings
 * bring a system that enters onto the grid and leave one that is on it alone. Its first forces are
 * those of the positions that it came with: positions that are multiples of 2^-39 are found again
 * from step 0 on, others from step 1 on.
 *
 * The range is |r| <= 4096 angstrom and |v| <= 256 sqrt(eV/amu), 2.5e6 m/s, for the state as for
 * what is added in a half step. A component that leaves it becomes NaN, which takes the system out
 * with reason non_finite, as every force that cannot be computed does.
 */
#ifndef ATHANOR_INTEGRATORS_NVE_H
#define ATHANOR_INTEGRATORS_NVE_H

#include "base/math.h"
#include "data/view.h"

enum { ATH__NVE_DT, ATH__NVE_CELLS }; /* cells of the state: dt, internal units of time */

/* Slots that a half step leaves alone. A system that waits for room for its neighbour list has done
 * its first half step already, and has when it goes on (RESUME); its second half comes after that.
 */
enum { ATH__PRE_SKIPS = ATH__SLOT_STALLED | ATH__SLOT_RESUME, ATH__POST_SKIPS = ATH__SLOT_STALLED };

/* 1/m, or 0 for m <= 0. */
ATH__FN double ath__inverse_mass(double m)
{
    return ath__select(m > 0.0, 1.0 / m, 0.0);
}

/* v + time F/m. */
ATH__FN double ath__kick(double v, double force, double inverse_mass, double time)
{
    return v + time * (force * inverse_mass);
}

/* Ranges of the grids, powers of two; a step is 2^-51 of its range. */
#define ATH__GRID_POSITION 4096.0 /* angstrom */
#define ATH__GRID_VELOCITY 256.0  /* sqrt(eV/amu) */

/* x rounded to the grid of that range; NaN outside. An odd function. */
ATH__FN double ath__grid_round(double x, double range)
{
    const double shift = 3.0 * range; /* x + shift: 2^52 to 2^53 steps, one ulp each */
    return ath__nan_unless((x >= -range) & (x <= range), (x + shift) - shift);
}

/* The kick and the drift on the grid; v and r are on it. */
ATH__FN double ath__grid_kick(double v, double force, double inverse_mass, double time)
{
    return v + ath__grid_round(time * (force * inverse_mass), ATH__GRID_VELOCITY);
}

ATH__FN double ath__grid_drift(double r, double v, double time)
{
    return r + ath__grid_round(time * v, ATH__GRID_POSITION);
}

/* r + time v. */
ATH__FN double ath__drift(double r, double v, double time)
{
    return r + time * v;
}

#endif
