/* crescale.h - molecular dynamics at constant pressure by stochastic rescaling of the cell
 * (Bernetti and Bussi, J. Chem. Phys. 153 (2020) 114107; all strains: Del Tatto, Raiteri, Bernetti
 * and Bussi, Appl. Sci. 12 (2022) 1139), with a thermostat on the particles: Langevin dynamics
 * (langevin.h) or stochastic velocity rescaling (csvr.h).
 *
 * After the first half of a step the cell h (rows are lattice vectors), positions and velocities
 * are strained by a symmetric E, h <- h exp(E), r <- exp(E) r, v <- exp(-E) v, with
 *
 *     E = (b / 3 tau_p) (K / V - s - P) dt + sqrt(2 kT b dt / (3 V tau_p)) X
 *
 * where V = |det h|, K_ij = sum m v_i v_j, s is the stress (tensile positive) of the last forces, P
 * the target, b the compressibility, and X a symmetric matrix of independent normal numbers, those
 * off the diagonal with the variance 1/2. "iso" takes the mean of the diagonal for all three, which
 * for V is the equation of the first paper; "aniso" the diagonal, "triclinic" all six.
 *
 * The distribution that this keeps, up to errors of the order of dt, is exp(-(U + K + P V) / kT) dr
 * dp d ln V V for "iso", and the same with V dh / V^3 otherwise, which is that of the isothermal-
 * isobaric ensemble (Martyna, Tobias and Klein 1994). Straining positions and velocities in
 * opposite ways keeps dr dp, so kT ln V of the measure is all that comes to the force along E; and
 * the noise, whose strength falls with V, needs a drift that just cancels it.
 *
 * Conserved: energy + kinetic energy + bath. The bath loses what straining does to the energy, by
 * the mean of the stresses before and after, and to the kinetic energy; and what the thermostat
 * adds.
 *
 * Systems that are not periodic along all three vectors are refused (ATH_REASON_BAD_INPUT). Fixed
 * components have no velocity and ride with the cell. Internal units. Shared by .c and .cu files.
 */
#ifndef ATHANOR_INTEGRATORS_CRESCALE_H
#define ATHANOR_INTEGRATORS_CRESCALE_H

#include "integrators/coupling.h"
#include "integrators/csvr.h"

/* Cells of the state after those of the thermostats: target and its change, compressibility, tau_p,
 * the strain E of the step, and V s : E before it. */
enum {
    ATH__CRESCALE_PRESSURE = ATH__CSVR_CELLS, /* eV/angstrom^3 */
    ATH__CRESCALE_PRESSURE_CHANGE,
    ATH__CRESCALE_COMPRESSIBILITY, /* angstrom^3/eV */
    ATH__CRESCALE_TAU,
    ATH__CRESCALE_PULL,
    ATH__CRESCALE_STRAIN, /* [9] */
    ATH__CRESCALE_CELLS = ATH__CRESCALE_STRAIN + 9
};

typedef struct ath__crescale_args {
    ath__update_args update;
    double extra[9]; /* target on top of the pressure, eV/angstrom^3, symmetric */
    int32_t coupling, padding;
} ath__crescale_args;
ATH__CHECK_ARGS(CRESCALE_PRE, ath__crescale_args, update.seed);
ATH__CHECK_ARGS(CRESCALE_POST, ath__crescale_args, update.seed);

/* X, in the order of a 3x3 matrix. */
ATH__FN void ath__crescale_noise(const uint32_t key[2], int64_t step, double x[9])
{
    const double half = 0x1.6a09e667f3bcdp-1; /* sqrt(1/2) */
    double z[6];
    for (uint32_t i = 0; i < 3; i++) {
        ath__philox_normal2(key, (uint64_t)step, i, ATH__NOISE_CRESCALE, z + 2 * i);
    }
    x[0] = z[0];
    x[4] = z[1];
    x[8] = z[2];
    x[5] = x[7] = half * z[3];
    x[2] = x[6] = half * z[4];
    x[1] = x[3] = half * z[5];
}

/* E of step `step`, into the cells. kinetic: sum m v v, in the order xx yy zz yz xz xy. */
ATH__FN void ath__crescale_strain(const ath__crescale_args *a, double *cells, const uint32_t key[2],
                                  int64_t step, const double kinetic[6], const double stress[9],
                                  double volume)
{
    const ath__target kt = {cells[ATH__LANGEVIN_KT], cells[ATH__LANGEVIN_KT_CHANGE],
                            cells[ATH__LANGEVIN_RAMP]};
    const ath__target p = {cells[ATH__CRESCALE_PRESSURE], cells[ATH__CRESCALE_PRESSURE_CHANGE],
                           cells[ATH__LANGEVIN_RAMP]};
    const double rate = cells[ATH__CRESCALE_COMPRESSIBILITY] * cells[ATH__LANGEVIN_DT] /
                        (3.0 * cells[ATH__CRESCALE_TAU]);
    const double width = ath__sqrt(2.0 * ath__target_at(kt, step) * rate / volume);
    double full[9], e[9], x[9];
    ath__coupling_matrix(kinetic, full);
    ath__crescale_noise(key, step, x);
    for (int k = 0; k < 9; k++) {
        const double pressure = a->extra[k] + (k % 4 == 0 ? ath__target_at(p, step) : 0.0);
        e[k] = rate * ((full[k] / volume - stress[k]) - pressure) + width * x[k];
    }
    ath__m3_symmetric(e, cells + ATH__CRESCALE_STRAIN);
    ath__coupling_project(a->coupling, cells + ATH__CRESCALE_STRAIN);
    cells[ATH__CRESCALE_PULL] = volume * ath__m3_dot(stress, cells + ATH__CRESCALE_STRAIN);
}

/* Strains the cell; positions and velocities are to be multiplied by *open and *shut. Returns by
 * how much the kinetic energy changes. */
ATH__FN double ath__crescale_move(const double *cells, const double kinetic[6], double cell[9],
                                  double open[9], double shut[9])
{
    double full[9], minus[9], h[9], square[9];
    ath__coupling_matrix(kinetic, full);
    ath__m3_exp(cells + ATH__CRESCALE_STRAIN, open);
    ath__m3_scale(-1.0, cells + ATH__CRESCALE_STRAIN, minus);
    ath__m3_exp(minus, shut);
    ath__m3_mul_t(cell, open, h);
    ath__m3_copy(h, cell);
    ath__m3_mul(shut, shut, square);
    return 0.5 * (ath__m3_dot(square, full) - ath__m3_trace(full));
}

/* By how much straining has changed the energy, when the stress after it is known. */
ATH__FN double ath__crescale_energy(const double *cells, const double stress[9], double volume)
{
    return 0.5 *
           (cells[ATH__CRESCALE_PULL] + volume * ath__m3_dot(stress, cells + ATH__CRESCALE_STRAIN));
}

#endif
