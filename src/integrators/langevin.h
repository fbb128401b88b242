/* langevin.h - Langevin dynamics, the BAOAB splitting (Leimkuhler and Matthews, Appl. Math. Res.
 * Express 2013 (2013) 34), for one Cartesian component of one atom.
 *
 *     first half:   B  v <- v + (dt/2) F/m
 *                   A  r <- r + (dt/2) v
 *                   O  v <- c1 v + c2 xi,  c1 = exp(-g dt),  c2 = sqrt(kT (1 - c1^2) / m)
 *                   A  r <- r + (dt/2) v
 *     second half:  B  v <- v + (dt/2) F/m     (that of nve.h)
 *
 * and the bath loses sum m (v^2 after O - v^2 before O) / 2, so that energy + kinetic energy + bath
 * changes only by the error of the other steps (Bussi and Parrinello, Phys. Rev. E 75 (2007)
 * 056707).
 *
 * g is the friction, xi a standard normal number. The O step is exact, so any friction is allowed:
 * g = 0 gives velocity Verlet, a large g draws new velocities in each step. 1 - c1^2 = 2 t / (1 +
 * t) with t = tanh(g dt), which loses nothing where g dt is small. Positions are sampled with an
 * error that is zero in harmonic wells; velocities after the second half with one of O(dt^2).
 *
 * Noise (noise.h) of atom i at step n of the stage: x and y are the two normals of counter (n, i,
 * LANGEVIN_XY); z is the first normal of (n, i, LANGEVIN_Z) if bit 3 of i is 0, else the second of
 * (n, i - 8, LANGEVIN_Z): three pairs serve two atoms, and eight lanes still have consecutive
 * atoms.
 *
 * Internal units. Shared by .c and .cu files. The momentum of the centre of mass is thermostatted
 * like any other; nothing is removed.
 */
#ifndef ATHANOR_INTEGRATORS_LANGEVIN_H
#define ATHANOR_INTEGRATORS_LANGEVIN_H

#include "integrators/noise.h"
#include "integrators/nve.h"
#include "integrators/target.h"

/* Cells of the state: dt, kT in eV, friction in 1 / (internal unit of time), change of kT and the
 * steps of it. dt stands where that of nve.h does, for the second half step is the same kernel. */
enum {
    ATH__LANGEVIN_DT = ATH__NVE_DT,
    ATH__LANGEVIN_KT,
    ATH__LANGEVIN_FRICTION,
    ATH__LANGEVIN_KT_CHANGE,
    ATH__LANGEVIN_RAMP,
    ATH__LANGEVIN_CELLS
};

/* Coefficients of the O step of one system; c2 = sqrt(variance / m). */
typedef struct ath__langevin_coefficients {
    double c1, variance;
} ath__langevin_coefficients;

ATH__FN ath__langevin_coefficients ath__langevin_prepare(double dt, double kt, double friction)
{
    double t = ath__tanh(friction * dt);
    ath__langevin_coefficients c = {ath__exp(-(friction * dt)), kt * (2.0 * t / (1.0 + t))};
    return c;
}

ATH__FN double ath__langevin_c2(double variance, double inverse_mass)
{
    return ath__sqrt(variance * inverse_mass);
}

/* The O step. */
ATH__FN double ath__langevin_mix(double v, double c1, double c2, double xi)
{
    return c1 * v + c2 * xi;
}

#endif
