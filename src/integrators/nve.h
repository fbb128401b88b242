/* nve.h - velocity Verlet (Swope, Andersen, Berens and Wilson, J. Chem. Phys. 76 (1982) 637), for
 * one Cartesian component of one atom.
 *
 *     first half:  v <- v + (dt/2) F/m,  r <- r + dt v     (= r + v dt + (dt^2/2) F/m)
 *     second half: v <- v + (dt/2) F/m                     with the forces of the new positions
 *
 * 1/m is 0 for a massless atom: it drifts, but no force moves it. Times are internal units.
 * Shared by .c and .cu files. The kick is also that of other integrators (langevin.h, fire.h).
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

/* r + time v. */
ATH__FN double ath__drift(double r, double v, double time)
{
    return r + time * v;
}

#endif
