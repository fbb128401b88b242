/* csvr.h - stochastic velocity rescaling (Bussi, Donadio and Parrinello, J. Chem. Phys. 126 (2007)
 * 014101, eq. A7): after a step of velocity Verlet all velocities of a system are multiplied by
 * alpha, such that its kinetic energy K follows an exact solution of
 *
 *     dK = (K0 - K) dt / tau + 2 sqrt(K K0 / (dof tau)) dW,   K0 = dof kT / 2
 *
 *     alpha^2 = c + (1 - c) q (R^2 + S) + 2 R sqrt(c (1 - c) q),   c = exp(-dt/tau), q = K0 / (dof
 * K)
 *
 * with R a normal number and S the sum of dof - 1 squares of such, which is twice a number of the
 * gamma distribution of shape (dof - 1) / 2. alpha has the sign of R + sqrt(c / ((1 - c) q)).
 *
 * Gamma numbers are those of Marsaglia and Tsang, ACM Trans. Math. Softw. 26 (2000) 363; attempt i
 * has the counters (step, i). For shapes below 1 a number of shape + 1 is multiplied by
 * U^(1/shape). Conserved: energy + kinetic energy + bath, where the bath is less what rescaling has
 * added to K.
 *
 * A system at rest, or without degrees of freedom, stays as it is. Internal units. Shared by .c and
 * .cu files.
 */
#ifndef ATHANOR_INTEGRATORS_CSVR_H
#define ATHANOR_INTEGRATORS_CSVR_H

#include "integrators/integrator.h"
#include "integrators/langevin.h"

/* Cells of the state: those of langevin.h, whose friction is not used, and tau. */
enum { ATH__CSVR_TAU = ATH__LANGEVIN_CELLS, ATH__CSVR_CELLS };

enum { ATH__CSVR_ATTEMPTS = 64 }; /* each fails with a probability below 1/20 */

/* A number of the gamma distribution of this shape >= 1, unit scale. */
ATH__FN double ath__csvr_gamma_from_one(double shape, const uint32_t key[2], uint64_t step)
{
    const double d = shape - 1.0 / 3.0, c = 1.0 / ath__sqrt(9.0 * d);
    for (uint32_t i = 0; i < ATH__CSVR_ATTEMPTS; i++) {
        double z[2], cube;
        uint32_t counter[4], words[4];
        ath__philox_normal2(key, step, i, ATH__NOISE_CSVR_GAMMA, z);
        ath__philox_counter(step, i, ATH__NOISE_CSVR_TEST, counter);
        ath__philox4x32(key, counter, words);
        cube = 1.0 + c * z[0];
        if (cube > 0.0) {
            cube = cube * cube * cube;
            if (ath__ln(ath__uniform53(words[0], words[1])) <
                0.5 * (z[0] * z[0]) + d * ((1.0 - cube) + ath__ln(cube))) {
                return d * cube;
            }
        }
    }
    return d;
}

ATH__FN double ath__csvr_gamma(double shape, const uint32_t key[2], uint64_t step)
{
    uint32_t counter[4], words[4];
    if (!(shape > 0.0)) {
        return 0.0;
    }
    if (shape >= 1.0) {
        return ath__csvr_gamma_from_one(shape, key, step);
    }
    ath__philox_counter(step, ATH__CSVR_ATTEMPTS, ATH__NOISE_CSVR_TEST, counter);
    ath__philox4x32(key, counter, words);
    return ath__csvr_gamma_from_one(shape + 1.0, key, step) *
           ath__pow(ath__uniform53(words[0], words[1]), 1.0 / shape);
}

/* alpha of formula above; twice: 2 K. */
ATH__FN double ath__csvr_factor(double twice, double kt, double time_per_tau, double normal,
                                double squares)
{
    const double c = ath__exp(-time_per_tau), q = kt / twice;
    const double square = c + (1.0 - c) * q * (normal * normal + squares) +
                          2.0 * normal * ath__sqrt(c * (1.0 - c) * q);
    const double turn = normal * ath__sqrt((1.0 - c) * q) + ath__sqrt(c);
    const double alpha = ath__sqrt(square > 0.0 ? square : 0.0);
    return turn < 0.0 ? -alpha : alpha;
}

/* The factor of the velocities of a system after step `step`; adds to the energy of the bath. */
ATH__FN double ath__csvr_update(const double *cells, const uint32_t key[2], int64_t step,
                                double dof, double twice, double *bath)
{
    const ath__target kt = {cells[ATH__LANGEVIN_KT], cells[ATH__LANGEVIN_KT_CHANGE],
                            cells[ATH__LANGEVIN_RAMP]};
    double normal[2];
    if (!(dof > 0.0) || !(twice > 0.0)) {
        return 1.0;
    }
    ath__philox_normal2(key, (uint64_t)step, 0, ATH__NOISE_CSVR_NORMAL, normal);
    const double squares = 2.0 * ath__csvr_gamma(0.5 * (dof - 1.0), key, (uint64_t)step);
    const double alpha =
        ath__csvr_factor(twice, ath__target_at(kt, step),
                         cells[ATH__LANGEVIN_DT] / cells[ATH__CSVR_TAU], normal[0], squares);
    *bath -= 0.5 * (alpha * alpha - 1.0) * twice;
    return alpha;
}

#endif
